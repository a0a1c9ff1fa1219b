/** @file All trials, what they took of the machine, and what they warned of. */
import type { Section } from '../section.js';
import { messagesOf, systemTable, trialTable } from '../tables.js';

export const trials: Section = {
  name: 'trials',
  title: 'Trials',
  view: ({ sweep, cells }) =>
    sweep.trials.length === 0
      ? null
      : {
          trials: trialTable(sweep),
          system: systemTable(sweep, cells),
          messages: messagesOf(sweep, cells),
        },
};
