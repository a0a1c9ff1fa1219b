/** @file Brings into a store that lacks an attempt what the runner decided and measured for it, from journal and samples. */
import type { Store } from '../store/open.js';
import { storeEarlyStop, storeExtended } from '../store/writer.js';
import type { EarlyStopEntry, JournalEntry } from './journal.js';
import { restoreSystem } from './system.js';

/** Doing it twice changes nothing. */
export function restoreDecisions(
  store: Store,
  trial: number,
  key: string,
  attempt: number,
  journal: readonly JournalEntry[],
): void {
  restoreSystem(store, trial, key, attempt);
  for (const entry of journal) {
    if (entry.t === 'extended') storeExtended(store, trial, entry.from, entry.step);
    if (entry.t === 'early-stop' && entry.attempt === attempt) storeDecision(store, trial, entry);
  }
}

/** Brings a decision that stands in the journal into the store. */
export function storeDecision(store: Store, trial: number, entry: EarlyStopEntry): void {
  const { attempt, wall, sweep, rule, step, rung, compared, cutoff, reason } = entry;
  storeEarlyStop(store, { trial, attempt, wall, sweep, rule, step, rung, compared, cutoff, reason });
}
