import { describe, expect, it } from 'vitest';
import { FEATURES, tileFeatures } from './features.js';
import { whiteNoise } from './phantom-raster.js';

const noise = whiteNoise(256 * 200, 3).map((value) => Math.min(1, Math.max(0, 0.5 + 0.1 * value)));

describe('tileFeatures', () => {
  it('gives a row a tile of about 128 pixels, the same again, all finite', () => {
    const rows = tileFeatures(noise, 256, 200);
    expect(rows).toHaveLength(4);
    expect(tileFeatures(noise, 256, 200)).toEqual(rows);
    for (const row of rows) {
      expect(row).toHaveLength(FEATURES);
      row.forEach((value) => expect(Math.abs(value)).toBeLessThan(1.5));
    }
    expect(tileFeatures(noise.subarray(0, 40 * 20), 40, 20)).toHaveLength(1);
  });

  it('sees tone, sharpness and noise', () => {
    const [plain] = tileFeatures(noise, 256, 200);
    const [brighter] = tileFeatures(noise.map((value) => value + 0.1), 256, 200); // prettier-ignore
    const [quieter] = tileFeatures(noise.map((value) => 0.5 + (value - 0.5) / 10), 256, 200); // prettier-ignore
    expect(brighter![0]! - plain![0]!).toBeCloseTo(0.1, 2);
    // A tenth of the noise is a decade less of every edge: half a unit.
    expect(plain![10]! - quieter![10]!).toBeCloseTo(0.5, 1);
  });
});
