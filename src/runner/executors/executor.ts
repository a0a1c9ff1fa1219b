/** @file What a place to run trials is: it starts one, and can ask it to stop or end it. */

import type { ProcessIdentity } from '../processes.js';

/** One attempt of a trial, ready to start. All paths are absolute. */
export interface Job {
  key: string;
  attempt: number;
  trialDirectory: string;
  /** Program and arguments of a trainer that is not ours, and the folder that they are relative to. */
  command?: string[];
  workingDirectory?: string;
  eventsFile: string;
  /** Where standard output and error go. */
  outputFile: string;
  /** Checkpoint folder to go on from. */
  resume: string | undefined;
  device: string;
  threads: number;
  /** Bytes of memory that the trial may have; without, what is free. */
  memoryLimit?: number | undefined;
  /** What its processes have in their environment besides. */
  environment: Record<string, string>;
}

export interface Exit {
  exitCode: number | null;
  /** Signal that ended the process, e.g. `SIGKILL`. */
  signal: string | null;
  /** Whether the kernel killed some process of this control group, or machine, for want of memory while it ran. */
  oomKilled?: boolean;
  /** Whether the runner asked it to stop, or killed it. */
  asked?: boolean;
  /** Of a scheduler: what became of it without fault of its own, in words. */
  lost?: string;
  /** Of a scheduler: it starts the trial again by itself, for this reason. */
  requeued?: string;
  /** Of a scheduler: its time limit came before anything was saved. */
  outOfTime?: boolean;
  /** Of a scheduler: somebody cancelled its job by hand. */
  cancelled?: boolean;
  /** It goes on; this runner leaves it. */
  left?: boolean;
}

export interface RunningTrial {
  /** Undefined where the process could not be started. */
  process: ProcessIdentity | undefined;
  /** Resolves, never rejects, when no process of the trial is left. */
  exited: Promise<Exit>;
  /** Asks the trial to save and leave; it is killed if it has not after the grace time, in milliseconds. */
  stop(grace: number): void;
  /** Ends the trial and all that it started, at once. */
  kill(): void;
}

export interface Executor {
  start(job: Job): RunningTrial;
}

/** A trial that is to run under a scheduler. */
export interface Submission {
  key: string;
  sweep: string;
  /** Number for its first attempt. */
  attempt: () => number;
  /** Bytes of the host's memory; null: not known. */
  memory: number | null;
  environment: Record<string, string>;
}

/** An attempt that a scheduler has started, somewhere. */
export interface Started {
  attempt: number;
  /** Unix seconds. */
  wall: number;
  device: string;
  threads: number;
  /** Update of the checkpoint that it goes on from. */
  resume: number | null;
  /** Its job, and on which node. */
  where: string;
  running: RunningTrial;
}

/** Decides itself when and where a trial starts, and starts it again where a node dies. */
export interface Scheduler {
  /**
   * Waits for the next attempt of a trial: of a job that is there already, since this runner or an earlier one submitted it, or of
   * a new one. An exit: its job ended before it began.
   */
  next: (trial: Submission) => Promise<{ started: Started } | { exit: Exit }>;
  /** Trials that are not started are not any more. */
  stop(): void;
  /** All goes on without this runner. */
  leave(): void;
  close(): void;
}
