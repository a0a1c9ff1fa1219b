/** @file What may happen to a cluster while a sweep runs on it. */
import fs from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { contains, until } from '../support.js';
import { describeWithSlurm, type Cluster } from './cluster.js';
import { makeWorld, type World } from './world.js';

const UPDATES = 10;

const worlds: World[] = [];
afterAll(() => worlds.forEach(({ folder }) => fs.rmSync(folder, { recursive: true, force: true })));

/** A sweep whose trials all run, each waiting at update 5, after it has saved update 4. */
async function running(cluster: Cluster, trials: number) {
  const world = makeWorld(cluster);
  worlds.push(world);
  world.write({ trials, updates: UPDATES, hold: 5 });
  const run = world.on('login', 'run', 'sweep.yaml', '--executor', 'slurm');
  let said = '';
  run.all.on('data', (text: Buffer) => (said += text.toString()));
  await until(() => world.started().length === trials, 'the trials run');
  const events = () => world.attemptFiles(1, 'events.ndjson');
  await until(() => events().every((file) => contains(file, '"step":5')), 'the trials to reach update 5');
  /** That nothing is lost or stored twice, and each trial counted from 1 to the end. */
  const expectWhole = async () => {
    expect((await run).all).toContain(`${trials} done, 0 failed, 0 left`);
    expect(await world.numbers('login')).toHaveLength(trials * UPDATES * 2);
  };
  return { ...world, said: () => said, expectWhole };
}

describeWithSlurm('a sweep on a cluster that fails', (cluster) => {
  test('goes on from the last checkpoints on another node when a node dies', async () => {
    const { started, go, expectWhole } = await running(cluster(), 6);
    const lost = started().filter(({ node }) => node === 'n2');
    expect(lost.length).toBeGreaterThan(0);
    await cluster().killNode('n2');
    go();
    await expectWhole();
    const again = started().slice(6);
    expect(again.map(({ key }) => key).sort()).toEqual(lost.map(({ key }) => key).sort());
    expect(new Set(again.map(({ node, from }) => `${node} from ${from}`))).toEqual(new Set(['n1 from 4']));
    await cluster().startNode('n2');
  });

  test('lets one of two copies of a trial go on, where Slurm takes a node for dead that computes', async () => {
    await cluster().drain('n1');
    const { started, expectWhole } = await running(cluster(), 1);
    await cluster().undrain('n1');
    await cluster().killDaemon('n2');
    await expectWhole();
    // The copy that nobody heard of saved update 5 when it saw the other.
    expect(started()).toMatchObject([
      { node: 'n2', attempt: 1 },
      { node: 'n1', attempt: 2, from: 5 },
    ]);
    await cluster().startNode('n2');
  });

  test('waits for a controller that is gone, and takes what trials wrote meanwhile', async () => {
    const { go, said, attemptFiles, expectWhole } = await running(cluster(), 3);
    await cluster().killController();
    go();
    await until(() => attemptFiles(1, 'result.json').every((file) => fs.existsSync(file)), 'the trials end');
    await until(() => said().includes('Slurm does not answer'), 'the runner notices');
    await cluster().startController();
    await expectWhole();
  });

  test('submits again what a controller forgot, and knows another’s jobs from its own though they have the same ids', async () => {
    const { started, expectWhole } = await running(cluster(), 3);
    await cluster().forget();
    await cluster().call('sbatch', '--array=0-2', '--hold', '--job-name=another', '--wrap', 'true');
    await expectWhole();
    const again = started().slice(3);
    expect(again.map(({ attempt, from }) => ({ attempt, from }))).toEqual(Array(3).fill({ attempt: 2, from: 4 })); // prettier-ignore
    const theirs = await cluster().call('squeue', '--noheader', '--array', '--name=another', '--format=%T');
    expect(theirs.split('\n')).toEqual(Array(3).fill('PENDING'));
  });
});
