/** @file Grey TIFF files out: baseline TIFF 6.0, one strip, uncompressed, little endian. */
import type { Pixels } from './image.js';

/** Tags of TIFF 6.0 section 8, and SampleFormat of section 19. */
const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  description: 270,
  offset: 273,
  samples: 277,
  rows: 278,
  bytes: 279,
  format: 339,
} as const;
const [ASCII, SHORT, LONG] = [2, 3, 4];
/** SampleFormat: how the bits of a value are read. */
const [UNSIGNED, SIGNED, FLOAT] = [1, 2, 3];

const HEADER = 8;
const ENTRY = 12;

/**
 * The bytes of a TIFF file.
 * @param data [height * width]: 8 or 16 bits, with or without sign, or real numbers of 32 bits
 * @param description plain ASCII, for ImageDescription
 */
export function encodeTiff(width: number, height: number, data: Pixels, description: string): Uint8Array {
  const text = Buffer.from(`${description}\0`, 'latin1');
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const format = data instanceof Float32Array ? FLOAT : data instanceof Int16Array ? SIGNED : UNSIGNED;
  const textAt = HEADER + pixels.length + (pixels.length % 2);
  const directoryAt = textAt + text.length + (text.length % 2);
  const entries: [tag: number, type: number, count: number, value: number][] = [
    [TAG.width, LONG, 1, width],
    [TAG.height, LONG, 1, height],
    [TAG.bits, SHORT, 1, 8 * data.BYTES_PER_ELEMENT],
    [TAG.compression, SHORT, 1, 1], // none
    [TAG.photometric, SHORT, 1, 1], // black is zero
    [TAG.description, ASCII, text.length, textAt],
    [TAG.offset, LONG, 1, HEADER],
    [TAG.samples, SHORT, 1, 1],
    [TAG.rows, LONG, 1, height],
    [TAG.bytes, LONG, 1, pixels.length],
    [TAG.format, SHORT, 1, format],
  ];
  const file = Buffer.alloc(directoryAt + 2 + ENTRY * entries.length + 4);
  file.write('II', 0, 'latin1');
  file.writeUInt16LE(42, 2);
  file.writeUInt32LE(directoryAt, 4);
  file.set(pixels, HEADER);
  file.set(text, textAt);
  file.writeUInt16LE(entries.length, directoryAt);
  entries.forEach(([tag, type, count, value], i) => {
    const at = directoryAt + 2 + ENTRY * i;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8); // a short lies in the lower half, which comes first
  });
  return file; // the last four bytes, 0: there is no further image
}
