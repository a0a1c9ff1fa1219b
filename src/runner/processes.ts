/** @file Processes by id and start time: an id is given again, the pair is not. Groups of them, and who descends from a trial. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENVIRONMENT } from '../protocol.js';
import { HAS_PROC, hasVariable, listProcesses, processFields } from './proc.js';

export interface ProcessIdentity {
  pid: number;
  /** When it was started, in the words of the system: to compare, not to read. Empty where that cannot be told. */
  started: string;
}

/**
 * Time that a trial whose runner is gone has to save and leave before it is killed, in milliseconds: ten seconds after its
 * runner none of it runs (DESIGN section 7).
 */
export const PATIENCE = 8000;
const LOOK_EVERY = 100;

export function identify(pid: number): ProcessIdentity {
  return { pid, started: startTime(pid) ?? '' };
}

/** Waits until a process that lost its runner has left by itself; ends it and its group if it does not. */
export async function outlive(process_: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (isSame(process_)) {
    if (performance.now() > deadline) signalGroup(process_.pid, 'SIGKILL');
    await sleep(LOOK_EVERY);
  }
}

/** Signals a process group; nothing happens where it is gone. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is gone, which is what was wanted
  }
}

/** Whether a process group has a member. */
function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until no process of a group is left, at most `time` milliseconds. */
export async function groupGone(pid: number, time: number): Promise<void> {
  const deadline = performance.now() + time;
  while (performance.now() < deadline && groupLives(pid)) await sleep(LOOK_EVERY);
}

/** Looks at all processes this often before it gives up on one that starts others faster than they are killed. */
const MOST_LOOKS = 100;

/**
 * Kills all that an attempt left running, also what has left its group: whatever descends from it was given its events file in
 * its environment. Resolves when none is left. On systems without /proc only the group can be found.
 */
export async function killDescendants(eventsFile: string): Promise<void> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const found = findDescendants(eventsFile);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has left
      }
    }
    await sleep(10);
  }
}

/** Process ids. One that has ended and waits for its parent to notice has no environment, and another user's cannot be read. */
export function findDescendants(eventsFile: string): number[] {
  const token = `${ENVIRONMENT.events}=${eventsFile}`;
  return listProcesses().filter((pid) => pid !== process.pid && hasVariable(pid, token));
}

/** Whether the process still lives. */
export function isSame({ pid, started }: ProcessIdentity): boolean {
  return started !== '' && startTime(pid) === started;
}

/** Undefined where no such process lives. */
function startTime(pid: number): string | undefined {
  if (HAS_PROC) {
    const fields = processFields(pid);
    // Field 22, in clock ticks.
    return fields?.[0] === 'Z' ? undefined : fields?.[19];
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
