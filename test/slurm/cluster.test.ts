/** @file What the tests of this folder rely on: that the cluster does what one of many machines would. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { hasVariable, listProcesses } from '../../src/runner/proc.js';
import { until } from '../support.js';
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
    await cluster().call('sbatch', '--nodelist=n2', '--output=/dev/null', '--wrap', 'sleep 1000');
    await until(() => runningOn('n2').length > 0, 'the job runs');
    const submitted = Date.now();
    const saved = path.join(cluster().folder, 'state', 'job_state');
    await until(() => fs.existsSync(saved) && fs.statSync(saved).mtimeMs > submitted, 'the controller saves');
    await cluster().killController();
    await cluster().startController();
    expect(await cluster().call('squeue', '--noheader', '--format=%N')).toBe('n2');
    await cluster().killNode('n2');
    expect(runningOn('n2')).toEqual([]);
  });
});
