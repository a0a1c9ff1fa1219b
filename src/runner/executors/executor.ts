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
