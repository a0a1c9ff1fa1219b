/**
 * @file The networks of CycleGAN, in plain tfjs ops, after the layers of src/geometry.ts.
 *
 * Images are [batch, height, width, 1], values in [-1, 1]; filters are [height, width, in, out], those of transposed
 * convolutions [height, width, out, in]. Norms have no scale and shift; a convolution in front of one has no bias, whose
 * gradient would be zero.
 */
import * as tf from '@tensorflow/tfjs';
import type { Shape } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { DiscriminatorParameters, GeneratorParameters, Layer } from '../geometry.js';
import * as geometry from '../geometry.js';
import type { TrialFacts, TrialParameters } from '../protocol.js';

/** A network's weights by name without the network's own, e.g. `block1/conv1/filter`. */
export type Weights = Record<string, tf.Tensor>;
export type Activation = (x: tf.Tensor4D) => tf.Tensor4D;

/** Weights are drawn from N(0, 0.02) (Zhu et al. 2017). */
const INITIAL_DEVIATION = 0.02;
const NORM_EPSILON = 1e-5;

// ---- Weights

function shapesOf(layers: readonly Layer[]): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const { name, kind, kernel, in: from, out: to, bias } of layers) {
    shapes[`${name}/filter`] = [kernel, kernel, ...(kind === 'transposed' ? [to, from] : [from, to])];
    if (bias) shapes[`${name}/bias`] = [to];
  }
  return shapes;
}

export function generatorShapes(parameters: GeneratorParameters): Record<string, Shape> {
  return shapesOf(geometry.generatorLayers(parameters));
}

export function discriminatorShapes(parameters: DiscriminatorParameters): Record<string, Shape> {
  return shapesOf(geometry.discriminatorLayers(parameters));
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

// ---- Layers

/** Normalises over the given axes, without scale and shift, with its exact gradient in one piece. */
function normOver(axes: number[]): Activation {
  return tf.customGrad<tf.Tensor>((...inputs) => {
    const [x, save] = inputs as [tf.Tensor4D, tf.GradSaveFunc];
    const centred = tf.sub(x, tf.mean(x, axes, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes, true), NORM_EPSILON));
    const normed = tf.mul(centred, inverse);
    save([normed, inverse]);
    return {
      value: normed,
      gradFunc: (dy, saved) => {
        const [y, scale] = saved as [tf.Tensor, tf.Tensor];
        const along = tf.mean(tf.mul(dy, y), axes, true);
        return tf.mul(scale, tf.sub(tf.sub(dy, tf.mean(dy, axes, true)), tf.mul(y, along)));
      },
    };
  }) as Activation;
}

/** Instance norm: every channel of every image by its own mean and variance (https://arxiv.org/abs/1607.08022). */
export const instanceNorm = normOver([1, 2]);

/**
 * Batch norm (https://arxiv.org/abs/1502.03167) by the statistics of the batch at hand, also when it translates, as in the
 * study that is repeated: no running averages are kept.
 */
export const batchNorm = normOver([0, 1, 2]);

const NORMS: Readonly<Record<TrialParameters['norm'], Activation>> = {
  instance: instanceNorm,
  batch: batchNorm,
  none: (x) => x,
};

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

/**
 * Doubles both sides by repeating every pixel. By repeating along two new axes: the gradient that tfjs' cpu backend has for
 * resizeNearestNeighbor is wrong for more than one image, and every engine tiles.
 */
export function doubled(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const rows = tf.tile(tf.reshape(x, [batch * height, 1, width * channels]), [1, 2, 1]);
  const columns = tf.tile(tf.reshape(rows, [batch * 2 * height * width, 1, channels]), [1, 2, 1]);
  return tf.reshape(columns, [batch, 2 * height, 2 * width, channels]);
}

// ---- Networks

/** One layer: convolution and, where it has one, its bias or its norm. */
type Apply = (name: string, x: tf.Tensor4D) => tf.Tensor4D;

function applierOf(layers: readonly Layer[], weights: Weights, norm: TrialParameters['norm']): Apply {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  return (name, x) => {
    const layer = byName.get(name);
    if (!layer) throw new RangeError(`the network has no layer named ${name}`);
    const h = convolve(layer, weight(weights, `${name}/filter`), x);
    if (layer.normed) return NORMS[norm](h);
    return layer.bias ? tf.add(h, weight(weights, `${name}/bias`)) : h;
  };
}

/** A layer's convolution alone, with its padding. @param w the filter @param x [batch, height, width, in] */
export function convolve(
  { kind, stride, pads: [before, after], padding }: Layer,
  w: tf.Tensor4D,
  x: tf.Tensor4D,
): tf.Tensor4D {
  if (kind === 'transposed') {
    const [batch, height, width] = x.shape;
    return tf.conv2dTranspose(x, w, [batch, stride * height, stride * width, w.shape[2]], stride, 'same');
  }
  const h = kind === 'resized' ? doubled(x) : x;
  if (padding === 'reflect') return tf.conv2d(reflectionPad(h, before), w, stride, 'valid');
  return tf.conv2d(h, w, stride, before === after ? before : 'same');
}

function weight(weights: Weights, name: string): tf.Tensor4D {
  const tensor = weights[name];
  if (!tensor) throw new RangeError(`the network has no weights named ${name}`);
  return tensor as tf.Tensor4D;
}

/**
 * G or F.
 * @param x [batch, height, width, 1], sides multiples of `sideMultiple` and at least 8, values in [-1, 1]
 * @param activation stands in for relu and leaky relu; the tests of gradients want a smooth one
 * @returns the same shape; values in [-1, 1], but for `fullres`, whose output has no bounds
 */
export function generate(
  weights: Weights,
  parameters: GeneratorParameters,
  x: tf.Tensor4D,
  activation?: Activation,
): tf.Tensor4D {
  const apply = applierOf(geometry.generatorLayers(parameters), weights, parameters.norm);
  const relu: Activation = activation ?? ((h) => tf.relu(h));
  switch (parameters.generator) {
    case 'resnet':
      return resnet(apply, parameters.blocks, x, relu);
    case 'unet':
      return unet(apply, parameters.blocks, x, relu, activation ?? leakyRelu);
    case 'fullres':
      return fullres(apply, parameters.blocks, x, relu);
  }
}

/** That of Zhu et al. 2017. */
function resnet(apply: Apply, blocks: number, x: tf.Tensor4D, relu: Activation): tf.Tensor4D {
  let h = relu(apply('in', x));
  h = relu(apply('down1', h));
  h = relu(apply('down2', h));
  for (let block = 1; block <= blocks; block++) {
    const inner = relu(apply(`block${block}/conv1`, h));
    h = tf.add(h, apply(`block${block}/conv2`, inner));
  }
  h = relu(apply('up1', h));
  h = relu(apply('up2', h));
  return tf.tanh(apply('out', h));
}

/** That of Isola et al. 2017 as the CycleGAN code base has it, without dropout. */
function unet(
  apply: Apply,
  levels: number,
  x: tf.Tensor4D,
  relu: Activation,
  leaky: Activation,
): tf.Tensor4D {
  const down = [apply('down1', x)];
  for (let level = 2; level <= levels; level++) down.push(apply(`down${level}`, leaky(down.at(-1)!)));
  let h = down.pop()!;
  for (let level = levels; level > 1; level--) {
    h = tf.concat([down.pop()!, apply(`up${level}`, relu(h))], 3);
  }
  return tf.tanh(apply('up1', relu(h)));
}

/** That of the study which is repeated. It is made for intensities in [0, 1], so its zero padding is the lowest intensity. */
function fullres(apply: Apply, modules: number, x: tf.Tensor4D, relu: Activation): tf.Tensor4D {
  const unit: tf.Tensor4D = tf.div(tf.add(x, 1), 2);
  const outputs = [relu(apply('in', unit))];
  for (let module = 1; module <= modules; module++) {
    const before = outputs.at(-1)!;
    let h = before;
    for (let index = 1; index <= 3; index++) h = relu(apply(`module${module}/conv${index}`, h));
    outputs.push(tf.add(before, h));
  }
  const joined = relu(apply('join', tf.concat(outputs, 3)));
  const change = apply('out', relu(apply('narrow', joined)));
  return tf.add(x, tf.mul(change, 2)); // 2 (unit + change) - 1
}

const leakyRelu: Activation = (h) => tf.leakyRelu(h, 0.2);

/**
 * D_X or D_Y.
 * @param x [batch, height, width, 1], values in [-1, 1]
 * @param activation stands in for leaky relu; the tests of gradients want a smooth one
 * @returns [batch, map, map, 1]: for each place how real it looks; src/adversarial.ts says on which scale
 */
export function discriminate(
  weights: Weights,
  parameters: DiscriminatorParameters,
  x: tf.Tensor4D,
  activation: Activation = leakyRelu,
): tf.Tensor4D {
  const apply = applierOf(geometry.discriminatorLayers(parameters), weights, parameters.norm);
  const last = parameters.disc_layers + 2;
  let h = x;
  for (let index = 1; index < last; index++) h = activation(apply(`conv${index}`, h));
  return apply(`conv${last}`, h);
}

/** What the networks of a trial are, for its start event. */
export function networkFacts(parameters: TrialParameters): Omit<TrialFacts, 'images' | 'range'> {
  const { patch } = parameters;
  return {
    generatorWeights: geometry.countWeights(geometry.generatorLayers(parameters)),
    discriminatorWeights: geometry.countWeights(geometry.discriminatorLayers(parameters)),
    generatorReceptiveField: geometry.generatorReceptiveField(parameters),
    discriminatorReceptiveField: geometry.discriminatorReceptiveField(parameters),
    discriminatorMap: geometry.discriminatorMap(parameters, patch),
    discriminatorPaddingShare: geometry.discriminatorPaddingShare(parameters, patch),
  };
}
