/** @file Who is given which GPU: real runners, real trials that compute nothing, and a nvidia-smi of our own. No GPU is needed, none is used. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type * as Read from '../src/definition/read.js';
import { readJournal } from '../src/runner/journal.js';
import type * as RunSweep from '../src/runner/run-sweep.js';
import { fakeGpus, gpu, mostAtOnce, NO_OP, type FakeGpus } from './fake-gpus.js';
import { listTrials, sweepIn, temporaryFolder, until, watchdogOf, writeImages } from './support.js';

let images: string;
beforeAll(async () => {
  images = temporaryFolder();
  await writeImages(images, 3, 16);
});
afterEach(() => vi.unstubAllEnvs());
const built = (file: string) => new URL(`../dist/${file}`, import.meta.url).href;
const folders: string[] = [];
afterAll(() => [images, ...folders].forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

interface Machine extends FakeGpus {
  folder: string;
  /** `sweep run` of so many no-op trials, with results in a folder of this name. */
  run(results: string, options: { trials: number; does?: string; resources?: string }, ...flags: string[]): ReturnType<typeof sweepIn>; // prettier-ignore
  journals(results: string): ReturnType<typeof readJournal>;
}

function machine(): Machine {
  const folder = temporaryFolder();
  folders.push(folder);
  const gpus = fakeGpus(folder);
  return {
    ...gpus,
    folder,
    run(results, { trials, does = '', resources = '{}' }, ...flags) {
      const file = path.join(folder, `${results}.yaml`);
      const command = ['node', NO_OP, ...does.split(' ').filter(Boolean)].join(', ');
      fs.writeFileSync(
        file,
        `name: ${results}
command: [${command}]
data: {x: ${images}/x, y: ${images}/y}
grid: {n: [${Array.from({ length: trials }, (_, at) => at).join(', ')}]}
budget: {updates: 1}
device: cuda
resources: ${resources}
`,
      );
      return sweepIn(gpus.environment, folder, 'run', file, '--results', results, ...flags);
    },
    journals: (results) => {
      const there = fs.existsSync(path.join(folder, results, 'trials'));
      const keys = there ? listTrials(path.join(folder, results)) : [];
      return keys.flatMap((key) => readJournal(path.join(folder, results), key));
    },
  };
}

describe('two runners in two results folders', () => {
  test.each([1, 2])('never give one GPU to more than %i trials', async (limit) => {
    const m = machine();
    m.set({ gpus: [gpu(0), gpu(1), gpu(2)] });
    const resources = `{trials_per_gpu: ${limit}}`;
    const runs = await Promise.all(['a', 'b'].map((results) => m.run(results, { trials: 12, resources })));
    for (const { exitCode, all } of runs) expect(exitCode, all).toBe(0);
    const most = mostAtOnce(m.log());
    expect(Object.keys(most).sort()).toEqual([gpu(0).uuid, gpu(1).uuid, gpu(2).uuid]);
    expect(Math.max(...Object.values(most))).toBeLessThanOrEqual(limit);
    expect(m.log()).toHaveLength(2 * 24);
  });

  test('wait for each other, say for whom, and go on when there is room', async () => {
    const m = machine();
    m.set({ gpus: [gpu(0)] });
    const gate = path.join(m.folder, 'gate');
    const first = m.run('a', { trials: 1, does: `wait=${gate}` });
    await until(() => m.log().length === 1, 'the first trial to start');
    const second = m.run('b', { trials: 1 });
    await until(() => m.journals('b').some(({ t }) => t === 'waiting'), 'the second to wait');
    fs.writeFileSync(gate, '');
    expect((await first).exitCode).toBe(0);
    const { exitCode, all } = await second;
    expect(exitCode, all).toBe(0);
    expect(all).toContain(`waits for cuda:0 to itself, since its memory is not known yet; 1 of 1 trials run there; another sweep run computes there (process ${first.pid})`); // prettier-ignore
    expect(m.journals('b').map(({ t }) => t)).toEqual(['waiting', 'placed', 'attempt', 'process', 'end']);
    expect(m.journals('b')[1]).toMatchObject({ attempt: 1, device: 'cuda:0', predicted: null });
    expect(mostAtOnce(m.log())).toEqual({ [gpu(0).uuid]: 1 });
  });
});

test('a runner that is killed leaves its GPU taken while its trial lives, and no longer', async () => {
  const m = machine();
  m.set({ gpus: [gpu(0), gpu(1)] });
  const never = path.join(m.folder, 'never');
  const killed = m.run('a', { trials: 1, does: `wait=${never} stubborn=1` });
  await until(() => m.log().length === 1, 'the first trial to start');
  const alive = m.log()[0]!;
  try {
    // What would end the trial in some seconds ends first: it is to live as long as this test wants.
    process.kill(watchdogOf(killed.pid!), 'SIGKILL');
    killed.kill('SIGKILL');
    await killed;
    const other = await m.run('b', { trials: 3 });
    expect(other.exitCode, other.all).toBe(0);
    expect(mostAtOnce(m.log().filter(({ pid }) => pid !== alive.pid))).toEqual({ [gpu(1).uuid]: 1 });
  } finally {
    process.kill(alive.pid, 'SIGKILL');
  }
  const free = await m.run('c', { trials: 3, resources: '{trials: 2}' });
  expect(free.exitCode, free.all).toBe(0);
  const later = m.journals('c').flatMap((entry) => (entry.t === 'placed' ? [entry.device] : []));
  expect(later).toContain('cuda:0');
});

describe('the GPUs that are used', () => {
  const used = (m: Machine) => [...new Set(m.log().map((entry) => entry.gpu))].sort();

  test('are those that are asked for, by number or id', async () => {
    const m = machine();
    for (const [results, devices, expected] of [
      ['a', '0,2', [gpu(0).uuid, gpu(2).uuid]],
      ['b', 'GPU-5555', [gpu(5).uuid]],
      ['c', 'cuda:7', [gpu(7).uuid]],
    ] as const) {
      const before = m.log().length;
      const { exitCode, all } = await m.run(results, { trials: 4 }, '--devices', devices);
      expect(exitCode, all).toBe(0);
      expect([...new Set(m.log().slice(before).map((entry) => entry.gpu))].sort()).toEqual(expected); // prettier-ignore
    }
  });

  test('are refused in words where they are not there', async () => {
    const m = machine();
    m.set({ gpus: [gpu(0), gpu(1, { gone: true })] });
    const said = async (devices: string) => {
      const { exitCode, all } = await m.run('a', { trials: 1 }, '--devices', devices);
      expect(exitCode).toBe(2);
      return all;
    };
    expect(await said('0,1')).toContain(
      'device cuda:1 is not here. Here are: cuda:0 (NVIDIA A100-SXM4-80GB)',
    );
    expect(await said('0,cpu')).toContain('cuda and cpu cannot be mixed');
    expect(await said('zero')).toContain('zero is no device. Expected GPUs by number or id');
    m.set({ fail: 'NVIDIA-SMI has failed because it could not communicate with the driver.' });
    expect(await said('0')).toContain(
      'nvidia-smi failed: NVIDIA-SMI has failed because it could not communicate',
    );
  });

  test('are those alone that CUDA_VISIBLE_DEVICES shows', async () => {
    const m = machine();
    m.environment.CUDA_VISIBLE_DEVICES = `3,${gpu(6).uuid}`;
    const { exitCode, all } = await m.run('a', { trials: 6 });
    expect(exitCode, all).toBe(0);
    expect(used(m)).toEqual([gpu(3).uuid, gpu(6).uuid]);
    m.environment.CUDA_VISIBLE_DEVICES = '';
    const none = await m.run('b', { trials: 1 });
    expect([none.exitCode, none.all]).toEqual([2, expect.stringContaining('hides every GPU')]);
  });

  test('are MIG instances where a GPU is cut into such', async () => {
    const m = machine();
    const mig = [0, 1].map((at) => ({ profile: '3g.40gb', uuid: `MIG-${at}-fake`, memory: 40192 }));
    m.set({ gpus: [gpu(0, { mig }), gpu(1)] });
    const { exitCode, all } = await m.run('a', { trials: 6 });
    expect(exitCode, all).toBe(0);
    expect(used(m)).toEqual([gpu(1).uuid, 'MIG-0-fake', 'MIG-1-fake']);
    expect(Object.values(mostAtOnce(m.log()))).toEqual([1, 1, 1]);
    const one = await m.run('b', { trials: 1 }, '--devices', '0:1');
    expect(one.exitCode, one.all).toBe(0);
    expect(m.journals('b').find(({ t }) => t === 'placed')).toMatchObject({ device: 'cuda:0:1' });
  });

  test('are not those whose memory other programs hold', async () => {
    const m = machine();
    m.set({ gpus: [gpu(0, { used: 70_000 }), gpu(1)] });
    const { exitCode, all } = await m.run('a', { trials: 4 });
    expect(exitCode, all).toBe(0);
    expect(used(m)).toEqual([gpu(1).uuid]);
  });

  test('may vanish: the trials go on with the others', async () => {
    const m = machine();
    m.set({ gpus: [gpu(0), gpu(1)] });
    const run = m.run('a', { trials: 1, does: `wait=${path.join(m.folder, 'gate')}` }, '--devices', '0');
    await until(() => m.log().length === 1, 'the first trial to start');
    m.set({ gpus: [gpu(0, { gone: true }), gpu(1)] });
    const other = await m.run('b', { trials: 2 });
    expect(other.exitCode, other.all).toBe(0);
    fs.writeFileSync(path.join(m.folder, 'gate'), '');
    expect((await run).exitCode).toBe(0);
    expect(used(m)).toEqual([gpu(0).uuid, gpu(1).uuid]);
  });
});

test('by predicted memory, trials share a GPU, a large one is not passed by for ever, and what others hold counts', async () => {
  const { runSweep } = (await import(built('runner/run-sweep.js'))) as typeof RunSweep;
  const { readDefinition } = (await import(built('definition/read.js'))) as typeof Read;
  const m = machine();
  // 85.9 GB, of which somebody holds 10.5.
  m.set({ gpus: [gpu(0, { used: 10_000 })] });
  for (const [name, value] of Object.entries(m.environment)) vi.stubEnv(name, value);
  const source = (results: string) => `name: packed
command: [node, ${NO_OP}, "n={n}", held=1000, wait=${m.folder}/${results}/gate]
data: {x: ${images}/x, y: ${images}/y}
grid: {n: [0, 1, 2, 3, 4, 5]}
budget: {updates: 1}
device: cuda
resources: {trials: 4}
`;
  const run = (results: string, gigabytes: number[]) =>
    runSweep({
      definition: readDefinition(source(results), 'packed.yaml'),
      source: source(results),
      file: path.join(m.folder, 'packed.yaml'),
      results: path.join(m.folder, results),
      retryFailed: false,
      extend: false,
      place: () => Promise.resolve({ engine: null, devices: ['cuda:0'], reason: 'a test' }),
      expect: () =>
        Promise.resolve(() => ({ parameters }) => {
          return { host: null, device: gigabytes[Number((parameters as { n: number }).n)]! * 1e9 };
        }),
      say: () => undefined,
      stream: fs.createWriteStream(path.join(m.folder, 'progress.txt')),
    });
  /** Lets them go once one waits for room, and gives what had started by then. */
  const open = async (results: string) => {
    const waits = () => m.journals(results).some(({ t }) => t === 'waiting');
    await until(() => waits() && m.log().length >= 2, 'two trials to run and one to wait');
    const started = m.log().map(({ name }) => numberOf(m, results, name));
    fs.writeFileSync(path.join(m.folder, results, 'gate'), '');
    return started;
  };

  const two = run('two', [30, 30, 30, 1, 30, 30]);
  expect((await open('two')).sort()).toEqual([0, 1]);
  expect((await two).done).toBe(6);
  expect(m.journals('two').find(({ t }) => t === 'waiting')).toMatchObject({
    reason: expect.stringMatching(/^30\.0 GB of the memory of cuda:0, where \d+\.\d GB are free$/) as string,
  });
  expect(m.journals('two').filter(({ t }) => t === 'placed')).toHaveLength(6);

  // The third needs what only an empty card has: the small ones behind it wait, too.
  fs.rmSync(m.environment.FAKE_GPU_LOG!);
  const large = run('large', [30, 30, 70, 1, 1, 1]);
  expect((await open('large')).sort()).toEqual([0, 1]);
  expect((await large).done).toBe(6);
  const order = m.log().map(({ what, name }) => `${what} ${numberOf(m, 'large', name)}`);
  expect(order.slice(0, 4).sort()).toEqual(['end 0', 'end 1', 'start 0', 'start 1']);
});

/** Which trial of the grid a key is. */
function numberOf(m: Machine, results: string, key: string): number {
  const config = fs.readFileSync(path.join(m.folder, results, 'trials', key, 'config.json'), 'utf8');
  return (JSON.parse(config) as { parameters: { n: number } }).parameters.n;
}

describe('the registry', () => {
  const file = (m: Machine) => {
    const state = path.join(m.folder, 'state');
    return path.join(
      state,
      fs.readdirSync(state).find((name) => name.endsWith('.db'))!,
    );
  };

  test('says what to do where it is damaged or cannot be written', async () => {
    const m = machine();
    expect((await m.run('a', { trials: 1 })).exitCode).toBe(0);
    fs.writeFileSync(file(m), 'this is no database, and long enough for SQLite to see that it is not one of its own'.repeat(20)); // prettier-ignore
    const damaged = await m.run('b', { trials: 1 });
    expect([damaged.exitCode, damaged.all]).toEqual([4, expect.stringContaining('stop every sweep run of this machine, delete the file')]); // prettier-ignore
    m.environment.CYCLESWEEP_STATE = path.join(m.folder, 'a.yaml', 'state');
    const denied = await m.run('c', { trials: 1 });
    expect([denied.exitCode, denied.all]).toEqual([2, expect.stringContaining('Make its folder writable, or name another by CYCLESWEEP_STATE')]); // prettier-ignore
    expect(denied.all).not.toMatch(/\n +at /);
  });
});

test('on the processor two runners share its cores, and cpu:N runs so many trials at once', async () => {
  const m = machine();
  const gate = path.join(m.folder, 'gate');
  // More threads than any machine has cores: who asks for them has them, and nobody else.
  const greedy = { trials: 3, does: `wait=${gate}`, resources: '{threads: 10000}' };
  const first = m.run('a', greedy, '--devices', 'cpu:3');
  await until(() => m.log().length === 3, 'three trials to run at once');
  const second = m.run('b', { trials: 1, resources: '{threads: 1}' }, '--devices', 'cpu:1');
  await until(() => m.journals('b').some(({ t }) => t === 'waiting'), 'the second to wait');
  fs.writeFileSync(gate, '');
  for (const { exitCode, all } of await Promise.all([first, second])) expect(exitCode, all).toBe(0);
  expect(mostAtOnce(m.log())).toEqual({ cpu: 3 });
  expect((await second).all).toContain(`waits for 1 free core; another sweep run computes there (process ${first.pid})`); // prettier-ignore
});
