/** @file Grey images out, in the formats that people ask for; never half a file. */
import { encodePng, writeWhole } from './png.js';
import { encodeTiff } from './tiff.js';
import type { GreyImage } from './image.js';

export const OUTPUT_FORMATS = ['png', 'tiff'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** File endings by format, the first being the one that is written. */
export const ENDINGS: Readonly<Record<OutputFormat, readonly string[]>> = {
  png: ['.png'],
  tiff: ['.tif', '.tiff'],
};
