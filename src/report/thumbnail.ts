/** @file A sample picture as a page may carry it: an 8-bit PNG of bounded size that holds pixels and nothing else. */
import { decode, encode } from 'fast-png';

export interface Thumbnail {
  png: Uint8Array;
  width: number;
  height: number;
}

/** Larger pictures are shrunk, pixels a side. */
const MOST_SIDE = 512;
/** Chunks that hold no text: a PNG of others may carry names. PNG standard, section 11. */
const PLAIN_CHUNKS = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'sBIT', 'pHYs', 'gAMA', 'sRGB']);

export interface Form {
  /** Only the middle, half as wide and half as high. */
  cut: boolean;
  /** Each pixel the mean of 2 x 2. */
  shrunk: boolean;
}

/** @returns undefined for what is no PNG */
export function thumbnailOf(file: Uint8Array, form: Form): Thumbnail | undefined {
  const png = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (png.length < 33 || png.readUInt32BE(0) !== 0x89504e47) return undefined;
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const plain = png[24] === 8 && hasPlainChunks(png);
  if (plain && !form.cut && !form.shrunk && Math.max(width, height) <= MOST_SIDE)
    return { png, width, height };
  try {
    return drawnAnew(png, form);
  } catch {
    return undefined;
  }
}

function hasPlainChunks(png: Buffer): boolean {
  for (let at = 8; at + 8 <= png.length; at += 12 + png.readUInt32BE(at)) {
    if (!PLAIN_CHUNKS.has(png.toString('latin1', at + 4, at + 8))) return false;
  }
  return true;
}

/** Each pixel the mean of those that it stands for; transparency is dropped. */
function drawnAnew(png: Buffer, { cut, shrunk }: Form): Thumbnail {
  const { width: fullWidth, height: fullHeight, data, channels, depth } = decode(png);
  if (depth !== 8 && depth !== 16) throw new RangeError(`a PNG of ${depth} bits`);
  const share = cut ? 0.5 : 1;
  const [cutWidth, cutHeight] = [fullWidth, fullHeight].map((side) => Math.max(1, Math.floor(side * share))) as [number, number]; // prettier-ignore
  const [left, top] = [(fullWidth - cutWidth) >> 1, (fullHeight - cutHeight) >> 1];
  const factor = Math.ceil(Math.max(cutWidth, cutHeight) / MOST_SIDE) * (shrunk ? 2 : 1);
  const [width, height] = [
    Math.max(1, Math.floor(cutWidth / factor)),
    Math.max(1, Math.floor(cutHeight / factor)),
  ];
  const kept = channels < 3 ? 1 : 3;
  const toByte = depth === 16 ? 1 / 257 : 1;
  const out = new Uint8Array(width * height * kept);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < kept; channel++) {
        let sum = 0;
        for (let y = 0; y < factor; y++) {
          for (let x = 0; x < factor; x++) {
            const pixel = (top + row * factor + y) * fullWidth + left + column * factor + x;
            sum += data[pixel * channels + channel]!;
          }
        }
        out[(row * width + column) * kept + channel] = Math.round((sum / factor ** 2) * toByte);
      }
    }
  }
  return { png: encode({ width, height, data: out, channels: kept, depth: 8 }), width, height };
}
