/**
 * @file The losses of CycleGAN (Zhu et al. 2017), term by term. X and Y are the domains, G: X→Y and F: Y→X the generators.
 * Images hold intensities in [-1, 1], where distances are twice those in [0, 1]. Every function returns a scalar.
 *
 * Adversarial losses, each the mean over the outputs of a discriminator (src/adversarial.ts tells what they mean):
 * - `least-squares`, https://arxiv.org/abs/1611.04076: aims at 1 for real and 0 for generated;
 * - `cross-entropy`, https://arxiv.org/abs/1406.2661 with the generator's loss that does not saturate: outputs are logits;
 * - `hinge`, https://arxiv.org/abs/1705.02894: real above 1, generated below -1.
 */
import * as tf from '@tensorflow/tfjs';
import type { GanLoss } from '../adversarial.js';
import { DECISION_THRESHOLD } from '../adversarial.js';

/** A distance between images. The tests of gradients put a smooth one in the place of L1. */
export type Distance = (a: tf.Tensor, b: tf.Tensor) => tf.Scalar;

/** mean((a - b)²) */
export function leastSquare(a: tf.Tensor, b: tf.Tensor | number): tf.Scalar {
  return tf.mean(tf.squaredDifference(a, b));
}

/** mean|a - b| */
export const meanAbsolute: Distance = (a, b) => tf.mean(tf.abs(tf.sub(a, b)));

// ---- Adversarial

interface Adversarial {
  generator: (fake: tf.Tensor) => tf.Scalar;
  onReal: (real: tf.Tensor) => tf.Scalar;
  onFake: (fake: tf.Tensor) => tf.Scalar;
}

const ADVERSARIAL: Readonly<Record<GanLoss, Adversarial>> = {
  'least-squares': {
    generator: (fake) => leastSquare(fake, 1),
    onReal: (real) => leastSquare(real, 1),
    onFake: (fake) => leastSquare(fake, 0),
  },
  // -ln(sigmoid(x)) is softplus(-x), and -ln(1 - sigmoid(x)) is softplus(x).
  'cross-entropy': {
    generator: (fake) => tf.mean(tf.softplus(tf.neg(fake))),
    onReal: (real) => tf.mean(tf.softplus(tf.neg(real))),
    onFake: (fake) => tf.mean(tf.softplus(fake)),
  },
  hinge: {
    generator: (fake) => tf.neg(tf.mean(fake)),
    onReal: (real) => tf.mean(tf.relu(tf.sub(1, real))),
    onFake: (fake) => tf.mean(tf.relu(tf.add(1, fake))),
  },
};

/**
 * What a generator loses to the discriminator of its fakes: mean (D(fake) - 1)², mean -ln sigmoid D(fake), or -mean D(fake).
 * @param judged D(fake)
 */
export function adversarialLoss(ganLoss: GanLoss, judged: tf.Tensor): tf.Scalar {
  return ADVERSARIAL[ganLoss].generator(judged);
}

/**
 * The share of one discriminator: half of what it loses on real and on generated images (halved for every loss, as the
 * CycleGAN code base does); loss/D is the sum of both discriminators.
 */
export function discriminatorLoss(ganLoss: GanLoss, judgedReal: tf.Tensor, judgedFake: tf.Tensor): tf.Scalar {
  const { onReal, onFake } = ADVERSARIAL[ganLoss];
  return tf.div(tf.add(onReal(judgedReal), onFake(judgedFake)), 2);
}

/** Share of outputs that call a real image real: above 0.5 with least squares, above 0 with the others. */
export function realAccuracy(ganLoss: GanLoss, judgedReal: tf.Tensor): tf.Scalar {
  return tf.mean(tf.cast(tf.greater(judgedReal, DECISION_THRESHOLD[ganLoss]), 'float32'));
}

/** Share of outputs that call a generated image generated: below 0.5 with least squares, below 0 with the others. */
export function fakeAccuracy(ganLoss: GanLoss, judgedFake: tf.Tensor): tf.Scalar {
  return tf.mean(tf.cast(tf.less(judgedFake, DECISION_THRESHOLD[ganLoss]), 'float32'));
}

// ---- Distances

/** L1_lambda · (mean|X - F(G(X))| + mean|Y - G(F(Y))|) */
export function cycleLoss(
  lambda: number,
  [x, fgx]: [tf.Tensor, tf.Tensor],
  [y, gfy]: [tf.Tensor, tf.Tensor],
  distance: Distance = meanAbsolute,
): tf.Scalar {
  return tf.mul(lambda, tf.add(distance(x, fgx), distance(y, gfy)));
}

/** L1_gamma · (mean|Y - G(Y)| + mean|X - F(X)|) */
export function identityLoss(
  gamma: number,
  [y, gy]: [tf.Tensor, tf.Tensor],
  [x, fx]: [tf.Tensor, tf.Tensor],
  distance: Distance = meanAbsolute,
): tf.Scalar {
  return tf.mul(gamma, tf.add(distance(y, gy), distance(x, fx)));
}

/**
 * paired · (mean|G(X) - Y| + mean|F(Y) - X|), where X and Y show the same at the same crop.
 * @param mask [batch]: 1 for each sample that is such a pair, else 0. A sample that is none adds 0 to the mean over the
 *   batch, so that the losses of micro-batches add up; without a mask all are pairs.
 */
export function pairedLoss(
  weight: number,
  [y, gx]: [tf.Tensor, tf.Tensor],
  [x, fy]: [tf.Tensor, tf.Tensor],
  mask?: tf.Tensor,
  distance: Distance = meanAbsolute,
): tf.Scalar {
  const apart = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => {
    if (mask === undefined) return distance(a, b);
    const kept = tf.reshape(mask, [-1, 1, 1, 1]);
    return distance(tf.mul(a, kept), tf.mul(b, kept));
  };
  return tf.mul(weight, tf.add(apart(gx, y), apart(fy, x)));
}
