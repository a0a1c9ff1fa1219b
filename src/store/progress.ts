/** @file What is asked of the store while a sweep runs: where each trial is, how fast, and what it last told. Reads little, however much is stored. */
import { and, asc, desc, eq } from 'drizzle-orm';
import { UserError } from '../errors.js';
import type { Budget, MetricValues, ParameterValues } from '../protocol.js';
import type { ReadStore } from './open.js';
import { storedParameters } from './parameters.js';
import type { TrialStatus } from './queries.js';
import {
  attempts,
  exams,
  metricNames,
  metrics,
  sweeps,
  sweepTrials,
  systemSamples,
  trials,
} from './schema.js';

export interface StoredTrial {
  id: number;
  key: string;
  parameters: ParameterValues;
  seed: number;
  budget: Budget;
  status: TrialStatus;
  reason: string | null;
  /** Updates done, as far as they are stored. */
  step: number;
  /** Updates that the budget allows; null until a trial has told. */
  updates: number | null;
  /** Seconds that attempts took which have ended, all together. */
  seconds: number;
  /** The last attempt; null for a trial that has not begun. */
  attempt: {
    attempt: number;
    started: number;
    ended: number | null;
    outcome: string | null;
    class: string | null;
    engine: string | null;
    device: string | null;
    microBatch: number | null;
  } | null;
}

/** All sweeps, the latest first. */
export function readSweeps({ db }: ReadStore): (typeof sweeps.$inferSelect)[] {
  return db.select().from(sweeps).orderBy(desc(sweeps.updated)).all();
}

/**
 * The row of a sweep; without a name, of the one that was run last.
 * @throws UserError if there is no such sweep
 */
export function selectSweep(store: ReadStore, name?: string): typeof sweeps.$inferSelect {
  const { results } = store;
  const known = readSweeps(store);
  const sweep = name === undefined ? known[0] : known.find((row) => row.name === name);
  if (sweep !== undefined) return sweep;
  const names = known.map((row) => row.name).join(', ');
  throw new UserError(
    name === undefined
      ? `No sweep was run in ${results} yet. Run one first: sweep run sweeps/patch.yaml\nIf one was run, sweep fsck says what is wrong.`
      : `There is no sweep ${name} in ${results}. Known: ${names === '' ? 'none' : names}`,
  );
}

/** A sweep's trials in the order of its grid. */
export function readStoredTrials({ db }: ReadStore, sweep: number): StoredTrial[] {
  const rows = db
    .select({ trial: trials, attempt: attempts })
    .from(sweepTrials)
    .innerJoin(trials, eq(trials.id, sweepTrials.trial))
    .leftJoin(attempts, eq(attempts.trial, trials.id))
    .where(eq(sweepTrials.sweep, sweep))
    .orderBy(asc(sweepTrials.position), asc(attempts.attempt))
    .all();
  const found = new Map<number, StoredTrial>();
  for (const { trial, attempt } of rows) {
    const { id, key, seed, budget, status, reason, step, updates } = trial;
    const stored: StoredTrial = found.get(id) ?? {
      ...{ id, key, seed, budget, status, reason, step, updates },
      parameters: storedParameters(trial.parameters),
      seconds: 0,
      attempt: null,
    };
    found.set(id, stored);
    if (attempt === null) continue;
    const { attempt: number, started, ended, outcome, engine, device, microBatch } = attempt;
    stored.seconds += ended === null ? 0 : ended - started;
    stored.attempt = { attempt: number, started, ended, outcome, class: attempt.class, engine, device, microBatch }; // prettier-ignore
  }
  return [...found.values()];
}

/** Of an attempt: where its first metric was told and where its last, and the last value of each. */
export interface Told {
  first: { step: number; wall: number };
  last: { step: number; wall: number };
  values: MetricValues;
}

/** Undefined before an attempt's first metric. */
export function readTold({ db }: ReadStore, trial: number, attempt: number): Told | undefined {
  const told: { name: string; step: number; wall: number; value: number | null }[] = [];
  const names = db.select().from(metricNames).orderBy(asc(metricNames.id)).all();
  const point = (name: number, order: typeof asc) =>
    db
      .select({ step: metrics.step, wall: metrics.wall, value: metrics.value })
      .from(metrics)
      .where(and(eq(metrics.trial, trial), eq(metrics.name, name), eq(metrics.attempt, attempt)))
      .orderBy(order(metrics.step))
      .get();
  let first: Told['first'] | undefined;
  for (const { id, name } of names) {
    const last = point(id, desc);
    if (last === undefined) continue;
    told.push({ name, ...last });
    // Names were met in the order in which trials tell of them: of losses first, and most often.
    first ??= point(id, asc);
  }
  if (first === undefined) return undefined;
  const last = told.reduce((latest, one) => (one.step > latest.step ? one : latest));
  return {
    first: { step: first.step, wall: first.wall },
    last: { step: last.step, wall: last.wall },
    values: Object.fromEntries(told.flatMap(({ name, value }) => (value === null ? [] : [[name, value]]))),
  };
}

/** What an attempt took of the machine when it was last looked at. */
export function readLoad({ db }: ReadStore, trial: number, attempt: number) {
  return db
    .select()
    .from(systemSamples)
    .where(and(eq(systemSamples.trial, trial), eq(systemSamples.attempt, attempt)))
    .orderBy(desc(systemSamples.wall))
    .get();
}

/** What two trials are compared by: results of all attempts, the surroundings of the last. */
export interface TrialResult {
  status: TrialStatus;
  step: number;
  seconds: number;
  /** The last value of each metric, and of the last exam on the test split. */
  values: MetricValues;
  /** Engine, device, machine, versions and the like; what is not known is left out. */
  environment: Record<string, string>;
}

/** Undefined for a trial that the store does not know. */
export function readResult({ db }: ReadStore, key: string): TrialResult | undefined {
  const trial = db.select().from(trials).where(eq(trials.key, key)).get();
  if (trial === undefined) return undefined;
  const tries = db.select().from(attempts).where(eq(attempts.trial, trial.id)).orderBy(asc(attempts.attempt)).all(); // prettier-ignore
  const values: MetricValues = {};
  for (const { id, name } of db.select().from(metricNames).orderBy(asc(metricNames.name)).all()) {
    const last = db
      .select({ value: metrics.value })
      .from(metrics)
      .where(and(eq(metrics.trial, trial.id), eq(metrics.name, id)))
      .orderBy(desc(metrics.step), desc(metrics.attempt))
      .get();
    if (last?.value != null) values[name] = last.value;
  }
  const exam = db
    .select({ values: exams.values })
    .from(exams)
    .where(and(eq(exams.trial, trial.id), eq(exams.split, 'test')))
    .orderBy(desc(exams.attempt), desc(exams.step))
    .get();
  const last = tries.at(-1);
  const { engine, device, threads, host, cpu, form, microBatch, peakMemory, versions } = last ?? {};
  const told = { engine, device, threads, host, cpu, form, 'micro-batch': microBatch, 'peak memory': peakMemory, ...versions }; // prettier-ignore
  return {
    status: trial.status,
    step: trial.step,
    seconds: tries.reduce((sum, { started, ended }) => sum + (ended === null ? 0 : ended - started), 0),
    values: { ...values, ...exam?.values },
    environment: Object.fromEntries(
      Object.entries(told).flatMap(([name, value]) => (value == null ? [] : [[name, String(value)]])),
    ),
  };
}
