/** @file The one door to an image file, whatever its format: values, what they mean, where they lie. */
import { readFile } from 'node:fs/promises';
import { dicomPixels } from './dicom/pixels.js';
import { parseDicom, type DicomHeader, type Geometry } from './dicom/header.js';
import { DataError, type GreyImage } from './image.js';
import { decodePng, systemReason } from './png.js';
import { decodeTiff } from './tiff.js';
import { isVolume, readSlice, type Slice } from './volume.js';

export type Format = 'png' | 'dicom' | 'tiff' | 'volume';

/** What formats are called in messages, and the endings of their files. DICOM is also known by its content. */
export const FORMATS: Readonly<Record<Format, { name: string; endings: RegExp }>> = {
  png: { name: 'PNG', endings: /\.png$/i },
  dicom: { name: 'DICOM', endings: /\.(dcm|dicom|ima)$/i },
  tiff: { name: 'TIFF', endings: /\.tiff?$/i },
  volume: { name: 'NIfTI or MetaImage', endings: /\.(nii|nii\.gz|mha)$/i },
};

/** What is read, for messages. */
export const WHAT_IS_READ =
  'grey images: DICOM, PNG or TIFF files of 8 or 16 bits, or volumes as NIfTI (.nii, .nii.gz) or MetaImage (.mha)';

/** An image on a disk. */
export interface ImageSource {
  path: string;
  /** Of a volume: which part of it. */
  slice?: Slice;
}

export interface ReadOptions {
  /** `apply`: values as the file's own window or VOI LUT shows them, 0 to 65535; only DICOM has such. */
  voi?: 'ignore' | 'apply';
}

/** An image with what a writer needs to write it back. */
export interface ReadImage extends GreyImage {
  format: Format;
  geometry: Geometry;
  /** Of a DICOM file: what made values of what is stored. */
  dicom?: DicomHeader;
}

/** The format that a name's ending stands for. */
export function formatByEnding(name: string): Format | undefined {
  return (Object.keys(FORMATS) as Format[]).find((format) => FORMATS[format].endings.test(name));
}

/**
 * Reads one image. A file without an ending that says otherwise is taken for DICOM.
 * @param source a file, or a slice of a volume; of a volume named alone the first axial slice
 * @throws DataError naming the file and the reason
 */
export async function readImage(source: string | ImageSource, options: ReadOptions = {}): Promise<ReadImage> {
  const { path: file, slice }: ImageSource = typeof source === 'string' ? { path: source } : source;
  if (isVolume(file)) {
    const { spacing, ...image } = await readSlice(file, slice ?? { axis: 'axial', index: 0 });
    return { ...image, format: 'volume', geometry: { spacing } };
  }
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${systemReason(error)}).`, { cause: error });
  }
  return decodeImage(content, file, options);
}

/** As readImage, from the bytes of a file that is no volume; `name` is what an error calls it. */
export async function decodeImage(
  content: Uint8Array,
  name: string,
  { voi = 'ignore' }: ReadOptions = {},
): Promise<ReadImage> {
  const format = formatByEnding(name);
  if (format === 'png') return { ...decodePng(content, name), format, geometry: {} };
  if (format === 'tiff') return { ...(await decodeTiff(content, name)), format, geometry: {} };
  const parsed = parseDicom(content, name);
  const image = await dicomPixels(parsed, name, voi);
  const { header } = parsed;
  return { ...image, format: 'dicom', geometry: header.geometry, dicom: header };
}
