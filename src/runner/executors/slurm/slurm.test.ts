/** @file What is made of Slurm's answers: a client that stands for Slurm, real files. A real Slurm: test/slurm. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SLURM_DEFAULTS } from '../../../definition/slurm.js';
import { openJob, readJournal } from '../../journal.js';
import type { Scheduler, Submission } from '../executor.js';
import type { Answer, SlurmClient } from './client.js';
import type { QueueRow } from './queue.js';
import { openSlurmScheduler } from './slurm.js';
import { POLL_VARIABLE } from './timing.js';

let results: string;
let scheduler: Scheduler | undefined;
beforeEach(() => {
  results = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-slurm-'));
  vi.stubEnv(POLL_VARIABLE, '0.02');
});
afterEach(() => {
  scheduler?.close();
  vi.unstubAllEnvs();
  fs.rmSync(results, { recursive: true });
});

function open(client: Partial<SlurmClient>, detach = true) {
  scheduler = openSlurmScheduler({
    results,
    client: { submit: () => Promise.reject(new Error('no')), queue: () => Promise.resolve([]), cancel: () => Promise.resolve({ t: 'ok', text: '' }), hasGpus: () => Promise.resolve(false), ...client }, // prettier-ignore
    settings: SLURM_DEFAULTS,
    device: 'cpu',
    cpus: 1,
    gpus: 0,
    limit: undefined,
    memoryLimit: undefined,
    detach,
    say: () => undefined,
    waits: () => undefined,
  });
  return scheduler;
}

const trial = (key: string, memory: number | null = null): Submission => ({ key, sweep: 'small', attempt: () => 1, memory, environment: {} }); // prettier-ignore
const line = (script: string, name: string) => new RegExp(`^#SBATCH --${name}=(.*)$`, 'm').exec(script)?.[1];

describe('trials that are handed over', () => {
  it('go in one array, those of another need in another', async () => {
    const scripts: string[] = [];
    const submit = (script: string): Promise<Answer> => Promise.resolve({ t: 'ok', text: String(scripts.push(script)) }); // prettier-ignore
    const { next } = open({ submit });
    await Promise.all([next(trial('a', 1e9)), next(trial('b', 8e9)), next(trial('c', 1e9))]);
    expect(scripts.map((script) => [line(script, 'array'), line(script, 'mem')])).toEqual([
      ['0-1', '2048M'],
      ['0-0', '11264M'],
    ]);
    expect(openJob(readJournal(results, 'c'))).toMatchObject({ task: 1, attempt: 1 });
  });

  it('are halved where Slurm takes no array of so many', async () => {
    const taken: string[] = [];
    const submit = (script: string): Promise<Answer> => {
      const tasks = line(script, 'array')!;
      if (Number(tasks.slice(2)) > 1) return Promise.resolve({ t: 'refused', message: 'Invalid job array specification' }); // prettier-ignore
      return Promise.resolve({ t: 'ok', text: String(taken.push(tasks)) });
    };
    const { next } = open({ submit });
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => next(trial(key))));
    expect(taken).toEqual(['0-1', '0-1']);
  });

  it('are taken back where it will not have them, and that is told with its words', async () => {
    const { next } = open({ submit: () => Promise.resolve({ t: 'refused', message: 'Invalid account' }) });
    await expect(next(trial('a'))).rejects.toThrow('Slurm refuses the trials: Invalid account');
    expect(openJob(readJournal(results, 'a'))).toBeUndefined();
  });

  it('are not submitted twice where the controller took them and its answer was lost', async () => {
    let asked = 0;
    let name = '';
    const submit = (script: string): Promise<Answer> => {
      asked++;
      name = line(script, 'job-name')!;
      return Promise.resolve({ t: 'unreachable', message: 'timed out' });
    };
    let looks = 0;
    const row = (): QueueRow => ({ name, array: 77, task: 0, states: ['PENDING'], reason: '', restarts: 0, nodes: '' }); // prettier-ignore
    const queue = () => Promise.resolve(++looks < 3 ? undefined : [row()]);
    await open({ submit, queue }).next(trial('a'));
    expect(asked).toBe(1);
    expect(readJournal(results, 'a').at(-1)).toMatchObject({ t: 'submitted', job: '77_0' });
  });
});

it('a trial of which Slurm knows nothing, and no file tells, was lost; one that was cancelled is stopped', async () => {
  const names: string[] = [];
  const submit = (script: string): Promise<Answer> => {
    names.push(line(script, 'job-name')!);
    return Promise.resolve({ t: 'ok', text: '5' });
  };
  const cancelled = (): QueueRow => ({ name: names[0]!, array: 5, task: 1, states: ['CANCELLED'], reason: '', restarts: 0, nodes: '' }); // prettier-ignore
  const { next } = open({ submit, queue: () => Promise.resolve([cancelled()]) }, false);
  const [first, second] = await Promise.all([next(trial('a')), next(trial('b'))]);
  expect(first).toHaveProperty('exit.lost', 'Slurm no longer knows its job, before it began');
  expect(second).toHaveProperty('exit.cancelled', true);
  expect(openJob(readJournal(results, 'a'))).toBeUndefined();
});

it('what a runner left with Slurm, the next one has again', async () => {
  let asked = 0;
  const submit = (): Promise<Answer> => Promise.resolve({ t: 'ok', text: String(++asked) });
  expect(await open({ submit }).next(trial('a'))).toHaveProperty('exit.left', true);
  scheduler!.close();
  expect(await open({ submit }).next(trial('a'))).toHaveProperty('exit.left', true);
  expect(asked).toBe(1);
});
