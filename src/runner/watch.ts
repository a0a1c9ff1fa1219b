/** @file Watches a running trial for what it cannot say itself: that it hangs, or that its time is up. Knows no clock. */
import type { TrialEvent } from '../protocol.js';

/** All times in seconds; null: no limit. */
export interface Limits {
  /** Without a sign of progress. */
  hang: number | null;
  /** That is left of what the trial may run for. */
  time: number | null;
}

export interface Watch {
  /** Takes new events in, at a time of a clock that only goes forward, in seconds. */
  saw(events: readonly TrialEvent[], now: number): void;
  /** What the trial is to be ended for, once. */
  overdue(now: number): 'hang' | 'time-limit' | undefined;
}

/** Of our own trainer: a program of the engine (one term of one micro-batch) that takes this long has never been seen. */
const OWN_HANG = 30 * 60;

/** `retry: {hang}` in seconds. Another trainer may say nothing for as long as it likes, unless the sweep file knows better. */
export function hangLimit(written: 'auto' | 'off' | number, foreign: boolean): number | null {
  if (written === 'off') return null;
  if (written === 'auto') return foreign ? null : OWN_HANG;
  return written;
}

export function openWatch({ hang, time }: Limits, begun: number): Watch {
  let lastSign = begun;
  let progress: number | undefined;
  let told = false;
  return {
    saw(events, now) {
      for (const event of events) {
        // Our own trainer says that it lives also while its worker is stuck: only its count tells.
        if (event.t === 'alive' && event.progress !== undefined && event.progress === progress) continue;
        if (event.t === 'alive') progress = event.progress;
        lastSign = now;
      }
    },
    overdue(now) {
      if (told) return undefined;
      let limit: ReturnType<Watch['overdue']>;
      if (hang !== null && now - lastSign > hang) limit = 'hang';
      else if (time !== null && now - begun > time) limit = 'time-limit';
      told = limit !== undefined;
      return limit;
    },
  };
}
