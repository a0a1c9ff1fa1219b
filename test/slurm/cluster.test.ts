/** @file What the tests of this folder rely on: that the cluster does what one of many machines would. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { hasVariable, listProcesses } from '../../src/runner/proc.js';
import { contains, until } from '../support.js';
import { describeWithSlurm } from './cluster.js';

describeWithSlurm('a cluster of two nodes', (cluster) => {
  const runningOn = (node: string) =>
    listProcesses().filter(
      (pid) =>
        hasVariable(pid, `SLURM_CONF=${cluster().environment.SLURM_CONF}`) &&
        hasVariable(pid, `SLURMD_NODENAME=${node}`),
    );

  test('gives a job as many GPUs as it asks for, by their numbers', async () => {
    const out = path.join(cluster().folder, 'out');
    const options = ['--wait', '--gres=gpu:2', `--output=${out}`];
    await cluster().call('sbatch', ...options, '--wrap', 'echo $CUDA_VISIBLE_DEVICES');
    expect(fs.readFileSync(out, 'utf8')).toBe('0,1\n');
  });

  test('knows its jobs after its controller crashed, and loses those of a node that dies', async () => {
    const options = ['--job-name=known', '--nodelist=n2', '--output=/dev/null'];
    await cluster().call('sbatch', ...options, '--wrap', 'sleep 1000');
    await until(() => runningOn('n2').length > 0, 'the job runs');
    // It writes down what it knows every five seconds.
    await until(
      () => contains(path.join(cluster().folder, 'state', 'job_state'), 'known'),
      'the controller saves',
    );
    await cluster().killController();
    await cluster().startController();
    expect(await cluster().call('squeue', '--noheader', '--format=%j')).toBe('known');
    await cluster().killNode('n2');
    expect(runningOn('n2')).toEqual([]);
  });
});
