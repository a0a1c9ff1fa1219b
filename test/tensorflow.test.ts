/** @file The tensorflow engine as a user gets and uses it: what hinders its install, and a sweep that trains on it. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findInstall } from '../src/engines/tensorflow/installed.js';
import type { TrialEvent } from '../src/protocol.js';
import { listTrials, readEvents, smallSweep, sweep, sweepIn, temporaryFolder, until, writeImages } from './support.js'; // prettier-ignore

const folders: string[] = [];
function makeFolder(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder;
}
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** The user's own cache folder, where TensorFlow is; other tests have their own. */
const USERS = { CYCLESWEEP_CACHE: process.env['CYCLESWEEP_CACHE'] };

/** What is in a folder, at any depth. */
const listAll = (folder: string): string[] =>
  fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('an install that cannot be', () => {
  const COMPILER = '#!/bin/sh\n';
  const WHEEL = 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl';

  /** `sweep engine install tensorflow --cpu` where these scripts are all that can be run. */
  function install(folder: string, programs: Record<string, string>): ReturnType<typeof sweep> {
    const bin = path.join(folder, 'bin');
    fs.mkdirSync(bin, { recursive: true });
    for (const [name, script] of Object.entries(programs))
      fs.writeFileSync(path.join(bin, name), script, { mode: 0o755 });
    const env = { CYCLESWEEP_CACHE: path.join(folder, 'cache'), PATH: bin, CXX: '' };
    return sweepIn(env, folder, 'engine', 'install', 'tensorflow', '--cpu');
  }

  test('names the compiler that is missing, before anything is fetched', async () => {
    const folder = makeFolder();
    const run = await install(folder, {});
    expect(run.all).toMatch(/A C\+\+ compiler is needed.*\n.*apt-get install g\+\+/);
    expect(run.exitCode).toBe(1);
    expect(listAll(path.join(folder, 'cache'))).toEqual([]);
  });

  test('says what to fetch and where to put it, without pip', async () => {
    const folder = makeFolder();
    const python3 = '#!/bin/sh\necho "python3: No module named pip" >&2\nexit 1\n';
    const run = await install(folder, { 'c++': COMPILER, python3 });
    expect(run.all).toContain('python3 is there, its pip is not installed');
    expect(run.all).toMatch(/pip download .* tensorflow-cpu==2\.21\.0$/m);
    expect(run.all).toContain(`put them into ${path.join(folder, 'cache', 'wheels')} and run`);
    expect(run.exitCode).toBe(1);
  });

  test('tells what pip told, without network', async () => {
    const python3 = '#!/bin/sh\necho "ERROR: No matching distribution found for it" >&2\nexit 1\n';
    const run = await install(makeFolder(), { 'c++': COMPILER, python3 });
    expect(run.all).toContain('could not fetch it: ERROR: No matching distribution found');
    expect(run.exitCode).toBe(1);
  });

  test('names a wheel put there by hand that is damaged', async () => {
    const folder = makeFolder();
    fs.mkdirSync(path.join(folder, 'cache', 'wheels'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'cache', 'wheels', WHEEL), 'half a wheel');
    const run = await install(folder, { 'c++': COMPILER });
    expect(run.all).toMatch(new RegExp(`wheels/${WHEEL} is damaged .* Delete it`));
    expect(run.exitCode).toBe(1);
  });

  test('leaves nothing half where it is killed, and the next one removes what was left', async () => {
    const folder = makeFolder();
    const cache = path.join(folder, 'cache');
    // pip has written half a wheel where it was told to (its last argument), and goes on.
    const slow = `#!/bin/sh\nfor to; do :; done\necho $$ >"$to/pid"\necho half >"$to/${WHEEL}"\nexec /bin/sleep 600\n`;
    const killed = install(folder, { 'c++': COMPILER, python3: slow });
    await until(() => listAll(cache).some((name) => name.endsWith('.whl')), 'half a wheel');
    const pidFile = listAll(cache).find((name) => name.endsWith('pid'))!;
    killed.kill('SIGKILL');
    process.kill(Number(fs.readFileSync(path.join(cache, pidFile), 'utf8'))); // it would go on, and so would its output
    await killed;
    const left = listAll(cache);
    expect(left.filter((name) => !/^downloads(\/\.fetched\.\d+\.tmp(\/.*)?)?$/.test(name))).toEqual([]);

    await install(folder, { python3: '#!/bin/sh\nexit 1\n' });
    expect(listAll(cache)).toEqual(['downloads']);
  });

  test('leaves nothing at all where it is stopped by Ctrl-C', async () => {
    const folder = makeFolder();
    const cache = path.join(folder, 'cache');
    const slow = '#!/bin/sh\nfor to; do :; done\necho half >"$to/half"\nexec /bin/sleep 600\n';
    const stopped = install(folder, { 'c++': COMPILER, python3: slow });
    await until(() => listAll(cache).some((name) => name.endsWith('half')), 'half a wheel');
    stopped.kill('SIGINT');
    expect((await stopped).exitCode).toBe(130);
    expect(listAll(cache)).toEqual(['downloads']);
  });
});

test('an engine that is not installed names the command that installs it', async () => {
  const folder = makeFolder();
  await writeImages(folder);
  fs.writeFileSync(path.join(folder, 'small.yaml'), smallSweep());
  const run = await sweep(folder, 'run', 'small.yaml', '--engine', 'tensorflow', '--set', 'seeds=1');
  expect(run.all).toContain(
    'TensorFlow is not installed for cpu: run `sweep engine install tensorflow --cpu`.',
  );
  expect(run.exitCode).not.toBe(0);
});

/** `.ci/run` installs it. Elsewhere nobody has to. */
const missing = findInstall('cpu') === undefined;
test.runIf(missing)('TensorFlow is installed', ({ skip }) => {
  const what = 'TensorFlow is not installed (sweep engine install tensorflow --cpu)';
  expect(process.env['CI'], `${what}, as it must be in CI`).toBeUndefined();
  skip(what);
});

describe.skipIf(missing)('a sweep on TensorFlow', () => {
  let folder: string;
  beforeAll(async () => {
    folder = makeFolder();
    await writeImages(folder);
    fs.writeFileSync(path.join(folder, 'small.yaml'), smallSweep());
    for (const [engine, results] of [['tensorflow', 'first'], ['tensorflow', 'second'], ['onnx', 'other']]) {
      const flags = ['--engine', engine!, '--results', results!, '--set', 'seeds=1', '--set', 'budget.updates=4'];
      const run = await sweepIn(USERS, folder, 'run', 'small.yaml', ...flags);
      expect(run.all).toContain('2 done, 0 failed, 0 left');
    }
  }); // prettier-ignore

  type Of<T extends TrialEvent['t']> = TrialEvent & { t: T };
  const eventsOf = <T extends TrialEvent['t']>(results: string, type: T): Of<T>[] =>
    listTrials(path.join(folder, results)).flatMap((key) =>
      readEvents(path.join(folder, results), key)
        .flat()
        .filter((event): event is Of<T> => event.t === type),
    );

  test('says what computed it', () => {
    for (const start of eventsOf('first', 'start')) {
      expect(start).toMatchObject({ engine: 'tensorflow', device: 'cpu' });
      expect(start.versions).toMatchObject({ tensorflow: '2.21.0', '@tensorflow/tfjs-node-gpu': '4.22.0' });
    }
  });

  test('begins with the losses that the default engine begins with', () => {
    const [own, other] = [eventsOf('first', 'metric'), eventsOf('other', 'metric')];
    expect(own).toHaveLength(8);
    for (const [index, { step, v }] of own.entries()) {
      if (step !== 1) continue;
      for (const name of ['loss/D', 'loss/G', 'grad/G', 'grad/D'])
        expect(v[name]! / other[index]!.v[name]!).toBeCloseTo(1, 4);
    }
  });

  test('gives the same numbers again', () => {
    const weights = (results: string): Buffer[] =>
      eventsOf(results, 'checkpoint')
        .filter(({ step, kind }) => step === 4 && kind === 'last')
        .map((event, index) => {
          const trial = path.join(folder, results, 'trials', listTrials(path.join(folder, results))[index]!);
          return fs.readFileSync(path.join(trial, event.path, 'weights.safetensors'));
        });
    const [first, second] = [weights('first'), weights('second')];
    expect(first).toHaveLength(2);
    expect(first.every((each, index) => each.equals(second[index]!))).toBe(true);
  });
});

test.skipIf(missing)('a process outlives the thread that has computed with TensorFlow', async () => {
  const open = new URL('../dist/engines/open.js', import.meta.url).href;
  const thread = `import(${JSON.stringify(open)})
    .then(({ openEngine }) => openEngine('tensorflow', { threads: 2 }))
    .then((engine) => engine.createBank({ x: [100] }).read('x'))`;
  const main = `new (require('node:worker_threads').Worker)(${JSON.stringify(thread)}, { eval: true })
    .on('exit', (code) => console.log('the thread ended by', code))`;
  const { stdout, signal, exitCode } = await execa(process.execPath, ['-e', main], {
    reject: false,
    env: USERS,
  });
  expect({ stdout, signal, exitCode }).toEqual({ stdout: 'the thread ended by 0', exitCode: 0 });
});
