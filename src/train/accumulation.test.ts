/** @file The step in parts: term by term and micro-batch by micro-batch it must give the update of the whole. */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Values } from '../engines/compare.js';
import { readAll, relativeError } from '../engines/compare.js';
import type { Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import type { TrialParameters } from '../protocol.js';
import { adamInputs } from './adam.js';
import type { StepFeed, StepResult } from './step.js';
import type { Smooth } from './half.js';
import * as step from './step.js';
import { bankShapes, initialBank, savedShapes } from './bank.js';
import { trainStep } from './whole-step.js';

const PARAMETERS = resolveParameters({ patch: 16, batch: 4, filters: 2, blocks: 1, disc_layers: 2 });
const SMOOTH: Smooth = {
  activation: (h) => tf.tanh(h),
  distance: (a, b) => tf.mean(tf.squaredDifference(a, b)),
};

function noise(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

const patches = ({ batch, patch }: TrialParameters, seed = 3): { X: Float32Array; Y: Float32Array } => {
  const draw = noise(seed);
  const each = (): Float32Array => Float32Array.from({ length: batch * patch * patch }, draw);
  return { X: each(), Y: each() };
};

/** Larger than in training, so that no gradient is tiny. */
const startOf = (parameters: TrialParameters): Values => {
  const draw = noise(7);
  return initialBank(parameters, () => 8 * draw());
};

const engines: Partial<Record<'cpu' | 'onnx', Engine>> = {};
beforeAll(async () => {
  engines.onnx = await openEngine('onnx', { threads: 1 });
  engines.cpu = await openEngine('cpu', { threads: 1 });
});
afterAll(async () => {
  await engines.onnx?.dispose();
  await engines.cpu?.dispose();
});

interface Run {
  parameters?: TrialParameters;
  microBatch?: number;
  smooth?: Smooth;
  updates?: number;
  feed?: Partial<StepFeed>;
}

/** Some updates from the same start: the results of the last, and the bank. */
async function updated(
  name: 'cpu' | 'onnx',
  { parameters = PARAMETERS, microBatch = parameters.batch, smooth = SMOOTH, updates = 1, feed = {} }: Run,
): Promise<StepResult & { bank: Values }> {
  const engine = engines[name] as Engine;
  const bank = engine.createBank(bankShapes(parameters));
  for (const [key, values] of Object.entries(startOf(parameters))) bank.write(key, values);
  const compiled = await step.compileStep(engine, bank, parameters, { microBatch, smooth });
  let result: StepResult | undefined;
  for (let update = 1; update <= updates; update++) {
    result = await compiled.run(bank, { ...patches(parameters), update, ...feed });
  }
  await compiled.dispose();
  if (!result) throw new RangeError('no update');
  return { ...result, bank: await readAll(bank) };
}

/** Largest relative error over all tensors whose name ends so. */
function worst(expected: Values, actual: Values, wanted: (name: string) => boolean = () => true): number {
  const names = Object.keys(expected).filter(wanted);
  return Math.max(
    ...names.map((name) => relativeError(expected[name] as Float32Array, actual[name] as Float32Array)),
  );
}

describe.each(['cpu', 'onnx'] as const)('micro-batches on %s', (name) => {
  it('give the update of the whole batch', async () => {
    const whole = await updated(name, {});
    for (const microBatch of [2, 1]) {
      const parts = await updated(name, { microBatch });
      expect(worst(whole.bank, parts.bank, (each) => each.endsWith('.g'))).toBeLessThan(1e-5);
      expect(worst(whole.bank, parts.bank, (each) => !/\.[gmv]$/.test(each))).toBeLessThan(1e-5);
      expect(worst(whole.bank, parts.bank)).toBeLessThan(3e-5); // second moments are squares
      expect(relativeError(whole.gx, parts.gx)).toBeLessThan(1e-6);
      expect(relativeError(whole.fy, parts.fy)).toBeLessThan(1e-6);
      for (const [metric, value] of Object.entries(whole.metrics)) {
        expect(parts.metrics[metric], metric).toBeCloseTo(value, 5);
      }
    }
  });

  // Second moments are squares, and where little is adversarial some are tiny.
  it.each([
    [1, 1e-5],
    [0.5, 3e-5],
    [0, 3e-5],
  ])('equal one function of all losses and gradients, adversarial %d', async (adversarial, limit) => {
    const parameters = { ...PARAMETERS, adversarial };
    const parts = await updated(name, { parameters, microBatch: 2 });
    const engine = engines[name] as Engine;
    const bank = engine.createBank(bankShapes(PARAMETERS));
    for (const [key, values] of Object.entries(startOf(PARAMETERS))) bank.write(key, values);
    const program = await engine.compile(trainStep(parameters, SMOOTH), bank);
    const metrics = await program.run(bank, { ...patches(PARAMETERS), ...adamInputs(PARAMETERS, 1) });
    const saved = Object.keys(savedShapes(PARAMETERS));
    const held = await readAll(bank);
    expect(worst(held, parts.bank, (each) => saved.includes(each) && !each.endsWith('.v'))).toBeLessThan(
      1e-5,
    );
    expect(worst(held, parts.bank, (each) => saved.includes(each))).toBeLessThan(limit);
    for (const [metric, values] of Object.entries(metrics)) {
      expect(parts.metrics[metric], metric).toBeCloseTo(values[0] as number, 5);
    }
  });
});
