/** @file The main thread's side of the thread that writes: what it is asked, and what it tells. */
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.js';
import type { TrialEvent } from '../protocol.js';
import type { FromWorker, OperationArguments, OperationName, ToWorker } from './ingest-worker.js';

/** How long a hurried runner waits for a database that does not answer: longer than a hurried trial takes to end. Milliseconds. */
const HURRIED_WAIT = 5000;
const LATE =
  'The database did not answer: another program holds it, or its disk is slow.\n' +
  'Nothing that was measured is lost: the next sweep run reads what is missing from the event files.';

export interface IngestThread {
  /**
   * Calls a function of the writer, without waiting for it. Calls are carried out in order; what they tell must stand
   * in the journal before.
   */
  call<Name extends OperationName>(name: Name, ...args: OperationArguments<Name>): void;
  /** Follows an attempt that has been started in the store; `saw` takes its new events in, of a flood the newest. */
  follow(key: string, attempt: number, saw: (events: TrialEvent[]) => void): Following;
  /** Resolves with the reason when the thread cannot go on. What it has not stored stays in the events files. */
  failed: Promise<UserError>;
  /** Waits no longer than seconds from now on: the user is leaving, and the next run reads what is missing. */
  hurry(): void;
  /**
   * Stores what is left and ends the thread.
   * @throws UserError if not all could be stored
   */
  close(): Promise<void>;
}

export interface Following {
  /**
   * To be called when the trial has ended: resolves when all of its events are stored and told.
   * @throws UserError if they could not be stored
   */
  finished(): Promise<void>;
}

/** @param say shows the user what the thread has to tell */
export function openIngestThread(results: string, say: (message: string) => void): IngestThread {
  const worker = new Worker(new URL('./ingest-worker.js', import.meta.url), { workerData: results });
  const followed = new Map<number, { saw: (events: TrialEvent[]) => void; done: () => void }>();
  let count = 0;
  let closing = false;
  let closed: (() => void) | undefined;
  let fail: (error: UserError) => void = () => undefined;
  const failed = new Promise<UserError>((resolve) => (fail = resolve));
  let hurry: () => void = () => undefined;
  const late = new Promise<void>((resolve) => (hurry = resolve)).then(() =>
    setTimeout(HURRIED_WAIT, new UserError(LATE, 1)),
  );

  const ask = (message: ToWorker) => worker.postMessage(message);
  worker.on('message', (message: FromWorker) => {
    switch (message.t) {
      case 'saw':
        return followed.get(message.id)?.saw(message.events);
      case 'finished':
        followed.get(message.id)?.done();
        followed.delete(message.id);
        return;
      case 'held':
        // Silence proves nothing now: no trial is to be taken for one that hangs.
        return followed.forEach(({ saw }) => saw([{ t: 'alive', wall: Date.now() / 1000 }]));
      case 'notice':
        return say(message.message);
      case 'failed':
        return fail(new UserError(message.message, message.exitCode));
      case 'closed':
        closing = true;
        return closed?.();
    }
  });
  worker.on('error', (error) => fail(new UserError(`Events could not be stored: ${error.message}`, 1)));
  worker.on('exit', () => {
    if (!closing) fail(new UserError('Events could not be stored: the thread that stores them ended.', 1));
  });

  /** Waits for an answer of the thread, but not for one that will never come. */
  const answered = async (answer: Promise<void>): Promise<void> => {
    const reason = await Promise.race([answer, failed, late]);
    if (reason !== undefined) throw reason;
  };

  return {
    call: (name, ...args) => ask({ t: 'call', name, args } as unknown as ToWorker),
    follow(key, attempt, saw) {
      const id = ++count;
      const done = new Promise<void>((resolve) => followed.set(id, { saw, done: resolve }));
      ask({ t: 'follow', id, key, attempt });
      return {
        finished() {
          ask({ t: 'finish', id });
          return answered(done);
        },
      };
    },
    failed,
    hurry,
    async close() {
      const done = new Promise<void>((resolve) => (closed = resolve));
      ask({ t: 'close' });
      try {
        await answered(done);
      } finally {
        closing = true;
        await worker.terminate();
      }
    },
  };
}
