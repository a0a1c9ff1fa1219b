/** @file The one door to an image file, whatever its format: values, what they mean, where they lie. */
import { readFile } from 'node:fs/promises';
import { dicomPixels } from './dicom/pixels.js';
import { parseDicom, type DicomHeader, type Geometry } from './dicom/header.js';
import { DataError, type GreyImage } from './image.js';
import { decodePng, systemReason } from './png.js';

export type Format = 'png' | 'dicom';

export interface ReadOptions {
  /** `apply`: values as the file's own window or VOI LUT shows them, 0 to 65535. */
  voi?: 'ignore' | 'apply';
}

/** An image with what a writer needs to write it back. */
export interface ReadImage extends GreyImage {
  format: Format;
  geometry: Geometry;
  /** Of a DICOM file: what made values of what is stored. */
  dicom?: DicomHeader;
}

/**
 * Reads one image file as DICOM where its content says so, else by its ending.
 * @throws DataError naming the file and the reason
 */
export async function readImage(file: string, options: ReadOptions = {}): Promise<ReadImage> {
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${systemReason(error)}).`, { cause: error });
  }
  return decodeImage(content, file, options);
}

/** As readImage, from the bytes of a file; `name` is what an error calls it. */
export async function decodeImage(
  content: Uint8Array,
  name: string,
  { voi = 'ignore' }: ReadOptions = {},
): Promise<ReadImage> {
  if (/\.png$/i.test(name)) return { ...decodePng(content, name), format: 'png', geometry: {} };
  const parsed = parseDicom(content, name);
  const image = await dicomPixels(parsed, name, voi);
  const { header } = parsed;
  return { ...image, format: 'dicom', geometry: header.geometry, dicom: header };
}
