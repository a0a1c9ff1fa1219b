/** @file Adam against its paper's Algorithm 1, written out in double precision. */
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../engines/backend.js'; // silences tfjs' greeting
import { adam, adamInputs, EPSILON } from './adam.js';

const PARAMETERS = { lr: 2e-4, beta1: 0.5, beta2: 0.999 };

it('updates as Algorithm 1 of the paper does, with a bias correction of its own at every update', async () => {
  await tf.setBackend('cpu');
  const { lr, beta1, beta2 } = PARAMETERS;
  const gradients = [0.3, -2, 1e-7, 0, 5];
  let [w, m, v] = [0.7, 0, 0];
  let state = {
    weight: tf.scalar(w) as tf.Tensor,
    m: tf.scalar(0) as tf.Tensor,
    v: tf.scalar(0) as tf.Tensor,
  };
  gradients.forEach((g, index) => {
    const t = index + 1;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    w -= (lr * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + EPSILON);
    const fed = adamInputs(PARAMETERS, t);
    const [size, epsilon] = [
      tf.scalar(fed['adam/step_size'][0] as number),
      tf.scalar(fed['adam/epsilon_hat'][0] as number),
    ];
    state = adam(state, tf.scalar(g), PARAMETERS, size, epsilon);
    expect(state.weight.dataSync()[0]).toBeCloseTo(w, 6);
    expect(state.m.dataSync()[0]).toBeCloseTo(m, 6);
    expect(state.v.dataSync()[0]).toBeCloseTo(v, 6);
  });
});

it('moves a weight by about the step size at the first update, whatever the size of the gradient', () => {
  const fed = adamInputs(PARAMETERS, 1);
  for (const g of [1e-3, 1, 1e3]) {
    const mean = 0.5 * g;
    const root = Math.sqrt(0.001 * g * g);
    const change =
      ((fed['adam/step_size'][0] as number) * mean) / (root + (fed['adam/epsilon_hat'][0] as number));
    expect(change / 2e-4).toBeCloseTo(1, 3);
  }
});

it('counts updates from 1', () => {
  expect(() => adamInputs(PARAMETERS, 0)).toThrow(RangeError);
});
