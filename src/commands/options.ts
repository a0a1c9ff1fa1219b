/** @file Options that several commands share. */
import path from 'node:path';

export const resultsOption = {
  type: 'string',
  default: 'results',
  describe: 'Folder of the results: database, trials, report',
  coerce: (folder: string) => path.resolve(folder),
  requiresArg: true,
} as const;

export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'Print one JSON object for a program to read',
} as const;

export const trialArgument = {
  type: 'string',
  demandOption: true,
  describe: "A trial's key, the beginning of it, or what it is like: 'patch=64,seed=1' of the latest sweep",
} as const;

export const sweepArgument = {
  type: 'string',
  describe: 'Name of the sweep; without it, the one that was run last',
} as const;

/** A path as a reader recognises it: from here where it lies below. */
export function shortest(folder: string): string {
  const relative = path.relative('.', folder);
  return relative.startsWith('..') ? folder : relative || '.';
}
