/** @file The folder for what can be made or fetched again: phantoms, the native libraries of engines. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** `CYCLESWEEP_CACHE`, or `cyclesweep` in the user's cache folder. Absolute; it need not be there. */
export function cacheFolder(): string {
  const { CYCLESWEEP_CACHE, XDG_CACHE_HOME } = process.env;
  return resolve(CYCLESWEEP_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'cyclesweep'));
}
