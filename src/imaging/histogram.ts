/** @file Counts of values over many images, and what they say: percentiles, and the threshold that parts body from air. */
import type { Pixels } from './image.js';
import { otsu } from './patches.js';

/** Counts by value: bin `i` holds what is nearest to lo + i · step. */
export interface Histogram {
  lo: number;
  step: number;
  counts: Float64Array;
}

const LEAST_WHOLE = -32768;
const MOST_WHOLE = 65535;
/** Bins that real numbers are counted in. */
const BINS = 2 ** 16;

/** For whole numbers of 8 or 16 bits, with or without sign: a bin a value. */
export function wholeHistogram(): Histogram {
  return { lo: LEAST_WHOLE, step: 1, counts: new Float64Array(MOST_WHOLE - LEAST_WHOLE + 1) };
}

/** For real numbers between two ends. */
export function realHistogram(lo: number, hi: number): Histogram {
  return { lo, step: (hi - lo) / (BINS - 1) || 1, counts: new Float64Array(BINS) };
}

/** Counts the values of an image in. Beyond the ends they count as the ends, and what is no number not at all. */
export function countValues({ lo, step, counts }: Histogram, values: Pixels): void {
  if (step === 1 && !(values instanceof Float32Array)) {
    for (let i = 0; i < values.length; i++) counts[values[i]! - lo]!++;
    return;
  }
  const last = counts.length - 1;
  for (let i = 0; i < values.length; i++) {
    const bin = Math.round((values[i]! - lo) / step);
    if (!Number.isNaN(bin)) counts[bin < 0 ? 0 : bin > last ? last : bin]!++;
  }
}

/** The smallest value that at least `percent` of all values reach or stay below; undefined where none were counted. */
export function percentile({ lo, step, counts }: Histogram, percent: number): number | undefined {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin]!;
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    below += counts[bin]!;
    if (counts[bin]! > 0 && below >= (percent / 100) * total) return lo + bin * step;
  }
  return undefined;
}

/** The value above which a pixel belongs to the body, by Otsu's threshold; -Infinity where there is one value only: all is inside. */
export function bodyThreshold({ lo, step, counts }: Histogram): number {
  // From 0 where nothing lies below, so that rounding is the same as without the bins for negative values.
  const first = counts.findIndex((count) => count > 0);
  const start = step === 1 && lo < 0 && first >= -lo ? -lo : Math.max(0, first);
  const bin = otsu(counts.subarray(start));
  return bin < 0 ? -Infinity : lo + (start + bin) * step;
}
