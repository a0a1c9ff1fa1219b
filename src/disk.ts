/** @file Whether the disk is full, by the system's own word, and how much is left. */
import fs from 'node:fs';
import { systemCode } from './errors.js';

/** Codes of a write for which there was no room; SQLite has words of its own. */
const CODES = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE'];

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
