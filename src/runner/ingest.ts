/** @file Brings a trial's events from its files into the store. */
import { and, eq } from 'drizzle-orm';
import type { TrialEvent } from '../protocol.js';
import type { Store } from '../store/open.js';
import { attempts } from '../store/schema.js';
import { storeEvents } from '../store/writer.js';
import { eventsFile } from './layout.js';
import { LineReader } from './lines.js';

/** Follows one attempt's events file, from where the store left off. */
export class Ingest {
  private readonly reader: LineReader;

  constructor(
    private readonly store: Store,
    private readonly trial: number,
    key: string,
    private readonly attempt: number,
  ) {
    const row = store.db
      .select({ ingested: attempts.ingested })
      .from(attempts)
      .where(and(eq(attempts.trial, trial), eq(attempts.attempt, attempt)))
      .get();
    this.reader = new LineReader(eventsFile(store.results, key, attempt), row?.ingested ?? 0);
  }

  /** Stores what has been appended since the last call, and returns it. */
  advance(): TrialEvent[] {
    const lines = this.reader.read();
    if (lines.length === 0) return [];
    const events = lines.map(parseEvent);
    storeEvents(this.store, this.trial, this.attempt, events, this.reader.offset);
    return events;
  }
}

/** A line that is no event is kept as a warning: the log may come from a trainer that is not ours. */
export function parseEvent(line: string): TrialEvent {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 't' in value) return value as TrialEvent;
  } catch {
    // told below
  }
  return { t: 'warning', step: 0, code: 'unreadable-event', message: `Not an event: ${line.slice(0, 200)}` };
}
