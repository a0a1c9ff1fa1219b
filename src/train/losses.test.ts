/** @file Each loss against values computed by hand. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../engines/backend.js'; // silences tfjs' greeting
import * as losses from './losses.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const map = (...values: number[]): tf.Tensor => tf.tensor4d(values, [1, 1, values.length, 1]);
const value = (loss: tf.Scalar): number => loss.dataSync()[0] as number;

describe('losses', () => {
  it('least square is the mean of the squares', () => {
    expect(value(losses.leastSquare(map(1, 2, 4), map(1, 0, 1)))).toBeCloseTo((0 + 4 + 9) / 3, 6);
    expect(value(losses.leastSquare(map(3, -1), 1))).toBeCloseTo((4 + 4) / 2, 6);
  });

  it('adversarial: the fakes should be called 1', () => {
    expect(value(losses.adversarialLoss(map(1, 0, 0.5)))).toBeCloseTo((0 + 1 + 0.25) / 3, 6);
  });

  it('cycle: lambda times the mean distances of both domains', () => {
    const loss = losses.cycleLoss(10, [map(1, 2), map(0, 4)], [map(-1, 0.5), map(-1, 0)]);
    expect(value(loss)).toBeCloseTo(10 * (1.5 + 0.25), 5);
  });

  it('identity: gamma times the mean distances of both domains', () => {
    const loss = losses.identityLoss(5, [map(1, 1), map(0, 0.5)], [map(0, 0), map(-0.5, 0)]);
    expect(value(loss)).toBeCloseTo(5 * (0.75 + 0.25), 5);
  });

  it('discriminator: real should be called 1 and fake 0, halved', () => {
    expect(value(losses.discriminatorLoss(map(1, 0.5), map(0, 1)))).toBeCloseTo((0.125 + 0.5) / 2, 6);
  });

  it('of a discriminator that says 0.5 everywhere: loss/D 0.5, each adversarial term 0.25', () => {
    const half = map(0.5, 0.5, 0.5);
    expect(2 * value(losses.discriminatorLoss(half, half))).toBeCloseTo(0.5, 6); // D_X and D_Y
    expect(value(losses.adversarialLoss(half))).toBeCloseTo(0.25, 6);
  });

  it('accuracies count outputs on the right side of 0.5, and 0.5 itself as wrong', () => {
    expect(value(losses.realAccuracy(map(0.6, 0.5, 0.4, 2)))).toBe(0.5);
    expect(value(losses.fakeAccuracy(map(0.6, 0.5, 0.4, -2)))).toBe(0.5);
  });
});
