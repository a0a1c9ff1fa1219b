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
import { fitsTiles, tilesOf, transformFilter, type Tiles } from './winograd.js';

/** A network's weights by name without the network's own, e.g. `block1/conv1/filter`. */
export type Weights = Record<string, tf.Tensor>;
export type Activation = (x: tf.Tensor4D) => tf.Tensor4D;

/** Weights are drawn from N(0, 0.02) (Zhu et al. 2017). */
const INITIAL_DEVIATION = 0.02;
export const NORM_EPSILON = 1e-5;

// ---- Weights

function shapesOf(layers: readonly Layer[]): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const layer of layers) {
    shapes[`${layer.name}/filter`] = filterShape(layer);
    if (layer.bias) shapes[`${layer.name}/bias`] = [layer.out];
  }
  return shapes;
}

/** As it lies in the bank. */
export function filterShape({ kind, kernel, in: from, out: to }: Layer): [number, number, number, number] {
  return kind === 'transposed' ? [kernel, kernel, to, from] : [kernel, kernel, from, to];
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

type Norms = Readonly<Record<TrialParameters['norm'], Activation>>;
const NORMS: Norms = { instance: instanceNorm, batch: batchNorm, none: (x) => x };
/** The same of an image by tiles, [16, tiles, batch, channels]. */
const NORMS_OF_TILES: Norms = { instance: normOver([0, 1]), batch: normOver([0, 1, 2]), none: (x) => x };

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

interface Network {
  apply: Apply;
  /** The same in Winograd's form, on images by tiles. */
  applyToTiles: (tiles: Tiles) => Apply;
}

function networkOf(
  layers: readonly Layer[],
  weights: Weights,
  norm: TrialParameters['norm'],
  double: Activation = doubled,
): Network {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const applier =
    (convolution: (layer: Layer, x: tf.Tensor4D) => tf.Tensor4D, norms: Norms): Apply =>
    (name, x) => {
      const layer = byName.get(name);
      if (!layer) throw new RangeError(`the network has no layer named ${name}`);
      const h = convolution(layer, x);
      if (layer.normed) return norms[norm](h);
      return layer.bias ? tf.add(h, weight(weights, `${name}/bias`)) : h;
    };
  return {
    apply: applier((layer, x) => convolve(layer, filterOf(weights, layer), x, double), NORMS),
    applyToTiles: (tiles) =>
      applier(({ name }, x) => tiles.convolve(x, transformedOf(weights, name)), NORMS_OF_TILES),
  };
}

/** Whether a layer's filter is to be used in Winograd's form: it is there so, or with its two spatial axes as one. */
function isForTiles(weights: Weights, name: string): boolean {
  return `${name}/transformed` in weights || weights[`${name}/filter`]?.rank === 2;
}

/** The weights that these layers are computed with. */
function weightsOf(weights: Weights, layers: readonly string[]): Weights {
  const names = layers.flatMap((layer) => [
    `${layer}/transformed` in weights ? `${layer}/transformed` : `${layer}/filter`,
    `${layer}/bias`,
  ]);
  return Object.fromEntries(names.flatMap((name) => (weights[name] ? [[name, weights[name]]] : [])));
}

/** A layer's filter in Winograd's form, [6, 6, in · out]. */
function transformedOf(weights: Weights, name: string): tf.Tensor {
  return weights[`${name}/transformed`] ?? transformFilter(weight(weights, `${name}/filter`));
}

/** A layer's filter with its four axes: a bank may hold it with fewer. */
function filterOf(weights: Weights, layer: Layer): tf.Tensor4D {
  return tf.reshape(weight(weights, `${layer.name}/filter`), filterShape(layer));
}

/** A layer's convolution alone, with its padding. @param w the filter @param x [batch, height, width, in] */
export function convolve(
  { kind, stride, pads: [before, after], padding }: Layer,
  w: tf.Tensor4D,
  x: tf.Tensor4D,
  double: Activation = doubled,
): tf.Tensor4D {
  if (kind === 'transposed') {
    const [batch, height, width] = x.shape;
    return tf.conv2dTranspose(x, w, [batch, stride * height, stride * width, w.shape[2]], stride, 'same');
  }
  const h = kind === 'resized' ? double(x) : x;
  if (padding === 'reflect') return tf.conv2d(reflectionPad(h, before), w, stride, 'valid');
  return tf.conv2d(h, w, stride, before === after ? before : 'same');
}

function weight(weights: Weights, name: string): tf.Tensor {
  const tensor = weights[name];
  if (!tensor) throw new RangeError(`the network has no weights named ${name}`);
  return tensor;
}

export interface GenerateOptions {
  /** Stands in for relu and leaky relu; the tests of gradients want a smooth one. */
  activation?: Activation;
  /** Keep only the input of each residual block for the backward pass, which computes the rest again. */
  recompute?: boolean;
  /** Stands in for `doubled`: what leaves the house is to take images of any size, which that does not once it is traced. */
  double?: Activation;
}

/**
 * G or F.
 * @param x [batch, height, width, 1], sides multiples of `sideMultiple` and at least 8, values in [-1, 1]
 * @returns the same shape; values in [-1, 1], but for `fullres`, whose output has no bounds
 */
export function generate(
  weights: Weights,
  parameters: GeneratorParameters,
  x: tf.Tensor4D,
  { activation, recompute = false, double }: GenerateOptions = {},
): tf.Tensor4D {
  const layers = geometry.generatorLayers(parameters);
  const { apply } = networkOf(layers, weights, parameters.norm, double);
  const relu: Activation = activation ?? ((h) => tf.relu(h));
  switch (parameters.generator) {
    case 'resnet':
      return resnet(apply, x, relu, (h) => trunk(layers, weights, parameters, h, relu, recompute));
    case 'unet':
      return unet(apply, parameters.blocks, x, relu, activation ?? leakyRelu);
    case 'fullres':
      return fullres(apply, parameters.blocks, x, relu);
  }
}

/** That of Zhu et al. 2017. */
function resnet(
  apply: Apply,
  x: tf.Tensor4D,
  relu: Activation,
  trunk: (h: tf.Tensor4D) => tf.Tensor4D,
): tf.Tensor4D {
  let h = relu(apply('in', x));
  h = relu(apply('down1', h));
  h = relu(apply('down2', h));
  h = trunk(h);
  h = relu(apply('up1', h));
  h = relu(apply('up2', h));
  return tf.tanh(apply('out', h));
}

/** The residual blocks; by tiles where their filters are for that. */
function trunk(
  layers: readonly Layer[],
  weights: Weights,
  { blocks, norm }: GeneratorParameters,
  x: tf.Tensor4D,
  relu: Activation,
  recompute: boolean,
): tf.Tensor4D {
  const [, height, width] = x.shape;
  const tiles =
    isForTiles(weights, 'block1/conv1') && fitsTiles(height, width) ? tilesOf(height, width) : undefined;
  let h = tiles ? tiles.enter(x) : x;
  for (let block = 1; block <= blocks; block++) {
    const residual = (x: tf.Tensor4D, own: Weights): tf.Tensor4D => {
      const network = networkOf(layers, own, norm);
      const apply = tiles ? network.applyToTiles(tiles) : network.apply;
      return apply(`block${block}/conv2`, relu(apply(`block${block}/conv1`, x)));
    };
    const own = weightsOf(weights, [`block${block}/conv1`, `block${block}/conv2`]);
    h = tf.add(h, recompute ? recomputed(residual, h, own) : residual(h, own));
  }
  return tiles ? tiles.leave(h) : h;
}

/**
 * `run` of x and weights, of which nothing is kept for the backward pass but x: that pass computes it again (gradient
 * checkpointing, https://arxiv.org/abs/1604.06174).
 */
function recomputed(
  run: (x: tf.Tensor4D, weights: Weights) => tf.Tensor4D,
  x: tf.Tensor4D,
  weights: Weights,
): tf.Tensor4D {
  const names = Object.keys(weights);
  const onList = ([image, ...list]: tf.Tensor[]): tf.Tensor =>
    run(image as tf.Tensor4D, Object.fromEntries(names.map((name, i) => [name, list[i]!])));
  const whole = tf.customGrad<tf.Tensor>((...inputs) => {
    const save = inputs.pop() as tf.GradSaveFunc;
    const operands = inputs as tf.Tensor[];
    save(operands);
    return {
      value: onList(operands),
      gradFunc: (dy, saved) => {
        // A zero that is known only once dy is: so that no compiler takes the second computation for the first, or does it before.
        const first = tf.slice(tf.reshape(dy, [-1]), 0, 1);
        const zero = tf.cast(tf.greater(first, Infinity), 'float32');
        const again = saved.map((each) => tf.add(each, zero));
        // tfjs lays its tape aside once its backward pass begins, and a gradient within that would leave none to tidy up.
        const { state } = tf.engine();
        const tape = state.activeTape;
        const gradients = tf.grads((...each: tf.Tensor[]) => onList(each))(again, dy);
        state.activeTape = tape;
        return gradients;
      },
    };
  });
  return whole(x, ...Object.values(weights)) as tf.Tensor4D;
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
  const { apply } = networkOf(geometry.discriminatorLayers(parameters), weights, parameters.norm);
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
