/**
 * @file The thread that writes: it follows the events files of running trials and brings them into the database, so that a
 * slow disk delays nothing but itself. It holds the one connection that writes while trials run.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemCode, UserError } from '../errors.js';
import type { TrialEvent } from '../protocol.js';
import { openStore, storeError, type Store } from '../store/open.js';
import {
  endAttempt,
  startAttempt,
  storeEarlyStop,
  storeExtended,
  storeSystem,
  transact,
} from '../store/writer.js';
import { openIngest, type Ingest, type IngestPiece } from './ingest.js';

/** How often events files are looked at, in milliseconds. */
const LOOK_EVERY = 500;
/** How often a database that another program holds is tried again, in milliseconds. */
const TRY_EVERY = 100;
/** How long it may be held before the user is told, in milliseconds: a report takes no longer. */
const HELD_LONG = 2000;
/** Events in one transaction, about: many make it fast, few make it short. */
const BATCH = 500;
/** Events told of one trial at once; of more metric events only the newest of each name are told. */
const MOST_TOLD = 200;

/** What of the writer may be called from the main thread. All is stored in the order of the calls. */
const OPERATIONS = { startAttempt, endAttempt, storeEarlyStop, storeExtended, storeSystem };
export type Operations = typeof OPERATIONS;
export type OperationName = keyof Operations;
export type OperationArguments<Name extends OperationName> =
  Parameters<Operations[Name]> extends [Store, ...infer Rest] ? Rest : never;
type Call = { [Name in OperationName]: { name: Name; args: OperationArguments<Name> } }[OperationName];

export type ToWorker =
  | ({ t: 'call' } & Call)
  /** Follows an attempt's events file, under a number of the caller's. */
  | { t: 'follow'; id: number; key: string; attempt: number }
  /** The attempt has ended: reads its file to the end and answers `finished`. */
  | { t: 'finish'; id: number }
  /** Stores what is left, answers `closed` and ends. */
  | { t: 'close' };

export type FromWorker =
  | { t: 'saw'; id: number; events: TrialEvent[] }
  | { t: 'finished'; id: number }
  /** What trials write cannot be read on, since it could not be stored. */
  | { t: 'held' }
  | { t: 'notice'; message: string }
  | { t: 'failed'; exitCode: 1 | 2 | 4; message: string }
  | { t: 'closed' };

const HELD =
  'Another program holds the database. Trials go on; what they measure is stored as soon as it lets go.';

interface Followed {
  ingest: Ingest;
  /** No more will be appended. */
  ended: boolean;
}

/** A trial's part of a turn. */
interface Read {
  id: number;
  piece: IngestPiece;
  /** The trial had ended before this was read. */
  last: boolean;
}

function serve(store: Store, tell: (message: FromWorker) => void, end: () => void) {
  const followed = new Map<number, Followed>();
  /** What was asked and is not stored yet. */
  let asked: ToWorker[] = [];
  /** What was read and is not stored yet. */
  let read: Read[] = [];
  let woken = false;
  let busySince: number | undefined;
  let told = false;

  const wake = () => {
    if (woken) return;
    woken = true;
    setImmediate(turn);
  };

  const turn = () => {
    woken = false;
    if (read.length === 0) read = readPieces(followed);
    const written = read.some(({ piece }) => piece.events.length > 0) || asked.some(({ t }) => t === 'call');
    if (written && !storeAll()) return;
    const again = asked.length > 0 || read.length < followed.size || read.some(({ piece }) => piece.more);
    const now = { asked, read };
    [asked, read] = [[], []];
    now.read.forEach(afterReading);
    now.asked.forEach(afterAsking);
    if (again) wake();
  };

  /** In one transaction, which holds all or nothing of it. @returns false if another program holds the database */
  const storeAll = (): boolean => {
    try {
      transact(store, () => {
        for (const message of asked) if (message.t === 'call') perform(store, message);
        for (const { piece } of read) if (piece.events.length > 0) piece.store();
      });
      busySince = undefined;
      told = false;
      return true;
    } catch (error) {
      if (systemCode(error)?.startsWith('SQLITE_BUSY') !== true) throw error;
      // Nothing was begun: what is asked and read is kept, and no more is read.
      busySince ??= performance.now();
      tell({ t: 'held' });
      if (!told && performance.now() - busySince > HELD_LONG) {
        tell({ t: 'notice', message: HELD });
        told = true;
      }
      setTimeout(wake, TRY_EVERY);
      return false;
    }
  };

  const afterReading = ({ id, piece, last }: Read) => {
    if (piece.notice !== undefined) tell({ t: 'notice', message: piece.notice });
    if (piece.events.length > 0) tell({ t: 'saw', id, events: worthTelling(piece.events) });
    if (!last || piece.more) return;
    followed.get(id)?.ingest.close();
    followed.delete(id);
    tell({ t: 'finished', id });
  };

  const afterAsking = (message: ToWorker) => {
    if (message.t === 'follow') {
      const { id, key, attempt } = message;
      followed.set(id, { ingest: openIngest(store, key, attempt), ended: false });
    } else if (message.t === 'finish') {
      const trial = followed.get(message.id);
      if (trial !== undefined) trial.ended = true;
    } else if (message.t === 'close') end();
  };

  setInterval(wake, LOOK_EVERY);
  return (message: ToWorker) => {
    asked.push(message);
    wake();
  };
}

/** A piece of each followed file, up to a batch; those that were read come last in the next turn. */
function readPieces(followed: Map<number, Followed>): Read[] {
  const pieces: Read[] = [];
  let events = 0;
  for (const [id, trial] of [...followed]) {
    if (events >= BATCH) break;
    const piece = trial.ingest.read();
    events += piece.events.length;
    pieces.push({ id, piece, last: trial.ended });
    followed.delete(id);
    followed.set(id, trial);
  }
  return pieces;
}

function perform(store: Store, { name, args }: Call): void {
  (OPERATIONS[name] as (store: Store, ...args: unknown[]) => void)(store, ...args);
}

/** Who follows a trial on the main thread wants to know where it is and how it ended, not every point of a flood. */
function worthTelling(events: TrialEvent[]): TrialEvent[] {
  if (events.length <= MOST_TOLD) return events;
  const names = new Set<string>();
  const told = events.toReversed().filter((event) => {
    if (event.t !== 'metric') return event.t !== 'alive';
    const before = names.size;
    for (const name in event.v) names.add(name);
    return names.size > before;
  });
  return told.reverse();
}

if (parentPort !== null) {
  const port = parentPort;
  const results = workerData as string;
  const tell = (message: FromWorker) => port.postMessage(message);
  /** Whatever goes wrong here is told; the events files hold all that is not stored. */
  const fail = (error: unknown) => {
    const { exitCode, message } = error instanceof UserError ? error : storeError(results, error);
    tell({ t: 'failed', exitCode, message });
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  const store = openStore(results);
  // Patience is ours: to end a thread that waits inside SQLite is to crash the process.
  store.db.$client.pragma('busy_timeout = 0');
  const hear = serve(store, tell, () => {
    store.close();
    tell({ t: 'closed' });
    port.close();
    process.exit(0);
  });
  port.on('message', hear);
}
