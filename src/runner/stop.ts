/** @file What stops a sweep: Ctrl-C, whose first asks, second insists and third kills (DESIGN section 8); or the runner itself. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunningTrial } from './executors/executor.js';

/** Time for a step to end and a checkpoint to be written, in milliseconds. */
export const GRACE = 30_000;
const SHORT_GRACE = 3000;

export interface Stopping {
  /** No new trial starts once this is true. */
  readonly requested: boolean;
  /** Aborted when it becomes true. */
  readonly signal: AbortSignal;
  /** Whether the user asked, by a signal. */
  readonly byUser: boolean;
  /** Exit code after a second signal: 130 (SIGINT) or 143 (SIGTERM); undefined before. */
  readonly insisted: number | undefined;
  /** Stops everything as the first signal does, for a reason of the runner's own, which the user is told. */
  request(reason: string): void;
  /** Follows a trial while it runs. */
  watch(trial: RunningTrial): void;
  close(): void;
}

/**
 * @param hurry is called at the second signal
 * @param caller asks as a first Ctrl-C does, where a program and not a terminal runs the sweep
 * @param leave is called when the terminal is closed, and after a third signal, where trials need no runner
 */
export function listenForStop(
  say: (message: string) => void,
  hurry: () => void,
  { caller, leave }: { caller?: AbortSignal | undefined; leave?: (() => void) | undefined } = {},
): Stopping {
  const running = new Set<RunningTrial>();
  let signals = 0;
  let insisted: number | undefined;
  const asked = new AbortController();
  const stopAll = (grace: number) => running.forEach((trial) => trial.stop(grace));
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    asked.abort();
    if (signals === 1) {
      say(
        'Stopping: running trials save a checkpoint and leave, no new ones start. Ctrl-C again hurries them.',
      );
      stopAll(GRACE);
      return;
    }
    insisted = signal === 'SIGTERM' ? 143 : 130;
    hurry();
    if (signals === 2) {
      say(`Hurrying: running trials have ${SHORT_GRACE / 1000} seconds left. Ctrl-C again kills them.`);
      stopAll(SHORT_GRACE);
    } else {
      running.forEach((trial) => trial.kill());
      leave?.();
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const onAbort = () => onSignal('SIGINT');
  caller?.addEventListener('abort', onAbort);
  if (caller?.aborted === true) onAbort();
  const onHangUp = leave ?? (() => onSignal('SIGHUP')); // the terminal was closed
  process.on('SIGHUP', onHangUp);
  return {
    get requested() {
      return asked.signal.aborted;
    },
    signal: asked.signal,
    get byUser() {
      return signals > 0;
    },
    get insisted() {
      return insisted;
    },
    request(reason) {
      if (asked.signal.aborted) return;
      asked.abort();
      say(`${reason}\nRunning trials save a checkpoint and leave, no new ones start.`);
      stopAll(GRACE);
    },
    watch(trial) {
      running.add(trial);
      void trial.exited.then(() => running.delete(trial));
      if (asked.signal.aborted) trial.stop(GRACE);
    },
    close() {
      caller?.removeEventListener('abort', onAbort);
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, onSignal);
      process.off('SIGHUP', onHangUp);
    },
  };
}

/** How often it is looked whether `sweep stop` asks, in milliseconds. */
const LOOK_EVERY = 1000;

/** Lies in a results folder while `sweep stop` waits for its runner, on whatever machine, to see it. */
export function stopRequest(results: string): string {
  return path.join(results, 'stop');
}

/** Does what Ctrl-C does whenever `sweep stop` asks. @returns a function that ends the watch */
export function watchStopFile(results: string): () => void {
  const file = stopRequest(results);
  fs.rmSync(file, { force: true }); // nobody was there to see it
  const timer = setInterval(() => {
    if (!fs.existsSync(file)) return;
    fs.rmSync(file, { force: true });
    process.emit('SIGINT');
  }, LOOK_EVERY);
  timer.unref();
  return () => clearInterval(timer);
}
