/** @file Processes by id and start time: an id is given again, the pair is not. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessIdentity {
  pid: number;
  /** When it was started, in the words of the system: to compare, not to read. Empty where that cannot be told. */
  started: string;
}

/** Time that a trial whose runner is gone has to save and leave before it is killed, in milliseconds. */
const PATIENCE = 35_000;
const LOOK_EVERY = 100;
const HAS_PROC = fs.existsSync('/proc/self/stat');

export function identify(pid: number): ProcessIdentity {
  return { pid, started: startTime(pid) ?? '' };
}

/** Waits until a process that lost its runner has left by itself; ends it and its group if it does not. */
export async function outlive(process_: ProcessIdentity): Promise<void> {
  for (let waited = 0; isSame(process_); waited += LOOK_EVERY) {
    if (waited > PATIENCE) signalGroup(process_.pid, 'SIGKILL');
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

/** Whether the process still lives. */
export function isSame({ pid, started }: ProcessIdentity): boolean {
  return started !== '' && startTime(pid) === started;
}

/** Undefined where no such process lives. */
function startTime(pid: number): string | undefined {
  if (HAS_PROC) {
    try {
      // Counted behind the command's closing bracket: state is field 3, the start time in clock ticks field 22.
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
