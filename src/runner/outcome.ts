/** @file What an end means: its class in the table of failures, on what evidence, in words. */
import { isDiskFullText } from '../disk.js';
import { outOfMemory } from '../out-of-memory.js';
import { EXIT, type TrialEvent } from '../protocol.js';
import type { AttemptEnd } from '../store/writer.js';
import type { Exit } from './executors/executor.js';
import { FAILURES, type FailureClass } from './failures.js';

export interface Verdict extends AttemptEnd {
  class: FailureClass | null;
}

export interface Evidence {
  exit: Exit;
  /** The trial's last `done`, `stopped` or `health` event of this attempt. */
  last?: TrialEvent | undefined;
  /** For what the runner itself ended it. */
  limit?: 'hang' | 'time-limit' | undefined;
  /** The last words of its output. They decide a class, and go nowhere: they can name a file. */
  output?: string;
  /** Whether nothing more can be written where the results are. */
  diskFull?: boolean;
}

/** Signals of a program that broke, not of somebody who ended it. */
const CRASHES = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];
/** What a shell adds to the number of a signal that ended its command; numbers of Linux. */
const SHELL_SIGNAL = 128;
const SIGNAL_NUMBERS: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
  31: 'SIGSYS',
};
/** Exit codes of a trial, and those of a shell that could not start its command. */
const BY_CODE: Record<number, FailureClass> = {
  [EXIT.configurationWrong]: 'configuration',
  [EXIT.dataWrong]: 'data',
  [EXIT.deviceMissing]: 'device-lost',
  [EXIT.fault]: 'fault',
  [EXIT.outOfMemory]: 'out-of-memory',
  [EXIT.diskFull]: 'disk-full',
  [EXIT.tryAgain]: 'try-again',
  126: 'configuration',
  127: 'configuration',
};
/** Words of drivers and libraries for a GPU that is gone. */
const DEVICE_LOST =
  /GPU is lost|fallen off the bus|device (was |is )?lost|DEVICE_LOST|cudaErrorDevicesUnavailable|no CUDA-capable device/i;

/** Reasons go into the store: no file names, no paths. */
export function judgeExit(evidence: Evidence): Verdict {
  const { exit, last, limit } = evidence;
  const { exitCode } = exit;
  const signal = exit.signal ?? SIGNAL_NUMBERS[(exitCode ?? 0) - SHELL_SIGNAL] ?? null;
  const end = (outcome: AttemptEnd['outcome'], reason: string, failure: FailureClass | null): Verdict => {
    return { outcome, reason, exitCode, signal: exit.signal, class: failure };
  };
  // What broke after the trial had said its last word, as its engine was closed, takes nothing from it.
  if (last?.t === 'done' && (exitCode === EXIT.done || signal !== null))
    return end('done', last.reason, null);
  if (last?.t === 'health') return end('failed', last.message, 'diverged');
  if (limit !== undefined) return end('failed', FAILURES[limit].reason, limit);
  // What a scheduler did is no fault of the trial.
  if (exit.outOfTime) return end('failed', 'the time limit of its job came before it got any further', 'time-limit'); // prettier-ignore
  if (exit.requeued !== undefined)
    return end(last?.t === 'stopped' ? 'stopped' : 'lost', exit.requeued, null);
  if (exit.cancelled)
    return end('stopped', 'its job was cancelled (scancel); its last checkpoint holds', null);
  if (exit.lost !== undefined) return end('lost', exit.lost, 'lost');
  if (last?.t === 'stopped' && (exitCode === EXIT.done || exit.asked))
    return end('stopped', last.reason, null);

  const failure = classify(evidence, signal);
  if (failure === 'disk-full') return end('stopped', FAILURES[failure].reason, failure);
  if (exit.asked && failure !== 'configuration' && failure !== 'data') {
    return end('stopped', 'asked to stop; it left without saving, its last checkpoint holds', null);
  }
  return end('failed', inWords(failure, evidence, signal), failure);
}

function classify({ exit, output = '', diskFull = false }: Evidence, signal: string | null): FailureClass {
  const known = signal === null ? BY_CODE[exit.exitCode ?? NaN] : undefined;
  if (known !== undefined && known !== 'fault') return known;
  if (signal === 'SIGKILL') return exit.oomKilled === true ? 'out-of-memory' : 'killed';
  // A program that broke, or that speaks other exit codes: its last words may tell why.
  const crashed = signal !== null && CRASHES.includes(signal);
  if (signal === null || crashed) {
    if (diskFull || isDiskFullText(output)) return 'disk-full';
    if (outOfMemory(output) !== undefined) return 'out-of-memory';
    if (DEVICE_LOST.test(output)) return 'device-lost';
  }
  if (signal === null) return 'fault';
  return crashed ? 'crash' : 'killed';
}

function inWords(failure: FailureClass, { exit, last }: Evidence, signal: string | null): string {
  const { reason } = FAILURES[failure];
  // Any process may send SIGKILL: only the kernel's count tells that it was for want of memory.
  if (failure === 'out-of-memory' && signal === 'SIGKILL')
    return 'it was killed (SIGKILL) while the kernel killed a process for want of memory';
  if (failure === 'killed') return `${reason} (${signal}), by what is not known`;
  if (signal !== null) return `${reason} (${signal})`;
  if (exit.exitCode === EXIT.done && last === undefined) return 'it ended without saying that it is done';
  return `${reason} (exit code ${exit.exitCode ?? 'unknown'})`;
}
