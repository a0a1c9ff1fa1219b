/** @file The networks: names and shapes of weights, layers against finite differences and brute force. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import '../engines/backend.js'; // silences tfjs' greeting
import { sizeOf } from '../engines/spec.js';
import type { DiscriminatorParameters, GeneratorParameters } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import * as networks from './networks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const resnet = (blocks: number, filters: number): GeneratorParameters => ({
  generator: 'resnet',
  blocks,
  filters,
  norm: 'instance',
  upsample: 'transposed',
});
const patchGan = (disc_layers: number, disc_filters = 64): DiscriminatorParameters => ({
  disc_layers,
  disc_filters,
  norm: 'instance',
});
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

  it('have biases exactly where no norm follows', () => {
    const biases = (shapes: ReturnType<typeof networks.generatorShapes>): string[] =>
      Object.keys(shapes).filter((name) => name.endsWith('/bias'));
    for (const norm of ['instance', 'batch'] as const) {
      expect(biases(networks.generatorShapes({ ...resnet(1, 2), norm }))).toEqual(['out/bias']);
      const unet = { ...resnet(3, 2), generator: 'unet', norm } as const;
      expect(biases(networks.generatorShapes(unet))).toEqual(['down1/bias', 'down3/bias', 'up1/bias']);
      const fullres = { ...resnet(1, 2), generator: 'fullres', norm } as const;
      expect(biases(networks.generatorShapes(fullres))).toEqual(['out/bias']);
      expect(biases(networks.discriminatorShapes({ ...patchGan(3, 2), norm }))).toEqual([
        'conv1/bias',
        'conv5/bias',
      ]);
    }
    const shapes = networks.generatorShapes({ ...resnet(1, 2), norm: 'none' });
    expect(biases(shapes).length).toBe(Object.keys(shapes).length / 2);
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

describe('a norm', () => {
  it('over instances gives every channel of every image mean 0 and variance 1', () => {
    const { mean, variance } = tf.moments(networks.instanceNorm(image([2, 5, 6, 3])), [1, 2]);
    for (const value of mean.dataSync()) expect(value).toBeCloseTo(0, 5);
    for (const value of variance.dataSync()) expect(value).toBeCloseTo(1, 3);
  });

  it('over the batch gives every channel of the whole batch mean 0 and variance 1', () => {
    const x = tf.concat<tf.Tensor4D>([image([1, 5, 6, 3]), tf.mul(image([1, 5, 6, 3], 2), 5)], 0);
    const { mean, variance } = tf.moments(networks.batchNorm(x), [0, 1, 2]);
    for (const value of mean.dataSync()) expect(value).toBeCloseTo(0, 5);
    for (const value of variance.dataSync()) expect(value).toBeCloseTo(1, 3);
    const { variance: alone } = tf.moments(networks.batchNorm(x), [1, 2]);
    expect(Math.max(...alone.dataSync())).toBeGreaterThan(1.5);
  });

  it('over a batch of one image is instance norm', () => {
    const x = image([1, 4, 3, 2]);
    expect(networks.batchNorm(x).dataSync()).toEqual(networks.instanceNorm(x).dataSync());
  });

  it.each([
    ['instanceNorm', [2, 3, 4, 2]],
    ['instanceNorm', [1, 3, 2, 3]],
    ['batchNorm', [2, 3, 4, 2]],
    ['batchNorm', [3, 2, 2, 1]],
  ] as const)('has its exact gradient: %s on %j', (norm, shape) => {
    expectExactGradient(networks[norm], [...shape]);
  });

  it('gives zeros for a constant image', () => {
    expect([...networks.instanceNorm(tf.ones([1, 2, 2, 1])).dataSync()]).toEqual([0, 0, 0, 0]);
  });
});

describe('doubling the sides', () => {
  it('repeats every pixel', () => {
    const x = tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 1, 3, 2]);
    expect([...networks.doubled(x).dataSync()]).toEqual([1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6]); // prettier-ignore
  });

  it('is nearest-neighbour resizing', () => {
    const x = image([3, 4, 5, 2]);
    expect(networks.doubled(x).dataSync()).toEqual(tf.image.resizeNearestNeighbor(x, [8, 10]).dataSync());
  });

  it('has its exact gradient, also for several images', () => {
    expectExactGradient(networks.doubled, [2, 3, 2, 2]);
  });
});

const GENERATORS = [
  resnet(1, 2),
  { ...resnet(1, 2), upsample: 'resize' },
  { ...resnet(2, 2), generator: 'unet' },
  { ...resnet(3, 2), generator: 'unet', upsample: 'resize' },
  { ...resnet(1, 2), generator: 'fullres' },
] as const satisfies GeneratorParameters[];

describe('a generator', () => {
  it.each(GENERATORS)(
    'keeps the size and treats each image of a batch alone: $generator, $upsample',
    (parameters) => {
      tf.tidy(() => {
        const weights = weightsFor(networks.generatorShapes(parameters));
        const both = image([2, 16, 8, 1]);
        const out = networks.generate(weights, parameters, both);
        expect(out.shape).toEqual([2, 16, 8, 1]);
        if (parameters.generator !== 'fullres')
          expect(Math.max(...out.dataSync().map(Math.abs))).toBeLessThanOrEqual(1);
        const second = networks.generate(weights, parameters, tf.slice(both, [1, 0, 0, 0], [1, 16, 8, 1]));
        expect([...second.dataSync()]).toEqual([...out.dataSync()].slice(128));
      });
    },
  );

  it('with batch norm lets the images of a batch see each other', () => {
    const parameters = { ...resnet(1, 2), norm: 'batch' } as const;
    const weights = weightsFor(networks.generatorShapes(parameters));
    const both = image([2, 8, 8, 1]);
    const alone = networks.generate(weights, parameters, tf.slice(both, [1, 0, 0, 0], [1, 8, 8, 1]));
    expect([...alone.dataSync()]).not.toEqual([
      ...networks.generate(weights, parameters, both).dataSync().slice(64),
    ]);
  });

  it('of the study that is repeated gives back its input where its last layer is 0', () => {
    const parameters = { ...resnet(1, 2), generator: 'fullres', norm: 'batch' } as const;
    const weights = weightsFor(networks.generatorShapes(parameters));
    weights['out/filter'] = tf.zeros([3, 3, 15, 1]);
    weights['out/bias'] = tf.zeros([1]);
    const x = image([1, 8, 8, 1]);
    expect([...networks.generate(weights, parameters, x).dataSync()]).toEqual([...x.dataSync()]);
  });

  it('of the study that is repeated computes on [0, 1]: as written down there, carried over to [-1, 1]', () => {
    const parameters = { ...resnet(1, 2), generator: 'fullres', norm: 'none' } as const;
    const weights = weightsFor(networks.generatorShapes(parameters));
    const x = image([2, 6, 7, 1]);
    const layer = (h: tf.Tensor, name: string): tf.Tensor =>
      tf.add(
        tf.conv2d(h as tf.Tensor4D, weights[`${name}/filter`] as tf.Tensor4D, 1, 'same'),
        weights[`${name}/bias`] as tf.Tensor,
      );
    const unit = tf.div(tf.add(x, 1), 2);
    const first = tf.relu(layer(unit, 'in'));
    let h = first;
    for (const index of [1, 2, 3]) h = tf.relu(layer(h, `module1/conv${index}`));
    const joined = tf.relu(layer(tf.concat([first, tf.add(first, h)], 3), 'join'));
    const out = tf.add(layer(tf.relu(layer(joined, 'narrow')), 'out'), unit);
    const expected = tf.sub(tf.mul(out, 2), 1).dataSync();
    networks
      .generate(weights, parameters, x)
      .dataSync()
      .forEach((value, index) => {
        expect(Math.abs(value - (expected[index] as number))).toBeLessThan(
          1e-4 * Math.max(1, Math.abs(value)),
        );
      });
  });

  it('unet joins every level with what came down on it', () => {
    const parameters = { ...resnet(2, 1), generator: 'unet', norm: 'none' } as const;
    const weights = weightsFor(networks.generatorShapes(parameters));
    const x = image([1, 4, 4, 1]);
    const f = (name: string): tf.Tensor4D => weights[`${name}/filter`] as tf.Tensor4D;
    const b = (name: string): tf.Tensor => weights[`${name}/bias`] as tf.Tensor;
    const one = tf.add(tf.conv2d(x, f('down1'), 2, 1), b('down1'));
    const two = tf.add(tf.conv2d(tf.leakyRelu(one, 0.2) as tf.Tensor4D, f('down2'), 2, 1), b('down2'));
    const up = tf.add(
      tf.conv2dTranspose(tf.relu(two) as tf.Tensor4D, f('up2'), [1, 2, 2, 1], 2, 'same'),
      b('up2'),
    );
    const joined = tf.relu(tf.concat([one, up], 3)) as tf.Tensor4D;
    const expected = tf.tanh(tf.add(tf.conv2dTranspose(joined, f('up1'), [1, 4, 4, 1], 2, 'same'), b('up1')));
    expect(networks.generate(weights, parameters, x).dataSync()).toEqual(expected.dataSync());
  });
});

it('states the facts of a trial', () => {
  const parameters = { ...resnet(6, 32), ...patchGan(3), patch: 128 } as TrialParameters;
  expect(networks.networkFacts(parameters)).toEqual({
    generatorWeights: 1_956_929,
    discriminatorWeights: 2_761_793,
    generatorReceptiveField: 121,
    discriminatorReceptiveField: 70,
    discriminatorMap: 14,
    discriminatorPaddingShare: 1 - (8 / 14) ** 2,
  });
});
