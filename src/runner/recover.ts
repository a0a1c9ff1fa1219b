/**
 * @file Finds what earlier runs left: a runner that was killed, a database that was deleted.
 *
 * The event files are the truth. Every attempt's folder is read into the store as far as the store lacks it,
 * and an attempt whose end nobody recorded gets the end that its events tell.
 */
import { and, eq } from 'drizzle-orm';
import type { Store } from '../store/open.js';
import { readOutcomes } from '../store/queries.js';
import { attempts } from '../store/schema.js';
import { endAttempt, startAttempt, trialId, type AttemptEnd } from '../store/writer.js';
import { restoreDecisions } from './decisions.js';
import { ingestWhole } from './ingest.js';
import { appendJournal, readJournal } from './journal.js';
import { eventsFile, listAttempts } from './layout.js';
import { readLines } from './lines.js';
import { outlive } from './processes.js';

/**
 * Of these trials, those that have an attempt whose end the store does not hold. What it holds an end of was stored whole
 * before, in the same order as it happened, so that of thousands of finished trials only the names of their attempts are read.
 */
export function unsettled(store: Store, trials: readonly { key: string }[]): string[] {
  const outcomes = readOutcomes(store);
  return trials
    .map(({ key }) => key)
    .filter((key) => {
      const ended = outcomes.get(key)?.ended ?? [];
      return listAttempts(store.results, key).some((attempt) => !ended.includes(attempt));
    });
}

/** Brings the store up to date for one trial that no live runner holds; waits for what a killed runner left running. */
export async function recoverTrial(store: Store, key: string): Promise<void> {
  const numbers = listAttempts(store.results, key);
  if (numbers.length === 0) return;
  const trial = trialId(store, key);
  const journal = readJournal(store.results, key);
  for (const attempt of numbers) {
    const here = and(eq(attempts.trial, trial), eq(attempts.attempt, attempt));
    const stored = store.db.select().from(attempts).where(here).get();
    if (stored?.outcome) continue;
    const left = journal.find((entry) => entry.t === 'process' && entry.attempt === attempt);
    if (left?.t === 'process') await outlive(left);
    if (stored === undefined) {
      const begun = journal.find((entry) => entry.t === 'attempt' && entry.attempt === attempt);
      startAttempt(store, key, attempt, begun?.t === 'attempt' ? begun.wall : 0);
    }
    ingestWhole(store, key, attempt);
    restoreDecisions(store, key, attempt, journal);
    const recorded = journal.find((entry) => entry.t === 'end' && entry.attempt === attempt);
    if (recorded?.t === 'end') {
      const { outcome, reason, exitCode, signal } = recorded;
      const again = journal.some((entry) => entry.t === 'retry' && entry.attempt === attempt);
      const end = { outcome, reason, exitCode, signal, class: recorded.class ?? null };
      endAttempt(store, key, attempt, end, recorded.wall, again);
      continue;
    }
    const end = endToldByEvents(store.results, key, attempt);
    const wall = Date.now() / 1000;
    appendJournal(store.results, key, { t: 'end', attempt, wall, ...end });
    endAttempt(store, key, attempt, end, wall);
  }
}

function endToldByEvents(results: string, key: string, attempt: number): AttemptEnd {
  const lines = readLines(eventsFile(results, key, attempt));
  const last = lines.findLast((line) => /"t":"(done|stopped)"/.test(line));
  const none = { exitCode: null, signal: null };
  if (last?.includes('"t":"done"')) return { outcome: 'done', reason: 'finished', ...none };
  if (last !== undefined)
    return { outcome: 'stopped', reason: 'saved and left after its runner was gone', ...none };
  return { outcome: 'lost', reason: 'ended without a word; its runner was gone', ...none };
}
