/**
 * @file The exam's critic: a small discriminator that no generator was trained against. It starts from the same weights, sees crops of the
 * same size and learns for the same number of steps for every trial, so its verdicts are on one scale where losses are not.
 *
 * It learns from validation images, translations against real ones, and is asked about test images: none of its
 * questions was seen by it or by the training.
 */
import * as tf from '@tensorflow/tfjs';
import type { Engine, ProgramSpec, Shape, TensorMap } from '../../engines/engine.js';
import { sizeOf } from '../../engines/spec.js';
import type { GreyImage } from '../../imaging/image.js';
import { countCentres, cutPatch, positionInside } from '../../imaging/patches.js';
import type { MetricValues } from '../../protocol.js';
import { adam, ADAM_INPUTS, adamInputs } from '../adam.js';
import { momentNames } from '../bank.js';
import { get, gradientsOf, pick } from '../half.js';
import { discriminatorLoss } from '../losses.js';
import { normal, randomFromSeed } from '../random.js';

/** Side of a crop, pixels, whatever the training patch. */
export const CRITIC_SIDE = 64;
/** Crops of an image. */
const CROPS = 16;
/** Crops of each kind in one step. */
const HALF = 16;
/** Seed of weights, crops and their order: the same for every trial. */
const SEED = 1;
const ADAM = { lr: 2e-3, beta1: 0.9, beta2: 0.999 };
/** Filters of the three layers, each 4x4 of stride 2. */
const FILTERS = [1, 8, 16, 32] as const;

/** Crops of one image, [CROPS, CRITIC_SIDE, CRITIC_SIDE, 1] in [-1, 1]. */
export type ImageCrops = Float32Array;

/** What is to be told apart. */
export interface Kinds {
  fake: readonly ImageCrops[];
  real: readonly ImageCrops[];
}

/** Whether an image is large enough to be cut. */
export function canBeCut({ width, height }: Pick<GreyImage, 'width' | 'height'>): boolean {
  return Math.min(width, height) >= CRITIC_SIDE;
}

/**
 * Crops of an image or of its translation, with their centres inside the body: air tells nothing. The same places for every trial.
 * @param values [height * width] in [-1, 1]
 * @param stored the image that they are of, whose body says where
 * @param threshold stored value above which a pixel is body
 * @param index of the image: draws the places
 */
export function cropsOf(
  values: Float32Array,
  stored: GreyImage,
  threshold: number,
  index: number,
): ImageCrops {
  const { width, height } = stored;
  const random = randomFromSeed(SEED + index, 'critic');
  const centres = countCentres(stored, CRITIC_SIDE, threshold);
  const pixels = CRITIC_SIDE ** 2;
  const crops = new Float32Array(CROPS * pixels);
  for (let n = 0; n < CROPS; n++) {
    const position = positionInside(random, stored, CRITIC_SIDE, threshold, centres);
    const own = crops.subarray(n * pixels, (n + 1) * pixels);
    cutPatch({ width, height, data: values, bits: 32 }, position, CRITIC_SIDE, [-1, 1], 0, own);
  }
  return crops;
}

/**
 * Trains the critic and asks it. Nothing but `engine` is shared with the training; the bank is its own.
 * @param steps updates that it learns for
 * @returns `critic`: share of held-out crops that it calls rightly, mean of real ones and translations; 0.5 is guessing, 1 tells them
 *   all apart. `critic_low` and `critic_high`: Wilson's 95 % interval (1927) with the image as the unit, as if all crops of one told the same. Undefined if it was asked to stop
 */
export async function askCritic(
  engine: Engine,
  learn: Kinds,
  held: Kinds,
  steps: number,
  stopRequested: () => boolean = () => false,
): Promise<MetricValues | undefined> {
  const bank = engine.createBank(bankShapes());
  const random = randomFromSeed(SEED, 'critic');
  for (const [name, values] of Object.entries(initialWeights(() => normal(random)))) bank.write(name, values);
  const training = await engine.compile(learning(), bank);
  const asking = await engine.compile(verdicts(), bank);
  try {
    const pixels = CRITIC_SIDE ** 2;
    const scaled = scaleOf(learn.real);
    const draw = (images: readonly ImageCrops[]) => {
      const batch = new Float32Array(HALF * pixels);
      for (let n = 0; n < HALF; n++) {
        const crops = images[random.int(0, images.length - 1)]!;
        const at = random.int(0, CROPS - 1) * pixels;
        batch.set(scaled(crops.subarray(at, at + pixels)), n * pixels);
      }
      return batch;
    };
    for (let update = 1; update <= steps; update++) {
      if (stopRequested()) return undefined;
      const [fake, real] = [draw(learn.fake), draw(learn.real)];
      await training.run(bank, { fake, real, ...adamInputs(ADAM, update) });
    }
    const rightly = async (images: readonly ImageCrops[], isRight: (logit: number) => boolean) => {
      let right = 0;
      for (const crops of images) {
        const { logits } = await asking.run(bank, { crops: scaled(crops) });
        right += logits!.filter(isRight).length / CROPS;
      }
      return right / images.length;
    };
    const fakes = await rightly(held.fake, (logit) => logit < 0);
    const reals = await rightly(held.real, (logit) => logit > 0);
    const critic = (fakes + reals) / 2;
    const [low, high] = wilson(critic, held.fake.length + held.real.length);
    return { critic, critic_low: low, critic_high: high };
  } finally {
    await training.dispose();
    await asking.dispose();
    bank.dispose();
  }
}

/** To mean 0 and deviation 1 of the real crops that it learns from, which are the same for every trial: tissue fills little of a CT's range. */
function scaleOf(real: readonly ImageCrops[]): (crops: Float32Array) => Float32Array {
  let [sum, squares, count] = [0, 0, 0];
  for (const crops of real) {
    for (const value of crops) {
      sum += value;
      squares += value * value;
    }
    count += crops.length;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean)) || 1;
  return (crops) => crops.map((value) => (value - mean) / deviation);
}

/** Wilson's interval of a share of `n`, which holds also at 0 and 1: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 1.96. */
export function wilson(share: number, n: number): [number, number] {
  const z = 1.959964;
  const middle = share + z ** 2 / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  const whole = 1 + z ** 2 / n;
  return [Math.max(0, (middle - half) / whole), Math.min(1, (middle + half) / whole)];
}

// ---- The network

/** Three convolutions with leaky relu, the mean over the map, and one weight a channel. No norm: it would hide tone and contrast. */
function weightShapes(): Record<string, Shape> {
  const last = FILTERS.at(-1)!;
  const shapes: Record<string, Shape> = {};
  for (let at = 1; at < FILTERS.length; at++) {
    shapes[`conv${at}/filter`] = [4, 4, FILTERS[at - 1]!, FILTERS[at]!];
    shapes[`conv${at}/bias`] = [FILTERS[at]!];
  }
  return { ...shapes, 'out/weight': [last], 'out/bias': [1] };
}

function bankShapes(): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const [name, shape] of Object.entries(weightShapes())) {
    const { m, v } = momentNames(name);
    Object.assign(shapes, { [name]: shape, [m]: shape, [v]: shape });
  }
  return shapes;
}

/** N(0, 2 / inputs) (He et al. 2015, https://arxiv.org/abs/1502.01852); biases and what judges in the end start at 0: it knows nothing. */
function initialWeights(draw: () => number): Record<string, Float32Array> {
  const filters = Object.entries(weightShapes()).filter(([, shape]) => shape.length === 4);
  return Object.fromEntries(
    filters.map(([name, shape]) => {
      const deviation = Math.sqrt(2 / (16 * shape[2]!));
      return [name, new Float32Array(sizeOf(shape)).map(() => deviation * draw())];
    }),
  );
}

/** @param crops [n, side, side, 1] @returns [n] logits: above 0 it says real */
function judged(tensors: TensorMap, crops: tf.Tensor): tf.Tensor {
  let h = crops as tf.Tensor4D;
  for (let at = 1; at < FILTERS.length; at++) {
    const filter = get(tensors, `conv${at}/filter`) as tf.Tensor4D;
    h = tf.leakyRelu(tf.add(tf.conv2d(h, filter, 2, 1), get(tensors, `conv${at}/bias`)), 0.2);
  }
  const pooled = tf.mean(h, [1, 2]);
  return tf.add(tf.sum(tf.mul(pooled, get(tensors, 'out/weight')), 1), get(tensors, 'out/bias'));
}

/** One update by Adam of cross-entropy on HALF translations and HALF real crops. */
function learning(): ProgramSpec {
  const weights = Object.keys(weightShapes());
  const state = Object.keys(bankShapes());
  const crops = [HALF, CRITIC_SIDE, CRITIC_SIDE, 1];
  return {
    name: 'critic: learn',
    inputs: { fake: crops, real: crops, ...ADAM_INPUTS },
    reads: state,
    writes: state,
    run: (tensors) => {
      const { gradients, loss } = gradientsOf(pick(tensors, weights), () => {
        const [real, fake] = [judged(tensors, get(tensors, 'real')), judged(tensors, get(tensors, 'fake'))];
        return { loss: discriminatorLoss('cross-entropy', real, fake), kept: {} };
      });
      const next: TensorMap = { loss };
      for (const name of weights) {
        const { m, v } = momentNames(name);
        const before = { weight: get(tensors, name), m: get(tensors, m), v: get(tensors, v) };
        const scalars = [get(tensors, 'adam/step_size'), get(tensors, 'adam/epsilon_hat')] as const;
        const after = adam(before, get(gradients, name), ADAM, ...scalars);
        Object.assign(next, { [name]: after.weight, [m]: after.m, [v]: after.v });
      }
      return next;
    },
  };
}

function verdicts(): ProgramSpec {
  return {
    name: 'critic: judge',
    inputs: { crops: [CROPS, CRITIC_SIDE, CRITIC_SIDE, 1] },
    reads: Object.keys(weightShapes()),
    writes: [],
    run: (tensors) => ({ logits: judged(tensors, get(tensors, 'crops')) }),
  };
}
