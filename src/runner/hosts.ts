/**
 * @file Which machine works in a results folder that several see. The kernel's lock is of one machine alone on many network file
 * systems; beside it lies `runner.json`, which its holder writes anew every few seconds. How old it is, the file server says: a
 * file that is written now has its clock's time, too, so that clocks of machines need not agree.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemCode } from '../errors.js';
import { writeFileWhole } from './layout.js';

/** Milliseconds. A runner that has said nothing for so long is dead, or cannot write: then it finds another's name, and stops. */
const BEAT_EVERY = 10_000;
const DEAD_AFTER = 60_000;

interface Holder {
  id: string;
  host: string;
  pid: number;
}

/** The runner of another machine that works in a folder, in words; undefined if none does. */
export function runnerElsewhere(results: string): string | undefined {
  const holder = readHolder(results);
  if (holder === undefined || holder.host === os.hostname()) return undefined;
  const probe = path.join(results, `.clock-${process.pid}`);
  fs.writeFileSync(probe, '');
  const age = fs.statSync(probe).mtimeMs - fs.statSync(file(results)).mtimeMs;
  fs.rmSync(probe);
  return age > DEAD_AFTER ? undefined : `${holder.pid} on ${holder.host}`;
}

/**
 * Says that this process works in the folder, for as long as it lives.
 * @param lost is called once if another machine has taken the folder over: this process was thought dead
 */
export function holdForHosts(results: string, lost: (by: string) => void): () => void {
  const mine: Holder = { id: randomUUID(), host: os.hostname(), pid: process.pid };
  const write = () => writeFileWhole(file(results), JSON.stringify(mine) + '\n');
  write();
  const timer = setInterval(() => {
    try {
      const holder = readHolder(results);
      if (holder === undefined || holder.id === mine.id) return write();
      clearInterval(timer);
      lost(`${holder.pid} on ${holder.host}`);
    } catch {
      // the next time
    }
  }, BEAT_EVERY);
  timer.unref();
  return () => {
    clearInterval(timer);
    if (readHolder(results)?.id === mine.id) fs.rmSync(file(results), { force: true });
  };
}

function readHolder(results: string): Holder | undefined {
  try {
    return JSON.parse(fs.readFileSync(file(results), 'utf8')) as Holder;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function file(results: string): string {
  return path.join(results, 'runner.json');
}
