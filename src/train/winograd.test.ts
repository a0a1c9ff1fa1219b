/** @file Winograd's form and recomputing give what the direct form gives: values, gradients, whole updates, translations. */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Values } from '../engines/compare.js';
import { relativeError, relativeErrors, runOnce } from '../engines/compare.js';
import type { Engine, ProgramSpec } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import type { TrialParameters } from '../protocol.js';
import { reflectionPad } from './networks.js';
import * as step from './step.js';
import { bankShapes, gradientName, initialBank, weightShapes } from './bank.js';
import type { Smooth } from './half.js';
import { DIRECT, tilesOf, transformFilter, type Form } from './winograd.js';

const PARAMETERS = resolveParameters({ patch: 32, batch: 2, filters: 2, blocks: 2, disc_layers: 2 });
/** F(4x4, 3x3) rounds ten times as much as the direct form: its matrices hold numbers up to 8. */
const TOLERANCE = 2e-5;
const NETWORK_TOLERANCE = 1e-4;

function noise(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}
const draws = (size: number, seed: number): Float32Array => Float32Array.from({ length: size }, noise(seed));

let cpu: Engine;
let onnx: Engine;
beforeAll(async () => {
  [cpu, onnx] = [await openEngine('cpu', { threads: 1 }), await openEngine('onnx', { threads: 1 })];
});
afterAll(() => Promise.all([cpu.dispose(), onnx.dispose()]));

describe('one convolution by tiles', () => {
  const value = (run: (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor, shapes: ProgramSpec['inputs']) => {
    const spec: ProgramSpec = {
      name: 'convolution',
      inputs: shapes,
      reads: [],
      writes: [],
      run: (tensors) => {
        const operands = [tensors['x'], tensors['filter']] as [tf.Tensor4D, tf.Tensor4D];
        const output = run(...operands);
        const weights = tf.tensor(draws(output.size, 5), output.shape);
        const [x, filter] = tf.grads((...each: tf.Tensor[]) =>
          tf.sum(tf.mul(run(each[0] as tf.Tensor4D, each[1] as tf.Tensor4D), weights)),
        )(operands);
        return { output, 'gradient of x': x!, 'gradient of filter': filter! };
      },
    };
    return spec;
  };
  const direct = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(reflectionPad(x, 1), filter, 1, 'valid');
  const byTiles = (x: tf.Tensor4D, filter: tf.Tensor4D) => {
    const tiles = tilesOf(x.shape[1], x.shape[2]);
    return tiles.leave(tiles.convolve(tiles.enter(x), transformFilter(filter)));
  };

  it.each([
    [1, 4, 4, 1, 1],
    [2, 8, 12, 3, 5],
    [3, 12, 4, 5, 2],
    [2, 16, 16, 8, 8],
  ])(
    'equals the direct form: batch %i, %i x %i, channels %i → %i',
    async (batch, height, width, from, to) => {
      const shapes = { x: [batch, height, width, from], filter: [3, 3, from, to] };
      const inputs = { x: draws(batch * height * width * from, 1), filter: draws(9 * from * to, 2) };
      const expected = await runOnce(cpu, value(direct, shapes), inputs);
      for (const engine of [cpu, onnx]) {
        const { outputs } = await runOnce(engine, value(byTiles, shapes), inputs);
        for (const [name, error] of Object.entries(relativeErrors(expected.outputs, outputs)))
          expect(error, `${name} on ${engine.name}`).toBeLessThan(TOLERANCE);
      }
    },
  );

  it('keeps every pixel in its place', () => {
    const x = tf.reshape<tf.Rank.R4>(tf.range(0, 2 * 8 * 12 * 3), [2, 8, 12, 3]);
    const tiles = tilesOf(8, 12);
    const held = tiles.enter(x);
    expect(held.shape).toEqual([16, 6, 2, 3]);
    // Place (1, 2) of tile (1, 0) is pixel (5, 2).
    expect([...held.slice([6, 3, 1, 0], [1, 1, 1, 3]).dataSync()]).toEqual([
      ...x.slice([1, 5, 2, 0], [1, 1, 1, 3]).dataSync(),
    ]);
    expect([...tiles.leave(held).dataSync()]).toEqual([...x.dataSync()]);
  });
});

const SMOOTH: Smooth = {
  activation: (h) => tf.tanh(h),
  distance: (a, b) => tf.mean(tf.squaredDifference(a, b)),
};

async function updated(engine: Engine, form: Form, parameters = PARAMETERS, updates = 1): Promise<Values> {
  const bank = engine.createBank(bankShapes(parameters, form));
  const weight = noise(7);
  const start = initialBank(parameters, () => 8 * weight());
  for (const [name, values] of Object.entries(start)) bank.write(name, values);
  const compiled = await step.compileStep(engine, bank, parameters, {
    microBatch: 1,
    form,
    smooth: SMOOTH,
  });
  const { batch, patch } = parameters;
  const results: Values = {};
  for (let update = 1; update <= updates; update++) {
    const images = draws(2 * batch * patch * patch, 3 + update);
    const [X, Y] = [images.slice(0, images.length / 2), images.slice(images.length / 2)];
    const { metrics, gx } = await compiled.run(bank, { X, Y, update });
    results['gx'] = gx;
    for (const [name, metric] of Object.entries(metrics)) results[name] = Float32Array.of(metric);
  }
  for (const name of Object.keys(weightShapes(parameters))) {
    results[`gradient of ${name}`] = await bank.read(gradientName(name));
    results[name] = await bank.read(name);
  }
  // A whole image of another size, which fits tiles, and one that does not.
  for (const [height, width] of [
    [48, 16],
    [24, 40],
  ] as const) {
    const spec = step.translate(parameters, 'F', height, width, { cycle: true, held: bank.shapes });
    const program = await engine.compile(spec, bank);
    const translated = await program.run(bank, { image: draws(height * width, 9) });
    for (const [name, image] of Object.entries(translated)) results[`${name} ${height}`] = image;
    await program.dispose();
  }
  await compiled.dispose();
  bank.dispose();
  return results;
}

describe('whole updates', () => {
  it.each([
    ['winograd', { winograd: true, memory: 'auto', lanes: 1 }],
    ['winograd, recomputed', { winograd: true, memory: 'low', lanes: 1 }],
    ['direct, recomputed', { winograd: false, memory: 'low' }],
  ] as [string, Form][])(
    '%s: gradients, weights and translations are those of the direct form',
    async (_, form) => {
      const expected = await updated(cpu, DIRECT);
      for (const engine of [cpu, onnx]) {
        for (const [name, error] of Object.entries(relativeErrors(expected, await updated(engine, form))))
          expect(error, `${name} on ${engine.name}`).toBeLessThan(NETWORK_TOLERANCE);
      }
    },
  );

  it.each(['batch', 'none'] as const)('with norm %s as well', async (norm) => {
    const parameters: TrialParameters = { ...PARAMETERS, norm, batch: 1 };
    const expected = await updated(onnx, DIRECT, parameters);
    for (const memory of ['auto', 'low'] as const) {
      const actual = await updated(onnx, { winograd: true, memory, lanes: 1 }, parameters);
      for (const [name, error] of Object.entries(relativeErrors(expected, actual)))
        expect(error, `${name}, memory ${memory}`).toBeLessThan(NETWORK_TOLERANCE);
    }
  });

  it('transforms filters anew at every update', async () => {
    const parameters = { ...PARAMETERS, lr: 0.02 };
    const expected = await updated(onnx, DIRECT, parameters, 3);
    const actual = await updated(onnx, { winograd: true, memory: 'auto', lanes: 1 }, parameters, 3);
    expect(relativeError(expected['gx']!, actual['gx']!)).toBeLessThan(0.01);
    const once = await updated(onnx, DIRECT, { ...parameters, lr: 0 }, 3);
    expect(relativeError(expected['gx']!, once['gx']!)).toBeGreaterThan(0.1);
  });

  it('recomputing gives the same bits as keeping', async () => {
    const kept = await updated(onnx, { winograd: true, memory: 'auto', lanes: 1 });
    const again = await updated(onnx, { winograd: true, memory: 'low', lanes: 1 });
    expect(again['gx']).toEqual(kept['gx']);
    expect(again['loss/G']).toEqual(kept['loss/G']);
  });
});
