/** @file What a sweep shows, in sentences made from its numbers, worded no stronger than the seeds allow. */
import { SEEDS_FOR_A_VERDICT } from '../definition/compare.js';
import type { Budget } from '../protocol.js';
import type { SweepRecord, TrialRecord } from '../store/queries.js';
import { parameterText, type Cell } from './cells.js';
import { amount, capital, count, decimal, integer, list, NONE, signed, spelled } from './format.js';
import { mean, pairedInterval, standardDeviation, type PairedInterval } from './statistics.js';

export interface Summary {
  /** What is compared, at which budget, over how many seeds, and how far it has come. */
  compared: string;
  /** What forbids to read more into them. */
  cautions: string[];
}

export function summaryOf(sweep: SweepRecord, cells: readonly Cell[]): Summary {
  return {
    compared: comparedText(sweep, cells),
    cautions: cautionsOf(sweep, cells),
  };
}

function comparedText(sweep: SweepRecord, cells: readonly Cell[]): string {
  if (sweep.trials.length === 0) return 'This sweep holds no trials yet.';
  const labels = cells.map((cell) => cell.label);
  const few = cells.length <= 4;
  const what =
    cells.length === 1
      ? `One setting (${labels.join('')})`
      : `${capital(spelled(cells.length))} settings${few ? ` (${labels.join('; ')})` : ''} compared`;
  const done = sweep.trials.filter((trial) => trial.status === 'done').length;
  const early = sweep.trials.filter((trial) => trial.status === 'early-stopped').length;
  return (
    `${what}, ${budgetText(sweep.trials)}, with ${seedsText(cells)}. ` +
    `${done} of ${integer(sweep.trials.length)} trials ${sweep.trials.length === 1 ? 'is' : 'are'} done` +
    `${early > 0 ? `, ${integer(early)} ${early === 1 ? 'was' : 'were'} stopped early` : ''}.`
  );
}

export function budgetText(trials: readonly TrialRecord[]): string {
  const budgets = new Map(trials.map((trial) => [JSON.stringify(trial.budget), trial.budget]));
  const texts = [...budgets.values()].map(budgetWords);
  return texts.length === 1
    ? `each at a budget of ${texts.join('')}`
    : `at budgets that differ (${list(texts)}), which makes them hard to compare`;
}

export function budgetWords(budget: Budget): string {
  if ('pixels' in budget) return `${amount(budget.pixels)} pixels of each domain`;
  if ('updates' in budget) return count(budget.updates, 'update');
  if ('epochs' in budget) return count(budget.epochs, 'epoch');
  return `${decimal(budget.minutes)} minutes of training`;
}

function seedsText(cells: readonly Cell[]): string {
  const numbers = [...new Set(cells.map((cell) => cell.trials.length))].sort((a, b) => a - b);
  const most = numbers.at(-1) ?? 0;
  if (numbers.length > 1) return `${integer(numbers[0])} to ${integer(most)} seeds a setting`;
  return `${count(most, 'seed')}${cells.length > 1 ? ' a setting' : ''}`;
}

/** The figure that stands for a trial's end: the mean over the last tenth of the budget. */
export function finalValue(name: string): (trial: TrialRecord) => number {
  return (trial) => trial.tail[name] ?? NaN;
}

export function examValue(name: string): (trial: TrialRecord) => number {
  return (trial) => trial.exam?.values[name] ?? NaN;
}

export interface Spread {
  n: number;
  mean: number;
  /** NaN below two seeds. */
  sd: number;
}

export function spreadOf(cell: Cell, value: (trial: TrialRecord) => number): Spread {
  const values = cell.done.map(value).filter((one) => Number.isFinite(one));
  return { n: values.length, mean: values.length > 0 ? mean(values) : NaN, sd: standardDeviation(values) };
}

/** `b` minus `a` over the seeds that are done, and have a number, in both. Null where there is none. */
export function contrast(a: Cell, b: Cell, value: (trial: TrialRecord) => number): PairedInterval | null {
  const pairs = a.done.flatMap((trial) => {
    const other = b.done.find((candidate) => candidate.seed === trial.seed);
    const pair = other ? ([value(other), value(trial)] as const) : null;
    return pair?.every(Number.isFinite) ? [pair] : [];
  });
  if (pairs.length === 0) return null;
  return pairedInterval(
    pairs.map(([second]) => second),
    pairs.map(([, first]) => first),
  );
}

export function contrastText(interval: PairedInterval | null, places = 3): string {
  if (!interval) return NONE;
  const { n, difference, low, high } = interval;
  if (n < 2) return `${signed(difference, places)} (one pair of seeds, no interval)`;
  return `${signed(difference, places)} (${signed(low, places)} to ${signed(high, places)})`;
}

/** Mean over all finished trials of a score that does not depend on the model. */
export function baselineOf(cells: readonly Cell[], name: string): number | null {
  const values = cells.flatMap((cell) => cell.done.map(examValue(name))).filter(Number.isFinite);
  return values.length > 0 ? mean(values) : null;
}

function cautionsOf(sweep: SweepRecord, cells: readonly Cell[]): string[] {
  // Only seeds that every setting has done can be paired.
  const seeds = (cells[0]?.done ?? []).filter(({ seed }) =>
    cells.every((cell) => cell.done.some((trial) => trial.seed === seed)),
  ).length;
  const cautions = [
    ...(sweep.varied.includes('patch') && cells.length > 1
      ? [
          'Losses at different patch sizes are not on one scale: compare whole images, not losses, to choose a setting.',
        ]
      : []),
  ];
  const thinned = cells.filter(
    ({ done, trials }) => done.length > 0 && trials.some(({ status }) => status === 'early-stopped'),
  );
  if (thinned.length > 0)
    cautions.push(
      `Early stopping took seeds away from ${list(thinned.map(({ label }) => label))}: their means are of the seeds that did better, and look better than the setting is.`,
    );
  if (cells.length > 1 && seeds === 1)
    cautions.push('One seed a setting: a difference may be nothing but chance.');
  else if (cells.length > 1 && seeds > 1 && seeds < SEEDS_FOR_A_VERDICT) {
    cautions.push(
      `With ${count(seeds, 'seed')} these are estimates and no verdict; ${spelled(SEEDS_FOR_A_VERDICT)} or more are needed for one. ` +
        'The intervals cover the randomness of training on this data set only.',
    );
  }
  if (cells.length > 2)
    cautions.push(
      'The tables below have each setting’s difference to the first. They are exploratory: no interval is corrected for their number.',
    );
  return cautions;
}

/** `failed`, in the words of the page. */
export function statusText(trial: TrialRecord): string {
  return {
    pending: 'not started',
    running: 'running',
    done: 'done',
    failed: 'failed',
    stopped: 'stopped',
    'early-stopped': 'stopped early',
  }[trial.status];
}

export function trialLabel(trial: TrialRecord, cells: readonly Cell[]): string {
  const cell = cells.find((one) => one.trials.includes(trial));
  return `${cell?.label ?? parameterText('patch', trial.parameters.patch)}, seed ${trial.seed}`;
}
