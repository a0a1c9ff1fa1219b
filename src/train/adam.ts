/**
 * @file Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980) as a pure function of tensors.
 *
 * What depends on the number of the update is two scalars that are fed, so that one compiled step serves all of training
 * and any schedule of the step size. They fold the bias corrections in, as in section 2 of the paper:
 *
 *     w - lr/(1-beta1^t) · m / (sqrt(v/(1-beta2^t)) + epsilon)  =  w - stepSize · m / (sqrt(v) + epsilonHat)
 */
import * as tf from '@tensorflow/tfjs';
import type { TrialParameters } from '../protocol.js';

/** As in PyTorch, whose epsilon CycleGAN was published with; tfjs' own default is 1e-7. */
export const EPSILON = 1e-8;

/** Shapes of what a step feeds to Adam. */
export const ADAM_INPUTS = { 'adam/step_size': [], 'adam/epsilon_hat': [] } as const;

export type AdamParameters = Pick<TrialParameters, 'lr' | 'beta1' | 'beta2'>;

/**
 * The scalars of one update.
 * @param update number of the update, from 1
 */
export function adamInputs(
  { lr, beta1, beta2 }: AdamParameters,
  update: number,
): Record<keyof typeof ADAM_INPUTS, Float32Array> {
  if (!Number.isInteger(update) || update < 1)
    throw new RangeError(`updates are counted from 1, not ${update}`);
  const correction = Math.sqrt(1 - beta2 ** update);
  return {
    'adam/step_size': Float32Array.of((lr * correction) / (1 - beta1 ** update)),
    'adam/epsilon_hat': Float32Array.of(EPSILON * correction),
  };
}

export interface AdamState {
  weight: tf.Tensor;
  /** Mean of the gradient. */
  m: tf.Tensor;
  /** Mean of its square. */
  v: tf.Tensor;
}

/** One update of one tensor of weights. */
export function adam(
  { weight, m, v }: AdamState,
  gradient: tf.Tensor,
  { beta1, beta2 }: AdamParameters,
  stepSize: tf.Tensor,
  epsilonHat: tf.Tensor,
): AdamState {
  const mean = tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1));
  const square = tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const change = tf.div(tf.mul(mean, stepSize), tf.add(tf.sqrt(square), epsilonHat));
  return { weight: tf.sub(weight, change), m: mean, v: square };
}
