/** @file Patches: where they may be cut, by chance or inside the body, and cutting them without copying the image. */
import type { Random } from './dataset.js';
import type { GreyImage } from './image.js';
import type { Range } from './intensity.js';

/** Upper left corner of a patch. */
export interface Position {
  left: number;
  top: number;
}

/** Below this share of pixels inside the body a patch counts as blank. */
export const BLANK_BELOW = 0.01;

/** Any position at which the whole patch lies inside the image, all equally likely. */
export function randomPosition(
  random: Random,
  { width, height }: Pick<GreyImage, 'width' | 'height'>,
  patch: number,
): Position {
  const left = random.int(0, width - patch);
  return { left, top: random.int(0, height - patch) };
}

/**
 * Cuts a patch out of an image.
 * @param range stored values that -1 and 1 stand for; values beyond are clamped
 * @param out filled with patch² values in [-1, 1], row-major
 * @returns how many of its pixels lie inside the body, that is above `threshold` as stored
 */
export function cutPatch(
  { width, data }: GreyImage,
  { left, top }: Position,
  patch: number,
  [lo, hi]: Range,
  threshold: number,
  out: Float32Array,
): number {
  const scale = 2 / (hi - lo);
  let [at, inside] = [0, 0];
  for (let y = top; y < top + patch; y++) {
    const row = y * width;
    for (let x = left; x < left + patch; x++) {
      const stored = data[row + x]!;
      if (stored > threshold) inside++;
      const value = (stored - lo) * scale - 1;
      out[at++] = value < -1 ? -1 : value > 1 ? 1 : value;
    }
  }
  return inside;
}

/**
 * The threshold that parts a histogram into two classes with the largest variance between them (Otsu 1979): the largest value of the
 * lower class. An empty histogram, and one of a single value, gives -1: everything is inside.
 * @param histogram count by stored value
 */
export function otsu(histogram: ArrayLike<number>): number {
  let [total, sum] = [0, 0];
  for (let value = 0; value < histogram.length; value++) {
    total += histogram[value]!;
    sum += value * histogram[value]!;
  }
  let [below, sumBelow, best, threshold] = [0, 0, 0, -1];
  for (let value = 0; value < histogram.length; value++) {
    below += histogram[value]!;
    sumBelow += value * histogram[value]!;
    const above = total - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (sumBelow / below - (sum - sumBelow) / above) ** 2;
    if (between > best) [best, threshold] = [between, value];
  }
  return threshold;
}

/**
 * For every row of positions, how many positions in the rows before it have their centre inside the body; the last entry is the number of
 * all. The centre of a patch is the pixel patch/2 to the right of and below its corner.
 * @returns [height - patch + 2]
 */
export function countCentres(
  { width, height, data }: GreyImage,
  patch: number,
  threshold: number,
): Uint32Array {
  const half = patch >> 1;
  const counts = new Uint32Array(height - patch + 2);
  for (let top = 0; top <= height - patch; top++) {
    let inside = 0;
    const row = (top + half) * width + half;
    for (let left = 0; left <= width - patch; left++) if (data[row + left]! > threshold) inside++;
    counts[top + 1] = counts[top]! + inside;
  }
  return counts;
}

/**
 * A position whose centre lies inside the body, all equally likely; any position where an image has none.
 * @param counts what countCentres gave for this image, patch and threshold
 */
export function positionInside(
  random: Random,
  image: GreyImage,
  patch: number,
  threshold: number,
  counts: Uint32Array,
): Position {
  const all = counts[counts.length - 1]!;
  if (all === 0) return randomPosition(random, image, patch);
  const wanted = random.int(0, all - 1);
  // The last row that starts at or before the one that is wanted.
  let [top, end] = [0, counts.length - 1];
  while (end - top > 1) {
    const middle = (top + end) >> 1;
    if (counts[middle]! <= wanted) top = middle;
    else end = middle;
  }
  const half = patch >> 1;
  const row = (top + half) * image.width + half;
  let left = -1;
  for (let toPass = wanted - counts[top]!; toPass >= 0;) {
    left++;
    if (image.data[row + left]! > threshold) toPass--;
  }
  return { left, top };
}
