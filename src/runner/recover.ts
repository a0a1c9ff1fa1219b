/**
 * @file Finds what earlier runs left: a runner that was killed, a database that was deleted, a folder that was removed.
 *
 * The event files, the journals and the sweeps' records are the truth. Every attempt's folder is read into the store as far as
 * the store lacks it, and an attempt whose end nobody recorded gets the end that its events tell.
 */
import fs from 'node:fs';
import path from 'node:path';
import { count, eq } from 'drizzle-orm';
import { messageOf, UserError } from '../errors.js';
import type { AnyTrialConfig, TrialEvent } from '../protocol.js';
import { databasePath, type Store } from '../store/open.js';
import { readOutcomes, type Outcome } from '../store/queries.js';
import { attempts, sweeps, trials } from '../store/schema.js';
import {
  endAttempt,
  forgetAttempts,
  startAttempt,
  storeSweep,
  storeTrial,
  type AttemptEnd,
  type SweepEntry,
  type TrialEntry,
} from '../store/writer.js';
import { setBrokenCheckpointsAside } from './checkpoints.js';
import { restoreDecisions } from './decisions.js';
import { readClaim, readResult, type Claim } from './executors/slurm/files.js';
import { ingestWhole, parseEvent } from './ingest.js';
import { appendJournal, entriesOf, openJob, readJournal, type JournalEntry } from './journal.js';
import {
  attemptDirectory,
  eventsFile,
  listAttempts,
  listSweeps,
  listTrials,
  sweepRecordFile,
  trialDirectory,
} from './layout.js';
import { eachLine } from './lines.js';
import { judgeExit } from './outcome.js';
import { outlive } from './processes.js';
import { CAN_FIND_STRAYS, outliveStrays } from './strays.js';

/** `results/sweeps/NAME/sweep.json`: what a sweep was when it was last run, and which trials it holds. */
export interface SweepRecordFile extends SweepEntry {
  trials: TrialEntry[];
}

/**
 * Brings the store up to date with the folder. The results lock must be held: what runs for the folder's trials is then what a
 * killed runner left, and is waited for.
 * @param keys the trials to look at; all others keep what the store says of them
 * @throws UserError 4 if the trials' folder is gone as a whole
 */
export async function recover(
  store: Store,
  keys: readonly string[],
  say: (message: string) => void,
): Promise<void> {
  const { results } = store;
  if (
    !fs.existsSync(path.join(results, 'trials')) &&
    store.db.select({ n: count() }).from(attempts).get()!.n > 0
  ) {
    throw new UserError(
      `${path.join(results, 'trials')} is missing, but the database knows of trials that ran.\n` +
        `Put the folder back. If it was deleted on purpose, delete ${databasePath(results)} as well: all trials are then run anew.`,
      4,
    );
  }
  await outliveStrays(results, say);
  const outcomes = readOutcomes(store);
  for (const key of keys) {
    const outcome = outcomes.get(key);
    if (outcome === undefined) continue;
    if (!isSettled(results, key, outcome)) await recoverTrial(store, key, say);
    if (outcome.status !== 'done') setBrokenCheckpointsAside(results, key, say);
  }
}

/**
 * Whether the store holds the ends of all attempts that are there, and all that they wrote. It was stored in the order in which it
 * happened, so that of thousands of finished trials only names and sizes are read.
 */
function isSettled(results: string, key: string, { attempts }: Outcome): boolean {
  const there = listAttempts(results, key);
  return (
    there.length === attempts.length &&
    attempts.every(
      ({ attempt, ended, ingested }) =>
        ended && there.includes(attempt) && sizeOf(eventsFile(results, key, attempt)) <= ingested,
    )
  );
}

/** Whether a store is new though its folder holds results: the database was deleted, or was never made. */
export function isBehind({ results, db }: Store): boolean {
  return db.select({ n: count() }).from(sweeps).get()!.n === 0 && listSweeps(results).length > 0;
}

/** Fills an empty store with the sweeps of the records, and with every trial that has a folder. */
export async function restore(store: Store, say: (message: string) => void): Promise<void> {
  const { results } = store;
  for (const name of listSweeps(results)) {
    const record = readSweepRecord(results, name);
    if (typeof record === 'string')
      say(`The record of sweep ${name} cannot be read (${record}): its trials are kept.`);
    else storeSweep(store, record.sweep, record.trials);
  }
  await recover(store, adoptTrials(store), say);
}

/** A sweep and its trials, or what is wrong with the file. */
export function readSweepRecord(
  results: string,
  name: string,
): { sweep: SweepEntry; trials: TrialEntry[] } | string {
  const file = sweepRecordFile(results, name);
  try {
    const { trials, updated, ...sweep } = JSON.parse(fs.readFileSync(file, 'utf8')) as SweepRecordFile;
    // Records of earlier versions do not tell when.
    return { sweep: { ...sweep, updated: updated ?? fs.statSync(file).mtimeMs / 1000 }, trials };
  } catch (error) {
    return messageOf(error);
  }
}

/** What a trial's own folder says of it, or what is wrong with that. */
export function readTrialEntry(results: string, key: string): TrialEntry | string {
  try {
    const file = path.join(trialDirectory(results, key), 'config.json');
    const { parameters, seed, budget, dataFingerprint } = JSON.parse(
      fs.readFileSync(file, 'utf8'),
    ) as AnyTrialConfig;
    return { key, parameters: { ...parameters }, seed, budget, dataFingerprint };
  } catch (error) {
    return messageOf(error);
  }
}

/** Stores the trials that have a folder though no sweep holds them any more, and returns the keys of all that have one. */
function adoptTrials(store: Store): string[] {
  return listTrials(store.results).filter((key) => {
    const entry = readTrialEntry(store.results, key);
    if (typeof entry !== 'string') storeTrial(store, entry);
    return store.db.select().from(trials).where(eq(trials.key, key)).get() !== undefined;
  });
}

/** Brings the store up to date for one trial that no live runner holds. */
async function recoverTrial(store: Store, key: string, say: (message: string) => void): Promise<void> {
  const { results, db } = store;
  const row = db.select().from(trials).where(eq(trials.key, key)).get();
  if (row === undefined) return;
  const numbers = listAttempts(results, key);
  const rows = db.select().from(attempts).where(eq(attempts.trial, row.id)).all();
  const gone = rows.map(({ attempt }) => attempt).filter((attempt) => !numbers.includes(attempt));
  if (gone.length > 0) {
    say(
      `Trial ${key}: the files of attempt ${gone.join(', ')} were removed; the database forgets what it read from them.`,
    );
    forgetAttempts(store, key, gone);
  }
  if (numbers.length === 0) return;
  let journal: JournalEntry[] | undefined;
  let done: boolean | undefined;
  for (const attempt of numbers) {
    const stored = rows.find((each) => each.attempt === attempt);
    // A process that nobody knew of may have written on behind the recorded end.
    if (stored?.outcome && stored.ingested >= sizeOf(eventsFile(results, key, attempt))) continue;
    journal ??= readJournal(results, key);
    const entries = entriesOf(journal, attempt);
    const left = entries.find((entry) => entry.t === 'process');
    if (left?.t === 'process' && !CAN_FIND_STRAYS) await outlive(left);
    if (stored === undefined) {
      const begun = entries.find((entry) => entry.t === 'attempt');
      // A task of Slurm's may have begun while no runner was there.
      const wall = begun?.t === 'attempt' ? begun.wall : readClaim(results, key, attempt)?.wall;
      startAttempt(store, key, attempt, wall ?? fs.statSync(attemptDirectory(results, key, attempt)).mtimeMs / 1000); // prettier-ignore
    }
    ingestWhole(store, key, attempt);
    restoreDecisions(store, key, attempt, journal);
    if (stored?.outcome) continue;
    const recorded = entries.findLast((entry) => entry.t === 'end');
    // It may run at this moment, or have ended in a way that only who asks the scheduler can judge, unless the trial is done.
    done ??= numbers.some((each) => readResult(results, key, each)?.last === 'done');
    if (recorded === undefined && !done && attempt >= (openJob(journal)?.attempt ?? Infinity)) continue;
    if (recorded?.t === 'end') {
      const { outcome, reason, exitCode, signal, lastLines = null } = recorded;
      const again = journal.some(
        (entry) => (entry.t === 'retry' || entry.t === 'requeued') && entry.attempt === attempt,
      );
      const end = { outcome, reason, exitCode, signal, class: recorded.class ?? null, lastLines };
      endAttempt(store, key, attempt, end, recorded.wall, again);
      continue;
    }
    const end = endToldByEvents(results, key, attempt);
    const wall = readResult(results, key, attempt)?.ended ?? Date.now() / 1000;
    const claim = entries.some((entry) => entry.t === 'attempt') ? undefined : readClaim(results, key, attempt); // prettier-ignore
    appendJournal(results, key, ...(claim === undefined ? [] : [beginningOf(attempt, claim)]), { t: 'end', attempt, wall, ...end }); // prettier-ignore
    endAttempt(store, key, attempt, end, wall);
  }
}

/** What a runner would have written down as Slurm began an attempt. */
function beginningOf(attempt: number, claim: Claim): JournalEntry {
  const { wall, device, threads, resume, job, node } = claim;
  return { t: 'attempt', attempt, wall, device, threads, resume, where: `${job} on ${node}` };
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** How an attempt ended by its own events and, of a task of Slurm's, by what it wrote down; whoever ran it is gone. */
export function endToldByEvents(results: string, key: string, attempt: number): AttemptEnd {
  const none = { exitCode: null, signal: null };
  let last: TrialEvent | undefined;
  for (const line of eachLine(eventsFile(results, key, attempt))) {
    const event = parseEvent(line);
    if (saysHowItEnded(event)) last = event;
  }
  const result = readResult(results, key, attempt);
  if (result !== undefined) return judgeExit({ exit: { ...result, asked: result.asked !== null }, last });
  if (last?.t === 'done') return { outcome: 'done', reason: last.reason ?? 'finished', ...none };
  if (last?.t === 'health') return { outcome: 'failed', reason: last.message, class: 'diverged', ...none };
  if (last?.t === 'stopped')
    return { outcome: 'stopped', reason: 'saved and left after its runner was gone', ...none };
  return { outcome: 'lost', reason: 'ended without a word; its runner was gone', ...none };
}

function saysHowItEnded(event: TrialEvent): boolean {
  return event.t === 'done' || event.t === 'stopped' || (event.t === 'health' && event.code === 'diverged');
}
