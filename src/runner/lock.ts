/** @file One runner a results folder. The kernel holds the lock, so it is free as soon as its holder is dead, however it died. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { messageOf, systemCode, UserError } from '../errors.js';
import { makeFolder } from '../files.js';
import { makeWritable } from '../store/open.js';
import { databaseFolder, isShared } from '../store/place.js';
import { holdForHosts, runnerElsewhere } from './hosts.js';
import { writeFileWhole } from './layout.js';

/** Who only asks whether the lock is held has it for an instant, in milliseconds. */
const INSTANT = 500;

/** Others of this machine write its own database no longer than it takes to read what is new in a folder, in milliseconds. */
const READING = 600_000;

/**
 * Takes `results/runner.lock`: an empty SQLite file whose write lock is kept while the process lives. Where each machine keeps a
 * database of its own, that is this runner's as well from then on.
 * @param lost is called if a runner of another machine has taken the folder over, since this one was thought dead
 * @returns a function that gives the lock back
 * @throws UserError if another runner holds it, or the folder cannot be written
 */
export function takeLock(results: string, lost: (by: string) => void = () => undefined): () => void {
  makeWritable(results);
  const unlock = lock(lockFile(results), INSTANT);
  const shared = isShared(results);
  const other = unlock === undefined ? (lockHolder(results) ?? 'unknown') : shared ? runnerElsewhere(results) : undefined; // prettier-ignore
  if (unlock === undefined || other !== undefined) {
    unlock?.();
    throw new UserError(
      `Another sweep run (process ${other}) works in ${results}.\n` +
        'Wait for it, stop it with sweep stop or Ctrl-C, or give this one a folder of its own with --results DIR.',
    );
  }
  writeFileWhole(path.join(results, 'runner.pid'), `${process.pid}\n`);
  const unlockOwn = shared ? holdOwnDatabase(results) : undefined;
  const release = shared ? holdForHosts(results, lost) : undefined;
  return () => {
    release?.();
    unlockOwn?.();
    unlock();
  };
}

/** Takes this machine's own database of a results folder for a runner, once nobody reads the folder into it. */
function holdOwnDatabase(results: string): (() => void) | undefined {
  const folder = databaseFolder(results);
  makeFolder(folder);
  const unlock = lock(readingLock(folder), READING);
  const held = lock(lockFile(folder), INSTANT);
  unlock?.();
  return held;
}

/**
 * Takes this machine's own database of a results folder to read the folder into it, once no other process does.
 * @returns a function that gives it back; undefined if a runner of this machine has it, which keeps it up to date
 */
export function lockForReading(results: string): (() => void) | undefined {
  const folder = databaseFolder(results);
  makeFolder(folder);
  const unlock = lock(readingLock(folder), READING);
  if (liveRunner(folder) === undefined) return unlock;
  unlock?.();
  return undefined;
}

/** @returns undefined if another process holds it for longer than `timeout` milliseconds */
function lock(file: string, timeout: number): (() => void) | undefined {
  const held = new Database(file, { timeout });
  try {
    held.exec('BEGIN EXCLUSIVE');
    return () => held.close();
  } catch (error) {
    held.close();
    if (systemCode(error) === 'SQLITE_BUSY') return undefined;
    throw new UserError(
      `The lock ${file} cannot be taken (${messageOf(error)}).\nIt holds nothing: remove the file and try again.`,
      2,
      { cause: error },
    );
  }
}

/**
 * Process id of the runner that works in a folder, and its machine if that is another; undefined if none does. Takes nothing, changes
 * nothing.
 */
export function liveRunner(results: string): string | undefined {
  if (!fs.existsSync(lockFile(results))) return undefined;
  const other = isShared(results) ? runnerElsewhere(results) : undefined;
  if (other !== undefined) return other;
  const lock = new Database(lockFile(results), { timeout: 0, readonly: true });
  try {
    lock.prepare('SELECT count(*) FROM sqlite_master').get();
    return undefined;
  } catch (error) {
    if (systemCode(error) !== 'SQLITE_BUSY') throw error;
    return lockHolder(results) ?? 'unknown';
  } finally {
    lock.close();
  }
}

function lockHolder(results: string): string | undefined {
  const file = path.join(results, 'runner.pid');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : undefined;
}

function lockFile(results: string): string {
  return path.join(results, 'runner.lock');
}

/** Held while a process reads the files of a shared folder into this machine's own database. */
function readingLock(folder: string): string {
  return path.join(folder, 'reading.lock');
}
