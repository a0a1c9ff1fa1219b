/** @file From the pixel data of a DICOM file to values: decoded, masked, with their sign, rescaled, MONOCHROME1 inverted once. */
import type { DataSet } from 'dicom-parser';
import { DataError, pixelsLike, type GreyImage, type Pixels } from '../image.js';
import { readByItk } from '../itk.js';
import { encapsulate } from './encapsulate.js';
import { broken, type DicomHeader, type LookupTable, type ParsedDicom, type Voi } from './header.js';

const PIXEL_DATA = 'x7fe00010';

/** Bits of values that a display's function has gone over. */
const SHOWN_BITS = 16;

/**
 * The image of a DICOM file. Values are those after rescale (or the Modality LUT), MONOCHROME1 inverted about the ends of what the file can hold,
 * so that bright is high in every image.
 * @param voi `apply`: what the file's window or VOI LUT makes of them, 0 to 65535; values as they are where it has none
 * @throws DataError if pixels are missing, truncated, or cannot be decoded
 */
export async function dicomPixels(
  { header, dataSet }: ParsedDicom,
  name: string,
  voi: 'ignore' | 'apply',
): Promise<GreyImage> {
  const { width, height, bitsStored, signed, inverted } = header;
  const element = dataSet.elements[PIXEL_DATA];
  if (element === undefined || element.length === 0) {
    throw new DataError(`${name}: holds no pixels (${header.modality || 'no modality'}). Leave it out.`);
  }
  const raw =
    header.coding === 'codec' ? await decode(header, dataSet, name) : nativePixels(header, dataSet, name);
  const range = storedRange(bitsStored, signed);
  const unit = header.hounsfield ? ('HU' as const) : undefined;

  if (voi === 'apply' && header.voi !== undefined) {
    const rescale = rescaleFunction(header);
    const shown = displayFunction(header.voi);
    const most = 2 ** SHOWN_BITS - 1;
    const data = mapped(raw, header, new Uint16Array(raw.length), (stored) => {
      const share = shown(rescale(stored));
      return Math.round(most * (inverted ? 1 - share : share));
    });
    return { width, height, bits: SHOWN_BITS, data };
  }

  const table = header.modalityTable;
  const ends = table === undefined ? range.map(rescaleFunction(header)) : [0, 2 ** table.bits - 1];
  const limits: [number, number] = [Math.min(...ends), Math.max(...ends)];
  const rescale = rescaleFunction(header);
  const sum = limits[0] + limits[1];
  const value = inverted ? (stored: number) => sum - rescale(stored) : rescale;
  const whole = Number.isInteger(header.slope) && Number.isInteger(header.intercept);
  const data = mapped(raw, header, emptyFor(limits, raw.length, whole || table !== undefined), value);
  return {
    width,
    height,
    bits: table?.bits ?? bitsStored,
    data,
    limits,
    ...(unit === undefined ? {} : { unit }),
  };
}

/** The ends of what stored values can be. */
function storedRange(bits: number, signed: boolean): [number, number] {
  return signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
}

/** The smallest type that holds all values between the limits. */
function emptyFor([lo, hi]: [number, number], length: number, whole: boolean): Pixels {
  if (whole && lo >= 0 && hi <= 0xff) return new Uint8Array(length);
  if (whole && lo >= 0 && hi <= 0xffff) return new Uint16Array(length);
  if (whole && lo >= -0x8000 && hi <= 0x7fff) return new Int16Array(length);
  return new Float32Array(length);
}

/** Every stored value through `value`, which is computed once for each of the 2^bits values where that is fewer. */
function mapped<T extends Pixels>(
  raw: Uint8Array | Uint16Array,
  { bitsStored, highBit, signed, coding }: DicomHeader,
  out: T,
  value: (stored: number) => number,
): T {
  // A codec's values stand at the low end already.
  const shift = coding === 'codec' ? 0 : highBit + 1 - bitsStored;
  const mask = 2 ** bitsStored - 1;
  const half = 2 ** (bitsStored - 1);
  const meaning = (field: number) => value(signed && field >= half ? field - 2 * half : field);
  if (raw.length <= mask) {
    for (let i = 0; i < raw.length; i++) out[i] = meaning((raw[i]! >> shift) & mask);
    return out;
  }
  const table = pixelsLike(out, mask + 1);
  for (let field = 0; field <= mask; field++) table[field] = meaning(field);
  for (let i = 0; i < raw.length; i++) out[i] = table[(raw[i]! >> shift) & mask]!;
  return out;
}

function rescaleFunction({ slope, intercept, modalityTable }: DicomHeader): (stored: number) => number {
  return modalityTable === undefined ? (stored) => stored * slope + intercept : lookUp(modalityTable);
}

function lookUp({ first, entries }: LookupTable): (value: number) => number {
  const last = entries.length - 1;
  return (value) => entries[Math.min(last, Math.max(0, Math.round(value) - first))]!;
}

/** Value → brightness from 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3). */
function displayFunction(voi: Voi): (value: number) => number {
  if (voi.kind === 'table') {
    const table = lookUp(voi.table);
    const most = 2 ** voi.table.bits - 1;
    return (value) => table(value) / most;
  }
  const { center, width, form } = voi;
  if (form === 'SIGMOID') return (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width));
  const [middle, span] = form === 'LINEAR' ? [center - 0.5, width - 1] : [center, width];
  // A window of width 1 is a step.
  if (span === 0) return (value) => (value <= middle ? 0 : 1);
  return (value) => Math.min(1, Math.max(0, (value - middle) / span + 0.5));
}

/** Values of 8 or 16 bits as they lie in the file. */
function nativePixels(
  { width, height, bitsAllocated, coding }: DicomHeader,
  dataSet: DataSet,
  name: string,
): Uint8Array | Uint16Array {
  const element = dataSet.elements[PIXEL_DATA]!;
  const count = width * height;
  const needed = count * (bitsAllocated / 8);
  const there = Math.min(element.length, dataSet.byteArray.length - element.dataOffset);
  if (there < needed) {
    throw new DataError(
      `${name}: ${there} bytes of pixels, where ${width} x ${height} of ${bitsAllocated} bits take ${needed}: the file is truncated. Copy or export it again.`,
    );
  }
  const swapped = coding === 'big-endian';
  if (bitsAllocated === 8) {
    // Bytes that are sent as words (OW) change places with the words' order; the last of an odd number has a partner, too.
    const words = swapped && element.vr === 'OW';
    const bytes = dataSet.byteArray.subarray(element.dataOffset, element.dataOffset + there);
    return words
      ? Uint8Array.from({ length: count }, (_, at) => bytes[at ^ 1] ?? 0)
      : bytes.subarray(0, count);
  }
  const start = dataSet.byteArray.byteOffset + element.dataOffset;
  const aligned = start % 2 === 0 && !swapped;
  if (aligned) return new Uint16Array(dataSet.byteArray.buffer, start, count);
  const copy = Buffer.from(dataSet.byteArray.subarray(element.dataOffset, element.dataOffset + needed));
  if (swapped) copy.swap16();
  const values = new Uint16Array(count);
  new Uint8Array(values.buffer).set(copy);
  return values;
}

/** Values out of a codec's stream, by GDCM: as unsigned fields of the stored bits, whose sign and meaning are applied here as for plain pixels. */
async function decode(
  header: DicomHeader,
  dataSet: DataSet,
  name: string,
): Promise<Uint8Array | Uint16Array> {
  const { width, height, syntaxName } = header;
  const element = dataSet.elements[PIXEL_DATA]!;
  if (!element.encapsulatedPixelData) throw broken(name);
  let image;
  try {
    const stream = dataSet.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
    image = await readByItk('gdcm', encapsulate(header, stream), 'image.dcm');
  } catch (error) {
    throw new DataError(
      `${name}: its pixels cannot be decoded (${syntaxName}): they are truncated or broken. Copy or export it again.`,
      {
        cause: error,
      },
    );
  }
  const { size, components, values } = image;
  if (components !== 1)
    throw new DataError(
      `${name}: its ${syntaxName} stream holds ${components} channels; training needs one.`,
    );
  if (size[0] !== width || size[1] !== height) {
    throw new DataError(
      `${name}: its ${syntaxName} stream holds ${size[0]} x ${size[1]} pixels, its tags say ${width} x ${height}.`,
    );
  }
  if (values instanceof Uint8Array || values instanceof Uint16Array) return values;
  // A stream that says itself that it is signed: the same bits.
  if (values instanceof Int8Array) return new Uint8Array(values.buffer);
  if (values instanceof Int16Array) return new Uint16Array(values.buffer);
  throw new DataError(`${name}: its ${syntaxName} stream holds values of more than 16 bits.`);
}
