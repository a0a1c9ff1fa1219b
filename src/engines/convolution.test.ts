/** @file Convolutions of any geometry: value and both gradients against the cpu engine, on the engines whose gradient kernels are ours. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { relativeErrors, runOnce } from './compare.js';
import { EngineError } from './engine.js';
import { openEngine } from './open.js';
import { sizeOf } from './spec.js';

const side = fc.integer({ min: 1, max: 9 });
const channels = fc.integer({ min: 1, max: 9 });
const kernel = fc.integer({ min: 1, max: 4 });
const geometry = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: side,
    width: side,
    ins: channels,
    outs: channels,
    kernelHeight: kernel,
    kernelWidth: kernel,
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.constantFrom<'same' | 'valid' | number>('same', 'valid', 1, 2),
  })
  // tfjs is wrong about padding given as a number where the filter is not square.
  .map((each) => (typeof each.padding === 'number' ? { ...each, kernelWidth: each.kernelHeight } : each))
  .filter(({ height, width, kernelHeight, kernelWidth, padding }) => {
    const more = padding === 'same' ? 9 : padding === 'valid' ? 0 : 2 * padding;
    return height + more >= kernelHeight && width + more >= kernelWidth;
  });

const wave = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.7 * i + 0.3 * i * i));

it.for(['onnx', 'wasm', 'tensorflow'] as const)(
  '%s computes any convolution and its gradients as the cpu engine does',
  async (name, { skip }) => {
    const engine = await openEngine(name, { threads: 1 }).catch((error: unknown) => {
      if (name === 'tensorflow' && error instanceof EngineError && error.kind === 'device')
        skip(error.message);
      throw error;
    });
    const cpu = await openEngine('cpu', { threads: 1 });
    await fc.assert(
      fc.asyncProperty(geometry, async (each) => {
        const { batch, height, width, ins, outs, kernelHeight, kernelWidth, stride, padding } = each;
        const image = [batch, height, width, ins];
        const filter = [kernelHeight, kernelWidth, ins, outs];
        const convolve = (x: tf.Tensor, w: tf.Tensor): tf.Tensor4D =>
          tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, padding);
        const spec = {
          name: 'convolution',
          inputs: { x: image },
          reads: ['w'],
          writes: [],
          run: ({ x, w }: Record<string, tf.Tensor>) => {
            if (!x || !w) throw new Error('not fed');
            const weighted = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
              const y = convolve(a, b);
              return tf.sum(tf.mul(y, tf.tensor(wave(y.size, 3), y.shape)));
            };
            const [dx, dw] = tf.grads(weighted)([x, w]) as [tf.Tensor, tf.Tensor];
            return { value: convolve(x, w), dx, dw };
          },
        };
        const run = (on: typeof engine) =>
          runOnce(on, spec, { x: wave(sizeOf(image), 1) }, { w: filter }, { w: wave(sizeOf(filter), 2) });
        const errors = relativeErrors((await run(cpu)).outputs, (await run(engine)).outputs);
        for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-5);
      }),
      { seed: 20240607, numRuns: 80 },
    );
  },
);
