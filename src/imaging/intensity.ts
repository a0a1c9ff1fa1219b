/** @file Stored values to the network's [-1, 1] and back, by one fixed range a data set; never by the extremes of an image. */

import type { TrialData } from '../protocol.js';
import { DataError, limitsOf, pixelsLike, type GreyImage, type Pixels } from './image.js';

/** Stored values that the network's -1 and 1 stand for. */
export type Range = [number, number];

/**
 * The range of a data set: as given, or the full range of the stored bit depth.
 * @throws DataError if bit depths are mixed or the range is empty.
 */
export function resolveRange(range: TrialData['range'], images: Iterable<Pick<GreyImage, 'bits'>>): Range {
  const depths = new Set<number>();
  for (const { bits } of images) depths.add(bits);
  if (depths.size > 1) {
    throw new DataError(
      'Some images have 8 bits and some 16: one range cannot mean the same intensity in both. Save all of them, in X and Y, with one depth.',
    );
  }
  if (range === 'auto') {
    const [bits] = depths;
    if (bits === undefined) throw new DataError('No images: range: auto has no bit depth to go by.');
    return [0, 2 ** bits - 1];
  }
  const [lo, hi] = range;
  if (!(lo < hi))
    throw new DataError(`range: [${lo}, ${hi}] is empty: the second value must be larger than the first.`);
  return [lo, hi];
}

/** Stored values → [-1, 1], values beyond the range clamped. `out` has the length of `stored`. */
export function toNetwork(
  stored: ArrayLike<number>,
  range: Range,
  out = new Float32Array(stored.length),
): Float32Array {
  return linear(stored, range, -1, 1, out);
}

/** Stored values → [0, 1], values beyond the range clamped: what metrics are computed on. */
export function toUnit(
  stored: ArrayLike<number>,
  range: Range,
  out = new Float32Array(stored.length),
): Float32Array {
  return linear(stored, range, 0, 1, out);
}

/** The network's [-1, 1] → [0, 1], clamped: what metrics are computed on. */
export function networkToUnit(
  values: ArrayLike<number>,
  out = new Float32Array(values.length),
): Float32Array {
  return linear(values, [-1, 1], 0, 1, out);
}

/**
 * The network's [-1, 1] → values as those of `like`: of its type, clamped to the range and to what its file could hold, rounded where they are
 * whole numbers.
 */
export function fromNetwork(
  values: ArrayLike<number>,
  range: Range,
  like: Pick<GreyImage, 'bits' | 'limits' | 'data'>,
): Pixels {
  const [lo, hi] = range;
  const [least, most] = limitsOf(like);
  const out = pixelsLike(like.data, values.length);
  const whole = !(out instanceof Float32Array);
  for (let i = 0; i < out.length; i++) {
    const value = lo + ((Math.min(1, Math.max(-1, values[i]!)) + 1) / 2) * (hi - lo);
    out[i] = Math.min(most, Math.max(least, whole ? Math.round(value) : value));
  }
  return out;
}

function linear(
  values: ArrayLike<number>,
  [lo, hi]: Range,
  outLo: number,
  outHi: number,
  out: Float32Array,
): Float32Array {
  const scale = (outHi - outLo) / (hi - lo);
  for (let i = 0; i < values.length; i++) {
    const value = outLo + (values[i]! - lo) * scale;
    out[i] = value < outLo ? outLo : value > outHi ? outHi : value;
  }
  return out;
}
