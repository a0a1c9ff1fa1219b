/**
 * @file The losses of CycleGAN (Zhu et al. 2017) with the least squares of LSGAN (Mao et al. 2017), term by term.
 * X and Y are the domains, G: X→Y and F: Y→X the generators. Every function returns a scalar.
 */
import * as tf from '@tensorflow/tfjs';

/** A distance between images. The tests of gradients put a smooth one in the place of L1. */
export type Distance = (a: tf.Tensor, b: tf.Tensor) => tf.Scalar;

/** mean((a - b)²) */
export function leastSquare(a: tf.Tensor, b: tf.Tensor | number): tf.Scalar {
  return tf.mean(tf.squaredDifference(a, b));
}

/** mean|a - b| */
export const meanAbsolute: Distance = (a, b) => tf.mean(tf.abs(tf.sub(a, b)));

/** What a generator loses to the discriminator of its fakes: leastSquare(D(fake), 1). @param judged D(fake) */
export function adversarialLoss(judged: tf.Tensor): tf.Scalar {
  return leastSquare(judged, 1);
}

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

/** The share of one discriminator: (leastSquare(D(real), 1) + leastSquare(D(fake), 0)) / 2; loss/D is the sum of both. */
export function discriminatorLoss(judgedReal: tf.Tensor, judgedFake: tf.Tensor): tf.Scalar {
  return tf.div(tf.add(leastSquare(judgedReal, 1), leastSquare(judgedFake, 0)), 2);
}

/** Share of outputs that call a real image real: above 0.5. */
export function realAccuracy(judgedReal: tf.Tensor): tf.Scalar {
  return tf.mean(tf.cast(tf.greater(judgedReal, 0.5), 'float32'));
}

/** Share of outputs that call a generated image generated: below 0.5. */
export function fakeAccuracy(judgedFake: tf.Tensor): tf.Scalar {
  return tf.mean(tf.cast(tf.less(judgedFake, 0.5), 'float32'));
}
