import { describe, expect, test } from 'vitest';
import {
  incompleteBeta,
  mean,
  pairedInterval,
  standardDeviation,
  tDistribution,
  tQuantile,
} from './statistics.js';

describe('quantiles of Student’s t', () => {
  test.each([
    // Closed forms: tan(π(p - 1/2)) with one degree of freedom, a·√(2 / (1 - a²)) with a = 2p - 1 with two.
    [0.975, 1, Math.tan(Math.PI * 0.475)],
    [0.975, 2, 0.95 * Math.sqrt(2 / (1 - 0.95 ** 2))],
    [0.975, 4, 2.7764451051977987],
    [0.975, 9, 2.2621571627409915],
    [0.975, 30, 2.0422724563012373],
    [0.995, 2, 0.99 * Math.sqrt(2 / (1 - 0.99 ** 2))],
    [0.9, 5, 1.4758840488558216],
  ])('t(%d, %d)', (p, degrees, expected) => {
    expect(tQuantile(p, degrees) / expected).toBeCloseTo(1, 10);
    expect(tQuantile(1 - p, degrees) / -expected).toBeCloseTo(1, 10);
  });

  test('are the inverse of the distribution', () => {
    for (const degrees of [1, 2, 3, 7, 40]) {
      for (const p of [0.5, 0.6, 0.9, 0.99]) {
        expect(tDistribution(tQuantile(p, degrees), degrees)).toBeCloseTo(p, 12);
      }
    }
  });
});

test('the incomplete beta function has its closed forms', () => {
  for (const x of [0, 0.1, 0.5, 0.93, 1]) {
    expect(incompleteBeta(x, 1, 1)).toBeCloseTo(x, 14);
    expect(incompleteBeta(x, 2, 1)).toBeCloseTo(x ** 2, 14);
    expect(incompleteBeta(x, 1, 3)).toBeCloseTo(1 - (1 - x) ** 3, 14);
  }
});

test('mean and standard deviation', () => {
  expect(mean([1, 2, 6])).toBe(3);
  expect(standardDeviation([1, 2, 6])).toBeCloseTo(Math.sqrt(7), 14);
  expect(standardDeviation([4])).toBeNaN();
});

describe('the paired interval', () => {
  test('takes the differences pair by pair', () => {
    // Differences -1, -2, -3: mean -2, standard deviation 1.
    const { n, difference, low, high } = pairedInterval([1, 2, 3], [2, 4, 6]);
    expect(n).toBe(3);
    expect(difference).toBe(-2);
    expect(high - low).toBeCloseTo((2 * 4.30265272974946) / Math.sqrt(3), 10);
  });

  test('is open with one pair', () => {
    expect(pairedInterval([1], [2])).toEqual({ n: 1, difference: -1, low: NaN, high: NaN });
  });
});
