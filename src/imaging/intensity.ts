/** @file Stored values to the network's [-1, 1] and back, by one fixed range a data set; never by the extremes of an image. */

import type { TrialData } from '../protocol.js';
import { DataError, limitsOf, pixelsLike, type GreyImage, type Pixels } from './image.js';

/** Stored values that the network's -1 and 1 stand for. */
export type Range = [number, number];

/** What `auto` takes for a CT: from air to the most that 12 bits with the usual intercept of -1024 hold, metal and bone included. */
const HOUNSFIELD_WINDOW: Range = [-1024, 3071];

/** What the values of an image are. */
export type ImageKind = Pick<GreyImage, 'bits' | 'unit' | 'limits'>;

export function kindOf({ bits, unit, limits }: ImageKind): ImageKind {
  return { bits, ...(unit === undefined ? {} : { unit }), ...(limits === undefined ? {} : { limits }) };
}

/** Whether one range can mean the same intensity in both: of one unit, and where the files say nothing of a scale of one depth. */
export function sameKind(a: ImageKind, b: ImageKind): boolean {
  return a.unit === b.unit && (a.bits === b.bits || (a.limits !== undefined && b.limits !== undefined));
}

export function sameLimits(a: ImageKind, b: ImageKind): boolean {
  const [[loA, hiA], [loB, hiB]] = [limitsOf(a), limitsOf(b)];
  return a.unit === b.unit && loA === loB && hiA === hiB;
}

export function inWords(kind: ImageKind): string {
  if (kind.unit === 'HU') return 'Hounsfield units';
  return kind.bits === 32 ? 'real numbers' : `${kind.bits} bits`;
}

/**
 * The range of a data set: as given; of a CT the window of Hounsfield units; else the full range of the stored bit depth.
 * @param kinds of all images of both domains, each at least once
 * @param percentileOf the p-th percentile of all training images, by domain, for a range that is given by percentiles
 * @throws DataError if values mean different things, or the range is empty or not known.
 */
export async function resolveRange(
  range: TrialData['range'],
  kinds: readonly ImageKind[],
  percentileOf: (percent: number) => Promise<number[]>,
): Promise<Range> {
  const [first] = kinds;
  if (first === undefined) throw new DataError('No images: there is nothing to take a range from.');
  const other = kinds.find((kind) => !sameKind(first, kind));
  if (other !== undefined) {
    throw new DataError(
      `Some images hold ${inWords(first)} and some ${inWords(other)}: one range cannot mean the same intensity in both. ` +
        'Save all of them, in X and Y, in one form.',
    );
  }
  if (range === 'auto') {
    if (first.unit === 'HU') return HOUNSFIELD_WINDOW;
    const [lo, hi] = limitsOf(first);
    if (!kinds.every((kind) => sameLimits(first, kind)) || !Number.isFinite(hi - lo)) {
      const why = Number.isFinite(hi - lo)
        ? 'files differ in what they could hold'
        : 'real numbers have no full range';
      throw new DataError(
        `range: auto: ${why}. Set range: percentiles, or range: [lowest, highest]; sweep data inspect shows the values.`,
      );
    }
    return [lo, hi];
  }
  if (!Array.isArray(range)) {
    const [lowest, highest] = range.percentiles;
    // The lower end of the domain that begins lower, the upper end of the other: both styles fit, however many images each has.
    const [lo, hi] = [Math.min(...(await percentileOf(lowest))), Math.max(...(await percentileOf(highest)))];
    if (!(lo < hi)) {
      throw new DataError(
        `range: percentiles: the training images hold one value (${lo}); there is no range.`,
      );
    }
    return [lo, hi];
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
