/** @file `sweep export` as a user runs it; what it writes is read by the programs that it is written for. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWith, requireReaders } from './readers.js';
import { listTrials, readEvents, sweep, temporaryFolder, writeImages } from './support.js';

const TRAINER = fileURLToPath(new URL('fixtures/export-trainer.mjs', import.meta.url));

let folder: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);
const exportAs = (format: string, out: string, ...args: string[]) =>
  sweep(folder, 'export', '--format', format, '--out', out, ...args);

/** Two settings, two seeds each; every trial is killed once and goes on from its checkpoint. */
function sweepFile(name: string, ...more: string[]): string {
  return `name: ${name}
question: Which patch?
command: ${JSON.stringify([process.execPath, TRAINER, '{patch}', '{seed}', ...more])}
data: {x: x, y: y, pairing: by-name}
grid: {patch: [16, 32]}
fixed: {flip: false, note: 'a, "quoted" note'}
seeds: 2
budget: {updates: 10}
`;
}

interface PointRow {
  trial: string;
  metric: string;
  step: number;
  value: number | null;
}

/** What the event files say, read here and not by the store: the last attempt that measured a step counts. */
function pointsOfEvents(): PointRow[] {
  return listTrials(at('results')).flatMap((trial) => {
    const last = new Map<string, PointRow>();
    for (const event of readEvents(at('results'), trial).flat()) {
      if (event.t !== 'metric') continue;
      for (const [metric, value] of Object.entries(event.v))
        last.set(`${metric} ${event.step}`, { trial, metric, step: event.step, value });
    }
    return [...last.values()];
  });
}

const sorted = (points: readonly PointRow[]): PointRow[] =>
  points.toSorted(
    (a, b) => a.trial.localeCompare(b.trial) || a.metric.localeCompare(b.metric) || a.step - b.step,
  );

beforeAll(async () => {
  folder = temporaryFolder();
  await writeImages(folder, 3, 16);
  fs.writeFileSync(at('patches.yaml'), sweepFile('patches'));
  const run = await sweep(folder, 'run', 'patches.yaml');
  expect(run.exitCode, run.all).toBe(0);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

interface Tables {
  rows: Record<string, number>;
  types: Record<string, string>;
  points: PointRow[];
  trials: Record<string, unknown>[];
  files: string[];
  asked?: [number, number][];
}

describe('tables', () => {
  it.for(['csv', 'json', 'ndjson', 'parquet'])(
    'as %s: pandas and DuckDB find every point once, exams by image, parameters and pictures',
    async (format, { skip }) => {
      requireReaders(skip);
      const exported = await exportAs(format, format);
      expect(exported.exitCode, exported.all).toBe(0);
      const read = await readWith<Tables>('read_tables', at(format), format);

      expect(sorted(read.points)).toEqual(sorted(pointsOfEvents()));
      expect(read.points.filter(({ value }) => value === null)).toHaveLength(4);
      expect(read.rows).toMatchObject({ trials: 4, metrics: 80, exams: 8, exam_images: 8, samples: 8 });
      expect(read.types).toMatchObject({ step: 'int64', value: 'float64', wall: 'float64' });
      expect(read.trials[0]).toMatchObject({ sweep: 'patches', status: 'done', attempts: 2, seed: 1 });
      expect(read.trials.map((trial) => trial.param_patch)).toEqual([16, 16, 32, 32]);
      expect(read.trials[0]).toMatchObject({ param_flip: false, param_note: 'a, "quoted" note' });
      if (format !== 'json') expect(read.asked).toEqual([[16, 20], [32, 20]]); // prettier-ignore
      for (const file of read.files) {
        const [, key, name] = file.split('/');
        const role = name!.includes('-gx.') ? 'gx' : 'x';
        expect(fs.readFileSync(at(format, file))).toEqual(
          fs.readFileSync(at('results', 'trials', key!, 'samples', `${role}.png`)),
        );
      }
    },
  );
});

describe('the folder of an export', () => {
  it('is replaced where it is an earlier export, and keeps what else lies there', async () => {
    expect((await exportAs('csv', 'again')).exitCode).toBe(0);
    fs.writeFileSync(at('again', 'notes.txt'), 'mine');
    expect((await exportAs('ndjson', 'again')).exitCode).toBe(0);
    const names = fs.readdirSync(at('again'));
    expect(names).toContain('notes.txt');
    expect(names).toContain('metrics.ndjson');
    expect(names.filter((name) => name.endsWith('.csv') || name.startsWith('.'))).toEqual([]);
  });

  it('is refused where it holds anything else, and left as it is', async () => {
    fs.mkdirSync(at('mine'));
    fs.writeFileSync(at('mine', 'metrics.csv'), 'mine');
    const refused = await exportAs('csv', 'mine');
    expect([refused.exitCode, refused.all]).toEqual([2, expect.stringContaining('no export of CycleSweep')]);
    expect(fs.readdirSync(at('mine'))).toEqual(['metrics.csv']);
  });

  it('is not made for a sweep that is not there', async () => {
    const refused = await exportAs('csv', 'nothing', 'another');
    expect([refused.exitCode, refused.all]).toEqual([2, expect.stringContaining('Known: patches')]);
    expect(fs.existsSync(at('nothing'))).toBe(false);
  });

  it('names no path and no file of the data', async () => {
    for (const format of ['csv', 'json', 'ndjson']) {
      expect((await exportAs(format, `private-${format}`)).exitCode).toBe(0);
      const folder = at(`private-${format}`);
      const texts = fs.readdirSync(folder).filter((name) => fs.statSync(path.join(folder, name)).isFile());
      for (const name of texts)
        expect(fs.readFileSync(path.join(folder, name), 'utf8')).not.toMatch(/\/tmp|01\.png|results/);
    }
  });
});
