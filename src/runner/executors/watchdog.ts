/**
 * @file One process beside each runner that outlives it: it is told of every trial that starts and ends, and when the pipe from
 * the runner ends, however the runner died, it gives what still runs the time to save, and kills it. So a trainer that knows
 * nothing of lifelines, and ignores SIGTERM, is gone ten seconds after its runner.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ProcessIdentity } from '../processes.js';

/** A line of the pipe: of a trial that is about to start, or that runs as this process; and of one that has ended. */
export type WatchdogMessage =
  | { t: 'guard'; eventsFile: string; process?: ProcessIdentity | undefined }
  | { t: 'release'; eventsFile: string };

const PROGRAM = fileURLToPath(new URL('./watchdog-process.js', import.meta.url));

let watchdog: ChildProcess | undefined;
const guarded = new Map<string, WatchdogMessage>();

/**
 * Has a trial ended should this process die. It is called twice: before the trial starts, since this process may die
 * before it knows which process the trial is, and when it knows.
 */
export function guard(eventsFile: string, process?: ProcessIdentity): void {
  const message = { t: 'guard', eventsFile, process } as const;
  guarded.set(eventsFile, message);
  if (watchdog === undefined) start();
  else tell(message);
}

export function release(eventsFile: string): void {
  if (guarded.delete(eventsFile)) tell({ t: 'release', eventsFile });
}

/** Should somebody kill it, the next trial that starts has another. */
function start(): void {
  // A session of its own: what ends the runner's group does not reach it.
  const child = spawn(process.execPath, [PROGRAM], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watchdog = child;
  // Trials of ours still have their lifeline.
  for (const event of ['error', 'exit']) {
    child.on(event, () => {
      if (watchdog === child) watchdog = undefined;
    });
  }
  child.stdin.on('error', () => undefined);
  // It must not keep a runner that has nothing left to do.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  guarded.forEach(tell);
}

function tell(message: WatchdogMessage): void {
  watchdog?.stdin?.write(JSON.stringify(message) + '\n');
}
