/** @file Geometry: published sizes, and every statement about layers against networks that are run. */
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withBackend } from './engines/backend.js';
import { sizeOf } from './engines/spec.js';
import * as geometry from './geometry.js';
import type { GeneratorParameters } from './geometry.js';
import * as networks from './train/networks.js';

const resnet = (blocks: number, filters = 64): GeneratorParameters => ({
  generator: 'resnet',
  blocks,
  filters,
  norm: 'instance',
  upsample: 'transposed',
});
const unet = (blocks: number, filters = 64): GeneratorParameters => ({
  ...resnet(blocks, filters),
  generator: 'unet',
});
const fullres = (
  blocks: number,
  filters: number,
  norm: GeneratorParameters['norm'],
): GeneratorParameters => ({
  ...resnet(blocks, filters),
  generator: 'fullres',
  norm,
});
const patchGan = (disc_layers: number, disc_filters = 64) =>
  ({ disc_layers, disc_filters, norm: 'instance' }) as const;
const weightsOf = (parameters: GeneratorParameters): number =>
  geometry.countWeights(geometry.generatorLayers(parameters));

beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(() => void tf.engine().startScope());
afterEach(() => void tf.engine().endScope());

describe('weights', () => {
  it.each([
    [9, 64, 11_360_385, 743.6],
    [6, 64, 7_821_441, 522.4],
    [9, 32, 2_841_665, 187.5],
    [6, 32, 1_956_929, 132.2],
    [6, 16, 490_017, 33.8],
  ])(
    'of a resnet with %i blocks and %i filters number %i, and multiply-adds a pixel %f thousand',
    (blocks, filters, count, adds) => {
      // prettier-ignore
      expect(weightsOf(resnet(blocks, filters))).toBe(count);
      expect(geometry.multiplyAdds(geometry.generatorLayers(resnet(blocks, filters))) / 1000).toBeCloseTo(
        adds,
        1,
      );
      expect(weightsOf({ ...resnet(blocks, filters), upsample: 'resize' })).toBe(count);
    },
  );

  it('of a resnet with 9 blocks and 64 filters number 11,365,633 with all biases', () => {
    expect(weightsOf({ ...resnet(9), norm: 'none' })).toBe(11_365_633);
  });

  it('of the 70x70 PatchGAN with 64 filters number 2,761,793, and 2,762,689 with all biases', () => {
    expect(geometry.countWeights(geometry.discriminatorLayers(patchGan(3)))).toBe(2_761_793);
    expect(geometry.countWeights(geometry.discriminatorLayers({ ...patchGan(3), norm: 'none' }))).toBe(
      2_762_689,
    );
  });

  it('of fullres with 128 filters number 3,707,543 with all biases, 3,704,968 without those in front of a norm', () => {
    const seeds = fullres(6, 128, 'none');
    expect(weightsOf(seeds)).toBe(3_707_543);
    expect(weightsOf({ ...seeds, norm: 'batch' })).toBe(3_704_968);
    expect(geometry.multiplyAdds(geometry.generatorLayers(seeds)) / 1e6).toBeCloseTo(3.7, 2);
    // A norm with scale and shift, as the seed's is, has two weights for each channel that a norm follows.
    const normed = geometry.generatorLayers({ ...seeds, norm: 'batch' }).filter(({ normed }) => normed);
    const affine = normed.reduce((sum, { out }) => sum + 2 * out, 0);
    expect(weightsOf(seeds) + affine).toBe(3_712_693);
  });

  it('of a unet of 8 levels are those of Isola et al., for 3 channels and with a norm that has scale and shift', () => {
    const layers = geometry.generatorLayers(unet(8));
    const normed = layers.reduce((sum, { normed, out }) => sum + (normed ? 2 * out : 0), 0);
    // Their code has 3 channels in and out, and with batch norm no bias on the first and the lowest level.
    const [first, lowest, last] = ['down1', 'down8', 'up1'].map((name) =>
      layers.find((each) => each.name === name)!,
    );
    const channels = 2 * 16 * first!.out + (2 * 16 * last!.in + 2);
    const biases = first!.out + lowest!.out;
    expect(geometry.countWeights(layers) + normed + channels - biases).toBe(54_413_955);
  });
});

describe('receptive fields', () => {
  it.each([
    [3, 73],
    [6, 121],
    [9, 169],
  ])('of a resnet with %i blocks is %i pixels', (blocks, field) => {
    expect(geometry.generatorReceptiveField(resnet(blocks))).toBe(field);
  });

  it('of fullres is 45 pixels', () => {
    expect(geometry.generatorReceptiveField(fullres(6, 128, 'batch'))).toBe(45);
  });

  it('of the PatchGAN with 1 to 5 layers are 16, 34, 70, 142, 286 pixels', () => {
    const fields = [1, 2, 3, 4, 5].map((disc_layers) =>
      geometry.discriminatorReceptiveField({ disc_layers }),
    );
    expect(fields).toEqual([16, 34, 70, 142, 286]);
  });

  const without = { norm: 'none' } as const;
  it.each([
    ['resnet', { ...resnet(1, 1), ...without }],
    ['resnet, resize', { ...resnet(1, 1), ...without, upsample: 'resize' }],
    ['unet of 1 level', { ...unet(1, 1), ...without }],
    ['unet of 2 levels', { ...unet(2, 1), ...without }],
    ['unet of 3 levels', { ...unet(3, 1), ...without }],
    ['unet of 3 levels, resize', { ...unet(3, 1), ...without, upsample: 'resize' }],
    ['fullres', fullres(1, 1, 'none')],
  ] as const)('are what an output of a network really depends on: %s', (_, parameters) => {
    withBackend('cpu', () => {
      const field = geometry.generatorReceptiveField(parameters);
      const multiple = geometry.sideMultiple(parameters);
      const side = Math.ceil((field + 2 * multiple) / multiple) * multiple;
      const weights = ones(networks.generatorShapes(parameters));
      const x = tf.fill<tf.Rank.R4>([1, 4 * multiple, side, 1], 0.5);
      const middle = Math.floor(side / 2);
      const seen = Array.from({ length: multiple }, (_, offset) => {
        const gradient = tf.grad((image: tf.Tensor) => {
          // A network of ones and no curvature: everything that can arrive does.
          const out = networks.generate(weights, parameters, image as tf.Tensor4D, { activation: (h) => h });
          const row = tf.slice(out, [0, 0, middle + offset, 0], [1, -1, 1, 1]);
          return tf.sum(parameters.generator === 'fullres' ? row : atanh(row));
        })(x);
        const columns = tf.sum(tf.abs(gradient), [0, 1, 3]).dataSync();
        const touched = [...columns.keys()].filter((column) => (columns[column] as number) > 0);
        return (touched.at(-1) as number) - (touched[0] as number) + 1;
      });
      expect(Math.max(...seen)).toBe(field);
    });
  });
});

/** Undoes the tanh at the end, whose slope may vanish. Weights are small enough that it does not saturate. */
function atanh(x: tf.Tensor): tf.Tensor {
  return tf.mul(0.5, tf.log(tf.div(tf.add(1, x), tf.sub(1, x))));
}

/** Filters of small positive numbers, biases 0. */
function ones(shapes: ReturnType<typeof networks.generatorShapes>): networks.Weights {
  const entries = Object.entries(shapes).map(([name, shape]): [string, tf.Tensor] => {
    const share = shape.length === 4 ? 1 / (sizeOf(shape.slice(0, 3)) || 1) : 0;
    return [name, tf.fill([...shape], share)];
  });
  return Object.fromEntries(entries);
}

describe('sides', () => {
  it.each([
    [64, 6, 1],
    [128, 14, 0.67],
    [256, 30, 0.36],
    [1024, 126, 0.09],
  ])(
    'of the 70x70 PatchGAN on %i pixels: a map of %i, of which a share of %f sees padding',
    (patch, map, share) => {
      expect(geometry.discriminatorMap(patchGan(3), patch)).toBe(map);
      expect(geometry.discriminatorPaddingShare(patchGan(3), patch)).toBeCloseTo(share, 2);
    },
  );

  it.each([
    [3, 24],
    [3, 37],
    [2, 20],
    [1, 8],
    [5, 96],
  ])('of a PatchGAN of %i layers are those that it really gives on %i pixels', (layers, patch) => {
    const parameters = patchGan(layers, 1);
    const side = geometry.discriminatorMap(parameters, patch);
    const x = tf.zeros<tf.Rank.R4>([1, patch, patch, 1]);
    const map = networks.discriminate(ones(networks.discriminatorShapes(parameters)), parameters, x);
    expect(map.shape).toEqual([1, side, side, 1]);
  });

  it('show where nothing is left: five layers at patch 64', () => {
    expect(geometry.discriminatorSides(64, 5)).toEqual([64, 32, 16, 8, 4, 2, 1, 0]);
    expect(() => geometry.discriminatorMap(patchGan(5), 64)).toThrow(
      /patch 64 is too small.*disc_layers 5: 64 → 32.*→ 0/,
    );
    expect(() => geometry.discriminatorPaddingShare(patchGan(5), 64)).toThrow(/patch 64/);
  });

  it('must be multiples of 4 for a resnet, of 2^levels for a unet, of nothing for fullres', () => {
    expect([resnet(9), unet(5), unet(8), fullres(6, 8, 'batch')].map(geometry.sideMultiple)).toEqual([
      4, 32, 256, 1,
    ]);
  });

  it.each([
    resnet(1, 1),
    { ...resnet(1, 1), upsample: 'resize' },
    unet(3, 1),
    fullres(1, 1, 'batch'),
  ] as const)('of a generator are the same at both ends: $generator, $upsample', (parameters) => {
    const side = 3 * 8;
    expect(geometry.sidesOf(geometry.generatorLayers(parameters), side).at(-1)).toBe(side);
    const x = tf.zeros<tf.Rank.R4>([2, side, side + 8, 1]);
    expect(networks.generate(ones(networks.generatorShapes(parameters)), parameters, x).shape).toEqual(
      x.shape,
    );
  });

  it('tell which share of a generator’s outputs sees padding', () => {
    // Of 64 rows, the receptive field of 45 leaves 64 - 44 = 20 clean.
    expect(geometry.paddingShare(geometry.generatorLayers(fullres(6, 1, 'none')), 64)).toBeCloseTo(
      1 - (20 / 64) ** 2,
      10,
    );
    expect(geometry.paddingShare(geometry.generatorLayers(resnet(9, 1)), 64)).toBe(1);
    const share = geometry.paddingShare(geometry.generatorLayers(resnet(1, 1)), 256);
    expect(share).toBeGreaterThan(1 - ((256 - 36) / 256) ** 2);
    expect(share).toBeLessThan(1 - ((256 - 48) / 256) ** 2);
  });
});
