/** @file What makes losses incomparable: geometry and amounts, computed and not measured. */
import type { Section } from '../section.js';
import { factsInWords, factsTable } from '../tables.js';

export const incomparable: Section = {
  name: 'incomparable',
  title: 'What to keep in mind',
  view: ({ sweep, cells }) => {
    const table = factsTable(cells);
    return table && { facts: factsInWords(sweep, cells), factsTable: table };
  },
};
