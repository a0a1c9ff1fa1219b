/** @file A full disk: by the system's own word, how much is left, and what a user is told. */
import fs from 'node:fs';
import { systemCode, UserError } from './errors.js';

/** Codes of a write for which there was no room; SQLite has words of its own. */
const CODES = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'];

/** Whether an error, or a cause of it, says that there was no room to write. */
export function isDiskFull(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (CODES.includes(systemCode(each) ?? '')) return true;
  }
  return false;
}

/** Whether the last words of a program say so. */
export function isDiskFullText(text: string): boolean {
  return /\bENOSPC\b|\bEDQUOT\b|\bErrno 28\b|no space left on device|disk quota exceeded|\bdisk is full\b/i.test(
    text,
  );
}

/** Bytes that this user may still write where `folder` is; undefined where the system does not say. */
export function freeSpace(folder: string): number | undefined {
  try {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** What a user is told where no more can be written; the terminal may name a folder. */
export function diskFull(results: string, cause?: unknown): UserError {
  const free = freeSpace(results);
  const left = free === undefined ? '' : ` (${(free / 1e6).toFixed(1)} MB are left)`;
  return new UserError(
    `The disk of ${results} is full${left}.\n` +
      'Nothing that was measured is lost. Make room and run the same command again: it goes on from there.',
    1,
    { cause },
  );
}
