/**
 * @file The one writer: every row of the database is written here.
 *
 * What happens once a trial goes through drizzle's builder; what happens once a point, or once for each of thousands of
 * trials, through statements that are prepared once a connection.
 */
import type { Statement } from 'better-sqlite3';
import { and, desc, eq, inArray, isNull, notInArray } from 'drizzle-orm';
import type { ParameterValues, TrialConfig, TrialEvent } from '../protocol.js';
import type { Store } from './open.js';
import {
  attempts,
  checkpoints,
  earlyStops,
  exams,
  messages,
  metrics,
  samples,
  sweeps,
  sweepTrials,
  systemSamples,
  trials,
} from './schema.js';

export interface SweepEntry {
  name: string;
  question: string;
  source: string;
  varied: string[];
  /** When it was last run, Unix seconds. */
  updated: number;
}

/** What of a trial goes into the database: no paths. */
export interface TrialEntry extends Pick<TrialConfig, 'key' | 'seed' | 'budget' | 'dataFingerprint'> {
  parameters: ParameterValues;
}

export interface AttemptEnd {
  outcome: 'done' | 'failed' | 'stopped' | 'early-stopped' | 'lost';
  reason: string;
  exitCode: number | null;
  signal: string | null;
  /** Class of its failure (docs/failures.md); null where it did not fail, or where that is not known. */
  class?: string | null;
  /** The last lines that a failed one printed, cleaned of names. */
  lastLines?: string | null;
}

/** What moves with the rows of an events file: how far it was read, by what it is known again. */
export interface Ingested {
  offset: number;
  head: string;
  /** How often the file was shortened or replaced. */
  rewritten: number;
}

/** Runs `work` in one transaction; inside another, as a part of it. */
export function transact<T>({ db }: Store, work: () => T): T {
  return db.$client.transaction(work).immediate();
}

/** Stores a sweep and the trials it holds. Trials that other sweeps share keep their state. */
export function storeSweep(store: Store, sweep: SweepEntry, entries: TrialEntry[]): void {
  const { db } = store;
  const { addMember } = statementsOf(store);
  transact(store, () => {
    const { id } = db
      .insert(sweeps)
      .values(sweep)
      .onConflictDoUpdate({ target: sweeps.name, set: sweep })
      .returning({ id: sweeps.id })
      .get();
    db.delete(sweepTrials).where(eq(sweepTrials.sweep, id)).run();
    entries.forEach((entry, position) => {
      storeTrial(store, entry);
      addMember.run(id, trialId(store, entry.key), position);
    });
    // What was planned, never begun, and is planned no more.
    db.delete(trials)
      .where(
        and(
          notInArray(trials.id, db.select({ id: sweepTrials.trial }).from(sweepTrials)),
          notInArray(trials.id, db.select({ id: attempts.trial }).from(attempts)),
        ),
      )
      .run();
  });
}

/** Stores a trial that is not there yet. */
export function storeTrial(
  store: Store,
  { key, parameters, seed, budget, dataFingerprint }: TrialEntry,
): void {
  const { addTrial } = statementsOf(store);
  addTrial.run(key, JSON.stringify(parameters), seed, JSON.stringify(budget), dataFingerprint);
}

export function trialId(store: Store, key: string): number {
  const id = statementsOf(store).trialId.get(key);
  if (id === undefined) throw new Error(`The store holds no trial ${key}`);
  return id;
}

export function startAttempt(store: Store, key: string, attempt: number, started: number): void {
  const { addAttempt, setStatus } = statementsOf(store);
  const trial = trialId(store, key);
  transact(store, () => {
    addAttempt.run(trial, attempt, started);
    setStatus.run('running', null, trial);
  });
}

/**
 * Stores how an attempt ended, and with it what state the trial is in.
 * @param again another attempt follows, so that the trial has not failed
 */
export function endAttempt(
  store: Store,
  key: string,
  attempt: number,
  end: AttemptEnd,
  ended: number,
  again = false,
): void {
  const trial = trialId(store, key);
  transact(store, () => {
    store.db
      .update(attempts)
      .set({ ...end, ended })
      .where(sameAttempt(trial, attempt))
      .run();
    const status = again || end.outcome === 'lost' ? 'pending' : end.outcome;
    statementsOf(store).setStatus.run(status, end.reason, trial);
  });
}

/** Removes attempts whose files are gone, and all that was read from them: the trial is what its other attempts made of it. */
export function forgetAttempts(store: Store, key: string, numbers: readonly number[]): void {
  const { db } = store;
  const trial = trialId(store, key);
  transact(store, () => {
    for (const table of [metrics, samples, checkpoints, exams, messages, systemSamples, earlyStops, attempts])
      db.delete(table)
        .where(and(eq(table.trial, trial), inArray(table.attempt, [...numbers])))
        .run();
    const last = db
      .select()
      .from(attempts)
      .where(eq(attempts.trial, trial))
      .orderBy(desc(attempts.attempt))
      .get();
    const status = last === undefined || last.outcome === 'lost' ? 'pending' : (last.outcome ?? 'running');
    const anew = last === undefined ? { step: 0, updates: null } : {};
    db.update(trials)
      .set({ status, reason: last?.reason ?? null, ...anew })
      .where(eq(trials.id, trial))
      .run();
  });
}

/**
 * Removes a sweep, and what was read of trials; all of it or nothing. Trials that a sweep still holds stay, as those that have not begun.
 * What the database does not know is no error.
 */
export function storeRemoval(store: Store, sweep: string | undefined, keys: readonly string[]): void {
  const { db } = store;
  transact(store, () => {
    const row = db
      .select()
      .from(sweeps)
      .where(eq(sweeps.name, sweep ?? ''))
      .get();
    if (row !== undefined) {
      db.delete(sweepTrials).where(eq(sweepTrials.sweep, row.id)).run();
      db.delete(sweeps).where(eq(sweeps.id, row.id)).run();
    }
    for (const key of keys) {
      const trial = statementsOf(store).trialId.get(key);
      if (trial === undefined) continue;
      for (const table of [
        metrics,
        samples,
        checkpoints,
        exams,
        messages,
        systemSamples,
        earlyStops,
        attempts,
      ])
        db.delete(table).where(eq(table.trial, trial)).run();
      const anew = { status: 'pending', reason: null, step: 0, updates: null, extendedFrom: null, extendedAt: null, projected: null } as const; // prettier-ignore
      if (db.select().from(sweepTrials).where(eq(sweepTrials.trial, trial)).get() === undefined)
        db.delete(trials).where(eq(trials.id, trial)).run();
      else db.update(trials).set(anew).where(eq(trials.id, trial)).run();
    }
  });
}

function sameAttempt(trial: number, attempt: number) {
  return and(eq(attempts.trial, trial), eq(attempts.attempt, attempt));
}

/** How far an attempt's events are in the store. */
export function readIngested(store: Store, key: string, attempt: number): Ingested {
  const row = statementsOf(store).ingested.get(trialId(store, key), attempt);
  return row ?? { offset: 0, head: '', rewritten: 0 };
}

/**
 * Stores the events of whole lines and moves the attempt's byte offset, all in one transaction:
 * a crash leaves both or neither, so no line is lost or stored twice.
 */
export function storeEvents(
  store: Store,
  key: string,
  attempt: number,
  events: readonly TrialEvent[],
  { offset, head, rewritten }: Ingested,
): void {
  const at: Place = { trial: trialId(store, key), attempt, again: rewritten > 0 };
  const { setIngested, setStep } = statementsOf(store);
  transact(store, () => {
    let step: number | undefined;
    for (const event of events) {
      storeEvent(store, at, event);
      if (event.t === 'metric' || event.t === 'done') step = event.step;
    }
    setIngested.run(offset, head, rewritten, at.trial, attempt);
    if (step !== undefined) setStep.run(step, at.trial);
  });
}

interface Place {
  trial: number;
  attempt: number;
  /** The file was shortened or replaced, so that what it says may be stored already. */
  again: boolean;
}

function storeEvent(store: Store, { trial, attempt, again }: Place, event: TrialEvent): void {
  const { db } = store;
  const at = { trial, attempt };
  switch (event.t) {
    case 'start': {
      const { engine, engineReason, device, threads, host, cpu, versions, facts, form, from } = event;
      const told = {
        engine,
        engineReason,
        device,
        threads,
        host,
        cpu,
        versions,
        facts,
        form,
        from: from ?? undefined,
      };
      // A trainer that is not ours may tell nothing of this.
      if (Object.values(told).some((value) => value !== undefined))
        db.update(attempts).set(told).where(sameAttempt(trial, attempt)).run();
      db.update(trials)
        .set({ updates: event.updates ?? null })
        .where(eq(trials.id, trial))
        .run();
      return;
    }
    case 'metric': {
      const { step, wall, pixels, v } = event;
      const { addMetric } = statementsOf(store);
      for (const name in v) {
        const value = v[name];
        addMetric.run(
          trial,
          attempt,
          nameId(store, name),
          step,
          wall,
          pixels,
          typeof value === 'number' ? value : null,
        );
      }
      return;
    }
    case 'checkpoint': {
      const { step, kind, path, bytes } = event;
      const row = { ...at, step, kind, path, bytes };
      const same = and(
        eq(checkpoints.trial, trial),
        eq(checkpoints.attempt, attempt),
        eq(checkpoints.step, step),
        eq(checkpoints.kind, kind),
        eq(checkpoints.path, path),
      );
      if (again && db.select().from(checkpoints).where(same).get() !== undefined) return;
      db.insert(checkpoints).values(row).run();
      return;
    }
    case 'sample': {
      const { step, name, role, path } = event;
      db.insert(samples)
        .values({ ...at, step, name, role, path })
        .onConflictDoNothing()
        .run();
      return;
    }
    case 'exam': {
      const { step, split, v, images } = event;
      db.insert(exams)
        .values({ ...at, step, split, values: v, images })
        .onConflictDoNothing()
        .run();
      return;
    }
    case 'memory':
      db.update(attempts)
        .set({
          peakMemory: event.peak,
          predictedMemory: event.predicted == null ? undefined : Math.round(event.predicted),
          microBatch: event.micro_batch,
        })
        .where(sameAttempt(trial, attempt))
        .run();
      return;
    case 'health':
    case 'warning':
      addMessage(store, { trial, attempt, again }, event.t, event.step, event.code, event.message);
      return;
    case 'done':
      // Where the budget is one of time, how many updates it allowed is known only now.
      db.update(trials)
        .set({ updates: event.step })
        .where(and(eq(trials.id, trial), isNull(trials.updates)))
        .run();
      return;
    case 'alive':
    case 'stopped':
      return;
    default: {
      const unknown: { t?: unknown } = event;
      addMessage(store, { trial, attempt, again }, String(unknown.t), null, null, JSON.stringify(unknown));
    }
  }
}

function addMessage(
  { db }: Store,
  { trial, attempt, again }: Place,
  type: string,
  step: number | null,
  code: string | null,
  text: string,
): void {
  const row = { trial, attempt, type, step, code, text };
  const same = and(
    eq(messages.trial, trial),
    eq(messages.attempt, attempt),
    eq(messages.type, type),
    step === null ? isNull(messages.step) : eq(messages.step, step),
    code === null ? isNull(messages.code) : eq(messages.code, code),
    eq(messages.text, text),
  );
  if (again && db.select().from(messages).where(same).get() !== undefined) return;
  db.insert(messages).values(row).run();
}

function nameId(store: Store, name: string): number {
  const { names, nameId, addName } = statementsOf(store);
  let id = names.get(name);
  if (id === undefined) {
    addName.run(name);
    id = nameId.get(name)!;
    names.set(name, id);
  }
  return id;
}

interface Statements {
  addTrial: Statement<[string, string, number, string, string]>;
  addMember: Statement<[number, number, number]>;
  trialId: Statement<[string], number>;
  addAttempt: Statement<[number, number, number]>;
  setStatus: Statement<[string, string | null, number]>;
  ingested: Statement<[number, number], Ingested>;
  setIngested: Statement<[number, string, number, number, number]>;
  setStep: Statement<[number, number]>;
  addMetric: Statement<[number, number, number, number, number, number, number | null]>;
  addName: Statement<[string]>;
  nameId: Statement<[string], number>;
  /** Numbers of the metric names that this connection has met. */
  names: Map<string, number>;
}

const prepared = new WeakMap<Store, Statements>();

function statementsOf(store: Store): Statements {
  const known = prepared.get(store);
  if (known !== undefined) return known;
  const { $client: client } = store.db;
  const statements: Statements = {
    addTrial: client.prepare(
      `insert into trials (key, parameters, seed, budget, data_fingerprint, status)
       values (?, ?, ?, ?, ?, 'pending') on conflict do nothing`,
    ),
    addMember: client.prepare('insert into sweep_trials (sweep, trial, position) values (?, ?, ?)'),
    trialId: client.prepare<[string], number>('select id from trials where key = ?').pluck(),
    addAttempt: client.prepare(
      'insert into attempts (trial, attempt, started) values (?, ?, ?) on conflict do nothing',
    ),
    setStatus: client.prepare('update trials set status = ?, reason = ? where id = ?'),
    ingested: client.prepare<[number, number], Ingested>(
      'select ingested as offset, head, rewritten from attempts where trial = ? and attempt = ?',
    ),
    setIngested: client.prepare(
      'update attempts set ingested = ?, head = ?, rewritten = ? where trial = ? and attempt = ?',
    ),
    setStep: client.prepare('update trials set step = ? where id = ?'),
    addMetric: client.prepare(
      `insert into metrics (trial, attempt, name, step, wall, pixels, value)
       values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    addName: client.prepare('insert into metric_names (name) values (?) on conflict do nothing'),
    nameId: client.prepare<[string], number>('select id from metric_names where name = ?').pluck(),
    names: new Map(),
  };
  prepared.set(store, statements);
  return statements;
}

/** A decision, without the trial that it is of. */
export type EarlyStopRow = Omit<typeof earlyStops.$inferInsert, 'trial'>;

/** Stores that a rule stopped a trial, and with it, unless it runs or got done all the same, the trial's state. */
export function storeEarlyStop(store: Store, key: string, stop: EarlyStopRow): void {
  const { db } = store;
  const { attempt, reason } = stop;
  const trial = trialId(store, key);
  transact(store, () => {
    db.insert(earlyStops)
      .values({ trial, ...stop })
      .onConflictDoNothing()
      .run();
    const open = and(eq(trials.id, trial), notInArray(trials.status, ['done', 'running']));
    if (db.update(trials).set({ status: 'early-stopped', reason }).where(open).run().changes === 0) return;
    db.update(attempts)
      .set({ outcome: 'early-stopped', reason })
      .where(and(sameAttempt(trial, attempt), inArray(attempts.outcome, ['stopped', 'lost'])))
      .run();
  });
}

/** Stores from which trial's last checkpoint a trial goes on. */
export function storeExtended(store: Store, key: string, extendedFrom: string, extendedAt: number): void {
  store.db.update(trials).set({ extendedFrom, extendedAt }).where(eq(trials.key, key)).run();
}

/** What a trial took of the machine at one moment, and whose it is. */
export type SystemRow = Omit<typeof systemSamples.$inferInsert, 'trial'> & { key: string };

/** Stores what trials took of the machine; what is stored already stays. */
export function storeSystem(store: Store, samples: readonly SystemRow[]): void {
  transact(store, () => {
    for (const { key, ...sample } of samples)
      store.db
        .insert(systemSamples)
        .values({ trial: trialId(store, key), ...sample })
        .onConflictDoNothing()
        .run();
  });
}

/** Stores in what state a trial is where no runner has written down how its last attempt ended. */
export function storeStatus(store: Store, key: string, status: 'done', reason: string): void {
  statementsOf(store).setStatus.run(status, reason, trialId(store, key));
}

/** Stores what a trial's files measured when they were last read. */
export function storeProjected(store: Store, key: string, projected: string): void {
  store.db.update(trials).set({ projected }).where(eq(trials.key, key)).run();
}

/** Removes every row: all is to be read anew. */
export function clear(store: Store): void {
  transact(store, () => {
    for (const table of [metrics, samples, checkpoints, exams, messages, systemSamples, earlyStops, attempts])
      store.db.delete(table).run();
    for (const table of [sweepTrials, trials, sweeps]) store.db.delete(table).run();
  });
}
