/**
 * @file Processes that work for trials of a results folder though no runner holds them: what a killed runner left.
 *
 * Found by what the kernel says of each process, not by what the runner wrote before it died: a runner can die between
 * starting a trial and writing that down. A copy of a results folder has no processes, whatever its journals say.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENVIRONMENT } from '../protocol.js';
import { hasVariable, listProcesses, readProcess } from './proc.js';
import { PATIENCE } from './processes.js';

export interface Stray {
  pid: number;
  /** Key of its trial. */
  key: string;
}

const LOOK_EVERY = 100;
/** A notice is worth its line only for those that do not leave at once. */
const TELL_AFTER = 2000;

/** Whether this system lets processes be found so. Elsewhere the journals name them. */
export const CAN_FIND_STRAYS = fs.existsSync('/proc/self/fd');

/**
 * All processes of this user whose output goes into a trial's folder (which also tells after the results folder has moved), or
 * that were told such a folder to work in.
 */
export function findStrays(results: string): Stray[] {
  if (!CAN_FIND_STRAYS || !fs.existsSync(results)) return [];
  const trials = path.join(fs.realpathSync(results), 'trials') + path.sep;
  return listProcesses()
    .filter((pid) => pid !== process.pid)
    .flatMap((pid) => {
      const place = placesOf(pid).find((each) => each.startsWith(trials));
      if (place === undefined) return [];
      return [{ pid, key: place.slice(trials.length).split(path.sep)[0]! }];
    });
}

/** Where a process writes, and where it was told to work; nothing for a process that has ended or is another user's. */
function placesOf(pid: number): string[] {
  const places = ['1', '2'].map((descriptor) => link(`/proc/${pid}/fd/${descriptor}`));
  if (hasVariable(pid, `${ENVIRONMENT.scheduler}=slurm`)) return []; // a job, which is to go on
  const told = new RegExp(`(?:^|\\0)${ENVIRONMENT.trialDirectory}=([^\\0]*)`).exec(
    readProcess(pid, 'environ') ?? '',
  )?.[1];
  // A process that has ended and waits for its parent to notice has neither.
  return [...places, told === undefined ? '' : `${real(told)}${path.sep}`];
}

function link(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

function real(folder: string): string {
  try {
    return fs.realpathSync(folder);
  } catch {
    return folder;
  }
}

/** Waits until all that a killed runner left running has saved and left by itself; kills what does not. */
export async function outliveStrays(results: string, say: (message: string) => void): Promise<void> {
  const begun = performance.now();
  let told = false;
  for (let strays = findStrays(results); strays.length > 0; strays = findStrays(results)) {
    const waited = performance.now() - begun;
    if (!told && waited >= TELL_AFTER) {
      told = true;
      say(
        `Waiting for ${strays.length === 1 ? 'a process' : `${strays.length} processes`} of a runner that was killed` +
          ` (${strays.map(({ pid }) => pid).join(', ')}) to save and leave, ${PATIENCE / 1000} seconds at most.`,
      );
    }
    if (waited >= PATIENCE) strays.forEach(({ pid }) => kill(pid));
    await sleep(LOOK_EVERY);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has left
  }
}
