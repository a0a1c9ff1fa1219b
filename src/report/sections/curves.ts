/** @file Losses and metrics as curves, with their means. */
import { figuresOf } from '../figures/curves.js';
import type { Section } from '../section.js';
import { differenceTable, lossTable } from '../tables.js';

export const curves: Section = {
  name: 'curves',
  title: 'Losses',
  view: ({ sweep, cells }) => {
    const figures = figuresOf(sweep, cells);
    return {
      data: figures.data,
      figures,
      anyFigure: figures.main.length + figures.terms.length > 0,
      singlesOnly: cells.every((cell) => cell.done.length === 0),
      lossTable: lossTable(sweep, cells),
      differenceTable: differenceTable(cells),
    };
  },
};
