/**
 * @file A translated image as a DICOM file of its own: the geometry and the rescale of the file that it was made from, new UIDs, and
 * words that say what it is. Of that file's elements only those of a fixed list are kept, none of which tells who was imaged
 * (after the Basic Application Level Confidentiality Profile, PS3.15 annex E).
 */
import { createHash } from 'node:crypto';
import type { DataSet } from 'dicom-parser';
import type { GreyImage } from '../image.js';
import { encodeDicom, type Elements, type Vr } from './encode.js';
import type { DicomHeader } from './header.js';
import { drawMark } from './mark.js';

/** What was done to an image, as the file is to tell it. */
export interface Derivation {
  /** e.g. `x2y`. */
  direction: string;
  trial: string;
  /** Hash of the generator's weights. */
  model: string;
  version: string;
  /** The intensity range of the data set; the mark is drawn in its ends. */
  range: readonly [number, number];
  /** Draw words into a corner. */
  mark: boolean;
  /** Keep who was imaged, and point to the file that this was made from. */
  keepIdentity: boolean;
}

type Tags = Readonly<Record<string, Vr>>;

/** What is kept as it stands: what an image needs to lie in its place and be shown as before. Text, so it is copied byte for byte. */
const KEPT: Tags = {
  '00080005': 'CS', // Specific Character Set
  '00080016': 'UI', // SOP Class
  '00080060': 'CS', // Modality
  '00180015': 'CS', // Body Part Examined
  '00180050': 'DS', // Slice Thickness
  '00180060': 'DS', // KVP
  '00180088': 'DS', // Spacing Between Slices
  '00180090': 'DS', // Data Collection Diameter
  '00181100': 'DS', // Reconstruction Diameter
  '00181110': 'DS', // Distance Source to Detector
  '00181111': 'DS', // Distance Source to Patient
  '00181120': 'DS', // Gantry/Detector Tilt
  '00181130': 'DS', // Table Height
  '00181164': 'DS', // Imager Pixel Spacing
  '00185100': 'CS', // Patient Position
  '00185101': 'CS', // View Position
  '00200011': 'IS', // Series Number
  '00200012': 'IS', // Acquisition Number
  '00200013': 'IS', // Instance Number
  '00200020': 'CS', // Patient Orientation
  '00200032': 'DS', // Image Position (Patient)
  '00200037': 'DS', // Image Orientation (Patient)
  '00200060': 'CS', // Laterality
  '00200062': 'CS', // Image Laterality
  '00201040': 'LO', // Position Reference Indicator
  '00201041': 'DS', // Slice Location
  '00280030': 'DS', // Pixel Spacing
  '00280034': 'IS', // Pixel Aspect Ratio
  '00281040': 'CS', // Pixel Intensity Relationship
  '00281050': 'DS', // Window Center
  '00281051': 'DS', // Window Width
  '00281056': 'CS', // VOI LUT Function
  '00282110': 'CS', // Lossy Image Compression
  '00282112': 'DS', // Lossy Image Compression Ratio
  '00282114': 'CS', // Lossy Image Compression Method
  '20500020': 'CS', // Presentation LUT Shape
};
const KEPT_RESCALE: Tags = {
  '00281052': 'DS', // Rescale Intercept
  '00281053': 'DS', // Rescale Slope
  '00281054': 'LO', // Rescale Type
};
/** What is kept besides where identity is asked for. */
const IDENTITY: Tags = {
  '00080020': 'DA', // Study Date
  '00080030': 'TM', // Study Time
  '00080050': 'SH', // Accession Number
  '00080090': 'PN', // Referring Physician's Name
  '00100010': 'PN', // Patient's Name
  '00100020': 'LO', // Patient ID
  '00100021': 'LO', // Issuer of Patient ID
  '00100030': 'DA', // Patient's Birth Date
  '00100040': 'CS', // Patient's Sex
  '00101010': 'AS', // Patient's Age
  '00200010': 'SH', // Study ID
};
/** Elements that modules want to be there, empty where nothing is known (type 2). */
const EMPTY: Tags = {
  '00080020': 'DA',
  '00080030': 'TM',
  '00080050': 'SH',
  '00080090': 'PN',
  '00100010': 'PN',
  '00100020': 'LO',
  '00100030': 'DA',
  '00100040': 'CS',
  '00200010': 'SH',
  '00200011': 'IS',
  '00200013': 'IS',
};
const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';

/**
 * The bytes of the translated image's file. The same image, file and generator give the same bytes.
 * @param image values as `readImage` gives them
 * @param source the file that it was translated from, parsed; without one it becomes a secondary capture
 */
export function deriveDicom(
  image: GreyImage,
  source: { header: DicomHeader; dataSet: DataSet } | undefined,
  how: Derivation,
): Uint8Array {
  const { direction, trial, model, version, keepIdentity } = how;
  const elements = new Map<string, { vr: Vr; value: string | number | Uint8Array | Elements[] }>();
  const put = (tag: string, vr: Vr, value: string | number | Uint8Array | Elements[]): void =>
    void elements.set(tag, { vr, value });
  const tags = source?.dataSet;
  const text = (tag: string): string => tags?.string(`x${tag}`)?.trim() ?? '';
  const copy = (list: Tags): void => {
    for (const [tag, vr] of Object.entries(list)) {
      const element = tags?.elements[`x${tag}`];
      if (tags === undefined || element === undefined) continue;
      const bytes = tags.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
      put(tag, vr, withoutPadding(Buffer.from(bytes).toString('latin1')));
    }
  };

  // What is kept, and what has to be there.
  for (const [tag, vr] of Object.entries(EMPTY)) put(tag, vr, '');
  copy(KEPT);
  if (keepIdentity) copy(IDENTITY);

  // New UIDs, the same for the same study, series and file, model and direction.
  const made = `${trial} ${model} ${direction}`;
  const own = source === undefined ? hashOf(image.data) : '';
  const renewed = (tag: string, what: string): string =>
    uidFrom(`${what} ${text(tag) || own} ${what === 'frame' ? '' : made}`);
  const patient = hashOf(Buffer.from(`patient ${text('00100020')} ${text('0020000d') || own}`)).slice(0, 12);
  put('00080018', 'UI', renewed('00080018', 'image'));
  put('0020000d', 'UI', renewed('0020000d', 'study'));
  put('0020000e', 'UI', renewed('0020000e', 'series'));
  if (text('00200052')) put('00200052', 'UI', keepIdentity ? text('00200052') : renewed('00200052', 'frame'));
  if (!keepIdentity) {
    put('00100010', 'PN', 'SYNTHETIC');
    put('00100020', 'LO', `SYNTHETIC-${patient}`);
    put('00120062', 'CS', 'YES'); // Patient Identity Removed
    put('00120063', 'LO', 'CycleSweep: only elements of a fixed list are kept');
    put('00280303', 'CS', 'REMOVED'); // Longitudinal Temporal Information Modified
  }

  // What it is.
  const view = text('00080008').split('\\')[2];
  put('00080008', 'CS', ['DERIVED', 'SECONDARY', ...(view ? [view] : [])].join('\\'));
  put('00080070', 'LO', 'CycleSweep');
  put('00081090', 'LO', `trial ${trial}`);
  put('00181020', 'LO', version);
  put('0008103e', 'LO', `SYNTHETIC, research only: ${direction} ${trial} ${model}`);
  put('00081030', 'LO', 'SYNTHETIC, for research, not for diagnosis');
  put(
    '00082111', // Derivation Description
    'ST',
    `Synthetic image for research, not for diagnosis: style translation (${direction}) by the CycleGAN generator of trial ` +
      `${trial}, model ${model}, CycleSweep ${version}. It adds no information; lesions can be missing or invented. ` +
      'Intensities are not quantitative.',
  );
  if (keepIdentity && source !== undefined) {
    put('00082112', 'SQ', [
      new Map([
        ['00081150', { vr: 'UI', value: text('00080016') }],
        ['00081155', { vr: 'UI', value: text('00080018') }],
      ]),
    ]);
  }
  if (source === undefined) {
    put('00080016', 'UI', SECONDARY_CAPTURE);
    put('00080060', 'CS', 'OT');
    put('00080064', 'CS', 'WSD'); // Conversion Type: workstation
    put('00200020', 'CS', '');
  }

  putPixels(image, source?.header, how, put, () => copy(KEPT_RESCALE));
  return encodeDicom(elements);
}

function putPixels(
  { data, width, height, bits, limits }: GreyImage,
  header: DicomHeader | undefined,
  { range: [lo, hi], mark }: Derivation,
  put: (tag: string, vr: Vr, value: string | number | Uint8Array) => void,
  keepRescale: () => void,
): void {
  const values = data.slice();
  const marked = mark && drawMark(values, width, height, { dark: lo, light: hi });
  // A table in place of slope and intercept is not undone: its results are stored.
  const rescaled = header !== undefined && header.modalityTable === undefined;
  const { slope, intercept, signed } = rescaled ? header : { slope: 1, intercept: 0, signed: false };
  const stored = Math.min(16, bits);
  const [least, most] = signed ? [-(2 ** (stored - 1)), 2 ** (stored - 1) - 1] : [0, 2 ** stored - 1];
  const sum = limits === undefined ? 2 ** bits - 1 : limits[0] + limits[1];
  const wide = header?.bitsAllocated === 16 || stored > 8;
  const pixels = wide ? new Uint16Array(values.length) : new Uint8Array(values.length);
  const mask = 2 ** (wide ? 16 : 8) - 1;
  for (let i = 0; i < pixels.length; i++) {
    const value = header?.inverted ? sum - values[i]! : values[i]!;
    pixels[i] = Math.min(most, Math.max(least, Math.round((value - intercept) / slope))) & mask;
  }
  put('00280002', 'US', 1); // Samples per Pixel
  put('00280004', 'CS', header?.inverted ? 'MONOCHROME1' : 'MONOCHROME2');
  put('00280010', 'US', height);
  put('00280011', 'US', width);
  put('00280100', 'US', wide ? 16 : 8);
  put('00280101', 'US', stored);
  put('00280102', 'US', stored - 1);
  put('00280103', 'US', signed ? 1 : 0);
  if (rescaled) keepRescale();
  if (marked) put('00280301', 'CS', 'YES'); // Burned In Annotation
  put('7fe00010', wide ? 'OW' : 'OB', new Uint8Array(pixels.buffer));
}

/** Text values end with a space or a zero where their length would be odd. */
function withoutPadding(text: string): string {
  return text.replace(/[ \0]+$/, '');
}

/** A UID of PS3.5 annex B.2, from 128 bits of a hash laid out as a UUID of RFC 9562 version 8. */
export function uidFrom(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${bytes.toString('hex')}`)}`;
}

function hashOf(data: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}
