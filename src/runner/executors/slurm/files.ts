/**
 * @file What runner and tasks tell each other through the shared folder. `slurm/TOKEN/` is an array: its script, what its tasks
 * are, which of them are to stop. `trials/KEY/attempts/N/` holds what a task says of its attempt: that it has begun, that it
 * lives, how it ended. Nobody writes another's file.
 */
import fs from 'node:fs';
import path from 'node:path';
import { systemCode } from '../../../errors.js';
import { attemptDirectory, listAttempts, resultFile, writeFileWhole } from '../../layout.js';

/** `tasks.json` of an array. */
export interface ArrayFile {
  token: string;
  sweep: string;
  /** `cpu`, `cuda` or `webgpu`. */
  device: string;
  memoryLimit: number | null;
  tasks: TaskEntry[];
}

export interface TaskEntry {
  key: string;
  /** Number of its first attempt; those that follow where Slurm starts it again take the next free ones. */
  attempt: number;
  environment: Record<string, string>;
}

/** `claim.json`: written before the trainer is started. */
export interface Claim {
  token: string;
  task: number;
  /** e.g. `12_3`. */
  job: string;
  /** How often Slurm has started the task again. */
  restart: number;
  /** Unix seconds. */
  wall: number;
  host: string;
  node: string;
  device: string;
  threads: number;
  /** Update of the checkpoint that it goes on from. */
  resume: number | null;
}

/** `result.json`: written when no process of the trainer is left. */
export interface Result {
  exitCode: number | null;
  signal: string | null;
  oomKilled: boolean;
  /** The last event that tells how it ended. */
  last: 'done' | 'stopped' | 'health' | null;
  /** Unix seconds. */
  started: number;
  ended: number;
  host: string;
  job: string;
  restart: number;
  /** Why its trainer was asked to stop: by us, by Slurm before its time limit, by a signal of somebody (scancel, preemption), for another copy. */
  asked: 'runner' | 'time' | 'signal' | 'superseded' | null;
  /** Whether it has a newer checkpoint than it began from: one that comes no further in a whole job never will. */
  further: boolean;
  /** Whether Slurm was asked to start the task again. */
  requeue: boolean;
}

export function arraysFolder(results: string): string {
  return path.join(results, 'slurm');
}

export function arrayFolder(results: string, token: string): string {
  return path.join(arraysFolder(results), token);
}

/** A file whose being there asks a task to save and stop, or not to begin. */
export function stopFile(folder: string, task: number): string {
  return path.join(folder, `stop-${task}`);
}

/** Id of the array's job, once sbatch has told it. */
export function jobFile(folder: string): string {
  return path.join(folder, 'job.json');
}

export function readArray(folder: string): ArrayFile | undefined {
  return readJson<ArrayFile>(path.join(folder, 'tasks.json'));
}

export function writeArray(folder: string, array: ArrayFile): void {
  writeFileWhole(path.join(folder, 'tasks.json'), JSON.stringify(array, null, 1) + '\n', true);
}

function attemptFile(results: string, key: string, attempt: number, name: string): string {
  return path.join(attemptDirectory(results, key, attempt), name);
}

export function readClaim(results: string, key: string, attempt: number): Claim | undefined {
  return readJson<Claim>(attemptFile(results, key, attempt, 'claim.json'));
}

export function writeClaim(results: string, key: string, attempt: number, claim: Claim): void {
  writeFileWhole(attemptFile(results, key, attempt, 'claim.json'), JSON.stringify(claim) + '\n', true);
}

export function readResult(results: string, key: string, attempt: number): Result | undefined {
  return readJson<Result>(resultFile(results, key, attempt));
}

export function writeResult(results: string, key: string, attempt: number, result: Result): void {
  writeFileWhole(resultFile(results, key, attempt), JSON.stringify(result) + '\n', true);
}

/** Says that an attempt lives: its content changes, which is seen on every machine as soon as the file is opened. */
export function writeBeat(results: string, key: string, attempt: number, beat: number): void {
  fs.writeFileSync(attemptFile(results, key, attempt, 'beat'), String(beat));
}

export function readBeat(results: string, key: string, attempt: number): string | undefined {
  return readText(attemptFile(results, key, attempt, 'beat'));
}

/** Attempts that a task has begun, ascending, from its first on. */
export function claimsOf(
  results: string,
  { key, token, task, from }: { key: string; token: string; task: number; from: number },
): { attempt: number; claim: Claim }[] {
  return listAttempts(results, key).flatMap((attempt) => {
    const claim = attempt < from ? undefined : readClaim(results, key, attempt);
    return claim?.token === token && claim.task === task ? [{ attempt, claim }] : [];
  });
}

/** An attempt of a trial, of whatever job, that says that it is done. */
export function doneBefore(results: string, key: string): { attempt: number; claim: Claim } | undefined {
  const attempt = listAttempts(results, key).findLast(
    (each) => readResult(results, key, each)?.last === 'done',
  );
  const claim = attempt === undefined ? undefined : readClaim(results, key, attempt);
  return attempt === undefined || claim === undefined ? undefined : { attempt, claim };
}

/** Undefined where there is none yet, or it cannot be read: on a network file system a file may go while it is read. */
export function readJson<T>(file: string): T | undefined {
  const text = readText(file);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESTALE', 'EIO'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
