/** @file Whether and how a trial that failed is tried again: by the policy of its class, after a pause, with less memory where that was short. */
import { createHash } from 'node:crypto';
import type { AnyTrialConfig, TrialConfig } from '../protocol.js';
import { backOff, FAILURES } from './failures.js';
import { readJournal } from './journal.js';
import type { Verdict } from './outcome.js';
import { isForeignTrial } from './plan.js';

export interface NextAttempt {
  /** Seconds to wait before. */
  delay: number;
  /** Patches computed at once from now on. */
  microBatch?: number;
}

export interface Tries {
  /** Attempts of this run that failed before; those for which the micro-batch was halved are not counted. */
  failures: number;
  /** Attempts after the first. */
  limit: number;
  /** Times in a row that the scheduler lost it without a new checkpoint in between. */
  losses: number;
  /** What the attempt was computed with; undefined where it did not come so far as to say so. */
  microBatch: number | undefined;
}

/** A cluster that loses a trial so often does not run it. */
const MOST_LOSSES = 5;

/** What follows on an attempt, if anything. */
export function nextAttempt(
  config: AnyTrialConfig,
  attempt: number,
  verdict: Verdict,
  { failures, losses, limit, microBatch }: Tries,
): NextAttempt | undefined {
  if (verdict.class === 'lost' && losses < MOST_LOSSES) return { delay: FAILURES.lost.wait };
  if (verdict.outcome !== 'failed' || verdict.class === null) return undefined;
  const { wait } = FAILURES[verdict.class];
  if (verdict.class === 'out-of-memory') {
    const half = isForeignTrial(config) ? undefined : halved(config, microBatch);
    if (half !== undefined) return { delay: 0, microBatch: half };
    // The kernel may have killed this one for what another took: then the same may do.
    if (verdict.signal !== 'SIGKILL') return undefined;
  }
  if (wait === null || failures >= limit) return undefined;
  return { delay: backOff(wait, failures, chance(`${config.key} ${attempt}`)) };
}

/**
 * The largest part of the batch of at most half the size: with instance norm its gradients add up to those of the whole batch,
 * so the update is the same. Undefined where there is none, or where the norm needs the whole batch.
 */
function halved({ parameters, microBatch }: TrialConfig, used: number | undefined): number | undefined {
  if (parameters.norm === 'batch') return undefined;
  const had = used ?? (microBatch === 'auto' ? parameters.batch : microBatch);
  for (let half = Math.floor(had / 2); half >= 1; half--) if (parameters.batch % half === 0) return half;
  return undefined;
}

/** What an earlier run had found room for, where the sweep file leaves it open. */
export function startMicroBatch(
  results: string,
  { key, microBatch }: TrialConfig,
): TrialConfig['microBatch'] {
  if (microBatch !== 'auto') return microBatch;
  const halvings = readJournal(results, key).flatMap((entry) =>
    entry.t === 'retry' && entry.microBatch !== undefined ? [entry.microBatch] : [],
  );
  return halvings.at(-1) ?? 'auto';
}

/** A number in [0, 1) that follows from a text: the same attempt waits as long whenever it is looked at. */
function chance(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32;
}
