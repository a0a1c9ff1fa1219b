/**
 * @file How much of an outcome's variance each parameter goes with, by itself: epsilon squared of a one-way analysis of variance
 * (Kelley 1935, https://doi.org/10.1073/pnas.21.9.554).
 */
import type { SweepRecord, TrialRecord } from '../store/queries.js';
import { changingTogether, parameter } from './cells.js';
import { mean } from './statistics.js';

export interface Share {
  /** Parameters that change together stand as one; `seed` is what the seed's number does, in all settings alike. */
  names: string[];
  /** Number of groups that it parts the trials into: its values, or quarters of a number drawn at random. */
  groups: number;
  /** Share of the variance, about 0 for a parameter that does nothing; below 0 by chance. */
  epsilon: number;
}

export interface Shares {
  trials: number;
  shares: Share[];
  /** Share that settings do not explain: what seeds differ by within a setting. Null where no setting has two. */
  withinSettings: number | null;
}

/** Numbers with more values than these are taken by quarters. */
const MOST_VALUES = 6;
/** Below this a share is mostly chance. */
const FEWEST_TRIALS = 8;

/** Undefined where there are too few finished trials, or nothing varies. */
export function varianceShares(
  sweep: SweepRecord,
  value: (trial: TrialRecord) => number,
): Shares | undefined {
  const trials = sweep.trials.filter((trial) => trial.status === 'done' && Number.isFinite(value(trial)));
  const values = trials.map(value);
  if (trials.length < FEWEST_TRIALS || new Set(values).size < 2) return undefined;
  const shares = factorsOf(sweep).flatMap((names) => {
    const labels = trials.map((trial) => names.map((name) => parameter(trial, name)));
    const groups = groupsOf(labels);
    return shareOf(names, groups, values);
  });
  const seeds = shareOf(
    ['seed'],
    trials.map(({ seed }) => String(seed)),
    values,
  );
  if (shares.length === 0) return undefined;
  const settings = trials.map((trial) => JSON.stringify(sweep.varied.map((name) => parameter(trial, name))));
  return {
    trials: trials.length,
    shares: [...shares.sort((a, b) => b.epsilon - a.epsilon), ...seeds],
    withinSettings: withinShare(settings, values),
  };
}

/** Parameters, those that change together as one. */
function factorsOf(sweep: SweepRecord): string[][] {
  const together = changingTogether(sweep);
  const alone = (sweep.varied as string[]).filter((name) => !together.some((names) => names.includes(name)));
  return [...together, ...alone.map((name) => [name])];
}

function groupsOf(labels: readonly unknown[][]): string[] {
  const single = labels.map(([first]) => first);
  const numbers = single.filter((one): one is number => typeof one === 'number');
  if (labels[0]!.length > 1 || numbers.length < labels.length || new Set(numbers).size <= MOST_VALUES)
    return labels.map((label) => JSON.stringify(label));
  const sorted = [...numbers].sort((a, b) => a - b);
  const limits = [1, 2, 3].map((quarter) => sorted[Math.floor((quarter * sorted.length) / 4)]!);
  return numbers.map((one) => String(limits.filter((limit) => one >= limit).length));
}

/** None where the groups leave nothing to judge chance by. */
function shareOf(names: string[], labels: readonly string[], values: readonly number[]): Share[] {
  const groups = new Set(labels).size;
  if (groups < 2 || values.length - groups < 3) return [];
  const { total, within } = squares(labels, values);
  const meanWithin = within / (values.length - groups);
  return [{ names, groups, epsilon: (total - within - (groups - 1) * meanWithin) / total }];
}

/** The mean square within settings, as a share of the variance of all. */
function withinShare(settings: readonly string[], values: readonly number[]): number | null {
  const free = values.length - new Set(settings).size;
  if (free < 1) return null;
  const { total, within } = squares(settings, values);
  return Math.min(1, within / free / (total / (values.length - 1)));
}

/** Sums of squares about the mean of all, and about the means of the groups. */
function squares(labels: readonly string[], values: readonly number[]): { total: number; within: number } {
  const about = (some: readonly number[]) => {
    const middle = mean(some);
    return some.reduce((sum, one) => sum + (one - middle) ** 2, 0);
  };
  const groups = new Map<string, number[]>();
  labels.forEach((label, i) => groups.set(label, [...(groups.get(label) ?? []), values[i]!]));
  return {
    total: about(values),
    within: [...groups.values()].reduce((sum, group) => sum + about(group), 0),
  };
}
