/**
 * @file One process beside each runner that outlives it: it is told of every trial that starts and ends, and when the pipe from
 * the runner ends, however the runner died, it gives what still runs the time to save, and kills it. So a trainer that knows
 * nothing of lifelines, and ignores SIGTERM, is gone ten seconds after its runner.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ProcessIdentity } from '../processes.js';

/** A line of the pipe. */
export type WatchdogMessage =
  ({ t: 'guard'; eventsFile: string } & ProcessIdentity) | { t: 'release'; pid: number };

const PROGRAM = fileURLToPath(new URL('./watchdog-process.js', import.meta.url));

let watchdog: ChildProcess | undefined;
const guarded = new Map<number, WatchdogMessage>();

/** Has a trial ended should this process die. */
export function guard(trial: ProcessIdentity, eventsFile: string): void {
  const message = { t: 'guard', eventsFile, ...trial } as const;
  guarded.set(trial.pid, message);
  if (watchdog === undefined) start();
  else tell(message);
}

export function release(pid: number): void {
  if (guarded.delete(pid)) tell({ t: 'release', pid });
}

/** Should somebody kill it, the next trial that starts has another. */
function start(): void {
  // A session of its own: what ends the runner's group does not reach it.
  const child = spawn(process.execPath, [PROGRAM], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watchdog = child;
  child.on('error', () => undefined); // trials of ours still have their lifeline
  child.on('exit', () => (watchdog = undefined));
  child.stdin.on('error', () => undefined);
  // It must not keep a runner that has nothing left to do.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  guarded.forEach(tell);
}

function tell(message: WatchdogMessage): void {
  watchdog?.stdin?.write(JSON.stringify(message) + '\n');
}
