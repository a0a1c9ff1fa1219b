/** @file Which trials count in a verdict, and as what: failures and collapses are not left out, they are the worst. */
import { metricOf } from '../metrics.js';
import type { TrialRecord } from '../store/queries.js';
import type { Cell } from './cells.js';
import { capital, count, list } from './format.js';
import { examValue, finalValue } from './summary.js';

/** Ends of trials that say nothing of their setting: another machine, or another day, and they would have gone on. */
const NOT_ITS_FAULT = new Set(['data', 'configuration', 'disk-full', 'device-lost', 'killed']);

export interface OutcomeTable {
  /** All seeds of the settings. */
  seeds: number[];
  /** By seed: NaN where the trial does not count; failures and collapses as the worst that any finished trial of the sweep has. */
  value: (cell: Cell, seed: number) => number;
  /** The same without those that count as the worst. */
  measured: (cell: Cell, seed: number) => number;
  worst: number;
  unfinished: number;
  notes: string[];
}

export function tableOf(used: readonly Cell[], all: readonly Cell[], outcome: string): OutcomeTable {
  const read = outcome.startsWith('exam/') ? examValue(outcome) : finalValue(outcome);
  const direction = metricOf(outcome)?.direction ?? 'neither';
  const numbers = all.flatMap(({ done }) => done.map(read)).filter(Number.isFinite);
  const worst =
    direction === 'neither' || numbers.length === 0
      ? NaN
      : numbers.reduce((a, b) => (direction === 'higher' ? Math.min(a, b) : Math.max(a, b)));
  const trialOf = (cell: Cell, seed: number) => cell.trials.find((trial) => trial.seed === seed);
  const ranksWorst = (trial: TrialRecord) =>
    Number.isFinite(worst) && (hasFailed(trial) || hasCollapsed(trial));
  const trials = used.flatMap((cell) => cell.trials);
  const counted = (which: (trial: TrialRecord) => boolean) => trials.filter(which).length;
  const [failed, collapsed] = [counted(hasFailed), counted(hasCollapsed)];
  const [early, elsewhere] = [
    counted(({ status }) => status === 'early-stopped'),
    counted((trial) => trial.status === 'failed' && !hasFailed(trial)),
  ];
  const words = [
    ...(failed > 0 ? [`${count(failed, 'trial')} failed`] : []),
    ...(collapsed > 0 ? [`${count(collapsed, 'trial')} collapsed`] : []),
  ];
  const enters = Number.isFinite(worst)
    ? 'counted as the worst that any finished trial of this sweep has'
    : 'not among the numbers, since nothing says which value of this outcome is worst';
  return {
    seeds: [...new Set(trials.map(({ seed }) => seed))].sort((a, b) => a - b),
    value: (cell, seed) => {
      const trial = trialOf(cell, seed);
      if (trial === undefined) return NaN;
      if (ranksWorst(trial)) return worst;
      return trial.status === 'done' ? read(trial) : NaN;
    },
    measured: (cell, seed) => {
      const trial = trialOf(cell, seed);
      return trial?.status === 'done' && !ranksWorst(trial) ? read(trial) : NaN;
    },
    worst: Number.isFinite(worst) ? failed + collapsed : 0,
    unfinished: counted(({ status }) => ['pending', 'running', 'stopped'].includes(status)),
    notes: [
      ...(words.length > 0 ? [`${capital(list(words))}: ${enters}.`] : []),
      ...(elsewhere > 0
        ? [
            `${capital(count(elsewhere, 'trial'))} ended by no fault of the setting (data, disk, device, a kill) and ${elsewhere === 1 ? 'is' : 'are'} left out, with the seed.`,
          ]
        : []),
      ...(early > 0
        ? [
            `${capital(count(early, 'trial'))} ${early === 1 ? 'was' : 'were'} stopped early and ${early === 1 ? 'is' : 'are'} left out, with the seed: what is left may be the luckier seeds.`,
          ]
        : []),
    ],
  };
}

export function hasFailed(trial: TrialRecord): boolean {
  return trial.status === 'failed' && !NOT_ITS_FAULT.has(trial.attempts.at(-1)?.class ?? '');
}

export function hasCollapsed(trial: TrialRecord): boolean {
  return trial.status === 'done' && trial.messages.some(({ code }) => code === 'g-collapsed');
}
