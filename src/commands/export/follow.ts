/** @file `sweep export --follow`: TensorBoard's files, kept current while a sweep runs. */
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { messageOf, systemCode, UserError } from '../../errors.js';
import { cardOf } from '../../export/export.js';
import { clearExport, writeCard } from '../../export/folder.js';
import { entriesOfBoard, isFinal, newBoard, writeBoard } from '../../export/tensorboard.js';
import { makeFolder } from '../../files.js';
import { liveRunner } from '../../runner/lock.js';
import { bringUpToDate } from '../../runner/projection.js';
import { databasePath, openForReading, type Store } from '../../store/open.js';
import { readStoredSweep, type StoredSweep } from '../../store/stream.js';

/** Between two looks at the database, milliseconds. */
const INTERVAL = 1000;

/**
 * Writes a sweep's event files, and appends to them what is measured, until the sweep ends or a signal comes. Waits for a sweep that is not
 * there yet; without a name, for any, and takes the one that was run last.
 * @param say told when there is something to tell
 * @returns the sweep as it was last seen, or undefined if there was none
 * @throws UserError if the folder holds anything but an earlier export
 */
export async function followSweep(
  { results, name, folder }: { results: string; name?: string; folder: string },
  say: (line: string) => void,
): Promise<StoredSweep | undefined> {
  const board = newBoard(folder, Date.now() / 1000);
  const stop = new AbortController();
  const leave = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave);
  let sweep: StoredSweep | undefined;
  let met = false; // a runner
  try {
    clearExport(folder);
    makeFolder(folder);
    for (;;) {
      // In this order: what a runner wrote before it left is read.
      const running = liveRunner(results) !== undefined;
      met ||= running;
      const before = sweep;
      look(results, before?.name ?? name, (store, seen) => {
        if (before === undefined) say(`Following ${seen.name}, ${seen.trials.length} trials.`);
        if (before?.trials.length !== seen.trials.length)
          writeCard(folder, cardOf(seen, 'tensorboard'), entriesOfBoard(board, seen));
        writeBoard(board, store, seen);
        sweep = seen;
      });
      if (stop.signal.aborted || (sweep && hasEnded(sweep, met && !running))) return sweep;
      await setTimeout(INTERVAL, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, leave);
  }
}

/** Shows `read` a sweep as it is now, if it is there. */
function look(
  results: string,
  name: string | undefined,
  read: (store: Pick<Store, 'db' | 'results'>, sweep: StoredSweep) => void,
): void {
  bringUpToDate(results);
  if (!fs.existsSync(databasePath(results))) return;
  const { db, close } = openForReading(results);
  try {
    db.$client.exec('BEGIN'); // one moment of it
    const store = { db, results };
    const sweep = findSweep(store, name);
    if (sweep !== undefined) read(store, sweep);
  } finally {
    close();
  }
}

/** Undefined for one that is not there yet, or whose database is being made. */
function findSweep(store: Pick<Store, 'db' | 'results'>, name: string | undefined): StoredSweep | undefined {
  try {
    return readStoredSweep(store, name);
  } catch (error) {
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const missing = systemCode(reason) === 'SQLITE_ERROR' && messageOf(reason).startsWith('no such table');
    if (error instanceof UserError || missing) return undefined;
    throw error;
  }
}

/** A sweep whose runner was killed has not: another may go on with it. */
function hasEnded({ trials }: StoredSweep, left: boolean): boolean {
  return trials.every(isFinal) || (left && trials.every(({ status }) => status !== 'running'));
}
