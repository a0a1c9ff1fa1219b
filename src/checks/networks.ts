/**
 * @file Checks of what the model is made of: every layer, every norm, every loss, and whole networks with every norm and
 * upsampling. Whole networks are smooth, so that no two engines stand on different sides of a kink.
 */
import * as tf from '@tensorflow/tfjs';
import type { GanLoss } from '../adversarial.js';
import type { Values } from '../engines/compare.js';
import type { ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { DiscriminatorParameters, GeneratorParameters, Layer } from '../geometry.js';
import { discriminatorLayers, generatorLayers } from '../geometry.js';
import * as losses from '../train/losses.js';
import * as networks from '../train/networks.js';
import { tilesOf, transformFilter } from '../train/winograd.js';
import type { Check, ProgramWork } from './check.js';
import { gradientProgram, KERNEL_TOLERANCE, LAYER_TOLERANCE, NETWORK_TOLERANCE, wave } from './check.js';

const NORMS = ['instance', 'batch', 'none'] as const;
const GENERATORS: GeneratorParameters[] = NORMS.flatMap((norm) => [
  ...(['transposed', 'resize'] as const).flatMap((upsample): GeneratorParameters[] => [
    { generator: 'resnet', blocks: 1, filters: 2, norm, upsample },
    { generator: 'unet', blocks: 3, filters: 2, norm, upsample },
  ]),
  { generator: 'fullres', blocks: 2, filters: 2, norm, upsample: 'transposed' },
]);
const DISCRIMINATORS: DiscriminatorParameters[] = NORMS.map((norm) => ({
  disc_filters: 2,
  disc_layers: 2,
  norm,
}));
const GAN_LOSSES: readonly GanLoss[] = ['least-squares', 'cross-entropy', 'hinge'];

const smooth: networks.Activation = (h) => tf.tanh(h);

/** Values that leave signals of ordinary size, where they are weights. */
export const startOf = (shapes: Record<string, Shape>): Values =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => {
      const fanIn = shape.length === 4 ? sizeOf(shape) / Math.min(shape[2]!, shape[3]!) : 4;
      return [name, wave(sizeOf(shape), i).map((each) => each / Math.sqrt(fanIn / 2))];
    }),
  );

/** A check of the gradients by all operands, at ordinary values of them. */
function gradientCheck(
  [group, name]: readonly [string, string],
  tolerance: number,
  shapes: Record<string, Shape>,
  run: (operands: TensorMap) => tf.Tensor,
  inputs = startOf(shapes),
): GradientCheck {
  return { group, name, tolerance, work: { spec: gradientProgram(name, shapes, run), inputs } };
}

/** Its program is that of `gradientProgram`. */
export interface GradientCheck extends Check {
  work: ProgramWork;
}

/** Every kind of layer that any network has, once. */
const LAYERS: ReadonlyMap<string, Layer> = new Map(
  [...GENERATORS.flatMap(generatorLayers), ...DISCRIMINATORS.flatMap(discriminatorLayers)].map((layer) => {
    const { kind, kernel, stride, padding, pads } = layer;
    const how = kind === 'transposed' ? '' : `, ${padding} ${pads.join('+')}`;
    return [`${kind} ${kernel}x${kernel}, stride ${stride}${how}`, layer] as const;
  }),
);

export function layerChecks(): GradientCheck[] {
  const image = { x: [3, 4, 5, 2] };
  return [
    ...[...LAYERS].map(([name, layer]) => {
      const { kernel, kind } = layer;
      const filter = kind === 'transposed' ? [kernel, kernel, 2, 3] : [kernel, kernel, 3, 2];
      const run = ({ x, filter }: TensorMap): tf.Tensor =>
        networks.convolve(layer, filter as tf.Tensor4D, x as tf.Tensor4D);
      const shapes = { x: [2, 8, 12, 3], filter };
      return gradientCheck(['layers', name], LAYER_TOLERANCE, shapes, run);
    }),
    gradientCheck(['layers', 'doubled'], LAYER_TOLERANCE, image, ({ x }) =>
      tf.square(networks.doubled(x as tf.Tensor4D)),
    ),
    winogradCheck(),
    ...(['instanceNorm', 'batchNorm'] as const).map((norm) =>
      gradientCheck(['norms', norm], LAYER_TOLERANCE, image, ({ x }) => networks[norm](x as tf.Tensor4D)),
    ),
  ];
}

/** A convolution by tiles, which must give what the direct form gives. */
function winogradCheck(): GradientCheck {
  const shapes = { x: [2, 8, 12, 3], filter: [3, 3, 3, 2] };
  const byTiles = ({ x, filter }: TensorMap): tf.Tensor => {
    const tiles = tilesOf(8, 12);
    return tiles.leave(tiles.convolve(tiles.enter(x as tf.Tensor4D), transformFilter(filter!)));
  };
  const direct = ({ x, filter }: TensorMap): tf.Tensor =>
    tf.conv2d(networks.reflectionPad(x as tf.Tensor4D, 1), filter as tf.Tensor4D, 1, 'valid');
  const name = 'convolution 3x3, Winograd’s form';
  const { work } = gradientCheck(['layers', name], LAYER_TOLERANCE, shapes, direct);
  return {
    ...gradientCheck(['layers', name], LAYER_TOLERANCE, shapes, byTiles),
    expected: work,
  };
}

export function lossChecks(): GradientCheck[] {
  const check = (
    name: string,
    shapes: Record<string, Shape>,
    run: (operands: TensorMap) => tf.Tensor,
    inputs?: Values,
  ): GradientCheck => gradientCheck(['losses', name], KERNEL_TOLERANCE, shapes, run, inputs);
  const maps = { real: [2, 1, 5, 1], fake: [2, 1, 5, 1] };
  const spread = {
    real: Float32Array.of(-200, -30, -2, -0.3, 0.4, 0.9, 1.2, 4, 30, 200),
    fake: Float32Array.of(200, 31, 3, 0.5, -0.6, -0.8, -1.1, -5, -31, -100),
  };
  const images = { x: [2, 4, 6, 1], fgx: [2, 4, 6, 1], y: [2, 4, 6, 1], gfy: [2, 4, 6, 1] };
  type Images = Record<keyof typeof images, tf.Tensor>;
  const mask = (): tf.Tensor => tf.tensor1d([1, 0]);
  return [
    ...GAN_LOSSES.flatMap((ganLoss) => [
      check(`${ganLoss}, generator, also far out`, { fake: maps.fake }, ({ fake }) => losses.adversarialLoss(ganLoss, fake as tf.Tensor), { fake: spread.fake }),
      check(`${ganLoss}, discriminator, also far out`, maps, ({ real, fake }) => losses.discriminatorLoss(ganLoss, real as tf.Tensor, fake as tf.Tensor), spread),
    ]),
    check('cycle', images, (of) => {
      const { x, fgx, y, gfy } = of as Images;
      return losses.cycleLoss(10, [x, fgx], [y, gfy]);
    }),
    check('identity', images, (of) => {
      const { x, fgx, y, gfy } = of as Images;
      return losses.identityLoss(5, [y, gfy], [x, fgx]);
    }),
    check('paired', images, (of) => {
      const { x, fgx, y, gfy } = of as Images;
      return losses.pairedLoss(2, [y, gfy], [x, fgx]);
    }),
    check('paired, some samples without a partner', images, (of) => {
      const { x, fgx, y, gfy } = of as Images;
      return losses.pairedLoss(2, [y, gfy], [x, fgx], mask());
    }),
  ]; // prettier-ignore
}

const describeGenerator = ({ generator, norm, upsample }: GeneratorParameters): string =>
  `${generator}, norm ${norm}, upsample ${upsample}`;

/** Whole networks, smooth. */
export function networkChecks(): GradientCheck[] {
  return [
    ...GENERATORS.map((parameters) => {
      const shapes = { ...networks.generatorShapes(parameters), x: [2, 16, 16, 1] };
      const run = ({ x, ...weights }: TensorMap): tf.Tensor =>
        networks.generate(weights, parameters, x as tf.Tensor4D, { activation: smooth });
      const name = describeGenerator(parameters);
      return gradientCheck(['generators', name], NETWORK_TOLERANCE, shapes, run);
    }),
    ...DISCRIMINATORS.map((parameters) => {
      const shapes = { ...networks.discriminatorShapes(parameters), x: [2, 24, 24, 1] };
      const run = ({ x, ...weights }: TensorMap): tf.Tensor =>
        networks.discriminate(weights, parameters, x as tf.Tensor4D, smooth);
      const name = `discriminator, norm ${parameters.norm}`;
      return gradientCheck(['discriminators', name], NETWORK_TOLERANCE, shapes, run);
    }),
  ];
}

/** What whole generators give with their own activations: values alone, which change little at a kink. */
export function translationChecks(): Check[] {
  return GENERATORS.map((parameters) => {
    const shapes = { ...networks.generatorShapes(parameters), x: [2, 16, 24, 1] };
    const spec: ProgramSpec = {
      name: 'values',
      inputs: shapes,
      reads: [],
      writes: [],
      run: ({ x, ...weights }) => ({ y: networks.generate(weights, parameters, x as tf.Tensor4D) }),
    };
    return {
      group: 'generators, own activations',
      name: describeGenerator(parameters),
      tolerance: NETWORK_TOLERANCE,
      work: { spec, inputs: startOf(shapes) },
    };
  });
}
