/**
 * @file The database: a projection of the event files, which can be made anew from the results folder.
 *
 * Metrics belong to (trial, attempt, step). After a resume the later attempt supersedes the steps that it repeats;
 * nothing is deleted: of one (trial, name, step) the row with the highest attempt counts.
 */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { MetricValues, ParameterValues, TrialConfig, TrialFacts } from '../protocol.js';

/** A sweep file as it was run. The newest row of a name is the one that a report speaks of. */
export const sweeps = sqliteTable('sweeps', {
  id: integer('id').primaryKey(),
  name: text('name').notNull().unique(),
  question: text('question').notNull(),
  /** The sweep file's text, as it was when last run. */
  source: text('source').notNull(),
  /** Names of the parameters that differ between trials, in the file's order. */
  varied: text('varied', { mode: 'json' }).$type<string[]>().notNull(),
  /** Unix seconds. */
  updated: real('updated').notNull(),
});

export const trials = sqliteTable('trials', {
  id: integer('id').primaryKey(),
  key: text('key').notNull().unique(),
  /** What decides the result; without the folders, which would tell paths. */
  parameters: text('parameters', { mode: 'json' }).$type<ParameterValues>().notNull(),
  seed: integer('seed').notNull(),
  budget: text('budget', { mode: 'json' }).$type<TrialConfig['budget']>().notNull(),
  dataFingerprint: text('data_fingerprint').notNull(),
  status: text('status', {
    enum: ['pending', 'running', 'done', 'failed', 'stopped', 'early-stopped'],
  }).notNull(),
  /** Why the last attempt ended as it did, in one sentence. */
  reason: text('reason'),
  /** Last update whose metrics are stored. */
  step: integer('step').notNull().default(0),
  /** Updates that the budget allows; null until a trial has started. */
  updates: integer('updates'),
  /** Key of the trial with a smaller budget that it went on from, and the update at which it did. */
  extendedFrom: text('extended_from'),
  extendedAt: integer('extended_at'),
  /** Sizes of its files when they were last read, where this machine keeps a database of its own: src/runner/projection.ts. */
  projected: text('projected'),
});

/** Which trials a sweep holds, in the order of its grid. */
export const sweepTrials = sqliteTable(
  'sweep_trials',
  {
    sweep: integer('sweep')
      .notNull()
      .references(() => sweeps.id),
    trial: integer('trial')
      .notNull()
      .references(() => trials.id),
    position: integer('position').notNull(),
  },
  (t) => [primaryKey({ columns: [t.sweep, t.trial] })],
);

export const attempts = sqliteTable(
  'attempts',
  {
    trial: integer('trial')
      .notNull()
      .references(() => trials.id),
    attempt: integer('attempt').notNull(),
    /** Unix seconds. */
    started: real('started').notNull(),
    ended: real('ended'),
    engine: text('engine'),
    engineReason: text('engine_reason'),
    device: text('device'),
    threads: integer('threads'),
    host: text('host'),
    cpu: text('cpu'),
    versions: text('versions', { mode: 'json' }).$type<Record<string, string>>(),
    facts: text('facts', { mode: 'json' }).$type<TrialFacts>(),
    /** How residual blocks were computed, e.g. `winograd`. */
    form: text('form'),
    /** Update that the attempt started from. */
    from: integer('from_step').notNull().default(0),
    /** Resident memory at its highest, bytes. */
    peakMemory: integer('peak_memory'),
    /** What was predicted for it, bytes. */
    predictedMemory: integer('predicted_memory'),
    /** Patches of each domain that were computed at once. */
    microBatch: integer('micro_batch'),
    exitCode: integer('exit_code'),
    signal: text('signal'),
    outcome: text('outcome', { enum: ['done', 'failed', 'stopped', 'early-stopped', 'lost'] }),
    /** Class of its failure: src/runner/failures.ts. */
    class: text('class'),
    reason: text('reason'),
    /** The last lines that a failed one printed: src/runner/last-lines.ts. */
    lastLines: text('last_lines'),
    /** Bytes of events.ndjson that are in the database; moves in the same transaction as their rows. */
    ingested: integer('ingested').notNull().default(0),
    /** Hash of the file's first bytes: what is read on must begin as what was read before. */
    head: text('head').notNull().default(''),
    /** How often the file was shortened or replaced; from then on, what is stored already is not stored again. */
    rewritten: integer('rewritten').notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.trial, t.attempt] })],
);

export const metricNames = sqliteTable('metric_names', {
  id: integer('id').primaryKey(),
  name: text('name').notNull().unique(),
});

/** Stored WITHOUT ROWID (the migration says so): clustered by its key, so that a series is one range of it. */
export const metrics = sqliteTable(
  'metrics',
  {
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    name: integer('name').notNull(),
    /** Updates done. */
    step: integer('step').notNull(),
    /** Unix seconds. */
    wall: real('wall').notNull(),
    /** Pixels seen of each domain. */
    pixels: real('pixels').notNull(),
    /** Null where the trial reported a value that is no number (JSON has no NaN). */
    value: real('value'),
  },
  (t) => [primaryKey({ columns: [t.trial, t.name, t.step, t.attempt] })],
);

export const samples = sqliteTable(
  'samples',
  {
    id: integer('id').primaryKey(),
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    step: integer('step').notNull(),
    /** Which picture: an index and a short hash stand for the file's name. */
    name: text('name').notNull(),
    role: text('role').notNull(),
    /** Relative to the trial's folder. */
    path: text('path').notNull(),
  },
  (t) => [uniqueIndex('samples_once').on(t.trial, t.attempt, t.step, t.name, t.role)],
);

export const checkpoints = sqliteTable(
  'checkpoints',
  {
    id: integer('id').primaryKey(),
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    step: integer('step').notNull(),
    kind: text('kind').notNull(),
    path: text('path').notNull(),
    bytes: integer('bytes').notNull(),
  },
  (t) => [index('checkpoints_by_trial').on(t.trial)],
);

export const exams = sqliteTable(
  'exams',
  {
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    step: integer('step').notNull(),
    split: text('split').notNull(),
    values: text('values', { mode: 'json' }).$type<MetricValues>().notNull(),
    images: text('images', { mode: 'json' }).$type<{ index: number; v: MetricValues }[]>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.trial, t.attempt, t.step, t.split] })],
);

/** Warnings, health flags and events of types that this version does not know: kept, in order. */
export const messages = sqliteTable(
  'messages',
  {
    id: integer('id').primaryKey(),
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    type: text('type').notNull(),
    step: integer('step'),
    code: text('code'),
    text: text('text').notNull(),
    stored: real('stored')
      .notNull()
      .default(sql`(unixepoch('subsec'))`),
  },
  (t) => [index('messages_by_trial').on(t.trial)],
);

/** Trials that did too badly to go on: which rule of which sweep said so, and by what. */
export const earlyStops = sqliteTable(
  'early_stops',
  {
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    sweep: text('sweep').notNull(),
    rule: text('rule').notNull(),
    /** Unix seconds. */
    wall: real('wall').notNull(),
    step: integer('step').notNull(),
    /** Share of the budget at which it was judged. */
    rung: real('rung').notNull(),
    compared: real('compared'),
    cutoff: real('cutoff'),
    reason: text('reason').notNull(),
  },
  (t) => [primaryKey({ columns: [t.trial, t.sweep, t.rule] })],
);

/** What a trial took of the machine, every few seconds. Null where it cannot be told. */
export const systemSamples = sqliteTable(
  'system_samples',
  {
    trial: integer('trial').notNull(),
    attempt: integer('attempt').notNull(),
    /** Unix seconds. */
    wall: real('wall').notNull(),
    /** Cores that its processes used since the sample before. */
    cpu: real('cpu'),
    /** Resident memory of its processes, bytes. */
    memory: real('memory'),
    /** Of its GPU, whoever else uses it: share of the time in which it computed, bytes in use, watts, degrees Celsius. */
    gpu: real('gpu'),
    gpuMemory: real('gpu_memory'),
    power: real('power'),
    temperature: real('temperature'),
  },
  (t) => [primaryKey({ columns: [t.trial, t.attempt, t.wall] })],
);
