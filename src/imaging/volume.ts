/** @file NIfTI and MetaImage volumes, taken apart into slices along an axis of the body. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { DataError, type GreyImage, type Pixels } from './image.js';
import { readByItk, type ItkImage, type ItkReader } from './itk.js';
import { systemReason } from './png.js';

/** Directions along which a volume is cut into slices: the body's long axis, front to back, side to side. */
export const AXES = ['axial', 'coronal', 'sagittal'] as const;
export type Axis = (typeof AXES)[number];

/** One slice of a volume. */
export interface Slice {
  axis: Axis;
  /** From 0, in the order in which the file holds them. */
  index: number;
}

/** The volume that was read last: its slices are asked for one after another. */
let last: { file: string; volume: Promise<Volume> } | undefined;

export interface Volume extends ItkImage {
  size: [number, number, number];
}

const READERS: [RegExp, ItkReader][] = [
  [/\.nii(\.gz)?$/i, 'nifti'],
  [/\.mha$/i, 'meta'],
];

export function isVolume(file: string): boolean {
  return READERS.some(([ending]) => ending.test(file));
}

/**
 * How many slices a volume has along an axis.
 * @throws DataError if the file is no volume of one grey value a place
 */
export async function countSlices(file: string, axis: Axis): Promise<number> {
  const volume = await open(file, 'head');
  return volume.size[axisOf(volume, axis)];
}

/**
 * One slice of a volume, values as the file's own scale makes them. Of the two axes that are left, the one that is stored first runs along a row.
 * @throws DataError if the file cannot be read, or has no such slice
 */
export async function readSlice(
  file: string,
  { axis, index }: Slice,
): Promise<GreyImage & { spacing: [number, number] }> {
  if (last?.file !== file) last = { file, volume: open(file, 'all') };
  const volume = await last.volume.catch((error: unknown) => {
    last = undefined;
    throw error;
  });
  const { size, values, spacing } = volume;
  const across = axisOf(volume, axis);
  if (index < 0 || index >= size[across]) {
    throw new DataError(`${file}: has ${size[across]} ${axis} slices, and none of number ${index}.`);
  }
  if (index === size[across] - 1) last = undefined;
  const [row, column] = [0, 1, 2].filter((one) => one !== across) as [number, number];
  const stride = [1, size[0], size[0] * size[1]];
  const [width, height] = [size[row]!, size[column]!];
  const kind = kindOf(values);
  const data = kind.empty(width * height);
  let at = 0;
  for (let y = 0; y < height; y++) {
    let from = index * stride[across]! + y * stride[column]!;
    for (let x = 0; x < width; x++, from += stride[row]!) data[at++] = values[from]!;
  }
  const image: GreyImage = { width, height, bits: kind.bits, data };
  if (kind.limits !== undefined) image.limits = kind.limits;
  return { ...image, spacing: [spacing[column] ?? 1, spacing[row] ?? 1] };
}

/** A whole volume. @throws DataError if the file is no volume of one grey value a place */
export function readVolume(file: string): Promise<Volume> {
  return open(file, 'all');
}

/** Writes a slice, as `readSlice` gives it, into the values of a whole volume. */
export function putSlice(volume: Volume, { axis, index }: Slice, slice: Pixels, into: Pixels): void {
  const { size } = volume;
  const across = axisOf(volume, axis);
  const [row, column] = [0, 1, 2].filter((one) => one !== across) as [number, number];
  const stride = [1, size[0], size[0] * size[1]];
  let at = 0;
  for (let y = 0; y < size[column]!; y++) {
    let to = index * stride[across]! + y * stride[column]!;
    for (let x = 0; x < size[row]!; x++, to += stride[row]!) into[to] = slice[at++]!;
  }
}

function kindOf(values: ItkImage['values']) {
  if (values instanceof Uint8Array) return { bits: 8, empty: (length: number) => new Uint8Array(length) };
  if (values instanceof Uint16Array) return { bits: 16, empty: (length: number) => new Uint16Array(length) };
  if (values instanceof Int8Array || values instanceof Int16Array) {
    const limits: [number, number] = values instanceof Int8Array ? [-128, 127] : [-32768, 32767];
    return { bits: 8 * values.BYTES_PER_ELEMENT, limits, empty: (length: number) => new Int16Array(length) };
  }
  const limits: [number, number] = [-Infinity, Infinity];
  return { bits: 32, limits, empty: (length: number) => new Float32Array(length) };
}

async function open(file: string, part: 'head' | 'all'): Promise<Volume> {
  const reader = READERS.find(([ending]) => ending.test(file))![1];
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${systemReason(error)}).`, { cause: error });
  }
  let image: ItkImage;
  try {
    // The libraries take what is missing at the end of a file for zeros.
    if (/\.gz$/i.test(file)) content = gunzipSync(content);
    if (reader === 'nifti') requireWholeNifti(content);
    image = await readByItk(reader, content, reader === 'nifti' ? 'volume.nii' : 'volume.mha', part);
  } catch (error) {
    throw new DataError(
      `${file}: the file is truncated, broken, or not what its ending says. Copy or export it again.`,
      {
        cause: error,
      },
    );
  }
  if (image.components !== 1) {
    throw new DataError(
      `${file}: holds ${image.components} values a place (colour or vectors); training needs one.`,
    );
  }
  const [first = 1, second = 1, third = 1, ...more] = image.size;
  if (more.some((side) => side > 1)) {
    throw new DataError(
      `${file}: has ${image.size.length} axes (${image.size.join(' x ')}), as a series in time does; read are volumes of 3. Export one of them.`,
    );
  }
  return { ...image, size: [first, second, third] };
}

/**
 * Bytes as many as the head promises: NIfTI-1 and NIfTI-2, fields dim, bitpix and vox_offset.
 * @throws RangeError if some are missing
 */
function requireWholeNifti(content: Uint8Array): void {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const little = [348, 540].includes(view.getInt32(0, true));
  const second = view.getInt32(0, little) === 540;
  const dim = (at: number) =>
    second ? Number(view.getBigInt64(16 + 8 * at, little)) : view.getInt16(40 + 2 * at, little);
  const bits = view.getInt16(second ? 14 : 72, little);
  const offset = second ? Number(view.getBigInt64(168, little)) : view.getFloat32(108, little);
  let values = 1;
  for (let at = 1; at <= dim(0); at++) values *= dim(at);
  if (content.length < offset + (values * bits) / 8)
    throw new RangeError('the file is shorter than its head says');
}

/** The axis of the stored values that lies closest to an axis of the body; the third of what has only two. */
function axisOf({ direction, size }: ItkImage, axis: Axis): 0 | 1 | 2 {
  const axes = Math.round(Math.sqrt(direction.length));
  if (axes < 3 || size.length < 3) return 2;
  const body = { sagittal: 0, coronal: 1, axial: 2 };
  const nearest = (row: number, free: number[]) =>
    free.reduce((best, column) =>
      Math.abs(direction[row * axes + column]!) > Math.abs(direction[row * axes + best]!) ? column : best,
    );
  // Each stored axis stands for one of the body, also where all are oblique: the head first, then front and back.
  const free = [0, 1, 2];
  for (const one of ['axial', 'coronal', 'sagittal'] as const) {
    const column = nearest(body[one], free);
    if (one === axis) return column as 0 | 1 | 2;
    free.splice(free.indexOf(column), 1);
  }
  return 2;
}
