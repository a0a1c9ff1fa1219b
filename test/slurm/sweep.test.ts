/** @file Sweeps by Slurm: what a user of a cluster does, and what they may do to their jobs. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { smallSweep, until, writeImages } from '../support.js';
import { describeWithSlurm } from './cluster.js';
import { makeWorld, type World } from './world.js';

const MANY = process.env.VERIFY ? 1000 : 100;

describeWithSlurm('a sweep on a cluster', (cluster) => {
  const worlds: World[] = [];
  const newWorld = () => {
    const world = makeWorld(cluster());
    worlds.push(world);
    return world;
  };
  afterEach(() => cluster().call('scancel', '--me'));
  afterAll(() => worlds.forEach(({ folder }) => fs.rmSync(folder, { recursive: true, force: true })));

  test('gives the same trials and the same numbers as on one machine, and the same report on every machine', async () => {
    const { folder, on, numbers, report } = newWorld();
    await writeImages(folder);
    const settings = 'engine: onnx\ndevice: cpu\nresources: {threads: 1, slurm: {memory: off}}\n';
    fs.writeFileSync(path.join(folder, 'sweep.yaml'), smallSweep(settings));
    const slurm = await on('login', 'run', 'sweep.yaml', '--executor', 'slurm', '--partition', 'gpu');
    expect(slurm.exitCode, slurm.all).toBe(0);
    const local = await on('laptop', 'run', 'sweep.yaml', '--results', 'local');
    expect(local.exitCode, local.all).toBe(0);

    const measured = await numbers('login');
    expect(measured.length).toBeGreaterThan(4 * 8);
    expect(measured).toEqual(await numbers('laptop', 'local'));
    expect((await report('laptop')) === (await report('login'))).toBe(true);
    expect(fs.existsSync(path.join(folder, 'results', 'sweep.db'))).toBe(false);
  });

  test(`runs ${MANY} trials, each on a GPU of its own`, { timeout: 6000 * MANY }, async () => {
    const { write, on, started, numbers } = newWorld();
    write({ trials: MANY, updates: 1 });
    const run = await on('login', 'run', 'sweep.yaml', '--executor', 'slurm');
    expect(run.all).toContain(`${MANY} done, 0 failed, 0 left`);
    expect(started()).toHaveLength(MANY);
    expect(new Set(started().map(({ node, gpus }) => `${node} ${gpus}`)).size).toBe(8);
    expect(new Set(started().map(({ gpus }) => gpus?.length))).toEqual(new Set([1]));
    expect(await numbers('login')).toHaveLength(MANY * 2);
  });

  test('may be left alone, and come back to from another machine', async () => {
    const { write, on, started, go, report, attemptFiles } = newWorld();
    write({ trials: 3, hold: 5 });
    const left = await on('one', 'run', 'sweep.yaml', '--executor', 'slurm', '--detach');
    expect(left.exitCode, left.all).toBe(0);
    await until(() => started().length === 3, 'the trials run, with no runner');
    // What they have written so far is seen, and no runner is needed for that.
    await report('three');
    go();
    await until(
      () => attemptFiles(1, 'result.json').every((file) => fs.existsSync(file)),
      'the trials end, with no runner',
    );
    const seen = JSON.parse((await on('three', 'report', '--json')).stdout) as unknown;
    expect(seen).toMatchObject({ trials: 3, done: 3 });
    const back = await on('two', 'run', 'sweep.yaml', '--executor', 'slurm');
    expect(back.all).toContain('3 done, 0 failed, 0 left');
    expect(started()).toHaveLength(3);
    expect((await report('one')) === (await report('two'))).toBe(true);
  });

  test('goes on when its runner is killed, and the next runner takes it up', async () => {
    const { write, on, started, go, numbers } = newWorld();
    write({ trials: 3, hold: 5 });
    const first = on('one', 'run', 'sweep.yaml', '--executor', 'slurm');
    await until(() => started().length === 3, 'the trials run');
    first.kill('SIGKILL');
    await first;
    go();
    const next = await on('one', 'run', 'sweep.yaml', '--executor', 'slurm');
    expect(next.all).toContain('3 done, 0 failed, 0 left');
    expect(started()).toHaveLength(3);
    expect(await numbers('one')).toHaveLength(3 * 10 * 2);
  });

  test('knows trials that were cancelled by hand, keeps the others, and goes on with both', async () => {
    const { write, on, started, go, numbers, attemptFiles } = newWorld();
    write({ trials: 3, hold: 5 });
    const run = on('one', 'run', 'sweep.yaml', '--executor', 'slurm');
    await until(() => started().length === 3, 'the trials run');
    const [id = ''] = (await cluster().call('squeue', '--noheader', '--array', '--format=%i')).split('\n');
    await cluster().call('scancel', id);
    await until(() => attemptFiles(1, 'result.json').some((file) => fs.existsSync(file)), 'the trial saves and leaves'); // prettier-ignore
    go();
    const ended = await run;
    expect(ended.all).toContain('cancelled (scancel)');
    expect(ended.all).toContain('2 done, 0 failed, 1 left');
    const again = await on('one', 'run', 'sweep.yaml', '--executor', 'slurm');
    expect(again.all).toContain('3 done, 0 failed, 0 left');
    expect(started().filter(({ attempt }) => attempt > 1)).toMatchObject([{ from: 5 }]);
    expect(await numbers('one')).toHaveLength(3 * 10 * 2);
  });
});
