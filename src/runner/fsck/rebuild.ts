/** @file Makes the database anew from the trials' folders and the sweeps' records. */
import fs from 'node:fs';
import { UserError } from '../../errors.js';
import { databasePath, openStore } from '../../store/open.js';
import { isShared } from '../../store/place.js';
import { lockForReading, takeLock } from '../lock.js';
import { project } from '../projection.js';
import { restore } from '../recover.js';

const PARTS = ['-wal', '-shm', ''];

/**
 * The old database is kept under another name, which is returned; undefined where there was none.
 * @throws UserError if a runner works in the folder (in one that machines share: a runner of this machine), or it cannot be written
 */
export async function rebuild(results: string, say: (message: string) => void): Promise<string | undefined> {
  const shared = isShared(results);
  const unlock = shared ? lockForReading(results) : takeLock(results);
  if (unlock === undefined) {
    throw new UserError(
      'A sweep run of this machine writes the database. Wait for it, or stop it with Ctrl-C.',
    );
  }
  try {
    const file = databasePath(results);
    const fresh = `${file}.rebuilding`;
    PARTS.forEach((part) => fs.rmSync(fresh + part, { force: true }));
    const store = openStore(results, fresh);
    try {
      if (shared) project(store);
      else await restore(store, say);
    } finally {
      store.close();
    }
    const old = fs.existsSync(file) ? freeName(`${file}.before-rebuild`) : undefined;
    // Its log first: beside another database it would be taken for that one's.
    for (const part of PARTS) {
      if (old !== undefined && fs.existsSync(file + part)) fs.renameSync(file + part, old + part);
      else fs.rmSync(file + part, { force: true });
    }
    fs.renameSync(fresh, file);
    return old;
  } finally {
    unlock();
  }
}

function freeName(wanted: string): string {
  for (let number = 1; ; number++) {
    const name = `${wanted}-${number}`;
    if (PARTS.every((part) => !fs.existsSync(name + part))) return name;
  }
}
