/** @file All trials as a table that sorts and filters, two of them side by side, what they took of the machine, what they warned of. */
import type { TrialRecord } from '../../store/queries.js';
import { parameterText } from '../cells.js';
import { amount, bytes, decimal, duration, exact, fixed, integer, NONE } from '../format.js';
import { quantitiesOf, type Quantity } from '../quantities.js';
import type { Section } from '../section.js';
import { trialLabel } from '../summary.js';
import { messagesOf, systemTable } from '../tables.js';

/** Columns beside the parameters, where they differ; all else is in the difference of two trials and in the CSV. */
const COLUMNS = [
  'seed',
  'status',
  'attempts',
  'updates',
  'updates_allowed',
  'pixels',
  'loss/D',
  'loss/G',
  'exam/psnr',
  'exam/ssim',
  'exam/kid',
  'seconds',
  'peak_memory',
  'predicted_memory',
  'gpu_memory',
  'energy',
  'micro_batch',
  'engine',
];
/** Metrics of a trainer that is not ours, at most, beside those above. */
const MOST_METRICS = 6;
/** Digits of a key that tell trials apart. */
const KEY = 10;

export const trials: Section = {
  name: 'trials',
  title: 'Trials',
  view: ({ sweep, cells }) => {
    if (sweep.trials.length === 0) return null;
    const quantities = quantitiesOf(sweep);
    const columns = columnsOf(quantities);
    const differing = columns.filter((one) => sweep.trials.length === 1 || differs(one));
    const same = columns.filter((one) => !differing.includes(one));
    return {
      columns: differing.map(({ label, kind, id }) => ({ id, label, number: kind !== 'word' })),
      rows: sweep.trials.map((trial, row) => ({
        key: trial.key.slice(0, KEY),
        row,
        note: trial.extended
          ? `goes on from update ${integer(trial.extended.step)} of ${trial.extended.from.slice(0, KEY)}`
          : '',
        cells: differing.map((one) => ({ text: textOf(one, row), number: one.kind !== 'word' })),
      })),
      same: same.map((one) => ({ label: one.label, text: textOf(one, 0) })),
      gaps: gapsOf(sweep.trials),
      several: sweep.trials.length > 1,
      system: systemTable(sweep, cells),
      messages: messagesOf(sweep, cells),
      data: {
        name: sweep.name,
        trials: sweep.trials.map((trial) => ({ key: trial.key, label: trialLabel(trial, cells) })),
        same: same.map((one) => ({ id: one.id, label: one.label, text: textOf(one, 0) })),
        quantities: quantities.map((one) => ({
          ...one,
          // What all trials have in common is written once.
          values: differs(one) ? one.values : one.values.slice(0, 1),
        })),
      },
    };
  },
};

function columnsOf(quantities: readonly Quantity[]): Quantity[] {
  const parameters = quantities.filter(({ group }) => group === 'Parameters');
  const own = COLUMNS.flatMap((id) => quantities.filter((one) => one.id === id));
  const measured = own.some(({ id }) => id.includes('/'));
  const foreign = quantities.filter(({ group }) => group.startsWith('Losses') || group.startsWith('Exam'));
  return [...parameters, ...own, ...(measured ? [] : foreign.slice(0, MOST_METRICS))];
}

function differs({ values }: Quantity): boolean {
  return new Set(values).size > 1;
}

function textOf({ id, kind, values }: Quantity, row: number): string {
  const value = values[row];
  if (value === null || value === undefined) return NONE;
  if (typeof value === 'string') return value;
  if (id === 'patch') return parameterText('patch', value);
  if (id === 'pixels') return amount(value);
  if (kind === 'bytes') return bytes(value);
  if (kind === 'seconds') return duration(value);
  if (kind === 'joules') return `${fixed(value / 1000, 1)} kJ`;
  return Number.isInteger(value) || !id.includes('/') ? exact(value) : decimal(value);
}

/** Losses whose mean leaves records out, since they are no numbers. */
function gapsOf(trials: readonly TrialRecord[]): string[] {
  return trials.flatMap((trial) =>
    ['loss/D', 'loss/G'].flatMap((name) => {
      const series = trial.series[name];
      const end = trial.updates ?? series?.step.at(-1) ?? 0;
      const tail = series?.value.filter((_, i) => series.step[i]! > 0.9 * end) ?? [];
      const missing = tail.filter((value) => !Number.isFinite(value)).length;
      return missing === 0
        ? []
        : [
            `${trial.key.slice(0, KEY)}: ${missing} of the last ${tail.length} records of ${name} are no numbers.`,
          ];
    }),
  );
}
