/** @file `sweep doctor` and the choice of engine and device, on this machine and with a made-up nvidia-smi. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Findings } from '../src/commands/doctor.js';
import type * as Read from '../src/definition/read.js';
import { readJournal } from '../src/runner/journal.js';
import type * as RunSweep from '../src/runner/run-sweep.js';
import {
  listTrials,
  readEvents,
  smallSweep,
  sweep,
  sweepIn,
  temporaryFolder,
  writeImages,
} from './support.js';

const built = (file: string) => new URL(`../dist/${file}`, import.meta.url).href;

let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  await writeImages(folder);
  fs.writeFileSync(path.join(folder, 'small.yaml'), smallSweep());
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** An environment in which nvidia-smi is this shell script. */
function withNvidiaSmi(name: string, script: string): NodeJS.ProcessEnv {
  const bin = path.join(folder, name);
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(bin, 'nvidia-smi'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${bin}:${process.env.PATH}`, CUDA_VISIBLE_DEVICES: undefined, ...NO_VULKAN };
}

/** Spares the time of a software adapter. */
const NO_VULKAN = { VK_DRIVER_FILES: path.join('nowhere', 'none.json') };

const TWO_GPUS = `
case "$1" in
--query-gpu=*)
  echo '0, GPU-1a2b, NVIDIA H200, 143771, 4, 3, 570.86.15'
  echo '1, GPU-3c4d, NVIDIA H200, 143771, 70000, [N/A], 570.86.15' ;;
*) echo '| NVIDIA-SMI 570.86.15    Driver Version: 570.86.15    CUDA Version: 12.8  |' ;;
esac`;

async function examine(environment: NodeJS.ProcessEnv): Promise<Findings> {
  const { exitCode, stdout } = await sweepIn(environment, folder, 'doctor', '--json');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Findings;
}

describe('sweep doctor', () => {
  test('measures what works, and says of the rest why not and what mends it', async () => {
    const { machine, engines, choice } = await examine({});
    expect(machine.cores).toBeGreaterThan(0);
    const onnx = engines.find(({ name, device }) => name === 'onnx' && device === 'cpu')!;
    expect(onnx).toMatchObject({ works: true, reason: '', mend: '' });
    expect(onnx.gflops).toBeGreaterThan(0);
    expect(new Set(engines.map(({ name }) => name))).toEqual(new Set(['onnx', 'tensorflow', 'wasm', 'cpu']));
    for (const { works, reason, mend, gflops } of engines) {
      expect(gflops !== null).toBe(works);
      expect(reason === '').toBe(works);
      expect(mend === '').toBe(works);
    }
    expect(choice.reason).toContain(`${choice.engine} on `);
  });

  test('lists GPUs, and says what their engines lack', async () => {
    const { gpus, driverCuda, engines } = await examine(withNvidiaSmi('two', TWO_GPUS));
    expect(driverCuda).toBe('12.8');
    expect(gpus.found.map(({ index, name, busy, driver }) => [index, name, busy, driver])).toEqual([
      [0, 'NVIDIA H200', 0.03, '570.86.15'],
      [1, 'NVIDIA H200', null, '570.86.15'],
    ]);
    const cuda = engines.filter(({ device }) => device.startsWith('cuda'));
    expect(cuda.map(({ name, device }) => `${name} ${device}`)).toEqual([
      'onnx cuda:0',
      'onnx cuda:1',
      'tensorflow cuda:0',
      'tensorflow cuda:1',
    ]);
    // There is a list of GPUs and no GPU: whatever is installed, none of them computes.
    for (const { works, mend } of cuda)
      expect([works, mend]).toEqual([false, expect.stringContaining('engine install')]);
  });

  test('fits the terminal', async () => {
    const { exitCode, stdout } = await sweepIn(withNvidiaSmi('two', TWO_GPUS), folder, 'doctor');
    expect(exitCode).toBe(0);
    const wide = stdout.split('\n').filter((line) => line.length > 100);
    expect(wide).toEqual([]);
    for (const words of ['NVIDIA H200', 'GFLOP/s', 'mend: npx sweep engine install', 'A sweep takes: ']) {
      expect(stdout).toContain(words);
    }
  });
});

describe('sweep run', () => {
  test('stores engine, device and the reason for them with each trial', async () => {
    const { exitCode, stdout } = await sweep(
      folder,
      'run',
      'small.yaml',
      '--engine',
      'onnx',
      '--device',
      'cpu',
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Trains with onnx on cpu: as was asked for');
    const results = path.join(folder, 'results');
    for (const key of listTrials(results)) {
      const start = readEvents(results, key)[0]!.find(({ t }) => t === 'start');
      expect(start).toMatchObject({
        engine: 'onnx',
        device: 'cpu',
        engineReason: 'onnx on cpu: as was asked for',
      });
    }
  });

  test('spreads trials over GPUs, and says of one that is not there that its device is missing', async () => {
    const { runSweep } = (await import(built('runner/run-sweep.js'))) as typeof RunSweep;
    const { readDefinition } = (await import(built('definition/read.js'))) as typeof Read;
    vi.stubEnv('CYCLESWEEP_STATE', path.join(folder, 'state'));
    vi.stubEnv('SWEEP_GUARD', 'off'); // which else would stop it at the third
    const source = smallSweep('retry: {limit: 0}');
    const results = path.join(folder, 'gpus');
    const summary = await runSweep({
      definition: readDefinition(source, 'small.yaml'),
      source,
      file: path.join(folder, 'small.yaml'),
      results,
      retryFailed: false,
      extend: false,
      only: [],
      place: () => Promise.resolve({ engine: 'onnx', devices: ['cuda:98', 'cuda:99'], reason: 'a test' }),
      say: () => undefined,
      stream: fs.createWriteStream(path.join(folder, 'progress.txt')),
    });
    expect(summary.failed.map(({ reason }) => reason)).toEqual(
      Array(4).fill('its device is not there (exit code 69)'),
    );
    const devices = listTrials(results).map((key) =>
      readJournal(results, key).find(({ t }) => t === 'attempt'),
    );
    const used = devices.map((entry) => (entry?.t === 'attempt' ? entry.device : ''));
    expect(new Set(used)).toEqual(new Set(['cuda:98', 'cuda:99']));
  });

  test('asks for no device where nothing is to be run', async () => {
    const { exitCode, all } = await sweep(folder, 'run', 'small.yaml', '--device', 'cuda:7');
    expect([exitCode, all]).toEqual([0, expect.stringContaining('4 done')]);
  });

  test.each([
    [['--device', 'cuda:2'], 'cuda:0 (NVIDIA H200), cuda:1 (NVIDIA H200): no other is there'],
    [['--device', 'cuda:1', '--engine', 'onnx'], 'onnx on cuda:1 does not work: '],
    [['--device', 'cuda', '--engine', 'wasm'], 'wasm runs on cpu, not on cuda'],
    [['--device', 'gpu'], 'device cannot be'],
  ])('refuses %j before any trial is started', async (flags, words) => {
    const { exitCode, all } = await sweepIn(
      withNvidiaSmi('two', TWO_GPUS),
      folder,
      ...['run', 'small.yaml', '--results', 'refused', ...flags],
    );
    expect(exitCode).toBe(2);
    expect(all).toContain(words);
    expect(fs.existsSync(path.join(folder, 'refused', 'trials'))).toBe(false);
  });
});
