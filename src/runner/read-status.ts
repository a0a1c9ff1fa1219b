/** @file Gathers what a sweep's status is made of: the store, the journals of trials that are not settled, the registry. Writes nothing there. */
import fs from 'node:fs';
import { UserError } from '../errors.js';
import { availableCores, hostHash } from '../machine.js';
import { readStore } from '../store/open.js';
import { readLoad, readStoredTrials, readTold, selectSweep, type StoredTrial } from '../store/progress.js';
import { readWholeJournal } from './executors/slurm/settle.js';
import { openJob, type JournalEntry } from './journal.js';
import { runRecordFile } from './layout.js';
import { liveRunner } from './lock.js';
import { isSame } from './processes.js';
import { bringUpToDate } from './projection.js';
import { readReservations, type Reservation } from './registry.js';
import { statusOf, type Load, type RunRecord, type SweepStatus, type TrialFacts } from './status.js';

/**
 * Where a sweep stands now; without a name, the one that was run last.
 * @throws UserError if there is no such sweep, or the database cannot be read
 */
export function readStatus(results: string, name?: string, now = Date.now() / 1000): SweepStatus {
  bringUpToDate(results);
  return readStore(results, (store) => {
    const sweep = selectSweep(store, name);
    const run = readRun(results, sweep.name);
    const here = run === undefined || run.host === hostHash();
    const trials = readStoredTrials(store, sweep.id).map((trial): TrialFacts => {
      const journal = isSettled(trial, run) ? [] : readWholeJournal(results, trial.key);
      const attempt = openAttempt(journal);
      return {
        ...trial,
        journal,
        alive:
          attempt === undefined || !here || openJob(journal) !== undefined
            ? undefined
            : isAlive(journal, attempt),
        told: attempt === undefined ? undefined : readTold(store, trial.id, attempt),
        load: attempt === undefined ? undefined : loadOf(readLoad(store, trial.id, attempt)),
      };
    });
    return statusOf({ sweep, trials, run, reservations: reservations(), cores: availableCores(), now });
  });
}

/** What the runner of the folder does for this sweep; undefined where none does, or for another sweep. */
function readRun(results: string, name: string): RunRecord | undefined {
  const runner = liveRunner(results);
  if (runner === undefined) return undefined;
  try {
    const run = JSON.parse(fs.readFileSync(runRecordFile(results, name), 'utf8')) as RunRecord;
    return String(run.pid) === runner.split(' ')[0] ? run : undefined;
  } catch {
    return undefined; // it has not begun, or there is nothing to run
  }
}

function isSettled({ key, status }: StoredTrial, run: RunRecord | undefined): boolean {
  if (status === 'done' || status === 'early-stopped') return true;
  return status === 'failed' && run?.wanted.includes(key) !== true;
}

/** Number of the attempt that has begun and not ended. */
function openAttempt(journal: readonly JournalEntry[]): number | undefined {
  const begun = journal.findLast((entry) => entry.t === 'attempt');
  if (begun === undefined) return undefined;
  return journal.some((entry) => entry.t === 'end' && entry.attempt === begun.attempt)
    ? undefined
    : begun.attempt;
}

/** Undefined before its process is written down. */
function isAlive(journal: readonly JournalEntry[], attempt: number): boolean | undefined {
  const process = journal.findLast((entry) => entry.t === 'process' && entry.attempt === attempt);
  return process?.t === 'process' ? isSame(process) : undefined;
}

function loadOf(row: ReturnType<typeof readLoad>): Load | undefined {
  if (row === undefined) return undefined;
  const { cpu, memory, gpu, gpuMemory, power, temperature } = row;
  return { cpu, memory, gpu, gpuMemory, power, temperature };
}

/** A registry that cannot be read hides devices, and nothing else. */
function reservations(): Reservation[] {
  try {
    return readReservations();
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}
