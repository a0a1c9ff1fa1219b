/** @file What the tests of this folder share: sweeps of trials that count, run as a user of a cluster would, from one machine or two. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { listTrials, sweepIn, temporaryFolder } from '../support.js';
import type { Cluster } from './cluster.js';

const TRAINER = fileURLToPath(new URL('./trainer.mjs', import.meta.url));

export interface World {
  folder: string;
  results: string;
  /** Writes `sweep.yaml`: `trials` trials that count to `updates` and wait at `hold`; `slurm`: what they ask of it. */
  write: (sweep: { trials: number; updates?: number; hold?: number; slurm?: string }) => void;
  /** `sweep ARGS` on a machine of this name, which has a cache and a state of its own. */
  on: (machine: string, ...args: string[]) => ReturnType<typeof sweepIn>;
  /** Lets all trials that wait go on. */
  go: () => void;
  /** What trials said as they began, in that order. */
  started: () => Started[];
  /** A file of all trials' attempts of this number. */
  attemptFiles: (attempt: number, name: string) => string[];
  /** All numbers but times of all trials, by trial, metric and update, as a machine's database has them; and that `sweep fsck` finds no fault. */
  numbers: (machine: string, results?: string) => Promise<unknown[]>;
  /** The report of a machine that sees the folder. */
  report: (machine: string) => Promise<string>;
}

export interface Started {
  key: string;
  attempt: number;
  /** Update that it went on from. */
  from: number;
  node: string | null;
  gpus: string | null;
  pid: number;
}

/** @param cluster undefined: machines that know of none */
export function makeWorld(cluster: Cluster | undefined): World {
  const folder = temporaryFolder();
  const results = path.join(folder, 'results');
  const world: World = {
    folder,
    results,
    write({ trials, updates = 10, hold = 0, slurm = '' }) {
      const text = `name: counted
data: {phantom: radiograph, count: 3, size: 16}
command: [${process.execPath}, ${TRAINER}, '${updates}', '{seed}', '${hold}']
grid: {cell: [1]}
seeds: ${trials}
budget: {updates: ${updates}}
resources: {slurm: {memory: off, cpus: 1${slurm}}}
`;
      fs.writeFileSync(path.join(folder, 'sweep.yaml'), text);
    },
    on(machine, ...args) {
      const own = {
        CYCLESWEEP_CACHE: path.join(folder, machine, 'cache'),
        CYCLESWEEP_STATE: path.join(folder, machine, 'state'),
        // A cluster is asked every five seconds, that of a test more often.
        SWEEP_SLURM_POLL: '0.5',
      };
      return sweepIn({ ...own, ...cluster?.environment }, folder, ...args);
    },
    go: () => fs.writeFileSync(path.join(folder, 'go'), ''),
    started: () => readLines(path.join(folder, 'started')) as Started[],
    attemptFiles: (attempt, name) =>
      listTrials(results).map((key) => path.join(results, 'trials', key, 'attempts', String(attempt), name)),
    async numbers(machine, results = 'results') {
      const check = await world.on(machine, 'fsck', '--json', '--results', results);
      expect(check.exitCode, check.all).toBe(0);
      const { database } = JSON.parse(check.stdout) as { database: string };
      const db = new Database(database, { readonly: true });
      try {
        // Of an update that was computed twice the later attempt counts.
        return db.prepare(NUMBERS).all();
      } finally {
        db.close();
      }
    },
    async report(machine) {
      const out = path.join(folder, `${machine}.html`);
      const run = await world.on(machine, 'report', '--out', out);
      expect(run.exitCode, run.all).toBe(0);
      return fs.readFileSync(out, 'utf8');
    },
  };
  return world;
}

/** `data/` is how long a trial waited for its images. */
const NUMBERS = `
select key, status, metric_names.name as name, metrics.step as step, pixels, value, max(attempt) > 0 as there
from metrics join trials on trials.id = metrics.trial join metric_names on metric_names.id = metrics.name
where metric_names.name not like 'data/%'
group by trials.key, metric_names.name, metrics.step
order by trials.key, metric_names.name, metrics.step`;

function readLines(file: string): unknown[] {
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as unknown); // prettier-ignore
}
