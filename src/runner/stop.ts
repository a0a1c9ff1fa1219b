/** @file What Ctrl-C does: the first asks, the second insists, the third kills (DESIGN section 8). */
import type { RunningTrial } from './executors/executor.js';

/** Time for a step to end and a checkpoint to be written, in milliseconds. */
export const GRACE = 30_000;
const SHORT_GRACE = 3000;

export interface Stopping {
  /** No new trial starts once this is true. */
  readonly requested: boolean;
  /** Exit code after a second signal: 130 (SIGINT) or 143 (SIGTERM); undefined before. */
  readonly insisted: number | undefined;
  /** Stops everything as the first signal does, for a reason of the runner's own. */
  request(reason: string): void;
  /** Follows a trial while it runs. */
  watch(trial: RunningTrial): void;
  close(): void;
}

/** @param hurry is called at the second signal */
export function listenForStop(say: (message: string) => void, hurry: () => void): Stopping {
  const running = new Set<RunningTrial>();
  let signals = 0;
  let asked = false;
  let insisted: number | undefined;
  const stopAll = (grace: number) => running.forEach((trial) => trial.stop(grace));
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
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
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal); // the terminal was closed
  return {
    get requested() {
      return asked || signals > 0;
    },
    get insisted() {
      return insisted;
    },
    request(reason) {
      if (asked) return;
      asked = true;
      say(`${reason.split('\n')[0]}\nRunning trials save a checkpoint and leave, no new ones start.`);
      stopAll(GRACE);
    },
    watch(trial) {
      running.add(trial);
      void trial.exited.then(() => running.delete(trial));
      if (asked || signals > 0) trial.stop(GRACE);
    },
    close() {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, onSignal);
    },
  };
}
