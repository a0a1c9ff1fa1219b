/** @file One runner a results folder. The kernel holds the lock, so it is free as soon as its holder is dead, however it died. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { messageOf, systemCode, UserError } from '../errors.js';
import { makeWritable } from '../store/open.js';
import { writeFileWhole } from './layout.js';

/** Who only asks whether the lock is held has it for an instant, in milliseconds. */
const INSTANT = 500;

/**
 * Takes `results/runner.lock`: an empty SQLite file whose write lock is kept while the process lives.
 * @returns a function that gives the lock back
 * @throws UserError if another runner holds it, or the folder cannot be written
 */
export function takeLock(results: string): () => void {
  makeWritable(results);
  const lock = new Database(lockFile(results), { timeout: INSTANT });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (systemCode(error) !== 'SQLITE_BUSY') {
      throw new UserError(
        `The lock ${lockFile(results)} cannot be taken (${messageOf(error)}).\nIt holds nothing: remove the file and try again.`,
        2,
        { cause: error },
      );
    }
    throw new UserError(
      `Another sweep run (process ${lockHolder(results) ?? 'unknown'}) works in ${results}.\n` +
        'Wait for it, stop it with Ctrl-C, or give this one a folder of its own with --results DIR.',
    );
  }
  writeFileWhole(path.join(results, 'runner.pid'), `${process.pid}\n`);
  return () => lock.close();
}

/** Process id of the runner that works in a folder; undefined if none does. Takes nothing, changes nothing. */
export function liveRunner(results: string): string | undefined {
  if (!fs.existsSync(lockFile(results))) return undefined;
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
