/** @file NIfTI-1 volumes out: one file, little endian. Fields: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h */
import type { Pixels } from './image.js';
import type { ItkImage } from './itk.js';

const HEADER = 348;
/** Of the first value: the header, and four bytes that say that nothing else follows it. */
const DATA_AT = 352;
const MILLIMETRES = 2;
/** Coordinates of the scanner. */
const SCANNER = 1;

/** Code of the type of values, and its bits. */
function typeOf(data: Pixels): [code: number, bits: number] {
  if (data instanceof Uint8Array) return [2, 8];
  if (data instanceof Int16Array) return [4, 16];
  return data instanceof Uint16Array ? [512, 16] : [16, 32];
}

/**
 * The bytes of a NIfTI-1 file.
 * @param geometry as a volume was read with: axes to the left, to the back and to the head. NIfTI's first two point the other way
 * @param data values in the order of `size`, the first axis fastest
 * @param description plain ASCII, of which 79 characters are kept
 */
export function encodeNifti(
  { size, spacing, origin, direction }: Pick<ItkImage, 'size' | 'spacing' | 'origin' | 'direction'>,
  data: Pixels,
  description: string,
): Uint8Array {
  const head = Buffer.alloc(DATA_AT);
  const axes = Math.round(Math.sqrt(direction.length));
  const [code, bits] = typeOf(data);
  head.writeInt32LE(HEADER, 0);
  head.writeInt16LE(3, 40); // dim[0]
  for (let axis = 0; axis < 7; axis++) head.writeInt16LE(size[axis] ?? 1, 42 + 2 * axis);
  head.writeInt16LE(code, 70);
  head.writeInt16LE(bits, 72);
  head.writeFloatLE(1, 76); // pixdim[0]
  for (let axis = 0; axis < 3; axis++) head.writeFloatLE(spacing[axis] ?? 1, 80 + 4 * axis);
  head.writeFloatLE(DATA_AT, 108);
  head.writeFloatLE(1, 112); // scl_slope
  head.writeUInt8(MILLIMETRES, 123);
  head.write(description.slice(0, 79), 148, 'latin1');
  head.writeInt16LE(SCANNER, 254); // sform_code; there is no quaternion
  for (let row = 0; row < 3; row++) {
    const turned = row < 2 ? -1 : 1;
    for (let axis = 0; axis < 3; axis++) {
      const along = row < axes && axis < axes ? direction[row * axes + axis]! : row === axis ? 1 : 0;
      head.writeFloatLE(turned * along * (spacing[axis] ?? 1), 280 + 16 * row + 4 * axis);
    }
    head.writeFloatLE(turned * (origin[row] ?? 0), 280 + 16 * row + 12);
  }
  head.write('n+1\0', 344, 'latin1');
  return Buffer.concat([head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}
