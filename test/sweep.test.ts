/** @file The whole program as a user runs it: real trials in real processes on real pixels. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  contains,
  listTrials,
  query,
  readEvents,
  smallSweep,
  sweep,
  temporaryFolder,
  until,
  writeImages,
} from './support.js';

const folders: string[] = [];

async function makeProject(changes = ''): Promise<string> {
  const folder = temporaryFolder();
  folders.push(folder);
  await writeImages(folder);
  fs.writeFileSync(path.join(folder, 'small.yaml'), smallSweep(changes));
  return folder;
}

afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** Bytes of every trial's last checkpoint: what training came to. */
function weights(results: string): Record<string, Buffer> {
  return Object.fromEntries(
    listTrials(results).map((key) => {
      const folder = path.join(results, 'trials', key, 'checkpoints');
      const steps = fs.readdirSync(folder).filter((name) => name.startsWith('step-'));
      expect(steps).toHaveLength(1);
      return [key, fs.readFileSync(path.join(folder, steps[0]!, 'weights.safetensors'))];
    }),
  );
}

describe('a sweep that nothing disturbs', () => {
  let folder: string;
  let results: string;

  beforeAll(async () => {
    folder = await makeProject();
    results = path.join(folder, 'results');
    // One thread, as on a machine of any number of cores below.
    const run = await sweep(folder, 'run', 'small.yaml', '--set', 'resources.threads=1');
    expect(run.all).toContain('4 done, 0 failed, 0 left');
    expect(run.exitCode).toBe(0);
  });

  test('trains every trial to the end of its budget, with all losses', () => {
    expect(listTrials(results)).toHaveLength(4);
    for (const key of listTrials(results)) {
      const [events] = readEvents(results, key);
      expect(events!.at(-1)).toMatchObject({ t: 'done', step: 8 });
      const metrics = events!.filter((event) => event.t === 'metric');
      expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      for (const { v } of metrics) {
        expect(v['loss/G']).toBeCloseTo(
          v['loss/G_adv']! + v['loss/F_adv']! + v['loss/cycle']! + v['loss/identity']!,
          4,
        );
        expect(v['loss/D']).toBeCloseTo(v['loss/D_x']! + v['loss/D_y']!, 5);
      }
    }
  });

  test('stores each point of the event files once', () => {
    const points = listTrials(results).flatMap((key) =>
      readEvents(results, key)
        .flat()
        .flatMap((event) => (event.t === 'metric' ? Object.keys(event.v) : [])),
    );
    expect(query(results, 'select count(*) n from metrics')).toEqual([{ n: points.length }]);
    expect(query(results, "select count(*) n from trials where status = 'done'")).toEqual([{ n: 4 }]);
  });

  test('scores whole held-out images and shows samples', () => {
    const exams = query(results, 'select * from exams');
    expect(exams).toHaveLength(4);
    const images = query(results, 'select distinct role from samples order by role');
    expect(images.map(({ role }) => role)).toEqual(['fgx', 'gx', 'x', 'y']);
    for (const { trial, path: file } of query(
      results,
      'select trials.key trial, path from samples join trials on trials.id = trial',
    )) {
      expect(fs.existsSync(path.join(results, 'trials', String(trial), String(file)))).toBe(true);
    }
  });

  test('the same command again does nothing', async () => {
    const before = listTrials(results).map((key) => readEvents(results, key));
    const run = await sweep(folder, 'run', 'small.yaml');
    expect(run.exitCode).toBe(0);
    expect(run.all).toContain('4 done before, 0 to run');
    expect(listTrials(results).map((key) => readEvents(results, key))).toEqual(before);
  });

  test('a larger grid runs only its new cells', async () => {
    const run = await sweep(folder, 'run', 'small.yaml', '--set', 'seeds=3');
    expect(run.exitCode).toBe(0);
    expect(run.all).toContain('6 trials, 4 done before, 2 to run');
  });

  test('a database that was deleted is made anew from the event files', async () => {
    const points = query(results, 'select count(*) n from metrics');
    for (const ending of ['', '-wal', '-shm'])
      fs.rmSync(path.join(results, `sweep.db${ending}`), { force: true });
    const run = await sweep(folder, 'run', 'small.yaml', '--set', 'seeds=3');
    expect(run.all).toContain('6 done before, 0 to run');
    expect(query(results, 'select count(*) n from metrics')).toEqual(points);
  });

  test('the same sweep elsewhere gives the same numbers', async () => {
    const other = await makeProject();
    await sweep(other, 'run', 'small.yaml', '--set', 'resources.trials=1', '--set', 'resources.threads=1');
    const [here, there] = [weights(results), weights(path.join(other, 'results'))];
    for (const [key, bytes] of Object.entries(there)) expect(bytes.equals(here[key]!)).toBe(true);
  });

  test('the report is one file, the same when made again', async () => {
    const report = path.join(results, 'report.html');
    expect((await sweep(folder, 'report')).all).toContain(report);
    const first = fs.readFileSync(report);
    await sweep(folder, 'report');
    expect(fs.readFileSync(report).equals(first)).toBe(true);
    expect(first.toString()).toContain('Does it run?');
    expect(first.length).toBeLessThan(6e6);
  });

  test('nothing that the report, the logs or the database hold names a file', async () => {
    await sweep(folder, 'report');
    const texts = [
      fs.readFileSync(path.join(results, 'report.html'), 'utf8'),
      fs.readFileSync(path.join(results, 'sweep.db'), 'latin1'),
      ...listTrials(results).map((key) => JSON.stringify(readEvents(results, key))),
    ];
    for (const text of texts) {
      expect(text).not.toContain(folder);
      expect(text).not.toMatch(/\b0\d\.png/);
    }
  });
});

describe('a sweep that is disturbed', () => {
  /** Long enough that a trial is in the middle when it is stopped. */
  const LONG = [
    '--set',
    'budget.updates=400',
    '--set',
    'seeds=1',
    '--set',
    'resources.trials=1',
    '--set',
    'resources.threads=1',
  ];
  let undisturbed: Record<string, Buffer>;

  beforeAll(async () => {
    const folder = await makeProject();
    expect((await sweep(folder, 'run', 'small.yaml', ...LONG)).exitCode).toBe(0);
    undisturbed = weights(path.join(folder, 'results'));
  });

  /** Waits until the first trial has saved its first checkpoint, a tenth of its way. */
  async function midway(results: string, sign = '"t":"checkpoint"'): Promise<string> {
    const events = () => {
      const trials = path.join(results, 'trials');
      if (!fs.existsSync(trials)) return undefined;
      return fs
        .readdirSync(trials)
        .map((key) => path.join(trials, key, 'attempts', '1', 'events.ndjson'))
        .find((file) => contains(file, sign));
    };
    await until(() => events() !== undefined, 'a trial to save a checkpoint');
    return events()!;
  }

  test('Ctrl-C saves and leaves; the same command goes on to the same numbers', async () => {
    const folder = await makeProject();
    const results = path.join(folder, 'results');
    const run = sweep(folder, 'run', 'small.yaml', ...LONG);
    const events = await midway(results);
    run.kill('SIGINT');
    const stopped = await run;
    expect(stopped.exitCode).toBe(3);
    expect(stopped.all).toContain('Go on: sweep run small.yaml');
    expect(contains(events, '"t":"stopped"')).toBe(true);

    const again = await sweep(folder, 'run', 'small.yaml', ...LONG);
    expect(again.exitCode).toBe(0);
    const resumed = weights(results);
    for (const [key, bytes] of Object.entries(undisturbed)) expect(resumed[key]!.equals(bytes)).toBe(true);
  });

  test('a runner that is killed leaves no trial running; the next waits for what is left and goes on', async () => {
    const folder = await makeProject();
    const results = path.join(folder, 'results');
    const run = sweep(folder, 'run', 'small.yaml', ...LONG);
    const events = await midway(results);
    const pid = startedPid(events);
    run.kill('SIGKILL');
    await run;
    const again = await sweep(folder, 'run', 'small.yaml', ...LONG);
    expect(again.exitCode).toBe(0);
    expect(isAlive(pid)).toBe(false);
    const resumed = weights(results);
    for (const [key, bytes] of Object.entries(undisturbed)) expect(resumed[key]!.equals(bytes)).toBe(true);
    const doubled = 'select count(*) n from metrics group by trial, name, step, attempt having n > 1';
    expect(query(results, doubled)).toEqual([]);
  });

  test('a trial that is killed is tried again from its checkpoint', async () => {
    const folder = await makeProject();
    const results = path.join(folder, 'results');
    const run = sweep(folder, 'run', 'small.yaml', ...LONG);
    const events = await midway(results);
    const pid = startedPid(events);
    process.kill(pid, 'SIGKILL');
    const ended = await run;
    expect(ended.exitCode).toBe(0);
    expect(ended.all).toContain('killed (SIGKILL)');
    const resumed = weights(results);
    for (const [key, bytes] of Object.entries(undisturbed)) expect(resumed[key]!.equals(bytes)).toBe(true);
  });

  test('a second runner in the same folder is refused', async () => {
    const folder = await makeProject();
    const results = path.join(folder, 'results');
    const endless = [...LONG, '--set', 'budget.updates=1000000'];
    const run = sweep(folder, 'run', 'small.yaml', ...endless);
    await midway(results, '"t":"start"');
    const second = await sweep(folder, 'run', 'small.yaml', ...endless);
    expect(second.exitCode).toBe(2);
    expect(second.all).toContain('Another sweep run');
    run.kill('SIGINT');
    expect((await run).exitCode).toBe(3);
  });
});

describe('a trial without a runner', () => {
  test('runs by hand from its config.json', async () => {
    const folder = await makeProject();
    await sweep(folder, 'run', 'small.yaml', '--set', 'seeds=1');
    const key = listTrials(path.join(folder, 'results'))[0]!;
    const alone = path.join(folder, 'alone');
    fs.mkdirSync(alone);
    fs.copyFileSync(
      path.join(folder, 'results', 'trials', key, 'config.json'),
      path.join(alone, 'config.json'),
    );
    const { execa } = await import('execa');
    const { CLI } = await import('./support.js');
    const main = path.join(path.dirname(CLI), 'train', 'main.js');
    const trial = await execa(process.execPath, [main, path.join(alone, 'config.json')], { reject: false });
    expect(trial.exitCode).toBe(0);
    expect(contains(path.join(alone, 'attempts', '1', 'events.ndjson'), '"t":"done"')).toBe(true);
  });
});

/** Process id that a trial told in its start event. */
function startedPid(events: string): number {
  const lines = fs.readFileSync(events, 'utf8').split('\n');
  return (JSON.parse(lines.find((line) => line.includes('"t":"start"'))!) as { pid: number }).pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
