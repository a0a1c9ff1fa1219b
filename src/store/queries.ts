/** @file What a report reads from the store: plain data, nothing of SQL. */
import path from 'node:path';
import { and, asc, count, desc, eq, isNotNull } from 'drizzle-orm';
import type { Budget, MetricValues, ParameterValues, TrialFacts, TrialParameters } from '../protocol.js';
import type { Store } from './open.js';
import { storedParameters } from './parameters.js';
import { selectSweep } from './progress.js';
import {
  attempts,
  exams,
  messages,
  metricNames,
  metrics,
  samples,
  sweeps,
  sweepTrials,
  systemSamples,
  trials,
} from './schema.js';
import { readCurves, type Before, type Curves, type Series } from './series.js';

export type TrialStatus = 'pending' | 'running' | 'done' | 'failed' | 'stopped' | 'early-stopped';

export interface AttemptRecord {
  attempt: number;
  outcome: 'done' | 'failed' | 'stopped' | 'early-stopped' | 'lost' | null;
  /** Class of its failure. */
  class: string | null;
  reason: string | null;
  /** The last lines that it printed, where it failed; cleaned of names. */
  lastLines: string | null;
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
  /** Unix seconds. */
  started: number;
  /** Seconds; null while it runs. */
  seconds: number | null;
  peakMemory: number | null;
  predictedMemory: number | null;
  microBatch: number | null;
  exitCode: number | null;
}

/** What a trial took of the machine, over the samples of all its attempts. Null: nobody could tell. */
export interface SystemRecord {
  samples: number;
  /** Cores. */
  cpu: Statistic | null;
  /** Resident memory of all its processes, bytes. */
  memory: Statistic | null;
  /** Of its GPU, whoever else used it: share of the time in which it computed, bytes, watts, degrees Celsius. */
  gpu: Statistic | null;
  gpuMemory: Statistic | null;
  power: Statistic | null;
  temperature: Statistic | null;
  /** Joules: power over the time between samples. */
  energy: number | null;
}

export interface Statistic {
  mean: number;
  peak: number;
}

export interface SampleRecord {
  step: number;
  name: string;
  role: string;
  /** Absolute path of a PNG. */
  file: string;
}

export interface ExamRecord {
  step: number;
  values: MetricValues;
  images: { index: number; v: MetricValues }[];
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
  /** The trial with a smaller budget whose last checkpoint it went on from, and the update of that; its curves are continued. */
  extended: { from: string; step: number } | null;
  facts: TrialFacts | null;
  attempts: AttemptRecord[];
  /** By metric name; thinned, so for drawing alone. */
  series: Record<string, Series>;
  /** By metric name, the mean over the first and the last tenth of the budget: of all records that are numbers; NaN where none is. */
  head: Record<string, number>;
  tail: Record<string, number>;
  /** By metric name, how many records of the last tenth are no numbers. */
  missing: Record<string, number>;
  /** All exams on the test split, the oldest first. */
  exams: ExamRecord[];
  /** The last of them. */
  exam: ExamRecord | null;
  samples: SampleRecord[];
  messages: { type: string; step: number | null; code: string | null; text: string }[];
  /** Null for a trial that was too short to be looked at. */
  system: SystemRecord | null;
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
  return readSweepOf(store, name, 1);
}

/**
 * Several sweeps, or all in the order of their names; of no name, the one that was run last.
 * @throws UserError if there is no such sweep
 */
export function readSweeps(store: Store, names: readonly string[] | 'all'): SweepRecord[] {
  const known = () => store.db.select({ name: sweeps.name }).from(sweeps).orderBy(asc(sweeps.name)).all();
  const wanted = names === 'all' ? known().map(({ name }) => name) : [...new Set(names)];
  if (wanted.length === 0) return [readSweepOf(store, undefined, 1)];
  return wanted.map((name) => readSweepOf(store, name, wanted.length));
}

/** One of `among` sweeps of a page, whose curves share what it can hold. */
function readSweepOf(store: Store, name: string | undefined, among: number): SweepRecord {
  const sweep = selectSweep(store, name);
  const rows = store.db
    .select({ trial: trials })
    .from(sweepTrials)
    .innerJoin(trials, eq(trials.id, sweepTrials.trial))
    .where(eq(sweepTrials.sweep, sweep.id))
    .orderBy(asc(sweepTrials.position))
    .all();
  const points = pointsOf(store, rows.length * among);
  return {
    name: sweep.name,
    question: sweep.question,
    source: sweep.source,
    varied: sweep.varied as (keyof TrialParameters)[],
    updated: sweep.updated,
    trials: rows.map(({ trial }) => readTrial(store, trial, points)),
  };
}

function readTrial(store: Store, trial: typeof trials.$inferSelect, points: number): TrialRecord {
  const { db, results } = store;
  const { id, key, parameters, seed, budget, dataFingerprint, status, reason, step, updates } = trial;
  const tries = readAttempts(store, id);
  const curves = curvesOf(store, trial, tries, points);
  const examined = readExams(store, id);
  return {
    key,
    // A trainer that is not ours has other names: what shows parameters asks for them by name and leaves out what is not there.
    parameters: storedParameters(parameters) as unknown as TrialParameters,
    seed,
    budget,
    dataFingerprint,
    status,
    reason,
    step,
    updates,
    extended: extensionOf(trial, tries),
    facts: tries.findLast((row) => row.facts !== null)?.facts ?? null,
    attempts: tries.map((row) => ({
      attempt: row.attempt,
      outcome: row.outcome,
      class: row.class,
      reason: row.reason,
      lastLines: row.lastLines,
      engine: row.engine,
      engineReason: row.engineReason,
      device: row.device,
      threads: row.threads,
      host: row.host,
      cpu: row.cpu,
      versions: row.versions,
      form: row.form,
      from: row.from,
      started: row.started,
      seconds: row.ended === null ? null : row.ended - row.started,
      peakMemory: row.peakMemory,
      predictedMemory: row.predictedMemory,
      microBatch: row.microBatch,
      exitCode: row.exitCode,
    })),
    ...curves,
    exams: examined,
    exam: examined.at(-1) ?? null,
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
    system: readSystem(store, id),
  };
}

/** A later attempt's exam supersedes that of the same update. */
function readExams({ db }: Store, trial: number): ExamRecord[] {
  const rows = db
    .select({ step: exams.step, values: exams.values, images: exams.images })
    .from(exams)
    .where(and(eq(exams.trial, trial), eq(exams.split, 'test')))
    .orderBy(asc(exams.step), asc(exams.attempt))
    .all();
  return rows.filter(({ step }, at) => rows[at + 1]?.step !== step);
}

function readSystem({ db }: Store, trial: number): SystemRecord | null {
  const rows = db
    .select()
    .from(systemSamples)
    .where(eq(systemSamples.trial, trial))
    .orderBy(asc(systemSamples.attempt), asc(systemSamples.wall))
    .all();
  if (rows.length === 0) return null;
  const over = (name: 'cpu' | 'memory' | 'gpu' | 'gpuMemory' | 'power' | 'temperature'): Statistic | null => {
    const values = rows.flatMap((row) => row[name] ?? []);
    if (values.length === 0) return null;
    return { mean: values.reduce((sum, one) => sum + one, 0) / values.length, peak: Math.max(...values) };
  };
  // The trapezoidal rule within an attempt, whose first sample stands for the time since its start, too.
  let energy = 0;
  const started = new Map(readAttempts({ db }, trial).map((row) => [row.attempt, row.started]));
  rows.forEach((row, at) => {
    if (row.power === null) return;
    const before = rows[at - 1];
    const same = before?.attempt === row.attempt && before.power !== null;
    const from = same ? before.wall : (started.get(row.attempt) ?? row.wall);
    energy += Math.max(0, row.wall - from) * (same ? (before.power! + row.power) / 2 : row.power);
  });
  return {
    samples: rows.length,
    cpu: over('cpu'),
    memory: over('memory'),
    gpu: over('gpu'),
    gpuMemory: over('gpuMemory'),
    power: over('power'),
    temperature: over('temperature'),
    energy: rows.some(({ power }) => power !== null) ? energy : null,
  };
}

export function readAttempts({ db }: Pick<Store, 'db'>, trial: number) {
  return db.select().from(attempts).where(eq(attempts.trial, trial)).orderBy(asc(attempts.attempt)).all();
}

/** What was to be gone on from counts only if the first attempt that got to its start did. */
export function extensionOf(
  { extendedFrom, extendedAt }: typeof trials.$inferSelect,
  tries: (typeof attempts.$inferSelect)[],
): TrialRecord['extended'] {
  if (
    extendedFrom === null ||
    extendedAt === null ||
    tries.find(({ engine }) => engine !== null)?.from !== extendedAt
  )
    return null;
  return { from: extendedFrom, step: extendedAt };
}

/** A trial's curves, begun by those of the trials that it went on from. */
function curvesOf(
  store: Store,
  trial: typeof trials.$inferSelect,
  tries: (typeof attempts.$inferSelect)[],
  points: number,
): Curves {
  const chain: Before[] = [{ trial: trial.id, tries, until: Number.MAX_SAFE_INTEGER }];
  let extended = extensionOf(trial, tries);
  while (extended !== null) {
    const before = store.db.select().from(trials).where(eq(trials.key, extended.from)).get();
    if (before === undefined) break;
    const own = readAttempts(store, before.id);
    chain.unshift({ trial: before.id, tries: own, until: extended.step });
    extended = extensionOf(before, own);
  }
  return readCurves(store.db, chain, { points, end: Math.max(1, trial.updates ?? trial.step) });
}

/**
 * Points of a curve: as many as a chart has pixels, fewer where there are very many curves, or the page would be too large to
 * open. A multiple of ten, as `Thinning` says.
 */
function pointsOf({ db }: Store, trialCount: number): number {
  const [{ names } = { names: 0 }] = db.select({ names: count() }).from(metricNames).all();
  const fair = Math.floor(MOST_POINTS / Math.max(1, trialCount * names) / 10) * 10;
  return Math.min(400, Math.max(50, fair));
}

/** Of all curves of a page together: 16 bytes each as it is written there. */
const MOST_POINTS = 240_000;

/** A metric over a trial, as far as it came: what early stopping judges by when a sweep is taken up again. */
export function readMeasurements({ db }: Store, key: string, name: string) {
  const trial = db.select().from(trials).where(eq(trials.key, key)).get();
  if (trial === undefined) return { allowed: null, points: [] };
  const rows = db
    .select({ step: metrics.step, value: metrics.value })
    .from(metrics)
    .innerJoin(metricNames, eq(metricNames.id, metrics.name))
    .where(and(eq(metrics.trial, trial.id), eq(metricNames.name, name)))
    .orderBy(asc(metrics.step), asc(metrics.attempt))
    .all();
  const last = new Map(rows.map(({ step, value }) => [step, value ?? NaN]));
  const points = [...last].map(([step, value]) => ({ step, value }));
  return { allowed: trial.updates, points };
}

/** Which budgets trials had, which trials there are in what state, and whether there is one of the same setting and seed. */
export function readBudgets({ db }: Store) {
  const rows = db
    .select({
      key: trials.key,
      status: trials.status,
      budget: trials.budget,
      parameters: trials.parameters,
      seed: trials.seed,
    })
    .from(trials)
    .innerJoin(attempts, eq(attempts.trial, trials.id)) // those that have begun
    .groupBy(trials.id)
    .all();
  const budgets = new Map(rows.map(({ budget }) => [JSON.stringify(budget), budget]));
  const identify = (parameters: object, seed: number) =>
    JSON.stringify([seed, Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1))]);
  const settings = new Set(rows.map(({ parameters, seed }) => identify(storedParameters(parameters), seed)));
  return {
    budgets: [...budgets.values()],
    statuses: new Map(rows.map(({ key, status }) => [key, status])),
    alike: ({ parameters, seed }: { parameters: object; seed: number }) =>
      settings.has(identify(parameters, seed)),
  };
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
    .map((row) => ({ ...row, parameters: storedParameters(row.parameters), peak: row.peak! }));
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
      parameters: storedParameters(trial.parameters),
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
  /** Last update whose metrics are stored. */
  step: number;
  /** Exit code of its last attempt. */
  exitCode: number | null;
  /** Its attempts as far as they are stored: whether their end is, and how many bytes of their events. */
  attempts: { attempt: number; ended: boolean; ingested: number }[];
}

/** The outcome of every trial, by key: read in one query, since there may be tens of thousands. */
export function readOutcomes({ db }: Store, key?: string): Map<string, Outcome> {
  const rows = db
    .select({
      key: trials.key,
      status: trials.status,
      reason: trials.reason,
      step: trials.step,
      attempt: attempts.attempt,
      outcome: attempts.outcome,
      exitCode: attempts.exitCode,
      ingested: attempts.ingested,
    })
    .from(trials)
    .leftJoin(attempts, eq(attempts.trial, trials.id))
    .where(key === undefined ? undefined : eq(trials.key, key))
    .orderBy(asc(attempts.attempt))
    .all();
  const outcomes = new Map<string, Outcome>();
  for (const { key, status, reason, step, attempt, outcome, exitCode, ingested } of rows) {
    const known = outcomes.get(key)?.attempts ?? [];
    if (attempt !== null) known.push({ attempt, ended: outcome !== null, ingested: ingested ?? 0 });
    outcomes.set(key, { status, reason, step, exitCode, attempts: known });
  }
  return outcomes;
}
