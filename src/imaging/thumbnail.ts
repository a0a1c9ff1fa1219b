/** @file Small pictures for people: a part of an image as the bytes of an 8-bit PNG. */

import { pixelsLike, type GreyImage } from './image.js';
import type { Range } from './intensity.js';
import { encodePng } from './png.js';

/**
 * A rectangle of an image as an 8-bit grey PNG, black and white being the ends of the fixed range. What sticks out of the image is cut off.
 * @throws RangeError if the rectangle and the image have no pixel in common.
 */
export function region(
  image: GreyImage,
  x: number,
  y: number,
  width: number,
  height: number,
  range: Range,
): Uint8Array {
  const left = Math.max(0, x);
  const top = Math.max(0, y);
  const right = Math.min(image.width, x + width);
  const bottom = Math.min(image.height, y + height);
  if (left >= right || top >= bottom) {
    throw new RangeError(
      `No pixel of ${width} x ${height} at (${x}, ${y}) lies in an image of ${image.width} x ${image.height}.`,
    );
  }
  const [lo, hi] = range;
  const data = new Uint8Array((right - left) * (bottom - top));
  let at = 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const value = (image.data[row * image.width + column]! - lo) / (hi - lo);
      data[at++] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return encodePng({ width: right - left, height: bottom - top, bits: 8, data });
}

/** The image at 1/factor of its size: each pixel the mean of factor x factor; what does not fill a pixel is cut off. */
export function shrink(image: GreyImage, factor: number): GreyImage {
  if (factor <= 1) return image;
  const [width, height] = [Math.floor(image.width / factor), Math.floor(image.height / factor)];
  const data = pixelsLike(image.data, width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let sum = 0;
      for (let y = row * factor; y < (row + 1) * factor; y++) {
        for (let x = column * factor; x < (column + 1) * factor; x++) sum += image.data[y * image.width + x]!;
      }
      data[row * width + column] = Math.round(sum / factor ** 2);
    }
  }
  return { ...image, width, height, data };
}
