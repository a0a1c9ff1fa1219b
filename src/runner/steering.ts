/**
 * @file Early stopping of a sweep that runs: feeds trials' measurements to the rule, and writes down what it decides.
 *
 * The journals are the truth: each arrival at a rung and each decision stands there before the trial is asked to leave, so a runner
 * that takes the sweep up again knows what its predecessor knew, and decides as that one would have.
 */
import { ruleText, type EarlyStop } from '../definition/early-stop.js';
import type { Definition } from '../definition/schema.js';
import type { AnyTrialConfig, TrialEvent } from '../protocol.js';
import type { Store } from '../store/open.js';
import { readMeasurements, type Outcome } from '../store/queries.js';
import { storeEarlyStop, type EarlyStopRow } from '../store/writer.js';
import { rowOfEarlyStop } from './decisions.js';
import { openRace, type Passed, type Race } from './early-stop.js';
import {
  appendJournal,
  readJournal,
  type EarlyStopEntry,
  type JournalEntry,
  type RungEntry,
} from './journal.js';
import type { Verdict } from './outcome.js';

export interface Steering {
  /** Why the rule stopped a trial; undefined where it did not. */
  reasonOf(key: string): string | undefined;
  /** Takes a running trial's new events in. @returns whether the trial is to stop now */
  saw(key: string, attempt: number, events: readonly TrialEvent[]): boolean;
  /** What an attempt's end means, given what was decided while it ran. */
  verdict(key: string, verdict: Verdict): Verdict;
  /** From now on decisions are stored by another thread. */
  storeBy(write: (key: string, stop: EarlyStopRow) => void): void;
}

/** A sweep without a rule. */
const NONE: Steering = {
  reasonOf: () => undefined,
  saw: () => false,
  verdict: (_, verdict) => verdict,
  storeBy: () => undefined,
};

/**
 * Takes up where the last runner left: its decisions stand, and what trials have measured since is judged now. Trials that a rule
 * which no longer stands in the sweep file had stopped are missing again.
 */
export function openSteering(
  store: Store,
  { name: sweep, early_stop: rule, budget }: Definition,
  trials: readonly AnyTrialConfig[],
  outcomes: ReadonlyMap<string, Outcome>,
): Steering {
  if (rule === undefined) return NONE;
  const text = ruleText(rule);
  const race = openRace(rule);
  const stopped = new Map<string, string>();
  const updates = new Map<string, number>();
  let write = (key: string, stop: EarlyStopRow) => storeEarlyStop(store, key, stop);

  const decide = (entry: EarlyStopEntry, key: string) => {
    stopped.set(key, entry.reason);
    write(key, rowOfEarlyStop(entry));
  };
  /** Writes down what a measurement led to. */
  const record = (passed: Passed, attempt: number): void => {
    const { key, step, rung, value, best, mean, before } = passed;
    const shared = { attempt, wall: Date.now() / 1000, sweep, rule: text, step, rung };
    appendJournal(store.results, key, { t: 'rung', ...shared, value: known(value), best: known(best), mean: known(mean), before }); // prettier-ignore
    if (!passed.stop) return;
    const entry: EarlyStopEntry = {
      t: 'early-stop',
      ...shared,
      reason: reasonFor(rule, passed),
      compared: known(passed.compared),
      cutoff: known(passed.cutoff),
    };
    appendJournal(store.results, key, entry);
    decide(entry, key);
  };

  const begun = trials.filter(({ key }) => outcomes.get(key)?.attempts.some(({ ended }) => ended));
  const journals = begun.map(({ key }) => ({ key, journal: readJournal(store.results, key) }));
  restore(race, sweep, text, journals);
  for (const { key, journal } of journals) {
    const entry = journal.find((one) => one.t === 'early-stop' && one.sweep === sweep && one.rule === text);
    if (entry?.t === 'early-stop') decide(entry, key);
  }
  // Measured, and not judged: by a sweep without this rule, or in the moment in which the runner was killed.
  for (const { key, journal } of journals) {
    const attempt = journal.findLast((one) => one.t === 'attempt')?.attempt;
    if (attempt === undefined || stopped.has(key)) continue;
    const { allowed, points } = readMeasurements(store, key, rule.metric);
    const { status } = outcomes.get(key) ?? {};
    const total = allowed ?? countOf(budget);
    if (total === undefined) continue;
    updates.set(key, total);
    for (const { step, value } of points) {
      if (stopped.has(key)) break;
      const passed = race.saw(key, step, step / total, value);
      if (passed === undefined) continue;
      // What is done stays done; the others are compared with it.
      record(status === 'done' ? { ...passed, stop: false } : passed, attempt);
    }
  }

  return {
    reasonOf: (key) => stopped.get(key),
    saw(key, attempt, events) {
      let stop = false;
      for (const event of events) {
        if (event.t === 'start') {
          const total = event.updates ?? countOf(budget);
          if (total !== undefined) updates.set(key, total);
        }
        if (event.t !== 'metric' || !(rule.metric in event.v)) continue;
        const total = updates.get(key);
        if (total === undefined || stopped.has(key)) continue;
        const value: unknown = event.v[rule.metric]; // JSON has no NaN: what is no number came as null
        const number = typeof value === 'number' && Number.isFinite(value) ? value : NaN;
        const passed = race.saw(key, event.step, event.step / total, number);
        if (passed === undefined) continue;
        record(passed, attempt);
        stop ||= passed.stop;
      }
      return stop;
    },
    verdict(key, verdict) {
      const reason = stopped.get(key);
      if (reason === undefined || verdict.outcome === 'done') return verdict;
      return { ...verdict, outcome: 'early-stopped', reason, class: null };
    },
    storeBy: (another) => (write = another),
  };
}

/** Puts into a race what journals hold of a sweep's rule, in the order in which it was judged. */
export function restore(
  race: Race,
  sweep: string,
  rule: string,
  journals: readonly { key: string; journal: readonly JournalEntry[] }[],
): (RungEntry & { key: string })[] {
  const entries = journals
    .flatMap(({ key, journal }) =>
      journal.flatMap((entry) =>
        entry.t === 'rung' && entry.sweep === sweep && entry.rule === rule ? [{ ...entry, key }] : [],
      ),
    )
    .sort((a, b) => a.rung - b.rung || a.before - b.before);
  for (const { key, rung, step, value, best, mean } of entries)
    race.restore({ key, rung, step, value: value ?? NaN, best: best ?? NaN, mean: mean ?? NaN });
  return entries;
}

/** Whether a trial was stopped early by the rule that the definition has now: then it is not missing. */
export function isEarlyStopped(
  journal: readonly JournalEntry[],
  { name, early_stop }: Pick<Definition, 'name' | 'early_stop'>,
): boolean {
  if (early_stop === undefined) return false;
  const rule = ruleText(early_stop);
  return journal.some((entry) => entry.t === 'early-stop' && entry.sweep === name && entry.rule === rule);
}

/** e.g. `val/ssim 0.412 at 30 % of the budget is not among the best 2 of 7 trials there (0.53 or more)`. */
export function reasonFor(rule: EarlyStop, { rung, compared, cutoff, before }: Passed): string {
  const share = `${Number((100 * rung).toPrecision(3))} % of the budget`;
  const number = (value: number) =>
    Number.isNaN(value) ? 'no number' : String(Number(value.toPrecision(4)));
  const better = rule.mode === 'max' ? 'more' : 'less';
  if (rule.method === 'asha') {
    const kept = Math.floor((before + 1) / rule.reduction);
    return (
      `${rule.metric} ${number(compared)} at ${share} is not among the best ${kept === 1 ? 'one' : kept} of ` +
      `${before + 1} trials there (${number(cutoff)} or ${better})`
    );
  }
  return (
    `the best ${rule.metric} up to ${share}, ${number(compared)}, is worse than ${number(cutoff)}, ` +
    `the median of the means of ${before} other trial${before === 1 ? '' : 's'}`
  );
}

/** Updates that a budget names; undefined for other kinds. */
function countOf(budget: Definition['budget']): number | undefined {
  return 'updates' in budget ? budget.updates : undefined;
}

function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
