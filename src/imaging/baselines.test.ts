import { describe, expect, it } from 'vitest';

import type { Random } from './dataset.js';
import {
  addPair,
  applyCurve,
  applyFilter,
  countLevels,
  matchHistograms,
  newFit,
  newLevels,
  solveFit,
} from './baselines.js';
import { whiteNoise } from './phantom-raster.js';

/** Places that any generator would do for. */
function random(): Random {
  let state = 1;
  const float = () => (state = (state * 48271) % 2147483647) / 2147483647;
  return { float, int: (lo, hi) => lo + Math.floor(float() * (hi - lo + 1)) };
}

const [width, height] = [96, 64];
const image = whiteNoise(width * height, 3).map((value) => Math.min(1, Math.max(0, 0.5 + 0.12 * value)));

describe('histogram matching', () => {
  it('finds the tone curve between two styles of the same images', () => {
    const curved = image.map((value) => value ** 2);
    const [from, to] = [newLevels(), newLevels()];
    countLevels(from, image);
    countLevels(to, curved);
    const matched = applyCurve(matchHistograms(from, to), image);
    matched.forEach((value, i) => expect(Math.abs(value - curved[i]!)).toBeLessThan(0.003));
  });

  it('gives images of another tone the distribution of the target', () => {
    const [from, to] = [newLevels(), newLevels()];
    countLevels(from, image);
    countLevels(
      to,
      image.map((value) => 1 - value),
    );
    const matched = applyCurve(matchHistograms(from, to), image);
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(matched)).toBeCloseTo(1 - mean(image), 2);
  });
});

describe('the linear filter', () => {
  it('finds the filter that made the target, and applies it, borders repeated', () => {
    const weights = new Float64Array(226);
    weights[112] = 0.6; // the middle
    weights[113] = 0.2;
    weights[97] = 0.1;
    weights[225] = 0.03; // the constant
    const target = applyFilter(weights, image, width, height);
    const fit = newFit();
    addPair(fit, image, target, { width, height, pixels: 2000, random: random() });
    const found = solveFit(fit)!;
    found.forEach((weight, i) => expect(Math.abs(weight - weights[i]!), `weight ${i}`).toBeLessThan(1e-4));
    expect(applyFilter(found, image, width, height)[0]).toBeCloseTo(target[0]!, 4);
  });

  it('has no solution without pairs, and one for flat images', () => {
    expect(solveFit(newFit())).toBeUndefined();
    const flat = new Float32Array(width * height).fill(0.25);
    const fit = newFit();
    addPair(fit, flat, flat.map((v) => 2 * v), { width, height, pixels: 500, random: random() }); // prettier-ignore
    const weights = solveFit(fit)!;
    expect(applyFilter(weights, flat, width, height)[0]).toBeCloseTo(0.5, 3);
  });
});
