/** @file The guard: a sweep whose trials all fail the same way from the start is stopped before it has wasted hours. */
import type { AnyTrialConfig } from '../protocol.js';
import { FAILURES } from './failures.js';
import type { Verdict } from './outcome.js';

/** This many trials, and this many settings where the run has as many, must have failed. */
const ENOUGH = 3;

export const GUARD_VARIABLE = 'SWEEP_GUARD';

/** Follows the trials of one run as they end. */
export interface Guard {
  /** Why the sweep is to stop, once. */
  saw(trial: AnyTrialConfig, verdict: Verdict): string | undefined;
}

/** @param queue the trials that this run is to train */
export function openGuard(
  queue: readonly AnyTrialConfig[],
  environment: NodeJS.ProcessEnv = process.env,
): Guard {
  const setting = ({ parameters }: AnyTrialConfig) => JSON.stringify(parameters);
  const settings = Math.min(ENOUGH, new Set(queue.map(setting)).size);
  const failed = new Set<string>();
  let [ended, off] = [0, environment[GUARD_VARIABLE] === 'off'];
  let like: Verdict | undefined;
  return {
    saw(trial, verdict) {
      ended++;
      const guarded =
        verdict.outcome === 'failed' && verdict.class !== null && FAILURES[verdict.class].guarded;
      // One that went well, or failed in another way, and there is something to learn from the rest.
      if (!guarded || (like !== undefined && like.class !== verdict.class)) off = true;
      if (off) return undefined;
      like = verdict;
      failed.add(setting(trial));
      if (ended < ENOUGH || failed.size < settings || ended === queue.length) return undefined;
      off = true;
      return (
        `The first ${ended} trials all failed the same way (${verdict.reason}): the other ${queue.length - ended} are not started. ` +
        `${GUARD_VARIABLE}=off in the environment starts them regardless.`
      );
    },
  };
}
