/**
 * @file The networks of CycleGAN, in plain tfjs ops, and what can be said of them from their layers alone.
 *
 * Generator: that of Zhu et al. 2017 (https://arxiv.org/abs/1703.10593, section 7.2). Discriminator: the PatchGAN of
 * Isola et al. 2017. Instance norm has no scale and shift; a convolution in front of one has no bias, whose gradient
 * would be zero. Images are [batch, height, width, 1], values in [-1, 1]; filters are [height, width, in, out], those of
 * transposed convolutions [height, width, out, in].
 */
import * as tf from '@tensorflow/tfjs';
import type { Shape } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { TrialFacts, TrialParameters } from '../protocol.js';

export type GeneratorParameters = Pick<TrialParameters, 'generator' | 'filters' | 'blocks'>;
export type DiscriminatorParameters = Pick<TrialParameters, 'disc_filters' | 'disc_layers'>;
/** A network's weights by name without the network's own, e.g. `block1/conv1/filter`. */
export type Weights = Record<string, tf.Tensor>;
export type Activation = (x: tf.Tensor4D) => tf.Tensor4D;

/** Weights are drawn from N(0, 0.02) (Zhu et al. 2017). */
const INITIAL_DEVIATION = 0.02;
const NORM_EPSILON = 1e-5;

interface Layer {
  name: string;
  kernel: number;
  stride: 1 | 2;
  in: number;
  out: number;
  bias: boolean;
  transposed?: true;
}

/**
 * 7x7, two 3x3 of stride 2, `blocks` residual blocks of two 3x3, two transposed 3x3 of stride 2, 7x7.
 * Stride 1 pads by reflection, stride 2 with zeros ('same': for an even side one row below and one column to the right).
 */
function generatorLayers({ filters, blocks }: GeneratorParameters): Layer[] {
  const convolution = (name: string, kernel: number, stride: 1 | 2, from: number, to: number): Layer => ({
    name,
    kernel,
    stride,
    in: from,
    out: to,
    bias: false,
  });
  return [
    convolution('in', 7, 1, 1, filters),
    convolution('down1', 3, 2, filters, 2 * filters),
    convolution('down2', 3, 2, 2 * filters, 4 * filters),
    ...Array.from({ length: blocks }, (_, index) => [
      convolution(`block${index + 1}/conv1`, 3, 1, 4 * filters, 4 * filters),
      convolution(`block${index + 1}/conv2`, 3, 1, 4 * filters, 4 * filters),
    ]).flat(),
    { ...convolution('up1', 3, 2, 4 * filters, 2 * filters), transposed: true },
    { ...convolution('up2', 3, 2, 2 * filters, filters), transposed: true },
    { ...convolution('out', 7, 1, filters, 1), bias: true },
  ];
}

/** Zeros around every input of the discriminator's 4x4 convolutions, on each side (Isola et al.: padding 1). */
const DISCRIMINATOR_PADDING = 1;

/** `disc_layers` 4x4 of stride 2, then two of stride 1; channels double up to 8 times the first. */
function discriminatorLayers({
  disc_filters: filters,
  disc_layers: strided,
}: DiscriminatorParameters): Layer[] {
  const width = (layer: number): number => (layer === 0 ? 1 : filters * Math.min(2 ** (layer - 1), 8));
  const layers = Array.from({ length: strided + 1 }, (_, index): Layer => {
    const stride = index < strided ? 2 : 1;
    return {
      name: `conv${index + 1}`,
      kernel: 4,
      stride,
      in: width(index),
      out: width(index + 1),
      bias: index === 0,
    };
  });
  const last = strided + 2;
  return [...layers, { name: `conv${last}`, kernel: 4, stride: 1, in: width(last - 1), out: 1, bias: true }];
}

// ---- Weights

function shapesOf(layers: readonly Layer[]): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const { name, kernel, in: from, out: to, bias, transposed } of layers) {
    shapes[`${name}/filter`] = transposed ? [kernel, kernel, to, from] : [kernel, kernel, from, to];
    if (bias) shapes[`${name}/bias`] = [to];
  }
  return shapes;
}

export function generatorShapes(parameters: GeneratorParameters): Record<string, Shape> {
  return shapesOf(generatorLayers(parameters));
}

export function discriminatorShapes(parameters: DiscriminatorParameters): Record<string, Shape> {
  return shapesOf(discriminatorLayers(parameters));
}

/**
 * Filters from N(0, 0.02), biases 0, in the order of `shapes`.
 * @param normal draws from the standard normal distribution
 */
export function initialWeights(
  shapes: Record<string, Shape>,
  normal: () => number,
): Record<string, Float32Array> {
  const draw = (shape: Shape): Float32Array => {
    const values = new Float32Array(sizeOf(shape));
    return shape.length === 4 ? values.map(() => INITIAL_DEVIATION * normal()) : values;
  };
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, draw(shape)]));
}

export function countWeights(shapes: Record<string, Shape>): number {
  return Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

// ---- Layers

/** Instance norm over height and width, without scale and shift, with its exact gradient in one piece. */
export const instanceNorm = tf.customGrad<tf.Tensor>((...inputs) => {
  const [x, save] = inputs as [tf.Tensor4D, tf.GradSaveFunc];
  const centred = tf.sub(x, tf.mean(x, [1, 2], true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), [1, 2], true), NORM_EPSILON));
  const normed = tf.mul(centred, inverse);
  save([normed, inverse]);
  return {
    value: normed,
    gradFunc: (dy, saved) => {
      const [y, scale] = saved as [tf.Tensor, tf.Tensor];
      const along = tf.mean(tf.mul(dy, y), [1, 2], true);
      return tf.mul(scale, tf.sub(tf.sub(dy, tf.mean(dy, [1, 2], true)), tf.mul(y, along)));
    },
  };
}) as Activation;

/**
 * Pads height and width by reflection, the border pixel not repeated, with its exact gradient. The gradient that tfjs has
 * for it leaves out what was mirrored.
 */
export function reflectionPad(x: tf.Tensor4D, pad: number): tf.Tensor4D {
  const sides: [number, number] = [pad, pad];
  const padded = tf.customGrad<tf.Tensor>((...inputs) => ({
    value: tf.mirrorPad(inputs[0] as tf.Tensor4D, [[0, 0], sides, sides, [0, 0]], 'reflect'),
    gradFunc: (dy: tf.Tensor) => foldBack(foldBack(dy as tf.Tensor4D, 1, pad), 2, pad),
  }));
  return padded(x) as tf.Tensor4D;
}

/** The adjoint of reflection along one axis: what was mirrored into the margins is added to where it came from. */
function foldBack(dy: tf.Tensor4D, axis: 1 | 2, pad: number): tf.Tensor4D {
  const length = dy.shape[axis] - 2 * pad;
  const part = (from: number, size: number): tf.Tensor4D => {
    const begin = [0, 0, 0, 0];
    const sizes = [...dy.shape];
    begin[axis] = from;
    sizes[axis] = size;
    return tf.slice(dy, begin, sizes);
  };
  const low = tf.reverse(part(0, pad), axis); // belongs to 1 ... pad
  const high = tf.reverse(part(pad + length, pad), axis); // belongs to length - 1 - pad ... length - 2
  if (length < 2 * pad + 2) {
    const moved = (margin: tf.Tensor4D, before: number, after: number): tf.Tensor4D =>
      tf.pad(
        margin,
        [0, 1, 2, 3].map((each): [number, number] => (each === axis ? [before, after] : [0, 0])),
      );
    return tf.addN([part(pad, length), moved(low, 1, length - 1 - pad), moved(high, length - 1 - pad, 1)]);
  }
  // The two do not meet, so only they are added to; the rest is moved as it is.
  const untouched = length - 2 * pad - 2;
  return tf.concat(
    [
      part(pad, 1),
      tf.add(part(pad + 1, pad), low),
      ...(untouched > 0 ? [part(2 * pad + 1, untouched)] : []),
      tf.add(part(length - 1, pad), high),
      part(pad + length - 1, 1),
    ],
    axis,
  );
}

function weight(weights: Weights, name: string): tf.Tensor4D {
  const tensor = weights[name];
  if (!tensor) throw new RangeError(`the network has no weights named ${name}`);
  return tensor as tf.Tensor4D;
}

// ---- Networks

/**
 * G or F.
 * @param x [batch, height, width, 1], sides multiples of 4 and at least 8, values in [-1, 1]
 * @param relu stands in for the activation; the tests of gradients want a smooth one
 * @returns the same shape, values in [-1, 1]
 */
export function generate(
  weights: Weights,
  { blocks }: GeneratorParameters,
  x: tf.Tensor4D,
  relu: Activation = (h) => tf.relu(h),
): tf.Tensor4D {
  const filter = (name: string): tf.Tensor4D => weight(weights, `${name}/filter`);
  const reflected = (h: tf.Tensor4D, name: string): tf.Tensor4D => {
    const w = filter(name);
    return tf.conv2d(reflectionPad(h, (w.shape[0] - 1) / 2), w, 1, 'valid');
  };
  const down = (h: tf.Tensor4D, name: string): tf.Tensor4D => tf.conv2d(h, filter(name), 2, 'same');
  const up = (h: tf.Tensor4D, name: string): tf.Tensor4D => {
    const w = filter(name);
    const [batch, height, width] = h.shape;
    return tf.conv2dTranspose(h, w, [batch, 2 * height, 2 * width, w.shape[2]], 2, 'same');
  };

  let h = relu(instanceNorm(reflected(x, 'in')));
  h = relu(instanceNorm(down(h, 'down1')));
  h = relu(instanceNorm(down(h, 'down2')));
  for (let block = 1; block <= blocks; block++) {
    const inner = relu(instanceNorm(reflected(h, `block${block}/conv1`)));
    h = tf.add(h, instanceNorm(reflected(inner, `block${block}/conv2`)));
  }
  h = relu(instanceNorm(up(h, 'up1')));
  h = relu(instanceNorm(up(h, 'up2')));
  return tf.tanh(tf.add(reflected(h, 'out'), weight(weights, 'out/bias')));
}

/**
 * D_X or D_Y.
 * @param x [batch, height, width, 1], values in [-1, 1]
 * @param leakyRelu stands in for the activation; the tests of gradients want a smooth one
 * @returns [batch, map, map, 1]: for each place how real it looks, 1 for real and 0 for generated
 */
export function discriminate(
  weights: Weights,
  { disc_layers: strided }: DiscriminatorParameters,
  x: tf.Tensor4D,
  leakyRelu: Activation = (h) => tf.leakyRelu(h, 0.2),
): tf.Tensor4D {
  const convolution = (h: tf.Tensor4D, layer: number): tf.Tensor4D =>
    tf.conv2d(h, weight(weights, `conv${layer}/filter`), layer <= strided ? 2 : 1, DISCRIMINATOR_PADDING);
  const bias = (layer: number): tf.Tensor4D => weight(weights, `conv${layer}/bias`);

  let h = leakyRelu(tf.add(convolution(x, 1), bias(1)));
  for (let layer = 2; layer <= strided + 1; layer++) h = leakyRelu(instanceNorm(convolution(h, layer)));
  return tf.add(convolution(h, strided + 2), bias(strided + 2));
}

// ---- Facts of geometry

/** Side of the square of input pixels that one output pixel can depend on. */
function receptiveField(layers: readonly Layer[]): number {
  let field = 1;
  let spacing = 1; // input pixels between neighbouring pixels of the current layer
  for (const { kernel, stride, transposed } of layers) {
    if (transposed) {
      // An output pixel meets every stride-th tap of the filter.
      field += (Math.ceil(kernel / stride) - 1) * spacing;
      spacing /= stride;
    } else {
      field += (kernel - 1) * spacing;
      spacing *= stride;
    }
  }
  return field;
}

export function generatorReceptiveField(parameters: GeneratorParameters): number {
  return receptiveField(generatorLayers(parameters));
}

export function discriminatorReceptiveField(parameters: DiscriminatorParameters): number {
  return receptiveField(discriminatorLayers(parameters));
}

/** Sides of the discriminator's maps, the patch first. @throws RangeError if the patch is too small for its layers */
function discriminatorSides(parameters: DiscriminatorParameters, patch: number): number[] {
  const sides = [patch];
  let side = patch;
  for (const { kernel, stride, name } of discriminatorLayers(parameters)) {
    side = Math.floor((side + 2 * DISCRIMINATOR_PADDING - kernel) / stride) + 1;
    if (side < 1) {
      throw new RangeError(
        `patch ${patch} is too small for a discriminator with disc_layers ${parameters.disc_layers}: nothing is left at ${name}`,
      );
    }
    sides.push(side);
  }
  return sides;
}

/** Side of the discriminator's output map. */
export function discriminatorMap(parameters: DiscriminatorParameters, patch: number): number {
  return discriminatorSides(parameters, patch).at(-1) as number;
}

/** Share of the discriminator's outputs that see padding in any of its layers, 0 to 1. */
export function discriminatorPaddingShare(parameters: DiscriminatorParameters, patch: number): number {
  const sides = discriminatorSides(parameters, patch);
  const layers = discriminatorLayers(parameters);
  const map = sides.at(-1) as number;
  const seesPadding = (place: number): boolean => {
    let [first, last] = [place, place];
    for (let index = layers.length - 1; index >= 0; index--) {
      const { kernel, stride } = layers[index] as Layer;
      first = first * stride - DISCRIMINATOR_PADDING;
      last = last * stride - DISCRIMINATOR_PADDING + kernel - 1;
      if (first < 0 || last >= (sides[index] as number)) return true;
    }
    return false;
  };
  const clean = Array.from({ length: map }, (_, place) => place).filter(
    (place) => !seesPadding(place),
  ).length;
  return 1 - (clean / map) ** 2;
}

/** What the networks of a trial are, for its start event. */
export function networkFacts(parameters: TrialParameters): Omit<TrialFacts, 'images' | 'range'> {
  return {
    generatorWeights: countWeights(generatorShapes(parameters)),
    discriminatorWeights: countWeights(discriminatorShapes(parameters)),
    generatorReceptiveField: generatorReceptiveField(parameters),
    discriminatorReceptiveField: discriminatorReceptiveField(parameters),
    discriminatorMap: discriminatorMap(parameters, parameters.patch),
    discriminatorPaddingShare: discriminatorPaddingShare(parameters, parameters.patch),
  };
}
