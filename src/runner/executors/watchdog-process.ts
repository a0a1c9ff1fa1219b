/** @file The process of watchdog.ts: its standard input is a pipe from the runner. */
import readline from 'node:readline';
import { isSame, killDescendants, PATIENCE, signalGroup, type ProcessIdentity } from '../processes.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchdogMessage } from './watchdog.js';

const LOOK_EVERY = 100;

/** By its events file; a trial of which its runner died before it could say which process it is has none. */
const trials = new Map<string, ProcessIdentity | undefined>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined); // it ends with its runner

for await (const line of readline.createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as WatchdogMessage;
  if (message.t === 'guard') trials.set(message.eventsFile, message.process);
  else trials.delete(message.eventsFile);
}

const deadline = performance.now() + PATIENCE;
await Promise.all(
  [...trials].map(async ([eventsFile, trial]) => {
    while (performance.now() < deadline && (trial === undefined || isSame(trial))) await sleep(LOOK_EVERY);
    // An id that has gone to another process is not this trial's group.
    if (trial !== undefined && isSame(trial)) signalGroup(trial.pid, 'SIGKILL');
    await killDescendants(eventsFile);
  }),
);
