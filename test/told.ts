/** @file Sweeps of the trainer that does as it is told, for tests that look at a sweep while it runs. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SweepStatus } from '../src/runner/status.js';
import { sweep, temporaryFolder } from './support.js';

/** How long a state is waited for, in milliseconds: shorter than a test may take. */
const GIVE_UP = 300_000;
const TRAINER = fileURLToPath(new URL('./fixtures/told-trainer.mjs', import.meta.url));

export interface Told {
  folder: string;
  results: string;
  /** Lets a trial end, by its `name`; `go`: all. */
  let(name: string): void;
  run(...flags: string[]): ReturnType<typeof sweep>;
  sweep(...args: string[]): ReturnType<typeof sweep>;
  json<T>(...args: string[]): Promise<T>;
  /** Waits for a state of the sweep, as `sweep status` tells it. */
  untilStatus(reached: (status: SweepStatus) => boolean, what: string): Promise<SweepStatus>;
}

/** A folder with a sweep of trials NAME or NAME:EXIT CODE, two at once. */
export function toldSweep(trials: string[], more = ''): Told {
  const folder = temporaryFolder();
  fs.mkdirSync(path.join(folder, 'gates'));
  writeTold(folder, 'told', trials, more);
  const run = (...args: string[]) => sweep(folder, ...args);
  const json = async <T>(...args: string[]) => {
    const { stdout, exitCode, all } = await run(...args, '--json');
    if (exitCode !== 0) throw new Error(all);
    return JSON.parse(stdout) as T;
  };
  return {
    folder,
    results: path.join(folder, 'results'),
    let: (name) => fs.writeFileSync(path.join(folder, 'gates', name), ''),
    run: (...flags) => run('run', 'told.yaml', ...flags),
    sweep: run,
    json,
    async untilStatus(reached, what) {
      for (const giveUp = performance.now() + GIVE_UP; performance.now() < giveUp;) {
        const { stdout, exitCode } = await run('status', '--json');
        const status = exitCode === 0 ? (JSON.parse(stdout) as SweepStatus) : undefined;
        if (status !== undefined && reached(status)) return status;
      }
      throw new Error(`Gave up waiting: ${what}`);
    },
  };
}

/** Whether two trials run and all that they wrote is stored: four updates each. */
export function twoRun({ counts, trials }: SweepStatus): boolean {
  return counts.running === 2 && trials.every(({ state, step }) => state !== 'running' || step === 4);
}

export function writeTold(folder: string, name: string, trials: string[], more = ''): void {
  const cells = trials.map((trial) => {
    const [called, end = 'done'] = trial.split(':');
    return `{name: ${called}, end: ${end}}`;
  });
  fs.writeFileSync(
    path.join(folder, `${name}.yaml`),
    `name: ${name}
question: Does it do as it is told?
data: {phantom: radiograph, count: 3, size: 16}
command: [${process.execPath}, ${TRAINER}, ${path.join(folder, 'gates')}, '{name}', '{end}']
grid: [${cells.join(', ')}]
seeds: 1
budget: {updates: 8}
resources: {trials: 2, threads: 1}
${more}`,
  );
}

export interface Drawn {
  drawings: string[][];
  written: string;
  exitCode: number;
}

/** Runs a command of ours in a terminal of its own: test/fixtures/in-pty.py says what steps there are. */
export function inTerminal(
  folder: string,
  size: [number, number],
  steps: unknown[],
  command: string[],
): Promise<Drawn> {
  const script = fileURLToPath(new URL('./fixtures/in-pty.py', import.meta.url));
  const args = [script, ...size.map(String), JSON.stringify(steps), process.execPath, ...command];
  const env = { ...process.env, CYCLESWEEP_STATE: path.join(folder, 'state'), TERM: 'xterm', NO_COLOR: '1' };
  return new Promise((resolve, reject) => {
    execFile('python3', args, { cwd: folder, env }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${stdout}${stderr}`));
      else resolve(JSON.parse(stdout) as Drawn);
    });
  });
}
