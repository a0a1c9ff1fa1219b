/** @file One runner a results folder. The kernel holds the lock, so it is free as soon as its holder is dead, however it died. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { systemCode, UserError } from '../errors.js';

/**
 * Takes `results/runner.lock`: an empty SQLite file whose write lock is kept while the process lives.
 * @returns a function that gives the lock back
 * @throws UserError if another runner holds it
 */
export function takeLock(results: string): () => void {
  const file = path.join(results, 'runner.lock');
  const holder = path.join(results, 'runner.pid');
  const lock = new Database(file, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (systemCode(error) !== 'SQLITE_BUSY') throw error;
    const pid = fs.existsSync(holder) ? fs.readFileSync(holder, 'utf8').trim() : 'unknown';
    throw new UserError(
      `Another sweep run (process ${pid}) works in ${results}.\n` +
        'Wait for it, stop it with Ctrl-C, or give this one a folder of its own with --results DIR.',
    );
  }
  fs.writeFileSync(holder, `${process.pid}\n`);
  return () => lock.close();
}

/** Whether the process that took the lock last is still there: for those who only look, and must not take it. */
export function runnerLives(results: string): boolean {
  try {
    process.kill(Number(fs.readFileSync(path.join(results, 'runner.pid'), 'utf8')), 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM'; // another user's
  }
}
