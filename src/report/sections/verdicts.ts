/** @file The first section: what the sweep shows, in sentences. */
import { integer } from '../format.js';
import type { Section } from '../section.js';
import { summaryOf } from '../summary.js';
import { leftOut } from '../tables.js';
import { sweepFileName } from './made.js';
import { unfinished } from '../cells.js';

export const verdicts: Section = {
  name: 'verdicts',
  title: 'In short',
  view: ({ sweep, cells }) => {
    const missing = unfinished(sweep).length;
    return {
      summary: summaryOf(sweep, cells),
      leftOut: leftOut(sweep, cells),
      leftOutTitle: missing === 1 ? 'One trial is in no mean' : `${integer(missing)} trials are in no mean`,
      empty: sweep.trials.length === 0,
      fileName: sweepFileName(sweep),
    };
  },
};
