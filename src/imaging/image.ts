/** @file An image as the project holds it, and the errors that name the file and the reason. */

/** Row-major values of one grey channel. */
export type Pixels = Uint8Array | Uint16Array | Int16Array | Float32Array;

/** One grey image, [height * width] values: as stored, or what the file's rescale makes of them. */
export interface GreyImage {
  width: number;
  height: number;
  /** Bits of a stored value: 1 to 16, or 32 for real numbers. */
  bits: number;
  data: Pixels;
  /** What the values mean, where the file says it: Hounsfield units of a CT. */
  unit?: 'HU';
  /** The least and the largest value that the file could hold; missing: 0 to 2^bits - 1. */
  limits?: [number, number];
}

/** The least and the largest value that an image's file could hold. Of real numbers nothing is known but that they are finite. */
export function limitsOf({ bits, limits }: Pick<GreyImage, 'bits' | 'limits'>): [number, number] {
  return limits ?? [0, 2 ** bits - 1];
}

/** Values of the same type as `like`, all 0. */
export function pixelsLike(like: Pixels, length: number): Pixels {
  if (like instanceof Uint8Array) return new Uint8Array(length);
  if (like instanceof Uint16Array) return new Uint16Array(length);
  return like instanceof Int16Array ? new Int16Array(length) : new Float32Array(length);
}

/** A copy of the rectangle whose upper left corner is at (left, top); it must lie in the image. */
export function cutOut(
  image: GreyImage,
  left: number,
  top: number,
  width: number,
  height: number,
): GreyImage {
  const data = pixelsLike(image.data, width * height);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * image.width + left;
    data.set(image.data.subarray(from, from + width), row * width);
  }
  return { ...image, width, height, data };
}

/** An image folder or file that cannot be used. The message names it, the reason and what to do; exit code 65 in a trial, 2 in a command. */
export class DataError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataError';
  }
}
