/** @file The runner's own record of a trial: `runner.ndjson`, one JSON object a line, append only. */
import fs from 'node:fs';
import path from 'node:path';
import { systemCode } from '../errors.js';
import type { AttemptEnd } from '../store/writer.js';
import { journalFile, listAttempts } from './layout.js';
import { readLines } from './lines.js';
import type { ProcessIdentity } from './processes.js';

export type JournalEntry =
  /** `where`: the job and the node of a scheduler. */
  | {
      t: 'attempt';
      attempt: number;
      wall: number;
      device: string;
      threads: number;
      resume: number | null;
      where?: string;
    }
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
  | QueuedEntry
  /** Its job has an id, e.g. `12_3`. */
  | { t: 'submitted'; attempt: number; wall: number; job: string }
  /** The scheduler starts it again by itself; `count`: how often it has. */
  | { t: 'requeued'; attempt: number; wall: number; reason: string; count: number }
  /** Its job ended before an attempt began. */
  | { t: 'dequeued'; attempt: number; wall: number; reason: string }
  | RetryEntry
  | RungEntry
  | EarlyStopEntry
  | ExtendedEntry
  /** A user had checkpoints removed, by their paths relative to the trial's folder. */
  | { t: 'removed'; wall: number; checkpoints: string[] };

/** It is handed to a scheduler, which starts attempts of it from this number on. */
export interface QueuedEntry {
  t: 'queued';
  attempt: number;
  wall: number;
  /** Name of the array's jobs and of its folder. */
  token: string;
  task: number;
}

/** A trial's arrival at a rung of the sweep's rule for early stopping. Numbers that are none are null. */
export interface RungEntry {
  t: 'rung';
  attempt: number;
  wall: number;
  sweep: string;
  /** The rule, in the words of `ruleText`: what another decided does not bind it. */
  rule: string;
  step: number;
  /** Share of the budget. */
  rung: number;
  value: number | null;
  best: number | null;
  mean: number | null;
  /** Trials that had arrived at the rung before it: what it was judged against. */
  before: number;
}

/** A trial does too badly to go on. */
export interface EarlyStopEntry {
  t: 'early-stop';
  attempt: number;
  wall: number;
  sweep: string;
  rule: string;
  step: number;
  rung: number;
  reason: string;
  /** What of the trial was compared, and what it had to reach. */
  compared: number | null;
  cutoff: number | null;
}

/** A trial goes on from the last checkpoint of one with a smaller budget: true if its first attempt resumed at this step. */
export interface ExtendedEntry {
  t: 'extended';
  wall: number;
  /** Key of the other trial. */
  from: string;
  step: number;
}

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

/**
 * Appends entries in one call: what belongs together is there whole or not at all. They stand on lines of their own, also behind half
 * a line that a killed runner or a full disk left.
 */
export function appendJournal(results: string, key: string, ...entries: JournalEntry[]): void {
  const file = journalFile(results, key);
  const lines = entries.map((entry) => JSON.stringify(entry) + '\n').join('');
  const descriptor = openForAppending(file);
  try {
    fs.writeFileSync(descriptor, endsInALine(descriptor) ? lines : `\n${lines}`);
  } finally {
    fs.closeSync(descriptor);
  }
}

function openForAppending(file: string): number {
  try {
    return fs.openSync(file, 'a+');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    return fs.openSync(file, 'a+');
  }
}

function endsInALine(descriptor: number): boolean {
  const { size } = fs.fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size === 0 || (fs.readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] === 0x0a);
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

/** What a journal says of one attempt. */
export function entriesOf(journal: readonly JournalEntry[], attempt: number) {
  return journal.filter((entry) => 'attempt' in entry).filter((entry) => entry.attempt === attempt);
}

/** What a scheduler has of a trial: handed over, and neither ended nor taken back since. */
export function openJob(journal: readonly JournalEntry[]): QueuedEntry | undefined {
  let open: QueuedEntry | undefined;
  let last: QueuedEntry | undefined;
  for (const entry of journal) {
    if (entry.t === 'queued') open = last = entry;
    else if (entry.t === 'end' || entry.t === 'dequeued') open = undefined;
    else if (entry.t === 'requeued') open = last;
  }
  return open;
}

/** A number for a trial's next attempt: never one that was given before, even where its folder was removed. */
export function newAttempt(results: string, key: string): number {
  // A place is given to an attempt that is still to begin.
  const begun = readJournal(results, key).flatMap((entry) =>
    'attempt' in entry && entry.t !== 'placed' ? [entry.attempt] : [],
  );
  return Math.max(0, ...listAttempts(results, key), ...begun) + 1;
}
