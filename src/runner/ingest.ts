/** @file Brings a trial's events from its file into the store. Runs wherever the connection that writes is. */
import type { TrialEvent, TrialEventType } from '../protocol.js';
import type { Store } from '../store/open.js';
import { readIngested, storeEvents } from '../store/writer.js';
import { appendJournal } from './journal.js';
import { eventsFile } from './layout.js';
import { followLines, type FileChange } from './lines.js';

/** What one reading of an events file found. */
export interface IngestPiece {
  events: TrialEvent[];
  /** There may be more to read now. */
  more: boolean;
  /** What the user should be told at once. */
  notice: string | undefined;
  /** Stores the events and how far the file was read; once, and in the order of reading. */
  store(): void;
}

export interface Ingest {
  /** The next piece of what has been appended. */
  read(): IngestPiece;
  close(): void;
}

/**
 * Follows one attempt's events file, from where the store left off.
 * @param journal whether what became of the file is written into the trial's journal: for the one runner to do
 */
export function openIngest(store: Store, key: string, attempt: number, journal = true): Ingest {
  const { rewritten: before, ...from } = readIngested(store, key, attempt);
  let rewritten = before;
  const lines = followLines(eventsFile(store.results, key, attempt), { from });
  return {
    read() {
      const piece = lines.read();
      const events = piece.lines.map(parseEvent);
      let notice: string | undefined;
      if (piece.change !== undefined) {
        rewritten++;
        const code = `events-${piece.change}`;
        const message = CHANGES[piece.change];
        if (journal) appendJournal(store.results, key, { t: 'warning', attempt, wall: Date.now() / 1000, code, message }); // prettier-ignore
        events.unshift(warning(code, message));
        notice = `Trial ${key}, attempt ${attempt}: ${message}`;
      }
      if (piece.tooLong > 0) {
        events.unshift(warning('line-too-long', 'A line of the events file is too long to be an event.'));
      }
      const ingested = { ...piece.position, rewritten };
      return {
        events,
        more: piece.more,
        notice,
        store: () => storeEvents(store, key, attempt, events, ingested),
      };
    },
    close: () => lines.close(),
  };
}

/** Stores all that is there now of an attempt. */
export function ingestWhole(store: Store, key: string, attempt: number, journal = true): void {
  const ingest = openIngest(store, key, attempt, journal);
  try {
    for (let more = true; more;) {
      const piece = ingest.read();
      if (piece.events.length > 0) piece.store();
      more = piece.more;
    }
  } finally {
    ingest.close();
  }
}

const AGAIN = 'It is read from its start; what is stored already stays and is not stored twice.';
const CHANGES: Record<FileChange, string> = {
  shortened: `The events file became shorter than what had been read of it. ${AGAIN}`,
  replaced: `Another file lies in the place of the events file. ${AGAIN}`,
};

type Kind = 'number' | 'string' | 'object';

/** What of an event the store relies on; a question mark where it may be missing or null. The log may come from a trainer that is not ours. */
const FIELDS: Readonly<Record<TrialEventType, Readonly<Record<string, Kind | `${Kind}?`>>>> = {
  start: {
    engine: 'string?',
    engineReason: 'string?',
    device: 'string?',
    threads: 'number?',
    host: 'string?',
    cpu: 'string?',
    versions: 'object?',
    facts: 'object?',
    form: 'string?',
    from: 'number?',
    updates: 'number?',
  },
  metric: { step: 'number', wall: 'number', pixels: 'number', v: 'object' },
  checkpoint: { step: 'number', kind: 'string', path: 'string', bytes: 'number' },
  sample: { step: 'number', name: 'string', role: 'string', path: 'string' },
  exam: { step: 'number', split: 'string', v: 'object', images: 'object' },
  memory: { peak: 'number', predicted: 'number?', micro_batch: 'number?' },
  health: { step: 'number', code: 'string', message: 'string' },
  warning: { step: 'number', code: 'string', message: 'string' },
  alive: {},
  done: { step: 'number', reason: 'string' },
  stopped: { step: 'number', reason: 'string' },
};

/** A line that is no event is kept as a warning, without its text: that could name a file. */
export function parseEvent(line: string): TrialEvent {
  const event = parseJson(line);
  if (typeof event !== 'object' || event === null || !('t' in event) || typeof event.t !== 'string') {
    return warning('unreadable-event', 'A line of the events file is not a JSON object with a type t.');
  }
  const fields = FIELDS[event.t as TrialEventType] as (typeof FIELDS)[TrialEventType] | undefined;
  for (const name in fields) {
    const kind = fields[name]!;
    const value = (event as Record<string, unknown>)[name];
    const fits =
      value === undefined || value === null ? kind.endsWith('?') : typeof value === kind.replace('?', '');
    if (!fits) {
      return warning('unreadable-event', `An event ${event.t} lacks ${name} (${kind.replace('?', '')}).`);
    }
  }
  return event as TrialEvent;
}

/** Undefined for what is not JSON. Python writes NaN and Infinity, which JSON lacks: they are read as null. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    try {
      return JSON.parse(line.replace(/(?<=[:,[]\s*)(?:NaN|-?Infinity)(?=\s*[,}\]])/g, 'null'));
    } catch {
      return undefined;
    }
  }
}

function warning(code: string, message: string): TrialEvent {
  return { t: 'warning', step: 0, code, message };
}
