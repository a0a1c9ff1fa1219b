/** @file Stored values to the network's [-1, 1] and back, by one fixed range a data set; never by the extremes of an image. */

import type { TrialData } from '../protocol.js';
import { DataError, type GreyImage } from './image.js';

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

/** The network's [-1, 1] → stored values of `bits` bits, clamped to the range and to the depth, rounded. */
export function fromNetwork(values: ArrayLike<number>, range: Range, bits: 8 | 16): Uint8Array | Uint16Array {
  const [lo, hi] = range;
  const most = 2 ** bits - 1;
  const stored = bits === 16 ? new Uint16Array(values.length) : new Uint8Array(values.length);
  for (let i = 0; i < stored.length; i++) {
    const value = Math.min(1, Math.max(-1, values[i]!));
    stored[i] = Math.min(most, Math.max(0, Math.round(lo + ((value + 1) / 2) * (hi - lo))));
  }
  return stored;
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
