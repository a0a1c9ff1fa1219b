/** @file The runner's own record of a trial: `runner.ndjson`, one JSON object a line, append only. */
import fs from 'node:fs';
import path from 'node:path';
import { systemCode } from '../errors.js';
import type { AttemptEnd } from '../store/writer.js';
import { journalFile } from './layout.js';
import { readLines } from './lines.js';
import type { ProcessIdentity } from './processes.js';

export type JournalEntry =
  | { t: 'attempt'; attempt: number; wall: number; device: string; threads: number; resume: number | null }
  | ({ t: 'process'; attempt: number } & ProcessIdentity)
  /** Something that the runner saw and nobody asked it to do. */
  | { t: 'warning'; attempt: number; wall: number; code: string; message: string }
  /** What it waits for, while it is the first of those that wait. */
  | { t: 'waiting'; wall: number; reason: string }
  /** Where it was given a place, and why; `waited`: seconds in the queue, `predicted`: bytes of its peak. */
  | {
      t: 'placed';
      wall: number;
      attempt: number;
      device: string;
      reason: string;
      waited: number;
      predicted: number | null;
    }
  | ({ t: 'end'; attempt: number; wall: number } & AttemptEnd)
  | RetryEntry;

/** After `attempt` failed another follows. */
export interface RetryEntry {
  t: 'retry';
  attempt: number;
  wall: number;
  class: string;
  reason: string;
  /** Seconds that the runner waits before. */
  delay: number;
  /** Patches computed at once from now on, where the attempt had no memory for more. */
  microBatch?: number;
}

/** Appends entries in one call: what belongs together is there whole or not at all. */
export function appendJournal(results: string, key: string, ...entries: JournalEntry[]): void {
  const file = journalFile(results, key);
  const lines = entries.map((entry) => JSON.stringify(entry) + '\n').join('');
  try {
    fs.appendFileSync(file, lines);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.appendFileSync(file, lines);
  }
}

/** All whole lines of a trial's journal; an unreadable line (a crash in mid-write) is left out. */
export function readJournal(results: string, key: string): JournalEntry[] {
  return readLines(journalFile(results, key)).flatMap((line) => {
    try {
      return [JSON.parse(line) as JournalEntry];
    } catch {
      return [];
    }
  });
}
