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
