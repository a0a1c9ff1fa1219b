import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyThreshold, countValues, percentile, realHistogram, wholeHistogram } from './histogram.js';
import { otsu } from './patches.js';

describe('a histogram', () => {
  const whole = (values: number[]) => {
    const histogram = wholeHistogram();
    countValues(histogram, Int16Array.from(values));
    return histogram;
  };

  it('gives percentiles as sorting does', () => {
    const values = fc.array(fc.integer({ min: -1024, max: 3071 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 100 }), (list, percent) => {
        const sorted = [...list].sort((a, b) => a - b);
        const rank = Math.max(1, Math.ceil((percent / 100) * list.length - 1e-9));
        expect(percentile(whole(list), percent)).toBe(sorted[rank - 1]);
      }),
      { numRuns: 30 },
    );
    expect(percentile(whole([]), 50)).toBeUndefined();
  });

  it('parts body from air at the same value whether or not values can be negative', () => {
    const unsigned = [0, 0, 5, 6, 40, 41, 45];
    const counts = new Float64Array(64);
    for (const value of unsigned) counts[value]!++;
    expect(bodyThreshold(whole(unsigned))).toBe(otsu(counts));
    expect(bodyThreshold(whole(unsigned.map((value) => value - 1000)))).toBe(otsu(counts) - 1000);
    expect(bodyThreshold(whole([7, 7]))).toBe(-Infinity);
  });

  it('counts real numbers between their ends, and what is no number not at all', () => {
    const histogram = realHistogram(0, 1);
    countValues(histogram, Float32Array.of(0, 0.25, 0.5, NaN, 1));
    expect(histogram.counts.reduce((sum, count) => sum + count)).toBe(4);
    expect(percentile(histogram, 50)).toBeCloseTo(0.25, 4);
    expect(bodyThreshold(histogram)).toBeCloseTo(0.5, 4);
  });
});
