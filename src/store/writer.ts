/** @file The one writer: every row of the database is written here. */
import { and, eq, inArray, isNull, notInArray } from 'drizzle-orm';
import type { ParameterValues, TrialConfig, TrialEvent } from '../protocol.js';
import type { Db, Store } from './open.js';
import {
  attempts,
  checkpoints,
  earlyStops,
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

export interface SweepEntry {
  name: string;
  question: string;
  source: string;
  varied: string[];
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
}

/** Stores a sweep and the trials it holds. Trials that other sweeps share keep their state. */
export function storeSweep(store: Store, sweep: SweepEntry, entries: TrialEntry[]): void {
  const updated = Date.now() / 1000;
  store.db.transaction((tx) => {
    const { id } = tx
      .insert(sweeps)
      .values({ ...sweep, updated })
      .onConflictDoUpdate({ target: sweeps.name, set: { ...sweep, updated } })
      .returning({ id: sweeps.id })
      .get();
    tx.delete(sweepTrials).where(eq(sweepTrials.sweep, id)).run();
    entries.forEach((entry, position) => {
      tx.insert(trials)
        .values({ ...entry, status: 'pending' })
        .onConflictDoNothing()
        .run();
      tx.insert(sweepTrials)
        .values({ sweep: id, trial: trialId(tx, entry.key), position })
        .run();
    });
  });
}

export function trialId(db: Pick<Db, 'select'>, key: string): number {
  const row = db.select({ id: trials.id }).from(trials).where(eq(trials.key, key)).get();
  if (row === undefined) throw new Error(`The store holds no trial ${key}`);
  return row.id;
}

export function startAttempt(store: Store, trial: number, attempt: number, started: number): void {
  store.db.transaction((tx) => {
    tx.insert(attempts).values({ trial, attempt, started }).onConflictDoNothing().run();
    tx.update(trials).set({ status: 'running', reason: null }).where(eq(trials.id, trial)).run();
  });
}

/** Stores how an attempt ended, and with it what state the trial is in. */
export function endAttempt(
  store: Store,
  trial: number,
  attempt: number,
  end: AttemptEnd,
  ended: number,
): void {
  store.db.transaction((tx) => {
    tx.update(attempts)
      .set({ ...end, ended })
      .where(and(eq(attempts.trial, trial), eq(attempts.attempt, attempt)))
      .run();
    const status = end.outcome === 'lost' ? 'pending' : end.outcome;
    tx.update(trials).set({ status, reason: end.reason }).where(eq(trials.id, trial)).run();
  });
}

/**
 * Stores the events of whole lines and moves the attempt's byte offset, all in one transaction:
 * a crash leaves both or neither, so no line is lost or stored twice.
 */
export function storeEvents(
  store: Store,
  trial: number,
  attempt: number,
  events: readonly TrialEvent[],
  ingested: number,
): void {
  const here = and(eq(attempts.trial, trial), eq(attempts.attempt, attempt));
  store.db.transaction((tx) => {
    let step: number | undefined;
    for (const event of events) {
      storeEvent(tx, trial, attempt, event);
      if (event.t === 'metric' || event.t === 'done') step = event.step;
    }
    tx.update(attempts).set({ ingested }).where(here).run();
    if (step !== undefined) tx.update(trials).set({ step }).where(eq(trials.id, trial)).run();
  });
}

type Transaction = Parameters<Parameters<Db['transaction']>[0]>[0];

function storeEvent(tx: Transaction, trial: number, attempt: number, event: TrialEvent): void {
  const at = { trial, attempt };
  const here = and(eq(attempts.trial, trial), eq(attempts.attempt, attempt));
  switch (event.t) {
    case 'start': {
      const { engine, engineReason, device, threads, host, cpu, versions, facts, form, from } = event;
      tx.update(attempts)
        .set({ engine, engineReason, device, threads, host, cpu, versions, facts, form, from })
        .where(here)
        .run();
      tx.update(trials).set({ updates: event.updates }).where(eq(trials.id, trial)).run();
      return;
    }
    case 'metric': {
      const { step, wall, pixels } = event;
      const rows = Object.entries(event.v).map(([name, value]) => {
        return { ...at, name: nameId(tx, name), step, wall, pixels, value };
      });
      if (rows.length > 0) tx.insert(metrics).values(rows).onConflictDoNothing().run();
      return;
    }
    case 'checkpoint': {
      const { step, kind, path, bytes } = event;
      tx.insert(checkpoints)
        .values({ ...at, step, kind, path, bytes })
        .run();
      return;
    }
    case 'sample': {
      const { step, name, role, path } = event;
      tx.insert(samples)
        .values({ ...at, step, name, role, path })
        .onConflictDoNothing()
        .run();
      return;
    }
    case 'exam': {
      const { step, split, v, images } = event;
      tx.insert(exams)
        .values({ ...at, step, split, values: v, images })
        .onConflictDoNothing()
        .run();
      return;
    }
    case 'memory':
      tx.update(attempts)
        .set({
          peakMemory: event.peak,
          predictedMemory: event.predicted === undefined ? undefined : Math.round(event.predicted),
          microBatch: event.micro_batch,
        })
        .where(here)
        .run();
      return;
    case 'health':
    case 'warning':
      tx.insert(messages)
        .values({ ...at, type: event.t, step: event.step, code: event.code, text: event.message })
        .run();
      return;
    case 'done':
      // Where the budget is one of time, how many updates it allowed is known only now.
      tx.update(trials)
        .set({ updates: event.step })
        .where(and(eq(trials.id, trial), isNull(trials.updates)))
        .run();
      return;
    case 'alive':
    case 'stopped':
      return;
    default: {
      const unknown: { t?: unknown } = event;
      tx.insert(messages)
        .values({ ...at, type: String(unknown.t), text: JSON.stringify(unknown) })
        .run();
    }
  }
}

function nameId(tx: Transaction, name: string): number {
  const known = tx.select({ id: metricNames.id }).from(metricNames).where(eq(metricNames.name, name)).get();
  return known?.id ?? tx.insert(metricNames).values({ name }).returning({ id: metricNames.id }).get().id;
}

/** Stores that a rule stopped a trial, and with it, unless it got done all the same, the trial's state. */
export function storeEarlyStop(store: Store, stop: typeof earlyStops.$inferInsert): void {
  const { trial, attempt, reason } = stop;
  store.db.transaction((tx) => {
    tx.insert(earlyStops).values(stop).onConflictDoNothing().run();
    const open = and(eq(trials.id, trial), notInArray(trials.status, ['done', 'running']));
    if (tx.update(trials).set({ status: 'early-stopped', reason }).where(open).run().changes === 0) return;
    tx.update(attempts)
      .set({ outcome: 'early-stopped', reason })
      .where(
        and(
          eq(attempts.trial, trial),
          eq(attempts.attempt, attempt),
          inArray(attempts.outcome, ['stopped', 'lost']),
        ),
      )
      .run();
  });
}

/** Stores from which trial's last checkpoint a trial goes on. */
export function storeExtended(store: Store, trial: number, extendedFrom: string, extendedAt: number): void {
  store.db.update(trials).set({ extendedFrom, extendedAt }).where(eq(trials.id, trial)).run();
}

/** Stores what trials took of the machine; what is stored already stays. */
export function storeSystem(store: Store, samples: (typeof systemSamples.$inferInsert)[]): void {
  if (samples.length === 0) return;
  store.db.transaction((tx) => {
    for (const sample of samples) tx.insert(systemSamples).values(sample).onConflictDoNothing().run();
  });
}
