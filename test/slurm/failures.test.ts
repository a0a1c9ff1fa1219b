/** @file What may happen to a cluster while a sweep runs on it. */
import fs from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { until } from '../support.js';
import { describeWithSlurm } from './cluster.js';
import { makeWorld, type World } from './world.js';

const UPDATES = 10;

describeWithSlurm('a sweep on a cluster that fails', (cluster) => {
  const worlds: World[] = [];
  /** Trials of a sweep that all run, each waiting after it has saved update 4. */
  const running = async (trials: number) => {
    const world = makeWorld(cluster());
    worlds.push(world);
    world.write({ trials, updates: UPDATES, hold: 5 });
    const run = world.on('login', 'run', 'sweep.yaml', '--executor', 'slurm');
    await until(() => world.started().length === trials, 'the trials run');
    return { ...world, run };
  };
  /** That nothing is lost or stored twice, and each trial counted from 1 to the end. */
  const expectWhole = async ({ numbers }: World, trials: number) =>
    expect(await numbers('login')).toHaveLength(trials * UPDATES * 2);
  afterAll(() => worlds.forEach(({ folder }) => fs.rmSync(folder, { recursive: true, force: true })));

  test('goes on from the last checkpoints on another node when a node dies', async () => {
    const world = await running(6);
    const lost = world.started().filter(({ node }) => node === 'n2');
    expect(lost.length).toBeGreaterThan(0);
    await cluster().killNode('n2');
    world.go();
    const ended = await world.run;
    expect(ended.all).toContain('6 done, 0 failed, 0 left');
    const again = world.started().slice(6);
    expect(again.map(({ key }) => key).sort()).toEqual(lost.map(({ key }) => key).sort());
    expect(new Set(again.map(({ node, from }) => `${node} from ${from}`))).toEqual(new Set(['n1 from 4']));
    await expectWhole(world, 6);
    cluster().startNode('n2');
  });
});
