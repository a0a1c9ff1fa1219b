/**
 * @file What an exam needs of a data set and of nothing else, made once: trials of a sweep share it. Any number of processes may ask at
 * once; each finds a whole file, or makes it under another name and puts it in its place.
 */
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../cache.js';
import { makeFolder } from '../../files.js';

/** Raised by hand when what is kept would be another: its form, or the numbers in it. */
const VERSION = 1;

/** What tells one data set from another; undefined where it is not known, and nothing is kept. */
export type Identity = Record<string, unknown> | undefined;

/** Reads what was kept for `identity`, or makes it, and keeps it where the cache can be written. `make` gives what JSON holds. */
export async function once<T>(what: string, identity: Identity, make: () => Promise<T>): Promise<T> {
  if (identity === undefined) return make();
  const text = JSON.stringify([VERSION, what, identity]);
  const name = `exam-${what}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`;
  const file = path.join(cacheFolder(), name);
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as T;
  } catch {
    // not there yet, or broken: it is made anew
  }
  const made = await make();
  const json = JSON.stringify(made);
  try {
    makeFolder(cacheFolder());
    const temporary = path.join(
      cacheFolder(),
      `.${name}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
    );
    fs.writeFileSync(temporary, json);
    fs.renameSync(temporary, file);
  } catch {
    // a cache that cannot be written costs time, not results
  }
  // As it will be read the next time.
  return JSON.parse(json) as T;
}
