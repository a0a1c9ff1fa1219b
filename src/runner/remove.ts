/**
 * @file Removes sweeps and trials from a results folder: first from the database, in one transaction, then the trials' folders, each renamed
 * before it is removed, and a sweep's record last. Whoever is killed on the way leaves a folder that is in order, and the same command
 * goes on with it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isNotNull } from 'drizzle-orm';
import { UserError } from '../errors.js';
import { databasePath, openStore } from '../store/open.js';
import { trials } from '../store/schema.js';
import { storeRemoval } from '../store/writer.js';
import { freedBy } from './disk-use.js';
import { readWholeJournal } from './executors/slurm/settle.js';
import { openJob, readJournal } from './journal.js';
import { listRemoved, listSweeps, listTrials, removedDirectory, sweepRecordFile, trialDirectory } from './layout.js'; // prettier-ignore
import { takeLock } from './lock.js';
import { readSweepRecord } from './recover.js';
import { findStrays } from './strays.js';

export interface Removal {
  /** Its name, where a whole sweep goes. */
  sweep: string | undefined;
  /** Keys of the trials that go. */
  trials: string[];
  /** Those of the sweep that stay. */
  kept: { key: string; reason: string }[];
  /** Sweeps that lose a trial which goes: it is to be trained anew for them. */
  losing: string[];
  /** What is freed on the disk. */
  bytes: number;
}

/**
 * What goes with a sweep: its trials, but for those that other sweeps hold, or that a trial which stays went on from.
 * @throws UserError if a sweep's record cannot be read, so that nobody knows what it holds
 */
export function planSweepRemoval(results: string, name: string): Removal {
  const held = holders(results);
  const own = keysOf(results, name);
  const kept: Removal['kept'] = [];
  const going = new Set(own);
  for (const key of own) {
    const others = held.filter((sweep) => sweep.name !== name && sweep.keys.has(key));
    if (others.length === 0) continue;
    going.delete(key);
    kept.push({ key, reason: `sweep ${others.map((sweep) => sweep.name).join(', ')} holds it, too` });
  }
  const extended = extensions(results);
  for (let more = true; more;) {
    more = false;
    for (const { key, from } of extended) {
      if (going.has(key) || !going.has(from)) continue;
      going.delete(from);
      kept.push({ key: from, reason: `trial ${key.slice(0, 10)}, which stays, went on from it` });
      more = true;
    }
  }
  const keys = own.filter((key) => going.has(key));
  return { sweep: name, trials: keys, kept, losing: [], bytes: freedBy(foldersOf(results, keys)) };
}

/** A trial goes from all sweeps that hold it: they hold it still, as one that has not begun. */
export function planTrialRemoval(results: string, key: string): Removal {
  const losing = holders(results)
    .filter(({ keys }) => keys.has(key))
    .map(({ name }) => name);
  return { sweep: undefined, trials: [key], kept: [], losing, bytes: freedBy(foldersOf(results, [key])) };
}

/**
 * Works on a results folder that no runner works on, nor starts to meanwhile.
 * @throws UserError if one does
 */
export async function alone<T>(results: string, work: () => T | Promise<T>): Promise<T> {
  const unlock = takeLock(results);
  try {
    // What an earlier removal was killed at.
    for (const folder of listRemoved(results)) fs.rmSync(folder, { recursive: true, force: true });
    return await work();
  } finally {
    unlock();
  }
}

/** The lock must be held. */
export function remove(results: string, { sweep, trials: keys }: Removal): void {
  mustNotRun(results, keys);
  if (fs.existsSync(databasePath(results))) {
    const store = openStore(results);
    try {
      storeRemoval(store, sweep, keys);
    } finally {
      store.close();
    }
  }
  for (const key of keys.filter((key) => fs.existsSync(trialDirectory(results, key)))) {
    const aside = removedDirectory(results, key);
    fs.renameSync(trialDirectory(results, key), aside);
    fs.rmSync(aside, { recursive: true, force: true });
  }
  if (sweep === undefined) return;
  const record = sweepRecordFile(results, sweep);
  fs.rmSync(record, { force: true });
  fs.rmSync(path.dirname(record), { recursive: true, force: true });
}

/** @throws UserError if a process works for one of the trials, or Slurm has it, though no runner does */
export function mustNotRun(results: string, keys: readonly string[]): void {
  const stray = findStrays(results).find(({ key }) => keys.includes(key));
  if (stray !== undefined) {
    throw new UserError(
      `Trial ${stray.key} runs (process ${stray.pid}), though no runner holds it.\n` +
        `Wait some seconds, for it saves and leaves; else end it: kill ${stray.pid}`,
    );
  }
  const queued = keys.find((key) => openJob(readWholeJournal(results, key)) !== undefined);
  if (queued !== undefined)
    throw new UserError(
      `Trial ${queued} waits or runs with Slurm. sweep stop stops it; then run this again.`,
    );
}

function foldersOf(results: string, keys: readonly string[]): string[] {
  return keys.map((key) => trialDirectory(results, key));
}

/** Every sweep, and the keys of its trials. */
function holders(results: string): { name: string; keys: Set<string> }[] {
  return listSweeps(results).map((name) => ({ name, keys: new Set(keysOf(results, name)) }));
}

function keysOf(results: string, name: string): string[] {
  const record = readSweepRecord(results, name);
  if (typeof record !== 'string') return record.trials.map(({ key }) => key);
  throw new UserError(
    `The record of sweep ${name} cannot be read (${record}), so nobody can tell which trials it holds.\nRun its sweep file again, which writes the record anew; sweep fsck tells more.`,
    4,
  );
}

/** Trials that went on from others. */
function extensions(results: string): { key: string; from: string }[] {
  if (!fs.existsSync(databasePath(results))) {
    return listTrials(results).flatMap((key) =>
      readJournal(results, key).flatMap((entry) =>
        entry.t === 'extended' ? [{ key, from: entry.from }] : [],
      ),
    );
  }
  const store = openStore(results);
  try {
    const rows = store.db.select({ key: trials.key, from: trials.extendedFrom }).from(trials).where(isNotNull(trials.extendedFrom)).all(); // prettier-ignore
    return rows.map(({ key, from }) => ({ key, from: from! }));
  } finally {
    store.close();
  }
}
