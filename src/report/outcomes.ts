/** @file What settings are judged by where a figure must choose: whole held-out images first, losses last. */
import { metricOf } from '../metrics.js';
import type { TrialRecord } from '../store/queries.js';

export interface Outcome {
  name: string;
  /** e.g. `SSIM, whole image`. */
  label: string;
  unit: string;
  direction: 'lower' | 'higher' | 'neither';
  /** NaN where the trial has none. */
  value: (trial: TrialRecord) => number;
}

/** The exam's scores with partners, then those without, then losses at the end of the budget. */
const PREFERRED = [
  'exam/ssim_body',
  'exam/psnr_body',
  'exam/ssim',
  'exam/psnr',
  'exam/kid',
  'exam/spectrum',
  'loss/D',
  'loss/G',
];
/** More would not be looked at. */
const MOST = 4;

/** Those that finished trials have; of a trainer that is not ours the metrics that it reports. */
export function outcomesOf(trials: readonly TrialRecord[]): Outcome[] {
  const done = trials.filter(({ status }) => status === 'done');
  const has = (name: string) => done.some((trial) => Number.isFinite(valueOf(trial, name)));
  const scores = PREFERRED.filter((name) => name.startsWith('exam/') && has(name)).slice(0, 2);
  const losses = PREFERRED.filter((name) => name.startsWith('loss/') && has(name));
  const own = [...scores, ...losses];
  const reported = [...new Set(done.flatMap(({ tail }) => Object.keys(tail)))].sort();
  // Validation before training, by name.
  const others = reported.filter(has).sort((a, b) => Number(b.startsWith('val/')) - Number(a.startsWith('val/'))); // prettier-ignore
  return (own.length > 0 ? own : others).slice(0, MOST).map((name) => {
    const metric = metricOf(name);
    return {
      name,
      label: metric?.label ?? name,
      unit: metric?.unit ?? '',
      direction: metric?.direction ?? 'neither',
      value: (trial) => valueOf(trial, name),
    };
  });
}

function valueOf({ exam, tail }: TrialRecord, name: string): number {
  return (name.startsWith('exam/') ? exam?.values[name] : tail[name]) ?? NaN;
}
