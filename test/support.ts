/** @file What the tests of the whole program share: the real command, in a folder of its own, on small real images. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { execa, type Options, type ResultPromise } from 'execa';
import type { TrialEvent } from '../src/protocol.js';
import { listProcesses, processFields, readProcess } from '../src/runner/proc.js';
import { writePng } from '../src/imaging/png.js';

export const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

/** Runs a command in a terminal and types into it; for python3. */
export const TERMINAL = fileURLToPath(new URL('./fixtures/terminal.py', import.meta.url));

const OPTIONS = { reject: false, all: true, stdin: 'ignore' } as const satisfies Options;

/** Starts `sweep ARGS` as a user would, in `cwd`. Its phantom cache and its registry of devices are the test's own. */
export function sweep(cwd: string, ...args: string[]): ResultPromise<typeof OPTIONS> {
  return sweepIn({}, cwd, ...args);
}

/** The same with more in its environment. */
export function sweepIn(
  environment: NodeJS.ProcessEnv,
  cwd: string,
  ...args: string[]
): ResultPromise<typeof OPTIONS> {
  const own = { CYCLESWEEP_CACHE: path.join(cwd, 'cache'), CYCLESWEEP_STATE: path.join(cwd, 'state') };
  const env = { ...own, ...environment };
  return execa(process.execPath, [CLI, ...args], { ...OPTIONS, cwd, env });
}

/** Leaves a test out where python3 is missing; in CI it fails then. */
export function requirePython(skip: (note: string) => void): void {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
  } catch {
    if (process.env.CI) throw new Error('python3 is missing: no trainer of another language can be tried.');
    skip('python3 is not installed');
  }
}

/** A folder that is removed when the test file is done. */
export function temporaryFolder(): string {
  return fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-test-')));
}

/**
 * Writes two small domains of smooth images: Y is X with another tone curve, pairs by name.
 * @returns nothing; the folders are `x/` and `y/`, files `01.png` ...
 */
export async function writeImages(folder: string, count = 6, side = 48, bits: 8 | 16 = 8): Promise<void> {
  const most = 2 ** bits - 1;
  for (let at = 1; at <= count; at++) {
    const x = bits === 8 ? new Uint8Array(side * side) : new Uint16Array(side * side);
    const y = x.slice();
    for (let i = 0; i < x.length; i++) {
      const value = (1 + Math.sin((i % side) / (2 + at) + at) * Math.cos(i / side / (1 + at))) / 2;
      x[i] = Math.round(most * value);
      y[i] = Math.round(most * value ** 2);
    }
    const name = `${String(at).padStart(2, '0')}.png`;
    for (const [domain, data] of Object.entries({ x, y })) {
      fs.mkdirSync(path.join(folder, domain), { recursive: true });
      await writePng(path.join(folder, domain, name), { width: side, height: side, bits, data });
    }
  }
}

/** A sweep file of two cells that trains in seconds. */
export function smallSweep(changes = ''): string {
  return `name: small
question: Does it run?
data: {x: x, y: y, pairing: by-name}
fixed: {filters: 2, blocks: 1}
grid:
  - {patch: 16, batch: 4, disc_layers: 1}
  - {patch: 32, batch: 1, disc_layers: 1}
seeds: 2
budget: {updates: 8}
${changes}`;
}

/** All events of a trial, attempt by attempt. */
export function readEvents(results: string, key: string): TrialEvent[][] {
  const folder = path.join(results, 'trials', key, 'attempts');
  return fs
    .readdirSync(folder)
    .sort((a, b) => Number(a) - Number(b))
    .map((attempt) =>
      fs
        .readFileSync(path.join(folder, attempt, 'events.ndjson'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as TrialEvent),
    );
}

export function listTrials(results: string): string[] {
  return fs.readdirSync(path.join(results, 'trials')).sort();
}

/** Waits until a condition holds; gives up, loudly, only after minutes. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Gave up waiting: ${what}`);
}

/** A condition on files that may not be there yet. */
export function contains(file: string, text: string): boolean {
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes(text);
}

/** The process that ends a runner's trials after it. */
export function watchdogOf(runner: number): number {
  const found = listProcesses().find(
    (pid) =>
      processFields(pid)?.[1] === String(runner) && readProcess(pid, 'cmdline')?.includes('watchdog-process'),
  );
  if (found === undefined) throw new Error(`Runner ${runner} has no watchdog`);
  return found;
}

/** Rows of the database of a results folder. */
export function query(results: string, sql: string): Record<string, unknown>[] {
  const db = new Database(path.join(results, 'sweep.db'), { readonly: true });
  const rows = db.prepare<[], Record<string, unknown>>(sql).all();
  db.close();
  return rows;
}
