/** @file A sweep's numbers one by one, none left out: what is exported need not fit memory. */
import { asc, eq } from 'drizzle-orm';
import type { MetricValues, ParameterValues } from '../protocol.js';
import type { Store } from './open.js';
import { storedParameters } from './parameters.js';
import { selectSweep } from './progress.js';
import { extensionOf, readAttempts, type TrialRecord } from './queries.js';
import { exams, metricNames, samples, sweepTrials, systemSamples, trials } from './schema.js';

type Reader = Pick<Store, 'db' | 'results'>;
type Attempts = ReturnType<typeof readAttempts>;

export interface StoredSweep {
  name: string;
  question: string;
  /** Parameters that differ between trials, in the file's order. */
  varied: string[];
  /** Unix seconds of the last change. */
  updated: number;
  /** In the order of the grid. */
  trials: StoredTrial[];
}

/** A trial without its points, exams and samples. */
export interface StoredTrial extends Pick<
  TrialRecord,
  'key' | 'seed' | 'budget' | 'dataFingerprint' | 'status' | 'reason' | 'step' | 'updates' | 'extended'
> {
  id: number;
  parameters: ParameterValues;
  attempts: Attempts;
}

/** One value of one metric. */
export interface Point {
  metric: string;
  attempt: number;
  /** Updates done. */
  step: number;
  /** Pixels seen of each domain. */
  pixels: number;
  /** Unix seconds. */
  wall: number;
  /** Seconds of training since the trial's first attempt started, pauses between attempts left out. */
  seconds: number;
  /** Null where the trial reported no number. */
  value: number | null;
}

/** @throws UserError if there is no such sweep; without a name, the one that was run last is read */
export function readStoredSweep(store: Reader, name?: string): StoredSweep {
  const { id, question, varied, updated, name: found } = selectSweep(store, name);
  const rows = store.db
    .select({ trial: trials })
    .from(sweepTrials)
    .innerJoin(trials, eq(trials.id, sweepTrials.trial))
    .where(eq(sweepTrials.sweep, id))
    .orderBy(asc(sweepTrials.position))
    .all();
  return {
    name: found,
    question,
    varied,
    updated,
    trials: rows.map(({ trial }) => storedTrial(store, trial)),
  };
}

function storedTrial(store: Reader, trial: typeof trials.$inferSelect): StoredTrial {
  const attempts = readAttempts(store, trial.id);
  const parameters = storedParameters(trial.parameters);
  return { ...trial, parameters, attempts, extended: extensionOf(trial, attempts) };
}

/** How far each metric was read: the last step of the last attempt that has measured it. */
export type Seen = Map<string, { attempt: number; step: number }>;

/**
 * All points of a trial, by metric and step; a later attempt supersedes the steps that it repeats. One that went on from a trial
 * with a smaller budget begins with the points of that.
 * @param seen for one who comes again: what is in it is left out, what is read is added. What a running attempt will repeat is left to it
 */
export function* streamPoints(store: Reader, trial: StoredTrial, seen?: Seen): Generator<Point> {
  const [own, ...before] = partsOf(store, trial).toReversed();
  const names = store.db.select().from(metricNames).orderBy(asc(metricNames.name)).all();
  for (const { id, name } of names) {
    const known = seen?.get(name);
    if (known === undefined) for (const part of before.toReversed()) yield* pointsOf(store, part, id, name);
    let last = known ?? { attempt: 0, step: -1 };
    for (const point of pointsOf(store, own!, id, name, known && lastKept(trial, known))) {
      const { attempt, step } = point;
      if (seen && (isSeen(point, known) || isRepeated(point, trial))) continue;
      yield point;
      if (attempt > last.attempt || (attempt === last.attempt && step > last.step)) last = { attempt, step };
    }
    seen?.set(name, last);
  }
}

/** Names of the metrics of a trial. */
export function readMetricNames({ db }: Reader, trial: number): string[] {
  // One look a name into the table's key, and not one at each of the trial's points.
  const names = db.$client.prepare<[number], { name: string }>(
    'SELECT name FROM metric_names WHERE EXISTS (SELECT 1 FROM metrics WHERE trial = ? AND metrics.name = metric_names.id)',
  );
  return names.all(trial).map(({ name }) => name);
}

/** The last step up to which what was read stands: an attempt that was not read yet may have gone on from an earlier one. */
function lastKept({ attempts }: StoredTrial, { attempt, step }: { attempt: number; step: number }): number {
  return Math.min(step, ...attempts.filter((one) => one.attempt > attempt).map(({ from }) => from));
}

function isSeen({ attempt, step }: Point, known = { attempt: 0, step: -1 }): boolean {
  return attempt < known.attempt || (attempt === known.attempt && step <= known.step);
}

/** Whether a running attempt went on from an earlier step. */
function isRepeated({ attempt, step }: Point, { status, attempts }: StoredTrial): boolean {
  const live = status === 'running' ? attempts.findLast(({ engine }) => engine !== null) : undefined;
  return live !== undefined && attempt < live.attempt && step > live.from;
}

/** A trial's own points, and before them those of the trials that it went on from. */
interface Part {
  trial: number;
  /** Points after this update are left out. */
  until: number;
  /** Unix time to take off each attempt's clock, so that seconds count training alone. */
  clocks: Map<number, number>;
}

function partsOf(store: Reader, { id, attempts, extended }: StoredTrial, until = Infinity): Part[] {
  const row = extended && store.db.select().from(trials).where(eq(trials.key, extended.from)).get();
  const before = row ? partsOf(store, storedTrial(store, row), extended.step) : [];
  const last = before.at(-1);
  const spent = last === undefined ? 0 : secondsOf(store, last);
  return [...before, { trial: id, until, clocks: clocksOf(store, id, attempts, spent) }];
}

/** Seconds of training at the last point of a part. */
function secondsOf({ db }: Reader, { trial, clocks }: Part): number {
  const last = db.$client.prepare<[number], { attempt: number; wall: number }>(
    'SELECT attempt, max(wall) AS wall FROM metrics WHERE trial = ? GROUP BY attempt',
  );
  return Math.max(0, ...last.all(trial).map(({ attempt, wall }) => wall - (clocks.get(attempt) ?? wall)));
}

/** An attempt goes on where the one before had got to at the step that it starts from. */
function clocksOf({ db }: Reader, trial: number, attempts: Attempts, spent: number): Map<number, number> {
  const reached = db.$client.prepare<[number, number, number], { wall: number | null }>(
    'SELECT max(wall) AS wall FROM metrics WHERE trial = ? AND attempt = ? AND step <= ?',
  );
  const clocks = new Map<number, number>();
  attempts.forEach(({ attempt, started, from }, at) => {
    const before = attempts[at - 1];
    if (before === undefined) return clocks.set(attempt, started - spent);
    const clock = clocks.get(before.attempt)!;
    const wall = reached.get(trial, before.attempt, from)?.wall ?? before.started;
    return clocks.set(attempt, started - (wall - clock));
  });
  return clocks;
}

function* pointsOf({ db }: Reader, part: Part, id: number, metric: string, after = -1): Generator<Point> {
  type Row = Omit<Point, 'metric' | 'seconds'>;
  const rows = db.$client.prepare<[number, number, number], Row>(
    'SELECT attempt, step, pixels, wall, value FROM metrics WHERE trial = ? AND name = ? AND step > ? ORDER BY step, attempt',
  );
  let held: Row | undefined; // until it is known that no later attempt repeats its step
  for (const row of rows.iterate(part.trial, id, after)) {
    if (row.step > part.until) break;
    if (held !== undefined && held.step !== row.step) yield pointOf(held, part, metric);
    held = row;
  }
  if (held !== undefined) yield pointOf(held, part, metric);
}

function pointOf(row: Omit<Point, 'metric' | 'seconds'>, { clocks }: Part, metric: string): Point {
  return { ...row, metric, seconds: row.wall - (clocks.get(row.attempt) ?? row.wall) };
}

export interface StoredExam {
  attempt: number;
  step: number;
  split: string;
  values: MetricValues;
  images: { index: number; domain?: string; v: MetricValues }[];
}

/** All exams of a trial, oldest first; a later attempt supersedes those that it repeats. */
export function readExams({ db }: Reader, trial: number): StoredExam[] {
  const rows = db
    .select()
    .from(exams)
    .where(eq(exams.trial, trial))
    .orderBy(asc(exams.step), asc(exams.split), asc(exams.attempt))
    .all();
  return rows.filter((row, at) => row.step !== rows[at + 1]?.step || row.split !== rows[at + 1]?.split);
}

export type StoredSample = typeof samples.$inferSelect;

/** All sample images of a trial, oldest first; a later attempt supersedes those that it repeats. */
export function readSamples({ db }: Reader, trial: number): StoredSample[] {
  const rows = db
    .select()
    .from(samples)
    .where(eq(samples.trial, trial))
    .orderBy(asc(samples.step), asc(samples.name), asc(samples.role), asc(samples.attempt))
    .all();
  const alike = (a: StoredSample, b: StoredSample | undefined) =>
    a.step === b?.step && a.name === b.name && a.role === b.role;
  return rows.filter((row, at) => !alike(row, rows[at + 1]));
}

/** What a trial took of the machine, every few seconds. */
export function readSystemSamples({ db }: Reader, trial: number) {
  return db
    .select()
    .from(systemSamples)
    .where(eq(systemSamples.trial, trial))
    .orderBy(asc(systemSamples.attempt), asc(systemSamples.wall))
    .all();
}
