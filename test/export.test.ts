/** @file `sweep export` as a user runs it; what it writes is read by the programs that it is written for. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIn, readWith, requireReaders } from './readers.js';
import { listTrials, readEvents, sweep, temporaryFolder, until, writeImages } from './support.js';

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

describe('docs/export.md', () => {
  it('shows a notebook that runs', async ({ skip }) => {
    requireReaders(skip);
    expect((await exportAs('parquet', 'tables')).exitCode).toBe(0);
    const page = fileURLToPath(new URL('../docs/export.md', import.meta.url));
    const { lines, rows } = await readIn<{ lines: number; rows: unknown[][] }>(folder, 'run_page', page);
    expect(lines).toBe(2); // a curve for each patch size
    expect(rows).toEqual([[16, 22.5, expect.closeTo(Math.SQRT1_2, 9), 2], [32, 22.5, expect.closeTo(Math.SQRT1_2, 9), 2]]); // prettier-ignore
  });
});

interface Board {
  runs: Record<string, BoardRun>;
  served: Record<string, Record<string, [number, number | null][]>>;
  pictures: Record<string, Record<string, string[]>>;
  question: string;
  hyperparameters: Record<string, unknown[]>;
  sessions: Record<
    string,
    { status: string; hyperparameters: Record<string, unknown>; metrics: Record<string, number> }
  >;
}

interface BoardRun {
  scalars: Record<string, [number, number | null][]>;
  walls: Record<string, number[]>;
  images: Record<string, [number, number, number][]>;
}

/** The points of the event files of each trial by run, as TensorBoard names it, in its 32 bits. */
function boardOfEvents(varied: string): Record<string, Record<string, [number, number | null][]>> {
  const runs: Record<string, Record<string, [number, number | null][]>> = {};
  for (const { trial, metric, step, value } of sorted(pointsOfEvents())) {
    const { parameters, seed } = JSON.parse(
      fs.readFileSync(at('results', 'trials', trial, 'config.json'), 'utf8'),
    ) as { parameters: Record<string, unknown>; seed: number };
    const run = (runs[`${varied} ${String(parameters[varied])} seed ${seed}`] ??= {});
    (run[metric] ??= []).push([step, value === null ? null : Math.fround(value)]);
  }
  return runs;
}

const training = <T>(tags: Record<string, T>) =>
  Object.fromEntries(Object.entries(tags).filter(([tag]) => !tag.startsWith('exam')));

describe('tensorboard', () => {
  it('finds scalars, pictures and hyper-parameters, and shows each step once', async ({ skip }) => {
    requireReaders(skip);
    const exported = await exportAs('tensorboard', 'board');
    expect(exported.exitCode, exported.all).toBe(0);
    const read = await readWith<Board>('read_tensorboard', at('board'));

    const wanted = boardOfEvents('patch');
    expect(Object.keys(wanted)).toHaveLength(4);
    for (const [run, tags] of Object.entries(wanted)) {
      expect(training(read.runs[run]!.scalars)).toEqual(tags);
      expect(training(read.served[run]!)).toEqual(tags);
      expect(read.runs[run]!.images).toEqual({
        'image 3, detail/x': [[10, 2, 1]],
        'image 3, detail/gx': [[10, 2, 1]],
      });
    }
    const one = read.runs['patch 32 seed 2']!.scalars;
    expect(one['exam/psnr']).toEqual([[10, 23]]);
    expect(one['exam by image/psnr']).toEqual([[3, 22]]);
    expect(one['exam by image/psnr domain y']).toEqual([[5, 24]]);
    const [picture] = read.pictures['patch 32 seed 2']!['image 3, detail/gx']!;
    const key = listTrials(at('results'))[0]!;
    const file = at('results', 'trials', key, 'samples', 'gx.png');
    expect(picture).toBe(fs.readFileSync(file).toString('hex'));

    expect(read.question).toBe('Which patch?');
    expect(read.hyperparameters).toMatchObject({ patch: [16, 32], seed: [1, 2], flip: [false] });
    expect(Object.keys(read.sessions).sort()).toEqual(Object.keys(wanted).sort());
    expect(read.sessions['patch 16 seed 1']).toMatchObject({
      status: 'STATUS_SUCCESS',
      hyperparameters: { patch: 16, seed: 1, note: 'a, "quoted" note' },
      metrics: { 'exam/psnr': 22 },
    });
  });

  it('--follow, started before the sweep: appends what is measured, over an attempt that dies, and ends with it', async ({
    skip,
  }) => {
    requireReaders(skip);
    const gate = at('gate');
    const followed = exportAs('tensorboard', 'followed', 'gated', '--follow', '--results', 'own');
    const one = sweepFile('gated', gate).replace('[16, 32]', '[64]').replace('seeds: 2', 'seeds: 1');
    fs.writeFileSync(at('gated.yaml'), one);
    const run = sweep(folder, 'run', 'gated.yaml', '--results', 'own');
    const events = (): Buffer => {
      const inside = at('followed', 'seed 1');
      const [file] = fs.existsSync(inside) ? fs.readdirSync(inside) : [];
      return file === undefined ? Buffer.alloc(0) : fs.readFileSync(path.join(inside, file));
    };
    // The trial waits after its sixth update until the gate opens, and then dies.
    await until(() => events().toString('latin1').split('loss/G').length > 6, 'six points of the trial');
    const before = events();
    fs.writeFileSync(gate, '');
    expect((await run).exitCode).toBe(0);
    const ended = await followed;
    expect(ended.exitCode, ended.all).toBe(0);
    expect(events().subarray(0, before.length)).toEqual(before);

    const read = await readWith<Board>('read_tensorboard', at('followed'));
    for (const scalars of [read.runs['seed 1']!.scalars, read.served['seed 1']!]) {
      expect(scalars['loss/G']!.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      // Values tell their attempt: the second went on from step 4.
      expect(scalars['loss/G']![4]![1]).toBeCloseTo(1 + 64 / 5 + 0.002, 5);
      expect(scalars['exam/psnr']).toHaveLength(1);
    }
    expect(read.sessions['seed 1']!.status).toBe('STATUS_SUCCESS');
  });

  it('--follow leaves at Ctrl-C', async () => {
    const followed = exportAs('tensorboard', 'left', 'never', '--follow');
    await until(() => fs.existsSync(at('left')), 'the folder');
    followed.kill('SIGINT');
    expect((await followed).exitCode).toBe(0);
  });
});

interface Runs {
  page: boolean;
  experiments: string[];
  runs: Record<
    string,
    {
      status: string;
      start: number;
      end: number;
      params: Record<string, string>;
      tags: Record<string, string>;
      latest: Record<string, number | null>;
      history: Record<string, [number, number | null, number][]>;
      artifacts: Record<string, string>;
    }
  >;
}

describe('mlflow', () => {
  it('finds the experiment, and of each run parameters, histories, states, times and pictures', async ({
    skip,
  }) => {
    requireReaders(skip);
    const exported = await exportAs('mlflow', 'tracked');
    expect(exported.exitCode, exported.all).toBe(0);
    const read = await readWith<Runs>('read_mlflow', at('tracked'));

    expect(read.page).toBe(true);
    expect(read.experiments).toContain('patches');
    expect(Object.keys(read.runs).sort()).toEqual(Object.keys(boardOfEvents('patch')).sort());
    for (const trial of listTrials(at('results'))) {
      const { parameters, seed } = JSON.parse(fs.readFileSync(at('results', 'trials', trial, 'config.json'), 'utf8')) as { parameters: { patch: number }; seed: number }; // prettier-ignore
      const run = read.runs[`patch ${parameters.patch} seed ${seed}`]!;
      expect(run.status).toBe('FINISHED');
      expect(run.params).toEqual({ patch: String(parameters.patch), flip: 'false', note: 'a, "quoted" note', seed: String(seed), budget_updates: '10' }); // prettier-ignore
      expect(run.tags).toMatchObject({ trial, status: 'done', question: 'Which patch?' });
      const history = (name: string) => run.history[name]!.map(([step, value]) => [step, value]);
      const points = sorted(pointsOfEvents()).filter((point) => point.trial === trial);
      const losses = points.filter(({ metric }) => metric === 'loss/G');
      expect(history('loss/G')).toEqual(losses.map(({ step, value }) => [step, value]));
      expect(history('own_ _name_')).toHaveLength(10); // MLflow allows no such signs
      expect(run.latest).toMatchObject({ 'exam/psnr': 21 + seed, 'exam by image/psnr': 20 + seed });
      for (const [, , timestamp] of run.history['loss/G']!) {
        expect(timestamp).toBeGreaterThanOrEqual(run.start);
        expect(timestamp).toBeLessThanOrEqual(run.end);
      }
      const picture = fs.readFileSync(at('results', 'trials', trial, 'samples', 'gx.png')).toString('hex');
      expect(run.artifacts['samples/10-image_3_detail-gx.png']).toBe(picture);
    }
  });
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
    for (const format of ['csv', 'tensorboard', 'mlflow']) {
      expect((await exportAs(format, `private-${format}`)).exitCode).toBe(0);
      const files = fs.readdirSync(at(`private-${format}`), { recursive: true, withFileTypes: true });
      for (const file of files.filter((entry) => entry.isFile())) {
        const bytes = fs.readFileSync(path.join(file.parentPath, file.name));
        expect(bytes.includes(folder)).toBe(false);
        expect(bytes.includes('01.png')).toBe(false);
      }
    }
  });
});
