/** @file TIFF files of one grey image: what is no such thing is told by their tags, pixels are read by libtiff. */
import { DataError, type GreyImage } from './image.js';
import { readByItk } from './itk.js';

/** Tags of TIFF 6.0, section 8, that decide whether there is one grey channel. */
const TAG = { bits: 258, photometric: 262, samples: 277, tileWidth: 322, format: 339 };
const WHITE_IS_ZERO = 0;
const PALETTE = 3;
/** Sample formats of TIFF 6.0, section 19. */
const SIGNED = 2;
const REAL = 3;

/**
 * Reads a grey TIFF of 8 or 16 bits, with or without sign, or of 32-bit real numbers. Where white is 0, values are turned once.
 * @param name what errors call the file
 * @throws DataError for colour, palettes, several pages, other depths, a broken file
 */
export async function decodeTiff(content: Uint8Array, name: string): Promise<GreyImage> {
  const { pages, tag } = readTags(content, name);
  const photometric = tag(TAG.photometric);
  if (photometric === PALETTE) {
    throw new DataError(`${name}: a palette TIFF; training needs one grey channel. Save it as grey values.`);
  }
  const samples = tag(TAG.samples) ?? 1;
  if (samples !== 1 || photometric === undefined || photometric > 1) {
    throw new DataError(
      `${name}: a colour TIFF (${samples} samples a pixel); training needs one grey channel.`,
    );
  }
  if (pages > 1) {
    throw new DataError(
      `${name}: holds ${pages} pages; read is one image a file. Save the pages as files of their own.`,
    );
  }
  if (tag(TAG.tileWidth) !== undefined) {
    throw new DataError(
      `${name}: a TIFF in tiles, which is not read. Save it in strips: tiffcp -s IN.tif OUT.tif`,
    );
  }
  const [bits, format] = [tag(TAG.bits) ?? 1, tag(TAG.format) ?? 1];
  if (!(format === REAL ? bits === 32 : bits === 8 || bits === 16)) {
    throw new DataError(`${name}: has ${bits} bits a pixel; read are 8 and 16, and real numbers of 32.`);
  }
  let image;
  try {
    image = await readByItk('tiff', content, 'image.tif');
  } catch (error) {
    throw brokenTiff(name, error);
  }
  const { size, values } = image;
  const [width, height] = [size[0]!, size[1]!];
  if (values.length !== width * height) throw brokenTiff(name);
  const data =
    format === REAL
      ? Float32Array.from(values)
      : format === SIGNED
        ? Int16Array.from(values)
        : bits === 16
          ? Uint16Array.from(values)
          : Uint8Array.from(values);
  const limits: [number, number] =
    format === REAL
      ? [-Infinity, Infinity]
      : format === SIGNED
        ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
        : [0, 2 ** bits - 1];
  if (photometric === WHITE_IS_ZERO && format !== REAL) {
    const sum = limits[0] + limits[1];
    for (let i = 0; i < data.length; i++) data[i] = sum - data[i]!;
  }
  return { width, height, bits, data, ...(format === 1 ? {} : { limits }) };
}

/** The first value of each tag of the first page, and how many pages there are. */
function readTags(
  content: Uint8Array,
  name: string,
): { pages: number; tag: (number: number) => number | undefined } {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const tags = new Map<number, number>();
  try {
    const order = view.getUint16(0);
    const little = order === 0x4949;
    if ((!little && order !== 0x4d4d) || view.getUint16(2, little) !== 42) {
      throw new DataError(
        `${name}: not a TIFF file, whatever its name says (or a BigTIFF). Save it as a plain TIFF.`,
      );
    }
    let pages = 0;
    for (let at = view.getUint32(4, little); at !== 0; pages++) {
      const entries = view.getUint16(at, little);
      for (let entry = 0; entry < entries && pages === 0; entry++) {
        const place = at + 2 + 12 * entry;
        // A value of two bytes stands at the front of its four.
        const short = view.getUint16(place + 2, little) === 3;
        const value = short ? view.getUint16(place + 8, little) : view.getUint32(place + 8, little);
        tags.set(view.getUint16(place, little), value);
      }
      at = view.getUint32(at + 2 + 12 * entries, little);
      if (pages > 10_000) throw new RangeError('pages in a circle');
    }
    return { pages, tag: (number) => tags.get(number) };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw brokenTiff(name, error);
  }
}

function brokenTiff(name: string, cause?: unknown): DataError {
  return new DataError(`${name}: the TIFF is truncated or broken. Save it again.`, { cause });
}
