/** @file Before a sweep runs: plan, dry run, a part of the trials, init; and a trainer that is not ours. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CLI,
  TERMINAL,
  contains,
  listTrials,
  readEvents,
  requirePython,
  smallSweep,
  sweep,
  temporaryFolder,
  until,
  writeImages,
} from './support.js';

const folder = temporaryFolder();
beforeAll(() => writeImages(folder));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);

interface PlanJson {
  count: number;
  /** Of the trials that are not done. */
  left: { wallSeconds: number | null; trialSeconds: number | null; atOnce: number };
  trials: {
    key: string;
    seed: number;
    params: Record<string, unknown>;
    state: string;
    predicted: { seconds: number | null; memoryBytes: number | null };
  }[];
}

async function plan(...args: string[]): Promise<PlanJson> {
  const { stdout, all, exitCode } = await sweep(folder, 'plan', ...args, '--json');
  expect(exitCode, all).toBe(0);
  return JSON.parse(stdout) as PlanJson;
}

describe('sweep plan', () => {
  test('lists every trial with its key, seed, parameters and prediction, and makes nothing', async () => {
    put(
      'a.yaml',
      smallSweep().replace('data: {x: x, y: y, pairing: by-name}', 'data: {phantom: radiograph, size: 64}'),
    );
    const { count, left, trials } = await plan('a.yaml', '--results', 'none');
    expect(count).toBe(4);
    const each = trials.map(({ predicted }) => predicted.seconds!);
    const sum = each.reduce((all, seconds) => all + seconds, 0);
    expect(left.trialSeconds! / sum).toBeCloseTo(1, 2);
    expect(left.wallSeconds! / Math.max(sum / left.atOnce, ...each)).toBeCloseTo(1, 2);
    expect(trials.map(({ seed, params }) => [params.patch, params.batch, params.gamma, seed])).toEqual([
      [16, 4, 5, 1],
      [16, 4, 5, 2],
      [32, 1, 5, 1],
      [32, 1, 5, 2],
    ]);
    for (const trial of trials) {
      expect(Object.keys(trial)).toEqual(['key', 'seed', 'params', 'state', 'predicted']);
      expect(trial.key).toMatch(/^[0-9a-f]{12}$/);
      expect(trial.predicted.seconds).toBeGreaterThan(0);
      expect(trial.predicted.memoryBytes).toBeGreaterThan(1e8);
      expect(Object.keys(trial.predicted)).toEqual(['seconds', 'memoryBytes']);
    }
    expect(fs.existsSync(path.join(folder, 'none'))).toBe(false);
    expect(fs.existsSync(path.join(folder, 'cache'))).toBe(false);
  });

  test('is what a dry run prints', async () => {
    put('a.yaml', smallSweep());
    const dry = await sweep(folder, 'run', 'a.yaml', '--dry-run');
    const planned = await sweep(folder, 'plan', 'a.yaml');
    const steady = (text: string) => text.replace(/[\d.]+ GB are free/, '');
    expect(dry.exitCode).toBe(0);
    expect(steady(dry.stdout)).toBe(steady(planned.stdout));
    expect(dry.stdout).toContain('grid: 2 settings listed\n  2 settings x 2 seeds = 4 trials');
    expect(dry.stdout).toContain('Note: patch and batch change together');
    expect(dry.stdout).toMatch(/Where: onnx on cpu: .*at once/);
    expect(dry.stdout).toMatch(/Time for what is left: about .* \(.* to .*\)/);
    expect(dry.stdout).toContain('no trial of this results folder has been measured here');
    expect(fs.existsSync(path.join(folder, 'results'))).toBe(false);
  });

  test('tells what would not fit under a memory limit', async () => {
    put('a.yaml', smallSweep());
    const { stdout, exitCode } = await sweep(folder, 'plan', 'a.yaml', '--memory-limit', '100M');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Note: Out of memory: .* the limit is 0\.10 GB/);
  });

  test('knows what is done, and predicts the rest from it', async () => {
    put('a.yaml', smallSweep());
    const run = await sweep(folder, 'run', 'a.yaml', '--only', 'patch<32 and seed=1', '--results', 'r1');
    expect(run.exitCode, run.all).toBe(0);
    expect(run.all).toContain('4 trials, 0 done before, 1 to run, 3 left out by --only');
    expect(run.all).toContain('1 done, 0 failed, 0 left, 3 left out by --only.');
    expect(run.all).toContain('Read the report: sweep report --results r1');
    const { left, trials } = await plan('a.yaml', '--results', 'r1');
    expect(trials.map(({ state }) => state)).toEqual(['done', 'new', 'new', 'new']);
    const others = trials.slice(1).reduce((sum, { predicted }) => sum + predicted.seconds!, 0);
    expect(left.trialSeconds! / others).toBeCloseTo(1, 2);
    expect(listTrials(path.join(folder, 'r1'))).toEqual([trials[0]!.key]);

    const { stdout } = await sweep(folder, 'plan', 'a.yaml', '--results', 'r1');
    expect(stdout).toContain('In r1: 1 done, 3 to start');
    expect(stdout).toContain('1 finished trial on this machine, scaled by the arithmetic of the layers');
    const same = await sweep(folder, 'plan', 'a.yaml', '--results', 'r1', '--only', 'patch=16');
    expect(same.stdout).toContain('1 finished trial on this machine, of the same settings');
    expect(same.stdout).toContain('--only leaves 2 of them out');
  });

  test('refuses a part that is empty or not understood', async () => {
    put('a.yaml', smallSweep());
    const empty = await sweep(folder, 'plan', 'a.yaml', '--only', 'patch>500');
    expect([empty.exitCode, empty.all]).toEqual([2, expect.stringContaining('no trial of this sweep fits')]);
    const wrong = await sweep(folder, 'run', 'a.yaml', '--only', 'ptch>500');
    expect([wrong.exitCode, wrong.all]).toEqual([2, expect.stringContaining("did you mean 'patch'?")]);
    const none = await sweep(folder, 'run', 'a.yaml', '--only', 'patch>500', '--results', 'r-none');
    expect([none.exitCode, none.all]).toEqual([2, expect.stringContaining('no trial of this sweep fits')]);
  });
});

describe('sweep init', () => {
  test('writes a sweep file that runs', async () => {
    fs.mkdirSync(path.join(folder, 'data'));
    fs.cpSync(path.join(folder, 'x'), path.join(folder, 'data', 'soft'), { recursive: true });
    fs.cpSync(path.join(folder, 'y'), path.join(folder, 'data', 'sharp'), { recursive: true });
    const made = await sweep(folder, 'init', 'data', '--out', 'study/kernels.yaml');
    expect(made.all).toContain('study/kernels.yaml cannot be written');
    fs.mkdirSync(path.join(folder, 'study'));
    const { exitCode, all } = await sweep(folder, 'init', 'data', '--out', 'study/kernels.yaml');
    expect(exitCode, all).toBe(0);
    expect(all).toContain('6 images of X, 6 of Y, 6 pairs by name');
    const text = fs.readFileSync(path.join(folder, 'study/kernels.yaml'), 'utf8');
    expect(text).toContain('name: kernels\n');
    expect(text).toContain('x: ../data/soft\n  y: ../data/sharp\n  pairing: by-name');

    const short = ['--set', 'budget.updates=2', '--set', 'seeds=1', '--set', 'filters=2', '--set', 'batch=1'];
    const run = await sweep(folder, 'run', 'study/kernels.yaml', ...short, '--results', 'r2');
    expect(run.exitCode, run.all).toBe(0);
  });

  test('overwrites nothing unasked, and asks for what it cannot tell', async () => {
    put('sweep.yaml', 'mine');
    const refused = await sweep(folder, 'init', '--x', 'x', '--y', 'y');
    expect([refused.exitCode, refused.all]).toEqual([2, expect.stringContaining('is there already')]);
    expect(fs.readFileSync(path.join(folder, 'sweep.yaml'), 'utf8')).toBe('mine');
    fs.mkdirSync(path.join(folder, 'many'));
    for (const name of ['a', 'b', 'c'])
      fs.cpSync(path.join(folder, 'x'), path.join(folder, 'many', name), { recursive: true });
    const many = await sweep(folder, 'init', 'many', '--out', 'b.yaml');
    expect([many.exitCode, many.all]).toEqual([2, expect.stringContaining('3 folders with images: a, b, c')]);
    const forced = await sweep(folder, 'init', '--x', 'x', '--y', 'y', '--force', '--json');
    expect(JSON.parse(forced.stdout)).toMatchObject({ images: [6, 6], side: 48, pairs: 6 });
  });

  test.each(['patch', 'weights', 'generators'])('compares %s, on the phantom, too', async (compare) => {
    const made = await sweep(folder, 'init', '--phantom', '--compare', compare, '--out', `${compare}.yaml`);
    expect(made.exitCode, made.all).toBe(0);
    const plan = await sweep(folder, 'plan', `${compare}.yaml`, '--json');
    expect(plan.exitCode, plan.all).toBe(0);
  });

  test('asks in a terminal, and again where the answer cannot be', ({ skip }) => {
    requirePython(skip);
    const steps = [
      ['1. Folder', 'nowhere\r'],
      ['nowhere is not a folder', ''],
      ['1. Folder', 'x\r'],
      ['2. Folder', 'y\r'],
      ['3. What to compare', 'weights\r'],
    ];
    const init = [process.execPath, CLI, 'init', '--out', 'asked.yaml'];
    execFileSync('python3', [TERMINAL, JSON.stringify(steps), ...init], { cwd: folder });
    const text = fs.readFileSync(path.join(folder, 'asked.yaml'), 'utf8');
    expect(text).toContain('x: x\n  y: y\n  pairing: by-name');
    expect(text).toContain('lambda: [5, 10]');
  });
});

describe('a trainer that is not ours', () => {
  const TRAINER = fileURLToPath(new URL('../sweeps/pytorch/train.py', import.meta.url));
  const foreign = (
    updates: number,
    command = `[python3, ${TRAINER}, --lr, '{lr}', --batch, '16']`,
  ) => `name: foreign
command: ${command}
data: {x: x, y: y, pairing: by-name}
grid: {lr: [0.1, 0.2]}
budget: {updates: ${updates}}
resources: {trials: 1}
`;

  test('is stopped by Ctrl-C after a checkpoint, goes on from it, and is predicted from what is done', async ({
    skip,
  }) => {
    requirePython(skip);
    put('f.yaml', foreign(60_000));
    const results = path.join(folder, 'r3');
    const { trials } = await plan('f.yaml', '--results', 'r3');
    expect(trials.map(({ params }) => params)).toEqual([{ lr: 0.1 }, { lr: 0.2 }]);
    expect(trials[0]!.predicted).toEqual({ seconds: null, memoryBytes: null });
    const run = sweep(folder, 'run', 'f.yaml', '--results', 'r3');
    const events = path.join(results, 'trials', trials[0]!.key, 'attempts/1/events.ndjson');
    await until(() => contains(events, '"checkpoint"'), 'the trial to save a checkpoint');
    run.kill('SIGINT');
    const stoppedRun = await run;
    expect(stoppedRun.exitCode).toBe(3);
    expect(stoppedRun.all).toContain('Go on: sweep run f.yaml --results r3');
    expect(contains(events, '"stopped"')).toBe(true);

    const again = await sweep(folder, 'run', 'f.yaml', '--results', 'r3');
    expect(again.exitCode, again.all).toBe(0);
    const [first, second] = readEvents(results, trials[0]!.key);
    const stopped = first!.find((event) => event.t === 'stopped');
    expect(second!.find((event) => event.t === 'start')).toMatchObject({ from: stopped!.step });
    expect(second!.at(-1)).toMatchObject({ t: 'done', step: 60_000 });
    const after = await plan('f.yaml', '--results', 'r3', '--set', 'seeds=2');
    expect(after.trials[1]!.predicted.seconds).toBeGreaterThan(0);
    expect((await sweep(folder, 'report', '--results', 'r3')).exitCode).toBe(0);
  });

  test('that cannot be started is told with its program, and not tried again', async () => {
    put('g.yaml', foreign(3, '[no-such-program, train.py]'));
    const { exitCode, all } = await sweep(folder, 'run', 'g.yaml', '--results', 'r4');
    expect(exitCode, all).toBe(2);
    expect(all).toContain('its configuration is wrong (exit code 64): no-such-program could not be started');
    expect(all).toContain('0 done, 2 failed, 0 left');
  });
});
