/** @file How it was made, and how to make it again. */
import { withoutNames } from '../../definition/redact.js';
import type { SweepRecord } from '../../store/queries.js';
import { withoutPaths } from '../format.js';
import type { Section } from '../section.js';
import { budgetWords } from '../summary.js';
import { runFacts } from '../tables.js';

export const made: Section = {
  name: 'made',
  title: 'How it was run',
  view: ({ sweep, cells }) => ({
    run: runFacts(sweep, cells),
    budget: [...new Set(sweep.trials.map((trial) => budgetWords(trial.budget)))].join('; '),
    source: withoutPaths(withoutNames(sweep.source)),
    fileName: sweepFileName(sweep),
  }),
};

/** The file's real name may be an id: the sweep's stands for it. */
export function sweepFileName({ name }: SweepRecord): string {
  return /^[\w.-]+$/.test(name) ? `${name}.yaml` : 'sweep.yaml';
}
