/**
 * @file Brings this machine's own database of a shared results folder up to date with the folder's files, in which it changes nothing:
 * a runner may work there on another machine, and what nobody wrote down yet, such as how an attempt ended, is for that one to find out.
 *
 * A trial is read again only if the size of one of its files has changed: its journal from the start, which replays what the runner
 * did in the order in which it did it, and its events from where they were read to.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isShared } from '../store/place.js';
import { openStore, type Store } from '../store/open.js';
import { readOutcomes } from '../store/queries.js';
import { sweeps, trials } from '../store/schema.js';
import {
  clear,
  endAttempt,
  forgetAttempts,
  startAttempt,
  storeEarlyStop,
  storeExtended,
  storeProjected,
  storeStatus,
  storeSweep,
  storeSystem,
  storeTrial,
  transact,
} from '../store/writer.js';
import { rowOfEarlyStop } from './decisions.js';
import { readClaim, readResult } from './executors/slurm/files.js';
import { ingestWhole } from './ingest.js';
import { readJournal, type JournalEntry } from './journal.js';
import {
  eventsFile,
  journalFile,
  listAttempts,
  listSweeps,
  listTrials,
  resultFile,
  systemFile,
} from './layout.js';
import { lockForReading } from './lock.js';
import { readSweepRecord, readTrialEntry } from './recover.js';
import { readSystem } from './system.js';

/**
 * To be called before a results folder's database is read, and as often as what is new should be seen. Does nothing where the
 * database lies in the folder, where there are no results, and where a runner of this machine keeps it up to date.
 */
export function bringUpToDate(results: string): void {
  if (!isShared(results) || !fs.existsSync(path.join(results, 'sweeps'))) return;
  const unlock = lockForReading(results);
  if (unlock === undefined) return;
  try {
    const store = openStore(results);
    try {
      project(store);
    } finally {
      store.close();
    }
  } finally {
    unlock();
  }
}

/** Reads what is new in a results folder into this machine's own database of it, which must be locked for that. */
export function project(store: Store): void {
  const { results, db } = store;
  const names = listSweeps(results);
  const keys = listTrials(results);
  const storedSweeps = db.select().from(sweeps).all();
  const ran = [...readOutcomes(store)].filter(([, { attempts }]) => attempts.length > 0);
  // Somebody removed a sweep or a trial.
  const removed =
    storedSweeps.some(({ name }) => !names.includes(name)) || ran.some(([key]) => !keys.includes(key));
  if (removed) clear(store);

  for (const name of names) {
    const record = readSweepRecord(results, name);
    if (typeof record === 'string') continue; // sweep fsck tells
    const known = removed ? undefined : storedSweeps.find((row) => row.name === name);
    if (known?.updated !== record.sweep.updated) storeSweep(store, record.sweep, record.trials);
  }
  const read = new Map(db.select().from(trials).all().map(({ key, projected }) => [key, projected])); // prettier-ignore
  for (const key of keys) {
    const numbers = listAttempts(results, key);
    // Before they are read: what is appended meanwhile is for the next time.
    const sizes = sizesOf(results, key, numbers);
    if (read.get(key) === sizes) continue;
    if (!read.has(key)) {
      const entry = readTrialEntry(results, key);
      if (typeof entry === 'string') continue;
      storeTrial(store, entry);
    }
    transact(store, () => {
      projectTrial(store, key, numbers);
      storeProjected(store, key, sizes);
    });
  }
}

/** e.g. `812 1:23001,450,0`: bytes of the journal, and of each attempt's events, samples of the machine, and result. */
function sizesOf(results: string, key: string, numbers: readonly number[]): string {
  const ofAttempts = numbers.map(
    (attempt) =>
      `${attempt}:${[eventsFile, systemFile, resultFile].map((file) => size(file(results, key, attempt))).join(',')}`,
  );
  return [size(journalFile(results, key)), ...ofAttempts].join(' ');
}

function size(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Doing it twice changes nothing. */
function projectTrial(store: Store, key: string, numbers: readonly number[]): void {
  const { results } = store;
  const journal = readJournal(results, key);
  for (const entry of journal) {
    if (!('attempt' in entry) || numbers.includes(entry.attempt)) replay(store, key, entry, journal);
  }
  const begun = (readOutcomes(store, key).get(key)?.attempts ?? []).map(({ attempt }) => attempt);
  const gone = begun.filter((attempt) => !numbers.includes(attempt));
  if (gone.length > 0) forgetAttempts(store, key, gone);
  for (const attempt of numbers) {
    const late = attempt > Math.max(0, ...begun);
    if (!begun.includes(attempt) && !(late && projectClaim(store, key, attempt))) continue;
    ingestWhole(store, key, attempt, false);
    storeSystem(store, readSystem(results, key, attempt));
  }
  const ended = journal.some((entry) => entry.t === 'end' && entry.attempt === numbers.at(-1));
  if (!ended && readResult(results, key, numbers.at(-1) ?? 0)?.last === 'done')
    storeStatus(store, key, 'done', 'it says so; no runner has looked since');
}

/** An attempt that Slurm began while no runner was there to write it down. */
function projectClaim(store: Store, key: string, attempt: number): boolean {
  const claim = readClaim(store.results, key, attempt);
  if (claim !== undefined) startAttempt(store, key, attempt, claim.wall);
  return claim !== undefined;
}

function replay(store: Store, key: string, entry: JournalEntry, journal: readonly JournalEntry[]): void {
  switch (entry.t) {
    case 'attempt':
      startAttempt(store, key, entry.attempt, entry.wall);
      break;
    case 'end': {
      const { attempt, wall, outcome, reason, exitCode, signal, class: kind = null } = entry;
      const again = journal.some(
        (each) => (each.t === 'retry' || each.t === 'requeued') && each.attempt === attempt,
      );
      endAttempt(store, key, attempt, { outcome, reason, exitCode, signal, class: kind }, wall, again);
      break;
    }
    case 'early-stop':
      storeEarlyStop(store, key, rowOfEarlyStop(entry));
      break;
    case 'extended':
      storeExtended(store, key, entry.from, entry.step);
      break;
    default: // for sweep show and sweep why, which read the journal
  }
}
