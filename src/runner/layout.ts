/** @file Where things lie in a results folder. */
import fs from 'node:fs';
import path from 'node:path';
import { systemCode } from '../errors.js';

export function trialDirectory(results: string, key: string): string {
  return path.join(results, 'trials', key);
}

export function attemptDirectory(results: string, key: string, attempt: number): string {
  return path.join(trialDirectory(results, key), 'attempts', String(attempt));
}

export function eventsFile(results: string, key: string, attempt: number): string {
  return path.join(attemptDirectory(results, key, attempt), 'events.ndjson');
}

export function outputFile(results: string, key: string, attempt: number): string {
  return path.join(attemptDirectory(results, key, attempt), 'output.log');
}

/** What an attempt took of the machine, as the runner measured it. */
export function systemFile(results: string, key: string, attempt: number): string {
  return path.join(attemptDirectory(results, key, attempt), 'system.ndjson');
}

/** How an attempt of a task of Slurm's ended, as the task wrote it down. */
export function resultFile(results: string, key: string, attempt: number): string {
  return path.join(attemptDirectory(results, key, attempt), 'result.json');
}

/** What the runner decided and measured for a trial; the trial itself writes only its events. */
export function journalFile(results: string, key: string): string {
  return path.join(trialDirectory(results, key), 'runner.ndjson');
}

export function sweepRecordFile(results: string, name: string): string {
  return path.join(results, 'sweeps', name, 'sweep.json');
}

/** What the runner that ran a sweep last had taken on. */
export function runRecordFile(results: string, name: string): string {
  return path.join(results, 'sweeps', name, 'run.json');
}

/** Keys of the trials that have a folder, sorted. */
export function listTrials(results: string): string[] {
  return namesIn(path.join(results, 'trials'))
    .filter((name) => /^[0-9a-f]+$/.test(name))
    .sort();
}

/** A trial's folder while it is removed: nobody takes it for a trial. */
export function removedDirectory(results: string, key: string): string {
  return path.join(results, 'trials', `removed-${key}`);
}

/** Folders of trials whose removal was not finished. */
export function listRemoved(results: string): string[] {
  return namesIn(path.join(results, 'trials'))
    .filter((name) => name.startsWith('removed-'))
    .map((name) => path.join(results, 'trials', name));
}

/** Names of a trial's checkpoints, and of what a kill left beside them. */
export function listCheckpoints(results: string, key: string): string[] {
  return namesIn(path.join(trialDirectory(results, key), 'checkpoints'));
}

/** Names of the sweeps that have a record, sorted. */
export function listSweeps(results: string): string[] {
  const names = namesIn(path.join(results, 'sweeps'));
  return names.filter((name) => fs.existsSync(sweepRecordFile(results, name))).sort();
}

/** Numbers of the attempts that have a folder, ascending. */
export function listAttempts(results: string, key: string): number[] {
  return namesIn(path.join(trialDirectory(results, key), 'attempts'))
    .map(Number)
    .filter((n) => Number.isInteger(n) && n > 0)
    .sort((a, b) => a - b);
}

/** The newest whole checkpoint of a trial, or undefined: folders are renamed to `step-N` only when whole. */
export function lastCheckpoint(results: string, key: string): string | undefined {
  const folder = path.join(trialDirectory(results, key), 'checkpoints');
  const names = namesIn(folder).filter((name) => /^step-\d+$/.test(name));
  const newest = names.sort((a, b) => Number(a.slice(5)) - Number(b.slice(5))).at(-1);
  return newest === undefined ? undefined : path.join(folder, newest);
}

/** Update of a checkpoint, by the name of its folder. */
export function stepOf(checkpoint: string): number {
  return Number(path.basename(checkpoint).slice('step-'.length));
}

/** Nothing where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Writes under another name and renames: a reader sees the old file or the new one, never half of it, whoever is killed. The other
 * name is always the same, so that nothing piles up: only the one runner of the folder writes.
 * @param durably whether the content also survives a loss of power from now on; takes milliseconds
 */
export function writeFileWhole(file: string, content: string, durably = false): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.tmp`;
  fs.writeFileSync(temporary, content, { flush: durably });
  fs.renameSync(temporary, file);
}
