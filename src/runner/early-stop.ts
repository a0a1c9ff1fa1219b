/**
 * @file Which trials do too badly to go on. Pure: no clock, no disk, no process.
 *
 * Trials are compared at rungs, which are shares of their budgets: a trial arrives at a rung with the first measurement at or
 * behind it, and is judged at once against those that arrived before. So no trial waits for another.
 */
import type { EarlyStop } from '../definition/early-stop.js';

/** What a trial arrives at a rung with. NaN: it reported no number. */
export interface Arrival {
  /** The metric, measured at the rung. */
  value: number;
  /** The best of it so far, and its mean so far. */
  best: number;
  mean: number;
}

export interface Judgement {
  stop: boolean;
  /** What of the trial was compared. */
  compared: number;
  /** What it had to reach; NaN where too few trials were there to compare with. */
  cutoff: number;
  /** Trials at the rung before it. */
  before: number;
}

/** A trial's arrival at a rung, and what follows from it. */
export interface Passed extends Arrival, Judgement {
  key: string;
  /** The rung, a share of the budget. */
  rung: number;
  /** Updates done. */
  step: number;
}

/** Shares are sums and products of decimals: what differs by less is the same. */
const ROUNDING = 1e-9;

/**
 * Shares of the budget at which trials are judged, ascending. ASHA: grace, grace * reduction, grace * reduction^2, ... (Li et al. 2018,
 * https://arxiv.org/abs/1810.05934, section 3, with resources counted as shares of the budget). Median: grace, and every tenth behind it.
 */
export function rungsOf(rule: EarlyStop): number[] {
  const tidy = (share: number) => Number(share.toPrecision(12));
  const rungs = [rule.grace];
  if (rule.method === 'asha') {
    for (let share = rule.grace * rule.reduction; tidy(share) < 1; share *= rule.reduction)
      rungs.push(tidy(share));
  } else {
    for (let tenth = 1; tenth < 10; tenth++)
      if (tenth / 10 > rule.grace + ROUNDING) rungs.push(tidy(tenth / 10));
  }
  return rungs;
}

/**
 * Whether a trial is to stop at a rung.
 *
 * ASHA in the form that stops (instead of pausing) trials: of the n at the rung, with this one, it goes on if it is among the best
 * floor(n / reduction), or if n < reduction. Median rule (Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043, section 3.2.2): it stops if its
 * best value so far is worse than the median of the means so far of the others at the rung, once there are `min_trials` of them.
 * What is no number is worse than every number; equals go on.
 */
export function judge(rule: EarlyStop, before: readonly Arrival[], own: Arrival): Judgement {
  const sign = rule.mode === 'max' ? 1 : -1;
  const worth = (value: number) => (Number.isNaN(value) ? -Infinity : sign * value);
  const told = (worth: number) => (worth === -Infinity ? NaN : sign * worth);
  if (rule.method === 'asha') {
    const kept = Math.floor((before.length + 1) / rule.reduction);
    const compared = own.value;
    if (kept === 0) return { stop: false, compared, cutoff: NaN, before: before.length };
    const worths = before.map(({ value }) => worth(value)).sort((a, b) => b - a);
    const cutoff = worths[kept - 1] ?? -Infinity;
    return { stop: worth(compared) < cutoff, compared, cutoff: told(cutoff), before: before.length };
  }
  const compared = own.best;
  if (before.length < rule.min_trials) return { stop: false, compared, cutoff: NaN, before: before.length };
  const cutoff = median(before.map(({ mean }) => worth(mean)));
  return { stop: worth(compared) < cutoff, compared, cutoff: told(cutoff), before: before.length };
}

export interface Race {
  /** Puts in an arrival that was judged before, by a runner that is gone. In the order in which they were judged. */
  restore(arrival: Arrival & { key: string; rung: number; step: number }): void;
  /**
   * Takes a measurement in; undefined where it brings the trial to no new rung. What a later attempt repeats is not looked at.
   * A trial that passes several rungs between two measurements arrives at the last of them alone.
   * @param share of the budget, 0 to 1
   */
  saw(key: string, step: number, share: number, value: number): Passed | undefined;
}

interface Runner {
  step: number;
  best: number;
  sum: number;
  count: number;
  /** Rungs that it arrived at or passed. */
  passed: number;
}

export function openRace(rule: EarlyStop): Race {
  const rungs = rungsOf(rule);
  const there = rungs.map((): Arrival[] => []);
  const known = new Set<string>();
  const runners = new Map<string, Runner>();
  const better = (a: number, b: number) =>
    Number.isNaN(a) ? b : Number.isNaN(b) ? a : rule.mode === 'max' ? Math.max(a, b) : Math.min(a, b);
  return {
    restore({ key, rung, value, best, mean }) {
      const at = rungs.findIndex((share) => Math.abs(share - rung) < ROUNDING);
      if (at === -1 || known.has(`${key} ${at}`)) return;
      known.add(`${key} ${at}`);
      there[at]!.push({ value, best, mean });
    },
    saw(key, step, share, value) {
      const runner = runners.get(key) ?? { step: -1, best: NaN, sum: 0, count: 0, passed: 0 };
      runners.set(key, runner);
      if (step <= runner.step) return undefined;
      runner.step = step;
      runner.best = better(runner.best, value);
      if (!Number.isNaN(value)) [runner.sum, runner.count] = [runner.sum + value, runner.count + 1];
      const reached = rungs.filter((rung) => share >= rung - ROUNDING).length;
      // Behind the end of the budget nothing is left to save.
      if (reached <= runner.passed) return undefined;
      runner.passed = reached;
      const at = reached - 1;
      if (known.has(`${key} ${at}`)) return undefined;
      known.add(`${key} ${at}`);
      const arrival = { value, best: runner.best, mean: runner.sum / runner.count };
      const judgement = judge(rule, there[at]!, arrival);
      there[at]!.push(arrival);
      return { key, step, rung: rungs[at]!, ...arrival, ...judgement };
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
