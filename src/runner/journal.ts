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
  | ({ t: 'end'; attempt: number; wall: number } & AttemptEnd);

export function appendJournal(results: string, key: string, entry: JournalEntry): void {
  const file = journalFile(results, key);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.appendFileSync(file, JSON.stringify(entry) + '\n');
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
