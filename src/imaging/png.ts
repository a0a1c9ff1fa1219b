/** @file Grey PNG files in and out: 8 and 16 bit, nothing lost, nothing guessed. */

import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { decode, hasPngSignature } from 'fast-png';
import { DataError, type GreyImage } from './image.js';

const SIGNATURE = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Colour types of the PNG standard, section 11.2.1. */
const GREY = 0;
const GREY_ALPHA = 4;
const REFUSED: Record<number, string> = {
  2: 'a colour PNG (RGB)',
  3: 'a palette PNG',
  6: 'a colour PNG (RGB with alpha)',
};

/** Bytes before the end of the IHDR chunk: 8 of signature, 8 of chunk head, 13 of fields, 4 of checksum. */
const HEADER_BYTES = 33;

/** Deflate level of files that we write: most of an image's bytes are noise, which no level makes smaller. */
const LEVEL = 1;

/**
 * Reads a grey PNG as stored: 8 or 16 bits; 1, 2 and 4 bits are scaled up to 8. An alpha channel that is opaque everywhere is dropped.
 * @throws DataError naming the file for anything else: colour, palette, transparency, another format, a broken file.
 */
export async function readPng(file: string): Promise<GreyImage> {
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${systemReason(error)}).`, { cause: error });
  }
  return decodePng(content, file);
}

/** As readPng, from the bytes of a file; `name` is what an error calls it. */
export function decodePng(content: Uint8Array, name: string): GreyImage {
  if (!hasPngSignature(content)) {
    throw new DataError(
      `${name}: not a PNG file, whatever its name says. Convert it to a grey PNG of 8 or 16 bits.`,
    );
  }
  if (content.length < HEADER_BYTES) throw brokenFile(name);
  const depth = content[24];
  const colourType = content[25]!;
  const interlaced = content[28] !== 0;
  const refused = REFUSED[colourType];
  if (refused !== undefined) {
    throw new DataError(
      `${name}: this is ${refused}; training needs one grey channel. ` +
        'If its channels hold the same grey values, convert it: magick IN.png -colorspace Gray -define png:color-type=0 OUT.png',
    );
  }
  if (colourType !== GREY && colourType !== GREY_ALPHA) throw brokenFile(name);
  if (interlaced && depth !== 8 && depth !== 16) {
    throw new DataError(`${name}: an interlaced PNG of ${depth} bits. Save it without interlacing.`);
  }

  let png;
  try {
    png = decode(content, { checkCrc: true });
  } catch (error) {
    throw brokenFile(name, error);
  }
  const { width, height } = png;
  const pixels = width * height;
  if (png.depth < 8) {
    if (png.transparency !== undefined) throw transparentFile(name);
    return { width, height, bits: 8, data: unpack(png.data, width, height, png.depth) };
  }
  if (png.data.length !== pixels * png.channels) throw brokenFile(name);
  const bits = png.depth === 16 ? 16 : 8;
  const data =
    png.data instanceof Uint16Array
      ? png.data
      : new Uint8Array(png.data.buffer, png.data.byteOffset, png.data.length);
  if (png.channels === 2) return { width, height, bits, data: dropOpaqueAlpha(data, bits, name) };
  const transparent = png.transparency?.[0];
  if (transparent !== undefined && data.includes(transparent)) throw transparentFile(name);
  return { width, height, bits, data };
}

/** The bytes of a grey PNG file. */
export function encodePng(image: GreyImage): Uint8Array {
  const { width, height, bits, data } = image;
  const fits = bits === 16 ? data instanceof Uint16Array : bits === 8 && data instanceof Uint8Array;
  if (data.length !== width * height || !fits) {
    throw new RangeError(
      `An image of ${width} x ${height} with ${bits} bits does not match its ${data.length} values.`,
    );
  }
  // fast-png would do, but takes five times as long as Node's own zlib, and a phantom is mostly the writing of files.
  const rowBytes = 1 + (width * bits) / 8;
  const rows = Buffer.alloc(height * rowBytes);
  for (let y = 0; y < height; y++) {
    // Each row starts with its filter: 0, none.
    let to = y * rowBytes + 1;
    for (let i = y * width; i < (y + 1) * width; i++) {
      const value = data[i]!;
      if (bits === 16) rows[to++] = value >> 8;
      rows[to++] = value;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = bits;
  header[9] = GREY;
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: LEVEL })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A chunk of the PNG standard, section 5.3: length, type, data, checksum of type and data. */
function chunk(type: string, data: Uint8Array): Buffer {
  const framed = Buffer.alloc(data.length + 12);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, 'latin1');
  framed.set(data, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, data.length + 8)), data.length + 8);
  return framed;
}

/**
 * Writes a grey PNG under a temporary name and renames it when whole.
 * @throws DataError if the file cannot be written.
 */
export async function writePng(file: string, image: GreyImage): Promise<void> {
  await writeWhole(file, encodePng(image));
}

/** Writes a file so that no reader ever sees half of it. */
export async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(
    dirname(file),
    `.${basename(file)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    await writeFile(temporary, content);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new DataError(`${file}: cannot be written (${systemReason(error)}).`, { cause: error });
  }
}

/** Why the system refused, in words. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left',
    EDQUOT: 'the quota is used up',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is a file, not a folder',
    ENAMETOOLONG: 'the name is too long',
    EMFILE: 'too many open files',
  };
  return words[code] ?? (code === '' ? 'for an unknown reason' : code);
}

function brokenFile(name: string, cause?: unknown): DataError {
  return new DataError(`${name}: the PNG is truncated or broken. Copy or export it again.`, { cause });
}

function transparentFile(name: string): DataError {
  return new DataError(
    `${name}: the PNG has transparent pixels; what lies behind them is not in the file. Save it without transparency.`,
  );
}

/** [height * width * 2] grey and alpha in turn → [height * width] grey. */
function dropOpaqueAlpha(
  data: Uint8Array | Uint16Array,
  bits: 8 | 16,
  name: string,
): Uint8Array | Uint16Array {
  const opaque = 2 ** bits - 1;
  const grey = bits === 16 ? new Uint16Array(data.length / 2) : new Uint8Array(data.length / 2);
  for (let i = 0; i < grey.length; i++) {
    if (data[2 * i + 1] !== opaque) throw transparentFile(name);
    grey[i] = data[2 * i]!;
  }
  return grey;
}

/** Rows of packed 1, 2 or 4 bit values, each row padded to a byte → one byte a pixel, 0 to 255. */
function unpack(packed: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const shift = 8 - depth - (bit % 8);
      data[y * width + x] = (((packed[y * rowBytes + (bit >> 3)] ?? 0) >> shift) & most) * (255 / most);
    }
  }
  return data;
}
