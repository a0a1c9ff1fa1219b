/** @file What the state of a job and the files of its task say together of an attempt. Pure: knows no clock and no disk. */
import type { Exit } from '../executor.js';
import type { Claim, Result } from './files.js';

export interface Look {
  /** In Slurm's word; `absent`: it knows no such task; `unknown`: it does not answer. */
  state: string;
  phase: 'waiting' | 'running' | 'ended' | 'unknown';
  restarts: number;
  nodes: string;
  /** Of the attempt that runs; undefined: the next has not begun. */
  claim: Claim | undefined;
  result: Result | undefined;
  /** Whether a later attempt of the same task has begun. */
  later: boolean;
  /** Whether this runner, or an earlier one, asked it to stop. */
  asked: boolean;
  /** For how long the files have not said what they should, milliseconds. */
  odd: number;
}

const NOTHING: Exit = { exitCode: null, signal: null };

/**
 * How an attempt ended, or a job that began none; `well`: nothing to be seen to; `odd`: what Slurm says and what the files say do not
 * fit yet, which only time can tell.
 */
export function judge(look: Look, settle: number): Exit | 'well' | 'odd' {
  const { claim, result, later, state, phase, restarts, odd } = look;
  const settled = odd >= settle;
  if (claim === undefined) {
    if (phase !== 'ended') return 'well';
    return settled ? withoutResult(look, 'before it began') : 'odd';
  }
  const again = phase === 'waiting' || (phase !== 'ended' && restarts > claim.restart);
  if (result !== undefined) {
    const { exitCode, signal, oomKilled, asked } = result;
    const exit: Exit = { exitCode, signal, oomKilled, asked: look.asked || asked !== null };
    if (result.last === 'done') return exit;
    if (asked === 'time' && result.requeue) return { ...exit, requeued: 'its time limit came near' };
    if (asked === 'time' && !look.asked) {
      // It saved, and Slurm would not start it again: this runner does. Or it had nothing to save.
      return result.further ? { ...exit, lost: 'its time limit came near' } : { ...exit, outOfTime: true };
    }
    if (asked === 'superseded' || later) return { ...exit, requeued: 'another copy of it was started' };
    if (asked === 'runner' && !look.asked) return { ...exit, lost: 'an earlier run had asked it to stop' };
    if (asked !== 'signal' || look.asked) return exit;
    // A signal of somebody: who it was, the job's state tells.
    if (again) return { ...exit, requeued: 'Slurm started it again (pre-emption, requeue)' };
    if (state === 'CANCELLED') return { ...exit, cancelled: true };
    if (phase === 'ended' && state !== 'absent') return { ...exit, lost: inWords(look) };
    return settled && phase === 'ended' ? { ...exit, lost: inWords(look) } : 'odd';
  }
  if (later) return { ...NOTHING, requeued: 'it was started again; what became of this copy is not known' };
  if (again)
    return settled
      ? { ...NOTHING, requeued: `its node ${claim.node} was lost, or somebody requeued it` }
      : 'odd';
  if (phase !== 'ended') return 'well';
  return settled ? withoutResult(look, 'without a word') : 'odd';
}

function withoutResult(look: Look, how: string): Exit {
  const { state, asked } = look;
  if (asked) return { ...NOTHING, asked: true };
  if (state === 'CANCELLED') return { ...NOTHING, cancelled: true };
  if (state === 'OUT_OF_MEMORY') return { exitCode: null, signal: 'SIGKILL', oomKilled: true };
  return { ...NOTHING, lost: `${inWords(look)}, ${how}` };
}

const STATES: Record<string, string> = {
  absent: 'Slurm no longer knows its job',
  NODE_FAIL: 'its node failed',
  BOOT_FAIL: 'its node did not start',
  PREEMPTED: 'it made room for another job',
  TIMEOUT: 'its job reached Slurm’s time limit',
  DEADLINE: 'its job reached its deadline',
  FAILED: 'its job failed',
  COMPLETED: 'its job ended',
};

function inWords(look: Look): string {
  const { state } = look;
  return `${STATES[state] ?? 'its job ended'}${state === 'absent' ? '' : ` (${state}${named(look)})`}`;
}

function named({ nodes }: Look): string {
  return nodes === '' ? '' : ` on ${nodes}`;
}
