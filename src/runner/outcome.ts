/** @file What an exit means: the class of a failure, in words, and whether another attempt can help. */
import { EXIT, type TrialEvent } from '../protocol.js';
import type { AttemptEnd } from '../store/writer.js';
import type { Exit } from './executors/executor.js';

export interface Verdict extends AttemptEnd {
  /** Another attempt, from the last checkpoint, may succeed. */
  retry: boolean;
}

/** Reasons by exit code. They go into the store: no file names, no paths. */
const REASONS: Record<number, { reason: string; retry: boolean }> = {
  [EXIT.configurationWrong]: { reason: 'its configuration is wrong', retry: false },
  [EXIT.dataWrong]: { reason: 'its data cannot be used', retry: false },
  [EXIT.deviceMissing]: { reason: 'its device is not there', retry: false },
  [EXIT.fault]: { reason: 'it failed', retry: true },
  [EXIT.outOfMemory]: { reason: 'it ran out of memory; its output says what needs less', retry: false },
  [EXIT.tryAgain]: { reason: 'it asked for another attempt', retry: true },
};

/** @param last the trial's last `done`, `stopped` or `health` event of this attempt */
export function judgeExit(exit: Exit, last: TrialEvent | undefined): Verdict {
  const { oomKilled, ...end } = exit;
  // Written last of all: what happens to the process behind it changes nothing, and nothing finished is done again.
  if (last?.t === 'done') {
    return { outcome: 'done', reason: last.reason, ...end, retry: false };
  }
  if (exit.exitCode === EXIT.done && last?.t === 'stopped') {
    return { outcome: 'stopped', reason: last.reason, ...end, retry: false };
  }
  if (exit.signal !== null) {
    // Any process may send SIGKILL: only the kernel's count tells that it was for want of memory.
    const reason =
      exit.signal === 'SIGKILL' && oomKilled === true
        ? 'it was killed (SIGKILL) while the kernel killed a process for want of memory'
        : `it was killed (${exit.signal}), by what is not known`;
    return { outcome: 'failed', reason, ...end, retry: true };
  }
  if (last?.t === 'health') return { outcome: 'failed', reason: last.message, ...end, retry: false };
  const known = exit.exitCode === null ? undefined : REASONS[exit.exitCode];
  return {
    outcome: 'failed',
    reason: `${known?.reason ?? 'it ended without saying why'} (exit code ${exit.exitCode ?? 'unknown'})`,
    ...end,
    retry: known?.retry ?? true,
  };
}
