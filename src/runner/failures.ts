/**
 * @file What can go wrong with a trial: the one table of classes, with how each is recognised, what is done about it and what
 * its user can do. docs/failures.md shows it.
 */

export interface FailurePolicy {
  /** What a reason begins with. */
  reason: string;
  /** How it is recognised. */
  sign: string;
  /** What the runner does. */
  policy: string;
  /**
   * Seconds to wait before the first attempt that goes on from the last checkpoint; each further one waits twice as long, up to
   * `LONGEST_WAIT`. Null: no further attempt.
   */
  wait: number | null;
  /** Whether a sweep whose trials all end like this from the start is stopped (guard.ts): it says that nothing works here. */
  guarded: boolean;
  /** What a user can do where the attempts are used up. */
  advice: string;
}

/** In the order in which they are looked for, the surest sign first (outcome.ts). */
export const FAILURES = {
  diverged: {
    reason: 'its training diverged',
    sign: 'a `health` event with the code `diverged`: a loss is no number, or exploded',
    policy: 'no further attempt: the same numbers would come again; the checkpoint before is kept',
    wait: null,
    guarded: false,
    advice: 'try a smaller lr, or smaller weights of the losses',
  },
  hang: {
    reason: 'it hung',
    sign: 'for `retry: {hang: 30m}` no sign of progress: no event, and no program of the engine that ended. Off for other trainers unless set',
    policy: 'killed, and tried again up to `retry: {limit: 2}`',
    wait: 1,
    guarded: true,
    advice: 'if its steps take longer than that, set retry: {hang: 2h}, or hang: off',
  },
  'time-limit': {
    reason: 'it reached its time limit',
    sign: 'it ran for longer than `resources: {time: 8h}`, all attempts of one `sweep run` together; or, under Slurm, its job’s time limit came before it had got any further',
    policy: 'asked to save and leave; no further attempt',
    wait: null,
    guarded: false,
    advice: 'raise resources.time; under Slurm --time',
  },
  lost: {
    reason: 'its job was lost',
    sign: 'under Slurm: its job is gone, and no result of it is there (a node that died, a controller that forgot it), or the job ended before the trial began',
    policy:
      'submitted again, and not counted as an attempt, until that has happened 5 times in a row without a new checkpoint',
    wait: 1,
    guarded: false,
    advice: 'the log of its array in results/slurm, and sinfo -R, may tell what is wrong with the nodes',
  },
  'disk-full': {
    reason: 'the disk is full',
    sign: 'exit code 74; or ENOSPC, EDQUOT or their words in the last output; or no free space where the results are; or the runner itself cannot write',
    policy:
      'the sweep stops: no new trials, running ones save if they can; the same command goes on once there is space',
    wait: null,
    guarded: false,
    advice: 'make space, then run the same command again: nothing is lost',
  },
  'out-of-memory': {
    reason: 'it ran out of memory',
    sign: 'exit code 71; SIGKILL with the evidence of the kernel’s or the control group’s counter; or a crash whose last output says so',
    policy:
      'the micro-batch is halved at the same batch, down to 1, and the next attempt goes on at once; only the kernel’s kill is tried again where there is nothing to halve',
    wait: 1,
    guarded: true,
    advice:
      'set resources: {memory: low}, fewer resources.trials, a smaller patch or fewer filters; norm: batch cannot be split',
  },
  data: {
    reason: 'its data cannot be used',
    sign: 'exit code 65',
    policy: 'no further attempt',
    wait: null,
    guarded: true,
    advice: 'mend the data that its output names',
  },
  configuration: {
    reason: 'its configuration is wrong',
    sign: 'exit code 64, or 126 or 127 of a shell; or the program could not be started',
    policy: 'no further attempt',
    wait: null,
    guarded: true,
    advice: 'mend the sweep file, or what its command names',
  },
  'device-lost': {
    reason: 'its device is not there',
    sign: 'exit code 69, or words of a driver that lost its GPU in the last output',
    policy: 'tried again up to `retry: {limit: 2}`, after a longer pause: a driver may come back',
    wait: 10,
    guarded: true,
    advice: 'see sweep doctor; the system’s log may tell why the driver lost it',
  },
  crash: {
    reason: 'its engine crashed',
    sign: 'SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP or SIGSYS, also as a shell reports them (exit code 128 and more)',
    policy: 'tried again up to `retry: {limit: 2}`',
    wait: 1,
    guarded: true,
    advice: 'another engine may do: --engine NAME; its output may tell more',
  },
  killed: {
    reason: 'it was killed',
    sign: 'any other signal that the runner did not send',
    policy: 'tried again up to `retry: {limit: 2}`',
    wait: 1,
    guarded: false,
    advice: 'find out what killed it: a person, a batch system, another program',
  },
  'try-again': {
    reason: 'it asked for another attempt',
    sign: 'exit code 75',
    policy: 'tried again up to `retry: {limit: 2}`, after a longer pause',
    wait: 10,
    guarded: true,
    advice: 'its output tells what it waits for',
  },
  fault: {
    reason: 'it failed',
    sign: 'exit code 70, any other exit code, or an end without a `done` or `stopped` event',
    policy: 'tried again up to `retry: {limit: 2}`',
    wait: 1,
    guarded: true,
    advice: 'its output tells more',
  },
} as const satisfies Record<string, FailurePolicy>;

export type FailureClass = keyof typeof FAILURES;

/** Seconds; a wait is doubled up to this. */
const LONGEST_WAIT = 300;

/**
 * Seconds to wait before another attempt: doubled each time, and shortened by up to half by chance, so that trials that failed
 * together do not come back together.
 * @param failures attempts of this run that failed before, from 0
 * @param chance in [0, 1)
 */
export function backOff(wait: number, failures: number, chance: number): number {
  return Math.min(LONGEST_WAIT, wait * 2 ** failures) * (1 - chance / 2);
}

export function policyOf(failure: string): FailurePolicy | undefined {
  return Object.hasOwn(FAILURES, failure) ? FAILURES[failure as FailureClass] : undefined;
}
