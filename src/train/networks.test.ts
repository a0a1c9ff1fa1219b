/** @file The networks: sizes as published, layers against finite differences, geometry against counting. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { withBackend } from '../engines/backend.js';
import { sizeOf } from '../engines/spec.js';
import * as networks from './networks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const resnet = (blocks: number, filters: number) => ({ generator: 'resnet', blocks, filters }) as const;
const patchGan = (disc_layers: number, disc_filters = 64) => ({ disc_layers, disc_filters });
const wave = (size: number, seed = 1): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * i));
const image = (shape: [number, number, number, number], seed = 1): tf.Tensor4D =>
  tf.tensor4d(wave(sizeOf(shape), seed), shape);

/** Weights that leave signals of ordinary size. */
function weightsFor(shapes: ReturnType<typeof networks.generatorShapes>): networks.Weights {
  const entries = Object.entries(shapes).map(([name, shape], i): [string, tf.Tensor] => [
    name,
    tf.mul(tf.tensor(wave(sizeOf(shape), i), [...shape]), 0.3),
  ]);
  return Object.fromEntries(entries);
}

describe('weights', () => {
  it.each([
    [9, 64, 11_360_385],
    [6, 64, 7_821_441],
    [9, 32, 2_841_665],
    [6, 32, 1_956_929],
    [6, 16, 490_017],
  ])('of a generator with %i blocks and %i filters number %i', (blocks, filters, count) => {
    expect(networks.countWeights(networks.generatorShapes(resnet(blocks, filters)))).toBe(count);
  });

  it('of the 70x70 PatchGAN with 64 filters number 2,761,793', () => {
    expect(networks.countWeights(networks.discriminatorShapes(patchGan(3)))).toBe(2_761_793);
  });

  it('have names that say where they are', () => {
    const generator = networks.generatorShapes(resnet(1, 2));
    expect(generator).toEqual({
      'in/filter': [7, 7, 1, 2],
      'down1/filter': [3, 3, 2, 4],
      'down2/filter': [3, 3, 4, 8],
      'block1/conv1/filter': [3, 3, 8, 8],
      'block1/conv2/filter': [3, 3, 8, 8],
      'up1/filter': [3, 3, 4, 8],
      'up2/filter': [3, 3, 2, 4],
      'out/filter': [7, 7, 2, 1],
      'out/bias': [1],
    });
    expect(networks.discriminatorShapes(patchGan(2, 3))).toEqual({
      'conv1/filter': [4, 4, 1, 3],
      'conv1/bias': [3],
      'conv2/filter': [4, 4, 3, 6],
      'conv3/filter': [4, 4, 6, 12],
      'conv4/filter': [4, 4, 12, 1],
      'conv4/bias': [1],
    });
  });

  it('start as 0.02 times what is drawn, in the order of the shapes; biases start at 0', () => {
    let draws = 0;
    const initial = networks.initialWeights(
      { 'a/filter': [1, 1, 1, 3], 'a/bias': [2], 'b/filter': [1, 1, 1, 1] },
      () => ++draws,
    );
    expect(initial).toEqual({
      'a/filter': Float32Array.of(0.02, 0.04, 0.06),
      'a/bias': Float32Array.of(0, 0),
      'b/filter': Float32Array.of(0.08),
    });
  });
});

/** Compares the gradient of sum(weights * f(x)) with the slope of that sum between neighbours of x. */
function expectExactGradient(
  f: (x: tf.Tensor4D) => tf.Tensor,
  shape: [number, number, number, number],
): void {
  tf.tidy(() => {
    const x = image(shape);
    const weighted = (each: tf.Tensor): tf.Scalar => {
      const y = f(each as tf.Tensor4D);
      return tf.sum(tf.mul(y, tf.tensor(wave(y.size, 5), y.shape)));
    };
    const gradient = tf.grad(weighted)(x).dataSync();
    const values = x.dataSync();
    const step = 0.01;
    const at = (index: number, change: number): number => {
      const moved = Float32Array.from(values);
      moved[index] = (moved[index] as number) + change;
      return weighted(tf.tensor4d(moved, shape)).dataSync()[0] as number;
    };
    values.forEach((_, index) => {
      const slope = (at(index, step) - at(index, -step)) / (2 * step);
      expect(Math.abs(slope - (gradient[index] as number))).toBeLessThan(2e-3 * Math.max(1, Math.abs(slope)));
    });
  });
}

describe('reflection padding', () => {
  it('mirrors without repeating the border', () => {
    const row = tf.tensor4d([1, 2, 3, 4], [1, 1, 4, 1]);
    const column = tf.reshape(row, [1, 4, 1, 1]);
    const padded = networks.reflectionPad(tf.mul(column, row), 3);
    expect([...padded.dataSync()].slice(0, 10)).toEqual([16, 12, 8, 4, 8, 12, 16, 12, 8, 4]);
    expect(padded.shape).toEqual([1, 10, 10, 1]);
  });

  it.each([
    [1, 8, 7],
    [1, 2, 3],
    [3, 4, 5],
    [3, 9, 8],
    [2, 3, 6],
  ])('of %i has its exact gradient on %i x %i', (pad, height, width) => {
    // prettier-ignore
    expectExactGradient((x) => networks.reflectionPad(x, pad), [2, height, width, 2]);
  });

  it('has a gradient that is its adjoint: <pad(x), y> = <x, gradient(y)>', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 6 }),
        (pad, moreHeight, moreWidth) =>
          tf.tidy(() => {
            const x = image([1, pad + 1 + moreHeight, pad + 1 + moreWidth, 2]);
            const f = (each: tf.Tensor): tf.Tensor => networks.reflectionPad(each as tf.Tensor4D, pad);
            const y = tf.tensor(wave(f(x).size, 9), f(x).shape);
            const gradient = tf.grad((each: tf.Tensor) => tf.sum(tf.mul(f(each), y)))(x);
            const [left] = tf.sum(tf.mul(f(x), y)).dataSync();
            const [right] = tf.sum(tf.mul(x, gradient)).dataSync();
            expect(Math.abs((left as number) - (right as number))).toBeLessThan(1e-4);
          }),
      ),
      { seed: 1, numRuns: 30 },
    );
  });
});

describe('instance norm', () => {
  it('gives every channel of every image mean 0 and variance 1', () => {
    const { mean, variance } = tf.moments(networks.instanceNorm(image([2, 5, 6, 3])), [1, 2]);
    for (const value of mean.dataSync()) expect(value).toBeCloseTo(0, 5);
    for (const value of variance.dataSync()) expect(value).toBeCloseTo(1, 3);
  });

  it('has its exact gradient', () => {
    expectExactGradient(networks.instanceNorm, [2, 3, 4, 2]);
  });

  it('gives zeros for a constant image', () => {
    expect([...networks.instanceNorm(tf.ones([1, 2, 2, 1])).dataSync()]).toEqual([0, 0, 0, 0]);
  });
});

describe('a generator', () => {
  it('keeps the size, stays in [-1, 1] and treats each image of a batch alone', () => {
    tf.tidy(() => {
      const parameters = resnet(1, 2);
      const weights = weightsFor(networks.generatorShapes(parameters));
      const both = image([2, 12, 8, 1]);
      const out = networks.generate(weights, parameters, both);
      expect(out.shape).toEqual([2, 12, 8, 1]);
      expect(Math.max(...out.dataSync().map(Math.abs))).toBeLessThanOrEqual(1);
      const second = networks.generate(weights, parameters, tf.slice(both, [1, 0, 0, 0], [1, 12, 8, 1]));
      expect([...second.dataSync()]).toEqual([...out.dataSync()].slice(96));
    });
  });

  it.each([
    [3, 73],
    [6, 121],
    [9, 169],
  ])('with %i blocks sees %i pixels', (blocks, field) => {
    expect(networks.generatorReceptiveField(resnet(blocks, 64))).toBe(field);
  });
});

describe('a discriminator', () => {
  it.each([
    [64, 6, 1],
    [128, 14, 0.67],
    [256, 30, 0.36],
    [1024, 126, 0.09],
  ])('of 70x70 on %i pixels gives a map of %i, of which a share of %f sees padding', (patch, map, share) => {
    expect(networks.discriminatorMap(patchGan(3), patch)).toBe(map);
    expect(networks.discriminatorPaddingShare(patchGan(3), patch)).toBeCloseTo(share, 2);
    expect(networks.discriminatorReceptiveField(patchGan(3))).toBe(70);
  });

  it.each([
    [1, 16],
    [2, 34],
    [3, 70],
    [4, 142],
  ])('of %i strided layers sees %i pixels', (layers, field) => {
    // prettier-ignore
    expect(networks.discriminatorReceptiveField(patchGan(layers))).toBe(field);
  });

  it.each([
    [3, 24],
    [3, 37],
    [2, 20],
    [1, 8],
  ])('of %i strided layers really gives the map that is said for %i pixels', (layers, patch) => {
    // prettier-ignore
    withBackend('cpu', () => {
      tf.tidy(() => {
        const parameters = patchGan(layers, 2);
        const weights = weightsFor(networks.discriminatorShapes(parameters));
        const side = networks.discriminatorMap(parameters, patch);
        expect(networks.discriminate(weights, parameters, image([1, patch, patch, 1])).shape).toEqual([1, side, side, 1]);
      });
    });
  });

  it('is refused where the patch is too small for its layers', () => {
    expect(() => networks.discriminatorMap(patchGan(3), 16)).toThrow(/patch 16 is too small.*disc_layers 3/);
  });
});

it('states the facts of a trial', () => {
  const optimiser = { lr: 2e-4, beta1: 0.5, beta2: 0.999 };
  const rest = { patch: 128, batch: 2, lambda: 10, gamma: 5 };
  expect(networks.networkFacts({ ...resnet(6, 32), ...patchGan(3), ...optimiser, ...rest })).toEqual({
    generatorWeights: 1_956_929,
    discriminatorWeights: 2_761_793,
    generatorReceptiveField: 121,
    discriminatorReceptiveField: 70,
    discriminatorMap: 14,
    discriminatorPaddingShare: 1 - (8 / 14) ** 2,
  });
});
