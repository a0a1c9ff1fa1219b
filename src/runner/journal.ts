/** @file The runner's own record of a trial: `runner.ndjson`, one JSON object a line, append only. */
import fs from 'node:fs';
import path from 'node:path';
import type { AttemptEnd } from '../store/writer.js';
import { journalFile } from './layout.js';
import { LineReader } from './lines.js';
import type { ProcessIdentity } from './processes.js';

export type JournalEntry =
  | { t: 'attempt'; attempt: number; wall: number; device: string; threads: number; resume: number | null }
  | ({ t: 'process'; attempt: number } & ProcessIdentity)
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
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.appendFileSync(file, entries.map((entry) => JSON.stringify(entry) + '\n').join(''));
}

/** All whole lines of a trial's journal; an unreadable line (a crash in mid-write) is left out. */
export function readJournal(results: string, key: string): JournalEntry[] {
  const reader = new LineReader(journalFile(results, key));
  return reader.read().flatMap((line) => {
    try {
      return [JSON.parse(line) as JournalEntry];
    } catch {
      return [];
    }
  });
}
