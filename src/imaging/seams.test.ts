import { expect, test } from 'vitest';
import { whiteNoise } from './phantom-raster.js';
import { seamScore } from './seams.js';

test('seams show where tiles differ in brightness, and only there', () => {
  const smooth = whiteNoise(96 * 64, 7).map((value) => 0.02 * value);
  const tiled = smooth.map((value, i) => value + (Math.floor((i % 96) / 32) % 2) * 0.3);
  expect(seamScore(smooth, 96, [32, 64], [32])).toBeCloseTo(1, 0);
  expect(seamScore(tiled, 96, [32, 64], [])).toBeGreaterThan(5);
  expect(seamScore(tiled, 96, [], [32])).toBeLessThan(1);
  expect(seamScore(smooth, 96, [], [])).toBeNaN();
});
