/** @file The same seed, engine, device and number of threads give the same numbers, byte for byte, in two processes. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveParameters } from '../src/definition/parameters.js';
import { ENVIRONMENT, EXIT, NUMERICS_VERSION, type EngineName, type TrialConfig } from '../src/protocol.js';
import { readEvents, temporaryFolder, writeImages } from './support.js';

const MAIN = fileURLToPath(new URL('../dist/train/main.js', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  await writeImages(folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Large enough that threads share the work; with two, on two lanes of one. */
const PARAMETERS = resolveParameters({
  patch: 32,
  batch: 2,
  filters: 8,
  blocks: 1,
  disc_filters: 8,
  disc_layers: 2,
});
const UPDATES = 3;

interface Trained {
  code: number | undefined;
  said: string;
  /** All weights and moments. */
  weights?: Buffer;
  /** Losses at every update, with all their digits. */
  metrics?: unknown[];
  start?: unknown;
}

let count = 0;

/** Trains in a fresh process, as a trial does. */
async function train(engine: EngineName, device: string, threads: number): Promise<Trained> {
  const key = `trial-${++count}`;
  const trialDirectory = path.join(folder, 'trials', key);
  const config: TrialConfig = {
    key,
    seed: 1,
    numerics: NUMERICS_VERSION,
    parameters: PARAMETERS,
    budget: { updates: UPDATES },
    data: {
      x: path.join(folder, 'x'),
      y: path.join(folder, 'y'),
      pairing: 'by-name',
      range: 'auto',
      mask: 'auto',
      split: { train: 0.6, validation: 0.2, test: 0.2 },
    },
    dataFingerprint: '',
    engine,
    microBatch: 1,
  };
  fs.mkdirSync(trialDirectory, { recursive: true });
  const file = path.join(trialDirectory, 'config.json');
  fs.writeFileSync(file, JSON.stringify(config));
  const env = { [ENVIRONMENT.threads]: String(threads), [ENVIRONMENT.device]: device };
  const { exitCode: code, all: said } = await execa(process.execPath, [MAIN, file], {
    env,
    reject: false,
    all: true,
  });
  if (code !== EXIT.done) return { code, said };
  const events = readEvents(folder, key).flat();
  return {
    code,
    said,
    weights: fs.readFileSync(
      path.join(trialDirectory, 'checkpoints', `step-${UPDATES}`, 'weights.safetensors'),
    ),
    // All of them but how long data was waited for.
    metrics: events.flatMap((event) => (event.t === 'metric' ? [{ ...event.v, 'data/wait_share': 0 }] : [])),
    start: events.find(({ t }) => t === 'start'),
  };
}

it.for([
  { engine: 'onnx', device: 'cpu', threads: 1, needed: true },
  { engine: 'onnx', device: 'cpu', threads: 2, needed: true },
  { engine: 'onnx', device: 'cpu', threads: 4, needed: true },
  { engine: 'wasm', device: 'cpu', threads: 1, needed: true },
  { engine: 'tensorflow', device: 'cpu', threads: 1, needed: false },
  { engine: 'tensorflow', device: 'cpu', threads: 2, needed: false },
  { engine: 'onnx', device: 'webgpu:0', threads: 1, needed: false },
] as const)('$engine on $device with threads $threads', async ({ engine, device, threads, needed }, { skip }) => {
  const [one, two] = [await train(engine, device, threads), await train(engine, device, threads)];
  if (!needed && one.code === EXIT.deviceMissing) skip(one.said);
  expect(one.code, one.said).toBe(EXIT.done);
  expect(one.start).toMatchObject({ engine, device, threads });
  expect(one.metrics).toHaveLength(UPDATES);
  expect(two.metrics).toEqual(one.metrics);
  expect(two.weights!.equals(one.weights!)).toBe(true);
}); // prettier-ignore
