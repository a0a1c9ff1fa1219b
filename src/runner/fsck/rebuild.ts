/** @file Makes the database anew from the trials' folders and the sweeps' records. */
import fs from 'node:fs';
import { databasePath, openStore } from '../../store/open.js';
import { takeLock } from '../lock.js';
import { restore } from '../recover.js';

const PARTS = ['-wal', '-shm', ''];

/**
 * The old database is kept under another name, which is returned; undefined where there was none.
 * @throws UserError if a runner works in the folder, or it cannot be written
 */
export async function rebuild(results: string, say: (message: string) => void): Promise<string | undefined> {
  const unlock = takeLock(results);
  try {
    const file = databasePath(results);
    const fresh = `${file}.rebuilding`;
    PARTS.forEach((part) => fs.rmSync(fresh + part, { force: true }));
    const store = openStore(results, fresh);
    try {
      await restore(store, say);
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
