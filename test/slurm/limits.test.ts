/** @file Jobs that are shorter than a trial. Slurm's shortest time limit is a minute, and it keeps to it coarsely. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readJournal } from '../../src/runner/journal.js';
import { listTrials } from '../support.js';
import { describeWithSlurm } from './cluster.js';
import { makeWorld } from './world.js';

describeWithSlurm('a trial that takes longer than a job may', (cluster) => {
  test('saves before the time limit, is started again by Slurm, and goes on from there', async () => {
    const { write, on, started, numbers, results, folder } = makeWorld(cluster());
    write({ trials: 1, hold: 5 });
    const run = await on('login', 'run', 'sweep.yaml', '--executor', 'slurm', '--time', '1');
    expect(run.all).toContain('1 done, 0 failed, 0 left');
    expect(started()).toMatchObject([{ attempt: 1 }, { attempt: 2, from: 5 }]);
    const [key = ''] = listTrials(results);
    const requeued = readJournal(results, key).filter(({ t }) => t === 'requeued');
    expect(requeued).toMatchObject([{ attempt: 1, count: 1, reason: 'its time limit came near' }]);
    expect(await numbers('login')).toHaveLength(10 * 2);
    expect(fs.existsSync(path.join(results, 'trials', key, 'attempts', '3'))).toBe(false);
    fs.rmSync(folder, { recursive: true });
  });
});
