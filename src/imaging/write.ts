/** @file Grey images out, in the formats that people ask for. */
import { deriveDicom, type Derivation } from './dicom/derive.js';
import { parseDicom } from './dicom/header.js';
import { DataError, limitsOf, type GreyImage } from './image.js';
import { encodePng } from './png.js';
import type { ReadImage } from './read.js';
import { encodeTiff } from './tiff-write.js';

export const OUTPUT_FORMATS = ['png', 'tiff', 'dicom', 'nifti'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** File endings by format; the first is the one that is written. */
const ENDINGS: Readonly<Record<OutputFormat, readonly string[]>> = {
  png: ['.png'],
  tiff: ['.tif', '.tiff'],
  dicom: ['.dcm', '.dicom', '.ima'],
  nifti: ['.nii', '.nii.gz'],
};

export function endingOf(format: OutputFormat): string {
  return ENDINGS[format][0]!;
}

/** The format that a file's name asks for. */
export function formatOf(name: string): OutputFormat | undefined {
  return OUTPUT_FORMATS.find((format) =>
    ENDINGS[format].some((ending) => name.toLowerCase().endsWith(ending)),
  );
}

/**
 * The bytes of a file that holds a translated image.
 * @param image values in the units of the file that it was made from
 * @param source the content of that file
 * @returns what was added to the values so that the format can hold them, 0 as a rule
 */
export function encodeTranslated(
  format: OutputFormat,
  image: GreyImage & Pick<ReadImage, 'format'>,
  source: Uint8Array,
  how: Derivation,
): { content: Uint8Array; offset: number } {
  switch (format) {
    case 'png': {
      const { values, offset } = unsigned(image);
      return { content: encodePng(values), offset };
    }
    case 'tiff':
      return { content: encodeTiff(image.width, image.height, image.data, describe(how)), offset: 0 };
    case 'nifti':
      throw new DataError('is one image; NIfTI is written for volumes only. Write PNG, TIFF or DICOM.');
    case 'dicom': {
      const from = image.format === 'dicom' ? parseDicom(source, 'the source', 'tags') : undefined;
      if (from !== undefined) return { content: deriveDicom(image, from, how), offset: 0 };
      const { values, offset } = unsigned(image);
      return { content: deriveDicom(values, undefined, how), offset };
    }
  }
}

/** One sentence that says what an image is. */
export function describe({ direction, trial, model }: Derivation): string {
  return `SYNTHETIC, for research, not for diagnosis: ${direction} by trial ${trial}, model ${model}`;
}

/**
 * An image as whole numbers from 0 on, of 8 or 16 bits, as PNG holds it: values below 0 are moved up, all by the same offset.
 * @throws DataError if they are no whole numbers, or their limits are too far apart
 */
function unsigned(image: GreyImage): { values: GreyImage & { bits: 8 | 16 }; offset: number } {
  const { data, bits } = image;
  const [lo, hi] = limitsOf(image);
  if (data instanceof Float32Array || hi - Math.min(0, lo) > 0xffff)
    throw new DataError('its values are no whole numbers of 16 bits, so neither a PNG nor a new DICOM file can hold them. Write TIFF: --format tiff.'); // prettier-ignore
  const offset = lo < 0 ? -lo : 0;
  const narrow = hi + offset <= 0xff && bits <= 8;
  const out = narrow ? new Uint8Array(data.length) : new Uint16Array(data.length);
  data.forEach((value, i) => (out[i] = value + offset));
  return { values: { width: image.width, height: image.height, bits: narrow ? 8 : 16, data: out }, offset };
}
