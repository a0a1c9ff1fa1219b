/** @file The images of a domain in memory, as stored, and the patches that a training step draws from them. */

import type { ImageFile } from './folder.js';
import { DataError, type GreyImage } from './image.js';
import type { Range } from './intensity.js';
import { readPng } from './png.js';

/** A source of random numbers with a state that can be saved. */
export interface Random {
  /** A whole number from lo to hi, both included. */
  int(lo: number, hi: number): number;
  /** From 0 (included) to 1 (excluded). */
  float(): number;
}

/**
 * Reads images once, in the order given, and keeps them as stored: 1 or 2 bytes a pixel. Sizes may differ.
 * @throws DataError if a file cannot be used, if an image is smaller than a patch, or if bit depths are mixed.
 */
export async function loadImages(files: readonly ImageFile[], patch: number): Promise<GreyImage[]> {
  const images: GreyImage[] = [];
  for (const file of files) {
    const image = await readPng(file.path);
    if (image.width < patch || image.height < patch) {
      throw new DataError(
        `${file.path}: ${image.width} x ${image.height} pixels are too few for a patch of ${patch} x ${patch}. ` +
          'Leave the image out, or choose a smaller patch.',
      );
    }
    const first = images[0];
    if (first !== undefined && image.bits !== first.bits) {
      throw new DataError(
        `${file.path}: has ${image.bits} bits, but ${files[0]!.path} has ${first.bits}. Save all images with one depth.`,
      );
    }
    images.push(image);
  }
  return images;
}

/** Memory that images take, in bytes. */
export function bytes(images: readonly GreyImage[]): number {
  return images.reduce((sum, image) => sum + image.data.byteLength, 0);
}

/**
 * Draws a batch: for each sample a fresh image and a fresh position, all equally likely. Copies only the patches.
 * @param range stored values that -1 and 1 stand for; values beyond are clamped.
 * @param out [batch, patch, patch, 1], filled with values in [-1, 1].
 */
export function drawPatches(
  random: Random,
  images: readonly GreyImage[],
  patch: number,
  batch: number,
  range: Range,
  out: Float32Array,
): void {
  if (images.length === 0) throw new RangeError('There are no images to draw patches from.');
  if (out.length !== batch * patch * patch) {
    throw new RangeError(`${batch} patches of ${patch} x ${patch} do not fit ${out.length} values.`);
  }
  const [lo, hi] = range;
  const scale = 2 / (hi - lo);
  let at = 0;
  for (let sample = 0; sample < batch; sample++) {
    const { width, height, data } = images[random.int(0, images.length - 1)]!;
    const left = random.int(0, width - patch);
    const top = random.int(0, height - patch);
    for (let y = top; y < top + patch; y++) {
      const row = y * width;
      for (let x = left; x < left + patch; x++) {
        const value = (data[row + x]! - lo) * scale - 1;
        out[at++] = value < -1 ? -1 : value > 1 ? 1 : value;
      }
    }
  }
}
