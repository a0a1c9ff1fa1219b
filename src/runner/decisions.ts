/** @file Brings into a store that lacks an attempt what the runner decided and measured for it, from journal and samples. */
import type { Store } from '../store/open.js';
import { storeEarlyStop, storeExtended, storeSystem, type EarlyStopRow } from '../store/writer.js';
import type { EarlyStopEntry, JournalEntry } from './journal.js';
import { readSystem } from './system.js';

/** Doing it twice changes nothing. */
export function restoreDecisions(
  store: Store,
  key: string,
  attempt: number,
  journal: readonly JournalEntry[],
): void {
  storeSystem(store, readSystem(store.results, key, attempt));
  for (const entry of journal) {
    if (entry.t === 'extended') storeExtended(store, key, entry.from, entry.step);
    if (entry.t === 'early-stop' && entry.attempt === attempt)
      storeEarlyStop(store, key, rowOfEarlyStop(entry));
  }
}

/** A decision of the journal as the store has it. */
export function rowOfEarlyStop(entry: EarlyStopEntry): EarlyStopRow {
  const { attempt, wall, sweep, rule, step, rung, compared, cutoff, reason } = entry;
  return { attempt, wall, sweep, rule, step, rung, compared, cutoff, reason };
}
