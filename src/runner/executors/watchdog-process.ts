/** @file The process of watchdog.ts: its standard input is a pipe from the runner. */
import readline from 'node:readline';
import { isSame, killDescendants, PATIENCE, signalGroup, type ProcessIdentity } from '../processes.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchdogMessage } from './watchdog.js';

const LOOK_EVERY = 100;

const trials = new Map<number, ProcessIdentity & { eventsFile: string }>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined); // it ends with its runner

for await (const line of readline.createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as WatchdogMessage;
  if (message.t === 'guard') trials.set(message.pid, message);
  else trials.delete(message.pid);
}

await Promise.all(
  [...trials.values()].map(async (trial) => {
    for (let waited = 0; waited < PATIENCE && isSame(trial); waited += LOOK_EVERY) await sleep(LOOK_EVERY);
    // An id that has gone to another process is not this trial's group.
    if (isSame(trial)) signalGroup(trial.pid, 'SIGKILL');
    await killDescendants(trial.eventsFile);
  }),
);
