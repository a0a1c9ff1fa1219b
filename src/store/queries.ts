/** @file What a report reads from the store: plain data, nothing of SQL. */
import path from 'node:path';
import { and, asc, desc, eq, isNotNull } from 'drizzle-orm';
import { UserError } from '../errors.js';
import type { Budget, MetricValues, ParameterValues, TrialFacts, TrialParameters } from '../protocol.js';
import type { Store } from './open.js';
import {
  attempts,
  exams,
  messages,
  metricNames,
  metrics,
  samples,
  sweeps,
  sweepTrials,
  trials,
} from './schema.js';

export type TrialStatus = 'pending' | 'running' | 'done' | 'failed' | 'stopped';

/** One metric over a trial: parallel columns in the order of steps, later attempts superseding what they repeat. */
export interface Series {
  /** Updates done. */
  step: number[];
  /** Pixels seen of each domain. */
  pixels: number[];
  /** Seconds of training since the trial's first attempt started, pauses between attempts left out. */
  seconds: number[];
  /** NaN where the trial reported no number. */
  value: number[];
}

export interface AttemptRecord {
  attempt: number;
  outcome: 'done' | 'failed' | 'stopped' | 'lost' | null;
  /** Class of its failure. */
  class: string | null;
  reason: string | null;
  engine: string | null;
  engineReason: string | null;
  device: string | null;
  threads: number | null;
  host: string | null;
  cpu: string | null;
  versions: Record<string, string> | null;
  /** How residual blocks were computed, e.g. `winograd`. */
  form: string | null;
  from: number;
  /** Seconds; null while it runs. */
  seconds: number | null;
  peakMemory: number | null;
  predictedMemory: number | null;
  microBatch: number | null;
  exitCode: number | null;
}

export interface SampleRecord {
  step: number;
  name: string;
  role: string;
  /** Absolute path of a PNG. */
  file: string;
}

export interface TrialRecord {
  key: string;
  parameters: TrialParameters;
  seed: number;
  budget: Budget;
  dataFingerprint: string;
  status: TrialStatus;
  reason: string | null;
  /** Updates done. */
  step: number;
  updates: number | null;
  facts: TrialFacts | null;
  attempts: AttemptRecord[];
  /** By metric name. */
  series: Record<string, Series>;
  /** The last exam on the test split. */
  exam: { step: number; values: MetricValues; images: { index: number; v: MetricValues }[] } | null;
  samples: SampleRecord[];
  messages: { type: string; step: number | null; code: string | null; text: string }[];
}

export interface SweepRecord {
  name: string;
  question: string;
  /** The sweep file's text as it was run. */
  source: string;
  /** Parameters that differ between trials, in the file's order. */
  varied: (keyof TrialParameters)[];
  /** Unix seconds of the last change. */
  updated: number;
  /** In the order of the grid. */
  trials: TrialRecord[];
}

/**
 * Reads all that is known of a sweep; without a name, of the one that was run last.
 * @throws UserError if there is no such sweep
 */
export function readSweep(store: Store, name?: string): SweepRecord {
  const known = store.db.select().from(sweeps).orderBy(desc(sweeps.updated)).all();
  const sweep = name === undefined ? known[0] : known.find((row) => row.name === name);
  if (sweep === undefined) {
    const names = known.map((row) => row.name).join(', ');
    throw new UserError(
      name === undefined
        ? `No sweep was run in ${store.results} yet. Run one first: sweep run sweeps/patch.yaml\nIf one was run, sweep fsck says what is wrong.`
        : `There is no sweep ${name} in ${store.results}. Known: ${names === '' ? 'none' : names}`,
    );
  }
  const rows = store.db
    .select({ trial: trials })
    .from(sweepTrials)
    .innerJoin(trials, eq(trials.id, sweepTrials.trial))
    .where(eq(sweepTrials.sweep, sweep.id))
    .orderBy(asc(sweepTrials.position))
    .all();
  return {
    name: sweep.name,
    question: sweep.question,
    source: sweep.source,
    varied: sweep.varied as (keyof TrialParameters)[],
    updated: sweep.updated,
    trials: rows.map(({ trial }) => readTrial(store, trial)),
  };
}

function readTrial(store: Store, trial: typeof trials.$inferSelect): TrialRecord {
  const { db, results } = store;
  const { id, key, parameters, seed, budget, dataFingerprint, status, reason, step, updates } = trial;
  const tries = db.select().from(attempts).where(eq(attempts.trial, id)).orderBy(asc(attempts.attempt)).all();
  const exam = db
    .select()
    .from(exams)
    .where(eq(exams.trial, id))
    .orderBy(desc(exams.attempt), desc(exams.step))
    .all()
    .find((row) => row.split === 'test');
  return {
    key,
    // A trainer that is not ours has other names: what shows parameters asks for them by name and leaves out what is not there.
    parameters: parameters as unknown as TrialParameters,
    seed,
    budget,
    dataFingerprint,
    status,
    reason,
    step,
    updates,
    facts: tries.findLast((row) => row.facts !== null)?.facts ?? null,
    attempts: tries.map((row) => ({
      attempt: row.attempt,
      outcome: row.outcome,
      class: row.class,
      reason: row.reason,
      engine: row.engine,
      engineReason: row.engineReason,
      device: row.device,
      threads: row.threads,
      host: row.host,
      cpu: row.cpu,
      versions: row.versions,
      form: row.form,
      from: row.from,
      seconds: row.ended === null ? null : row.ended - row.started,
      peakMemory: row.peakMemory,
      predictedMemory: row.predictedMemory,
      microBatch: row.microBatch,
      exitCode: row.exitCode,
    })),
    series: readSeries(store, id, tries),
    exam: exam === undefined ? null : { step: exam.step, values: exam.values, images: exam.images },
    samples: db
      .select()
      .from(samples)
      .where(eq(samples.trial, id))
      .orderBy(asc(samples.step), asc(samples.id))
      .all()
      .map((row) => ({
        step: row.step,
        name: row.name,
        role: row.role,
        file: path.join(results, 'trials', key, row.path),
      })),
    messages: db
      .select({ type: messages.type, step: messages.step, code: messages.code, text: messages.text })
      .from(messages)
      .where(eq(messages.trial, id))
      .orderBy(asc(messages.id))
      .all(),
  };
}

/** Of each (name, step) the row of the highest attempt counts: a later attempt supersedes the steps that it repeats. */
function readSeries(
  { db }: Store,
  trial: number,
  tries: (typeof attempts.$inferSelect)[],
): Record<string, Series> {
  const rows = db
    .select({
      name: metricNames.name,
      step: metrics.step,
      attempt: metrics.attempt,
      wall: metrics.wall,
      pixels: metrics.pixels,
      value: metrics.value,
    })
    .from(metrics)
    .innerJoin(metricNames, eq(metricNames.id, metrics.name))
    .where(eq(metrics.trial, trial))
    .orderBy(asc(metricNames.name), asc(metrics.step), asc(metrics.attempt))
    .all();
  const pauses = pausesBefore(rows, tries);
  const series: Record<string, Series> = {};
  rows.forEach((row, at) => {
    const next = rows[at + 1];
    if (next?.name === row.name && next.step === row.step) return; // superseded
    const column = (series[row.name] ??= { step: [], pixels: [], seconds: [], value: [] });
    column.step.push(row.step);
    column.pixels.push(row.pixels);
    column.seconds.push(row.wall - (pauses.get(row.attempt) ?? 0));
    column.value.push(row.value ?? NaN);
  });
  return series;
}

/**
 * Unix time to take off an attempt's clock, so that seconds count training alone: an attempt goes on where the
 * one before had got to at the step that it starts from.
 */
function pausesBefore(
  rows: { attempt: number; step: number; wall: number }[],
  tries: (typeof attempts.$inferSelect)[],
): Map<number, number> {
  const offsets = new Map<number, number>();
  tries.forEach((row, at) => {
    const before = tries[at - 1];
    let spent = 0;
    if (before !== undefined) {
      const walls = rows.filter((r) => r.attempt === before.attempt && r.step <= row.from).map((r) => r.wall);
      const offset = offsets.get(before.attempt) ?? before.started;
      spent = walls.length > 0 ? Math.max(...walls) - offset : before.started - offset;
    }
    offsets.set(row.attempt, row.started - spent);
  });
  return offsets;
}

/** What an attempt that finished a trial held at its peak: what memory is predicted from. */
export interface Peak {
  parameters: ParameterValues;
  dataFingerprint: string;
  engine: string | null;
  device: string | null;
  form: string | null;
  microBatch: number | null;
  /** Resident memory at its highest, bytes. */
  peak: number;
}

/** Those of one machine, the latest first. */
export function readPeaks({ db }: Store, host: string): Peak[] {
  return db
    .select({
      parameters: trials.parameters,
      dataFingerprint: trials.dataFingerprint,
      engine: attempts.engine,
      device: attempts.device,
      form: attempts.form,
      microBatch: attempts.microBatch,
      peak: attempts.peakMemory,
    })
    .from(attempts)
    .innerJoin(trials, eq(trials.id, attempts.trial))
    .where(and(eq(attempts.outcome, 'done'), eq(attempts.host, host), isNotNull(attempts.peakMemory)))
    .orderBy(desc(attempts.ended))
    .limit(MOST_TIMINGS)
    .all()
    .map((row) => ({ ...row, peak: row.peak! }));
}

/** How long a finished trial took: what a plan predicts from. */
export interface Timing {
  parameters: ParameterValues;
  budget: Budget;
  dataFingerprint: string;
  host: string | null;
  engine: string | null;
  device: string | null;
  threads: number | null;
  /** Updates of the attempt that finished it. */
  updates: number;
  /** Seconds an update, between the attempt's first metric and its last; null where it wrote fewer than two. */
  updateSeconds: number | null;
  /** Seconds from the attempt's start to its end. */
  seconds: number;
  /** Resident memory at its highest, bytes. */
  peakMemory: number | null;
}

/** More finished trials than these say nothing new. */
const MOST_TIMINGS = 1000;

/** The attempts that finished a trial, the latest first. */
export function readTimings({ db }: Store): Timing[] {
  const rows = db
    .select({ attempt: attempts, trial: trials })
    .from(attempts)
    .innerJoin(trials, eq(trials.id, attempts.trial))
    .where(and(eq(attempts.outcome, 'done'), isNotNull(attempts.ended)))
    .orderBy(desc(attempts.ended))
    .limit(MOST_TIMINGS)
    .all();
  return rows.map(({ attempt, trial }) => {
    const mine = and(eq(metrics.trial, trial.id), eq(metrics.attempt, attempt.attempt));
    const point = (order: typeof asc) =>
      db
        .select({ step: metrics.step, wall: metrics.wall })
        .from(metrics)
        .where(mine)
        .orderBy(order(metrics.step))
        .get();
    const [first, last] = [point(asc), point(desc)];
    const steps = first && last ? last.step - first.step : 0;
    return {
      parameters: trial.parameters,
      budget: trial.budget,
      dataFingerprint: trial.dataFingerprint,
      host: attempt.host,
      engine: attempt.engine,
      device: attempt.device,
      threads: attempt.threads,
      updates: (last?.step ?? 0) - attempt.from,
      updateSeconds: steps > 0 ? (last!.wall - first!.wall) / steps : null,
      seconds: attempt.ended! - attempt.started,
      peakMemory: attempt.peakMemory,
    };
  });
}

/** What became of a trial so far. */
export interface Outcome {
  status: TrialStatus;
  reason: string | null;
  /** Exit code of its last attempt. */
  exitCode: number | null;
  /** Its attempts as far as they are stored: whether their end is, and how many bytes of their events. */
  attempts: { attempt: number; ended: boolean; ingested: number }[];
}

/** The outcome of every trial, by key: read in one query, since there may be tens of thousands. */
export function readOutcomes({ db }: Store): Map<string, Outcome> {
  const rows = db
    .select({
      key: trials.key,
      status: trials.status,
      reason: trials.reason,
      attempt: attempts.attempt,
      outcome: attempts.outcome,
      exitCode: attempts.exitCode,
      ingested: attempts.ingested,
    })
    .from(trials)
    .leftJoin(attempts, eq(attempts.trial, trials.id))
    .orderBy(asc(attempts.attempt))
    .all();
  const outcomes = new Map<string, Outcome>();
  for (const { key, status, reason, attempt, outcome, exitCode, ingested } of rows) {
    const known = outcomes.get(key)?.attempts ?? [];
    if (attempt !== null) known.push({ attempt, ended: outcome !== null, ingested: ingested ?? 0 });
    outcomes.set(key, { status, reason, exitCode, attempts: known });
  }
  return outcomes;
}
