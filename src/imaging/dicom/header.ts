/** @file What a DICOM file's tags say of its image, and what is no grey image. Tag names and meanings: DICOM PS3.3 and PS3.6. */
import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet } from 'dicom-parser';
import { DataError } from '../image.js';

/** Transfer syntaxes by UID (PS3.6 annex A): as they are called, and what decodes them. */
const SYNTAXES: Record<string, { name: string; coding: Coding }> = {
  '1.2.840.10008.1.2': { name: 'Implicit VR Little Endian', coding: 'native' },
  '1.2.840.10008.1.2.1': { name: 'Explicit VR Little Endian', coding: 'native' },
  '1.2.840.10008.1.2.1.99': { name: 'Deflated Explicit VR Little Endian', coding: 'native' },
  '1.2.840.10008.1.2.2': { name: 'Explicit VR Big Endian', coding: 'big-endian' },
  '1.2.840.10008.1.2.4.50': { name: 'JPEG Baseline', coding: 'codec' },
  '1.2.840.10008.1.2.4.51': { name: 'JPEG Extended', coding: 'codec' },
  '1.2.840.10008.1.2.4.57': { name: 'JPEG Lossless', coding: 'codec' },
  '1.2.840.10008.1.2.4.70': { name: 'JPEG Lossless, first-order prediction', coding: 'codec' },
  '1.2.840.10008.1.2.4.80': { name: 'JPEG-LS Lossless', coding: 'codec' },
  '1.2.840.10008.1.2.4.81': { name: 'JPEG-LS Near-lossless', coding: 'codec' },
  '1.2.840.10008.1.2.4.90': { name: 'JPEG 2000 Lossless', coding: 'codec' },
  '1.2.840.10008.1.2.4.91': { name: 'JPEG 2000', coding: 'codec' },
  '1.2.840.10008.1.2.5': { name: 'RLE Lossless', coding: 'codec' },
};

/** How pixels lie in the file: plainly, with swapped bytes, or in the stream of a codec. */
export type Coding = 'native' | 'big-endian' | 'codec';

/** A table that values are looked up in (PS3.3 C.11.1.1): the first entry stands for `first` and all below, the last for all above. */
export interface LookupTable {
  first: number;
  bits: number;
  entries: Uint16Array;
}

/** How a display is to show values (PS3.3 C.11.2). */
export type Voi =
  | { kind: 'window'; center: number; width: number; form: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID' }
  | { kind: 'table'; table: LookupTable };

/** Where an image lies in space. */
export interface Geometry {
  /** Millimetres between rows and between columns. */
  spacing?: [number, number];
  /** Position of the first pixel, millimetres to the left, to the back and to the head. */
  position?: [number, number, number];
  /** Directions of a row and of a column. */
  orientation?: [number, number, number, number, number, number];
}

/** What decides pixels, and what a reader of images wants to know. Nothing here names a patient. */
export interface DicomHeader {
  transferSyntax: string;
  /** The transfer syntax in words. */
  syntaxName: string;
  coding: Coding;
  width: number;
  height: number;
  bitsAllocated: 8 | 16;
  bitsStored: number;
  highBit: number;
  signed: boolean;
  /** MONOCHROME1: low values are bright. */
  inverted: boolean;
  slope: number;
  intercept: number;
  /** In place of slope and intercept. */
  modalityTable?: LookupTable;
  voi?: Voi;
  /** Whether values after rescale are Hounsfield units. */
  hounsfield: boolean;
  modality: string;
  manufacturer: string;
  model: string;
  kernel: string;
  geometry: Geometry;
  /** SHA-256 of the patient: equal for images of one patient. Never written down. */
  patient?: string;
  /** SHA-256 of frame of reference, position and orientation: equal for images of one place in one frame. */
  place?: string;
}

/** Offset of the four bytes that mark a DICOM file (PS3.10 section 7.1), and of what follows them. */
const MARK_AT = 128;

/** Whether bytes are the beginning of a DICOM file. */
export function isDicom(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(MARK_AT, MARK_AT + 4)).toString('latin1') === 'DICM';
}

export interface ParsedDicom {
  header: DicomHeader;
  dataSet: DataSet;
}

/**
 * Reads the tags of a DICOM file, up to its pixels or with them.
 * @param name what errors call the file
 * @throws DataError for what is no whole DICOM file of one grey image
 */
export function parseDicom(content: Uint8Array, name: string, part: 'tags' | 'all' = 'all'): ParsedDicom {
  if (!isDicom(content)) {
    throw new DataError(
      `${name}: not a DICOM file, whatever its name says (the mark DICM is missing). Export it again, as a DICOM Part 10 file.`,
    );
  }
  let dataSet: DataSet;
  try {
    dataSet = dicomParser.parseDicom(content, {
      inflater: (bytes, position) => inflated(bytes, position),
      ...(part === 'tags' ? { untilTag: 'x7fe00010' } : {}),
    });
  } catch (error) {
    // The parser throws texts, and objects that hold what it had read so far.
    throw broken(name, error);
  }
  if (part === 'all' && dataSet.warnings.length > 0) throw broken(name, dataSet.warnings[0]);
  return { header: describe(dataSet, name), dataSet };
}

export function broken(name: string, cause?: unknown): DataError {
  return new DataError(`${name}: the DICOM file is truncated or broken. Copy or export it again.`, { cause });
}

/** The tags before `position` as they are, and the deflated rest after it. */
function inflated(content: Uint8Array, position: number): Uint8Array {
  return Buffer.concat([content.subarray(0, position), inflateRawSync(content.subarray(position))]);
}

function describe(tags: DataSet, name: string): DicomHeader {
  const text = (tag: string) => tags.string(tag)?.trim() ?? '';
  const transferSyntax = text('x00020010');
  const syntax = SYNTAXES[transferSyntax];
  refuse(tags, name);
  if (syntax === undefined) {
    const known = [...new Set(Object.values(SYNTAXES).map((one) => one.name))].join(', ');
    throw new DataError(
      `${name}: its transfer syntax ${transferSyntax || '(none)'} is not read. Convert it, for example by dcmdjpeg or gdcmconv --raw. Read are ${known}.`,
    );
  }
  const [height, width] = [tags.uint16('x00280010') ?? 0, tags.uint16('x00280011') ?? 0];
  if (width === 0 || height === 0)
    throw new DataError(`${name}: Rows and Columns are missing or 0; there is no image.`);
  const bitsAllocated = tags.uint16('x00280100');
  const bitsStored = tags.uint16('x00280101') ?? bitsAllocated;
  const highBit = tags.uint16('x00280102') ?? (bitsStored ?? 0) - 1;
  if (
    (bitsAllocated !== 8 && bitsAllocated !== 16) ||
    bitsStored === undefined ||
    bitsStored < 1 ||
    bitsStored > bitsAllocated ||
    highBit >= bitsAllocated ||
    highBit < bitsStored - 1
  ) {
    throw new DataError(
      `${name}: has ${bitsStored ?? 'no'} bits stored in ${bitsAllocated ?? 'no'} (high bit ${highBit}); read are 1 to 16 bits stored in 8 or 16.`,
    );
  }
  const inverted = text('x00280004') === 'MONOCHROME1';
  const modalityTable = tableOf(tags, 'x00283000', name);
  const [intercept, slope] = [tags.floatString('x00281052'), tags.floatString('x00281053')];
  if (slope === 0 || [intercept, slope].some((value) => value !== undefined && !Number.isFinite(value))) {
    throw new DataError(
      `${name}: its Rescale Slope and Intercept are no usable numbers (${slope}, ${intercept}).`,
    );
  }
  const [modality, type] = [text('x00080060'), text('x00281054')];
  // Nothing said means Hounsfield units (PS3.3 C.8.2.1); GDCM writes US, unspecified, when it changes a file's coding.
  const hounsfield =
    modality === 'CT' &&
    intercept !== undefined &&
    modalityTable === undefined &&
    ['', 'HU', 'US'].includes(type) &&
    !inverted;
  return {
    transferSyntax,
    syntaxName: syntax.name,
    coding: syntax.coding,
    width,
    height,
    bitsAllocated,
    bitsStored,
    highBit,
    signed: tags.uint16('x00280103') === 1,
    inverted,
    slope: slope ?? 1,
    intercept: intercept ?? 0,
    ...(modalityTable === undefined ? {} : { modalityTable }),
    voi: voiOf(tags, name),
    hounsfield,
    modality,
    manufacturer: text('x00080070'),
    model: text('x00081090'),
    kernel: text('x00181210').replaceAll('\\', ' '),
    geometry: geometryOf(tags),
    patient: patientOf(tags),
    place: placeOf(tags),
  };
}

/** @throws DataError for what is no single grey image */
function refuse(tags: DataSet, name: string): void {
  const photometric = tags.string('x00280004')?.trim() ?? '';
  const samples = tags.uint16('x00280002') ?? 1;
  const frames = tags.intString('x00280008') ?? 1;
  if (tags.string('x00020002')?.trim() === '1.2.840.10008.1.3.10') {
    throw new DataError(`${name}: a DICOMDIR, which lists files and holds no image. Leave it out.`);
  }
  if (frames > 1) {
    throw new DataError(
      `${name}: holds ${frames} frames; read is one image a file. Split it into single frames (for example by dcm2dcm or gdcmconv).`,
    );
  }
  if (photometric === 'PALETTE COLOR') {
    throw new DataError(
      `${name}: a palette image (PALETTE COLOR); training needs one grey channel. Export it as grey values.`,
    );
  }
  if (samples !== 1 || !['MONOCHROME1', 'MONOCHROME2'].includes(photometric)) {
    throw new DataError(
      `${name}: ${samples === 1 ? 'no grey image' : 'a colour image'} (${photometric || 'no photometric interpretation'}, ${samples} samples a pixel); ` +
        'training needs one grey channel, MONOCHROME1 or MONOCHROME2.',
    );
  }
  if (['x7fe00008', 'x7fe00009'].some((tag) => tag in tags.elements)) {
    throw new DataError(
      `${name}: holds real numbers (Float Pixel Data), which are not read. Export whole numbers of 8 or 16 bits.`,
    );
  }
}

/** The first table of a sequence of tables, or undefined where there is none. */
function tableOf(tags: DataSet, tag: string, name: string): LookupTable | undefined {
  const item = tags.elements[tag]?.items?.[0]?.dataSet;
  if (item === undefined) return undefined;
  const data = item.elements['x00283006'];
  const [count, bits] = [item.uint16('x00283002', 0), item.uint16('x00283002', 2)];
  // The first value mapped is signed where pixels are, whatever the element's own representation says.
  const first = tags.uint16('x00280103') === 1 ? item.int16('x00283002', 1) : item.uint16('x00283002', 1);
  if (
    data === undefined ||
    count === undefined ||
    first === undefined ||
    bits === undefined ||
    bits < 1 ||
    bits > 16
  ) {
    throw new DataError(
      `${name}: one of its lookup tables is broken (${tag === 'x00283000' ? 'Modality' : 'VOI'} LUT).`,
    );
  }
  const length = count === 0 ? 65536 : count;
  const wide = data.length >= 2 * length;
  if (!wide && data.length < length) {
    throw new DataError(
      `${name}: a lookup table holds fewer entries than the ${length} that its head promises.`,
    );
  }
  const entries = Uint16Array.from({ length }, (_, at) =>
    wide ? item.uint16('x00283006', at)! : item.byteArray[data.dataOffset + at]!,
  );
  return { first, bits, entries };
}

/** The first of the ways of display that a file offers: a table before a window. */
function voiOf(tags: DataSet, name: string): Voi | undefined {
  const table = tableOf(tags, 'x00283010', name);
  if (table !== undefined) return { kind: 'table', table };
  const [center, width] = [tags.floatString('x00281050'), tags.floatString('x00281051')];
  const written = tags.string('x00281056')?.trim();
  const form = written === 'SIGMOID' || written === 'LINEAR_EXACT' ? written : 'LINEAR';
  // PS3.3 C.11.2.1.2.1: a width of at least 1, for the other two forms above 0.
  const usable =
    center !== undefined &&
    width !== undefined &&
    Number.isFinite(center) &&
    (form === 'LINEAR' ? width >= 1 : width > 0);
  return usable ? { kind: 'window', center, width, form } : undefined;
}

function numbers(tags: DataSet, tag: string, count: number): number[] | undefined {
  const values = Array.from({ length: count }, (_, at) => tags.floatString(tag, at));
  return values.every((value): value is number => value !== undefined && Number.isFinite(value))
    ? values
    : undefined;
}

function geometryOf(tags: DataSet): Geometry {
  // Radiographs give the pitch of the detector (Imager Pixel Spacing) where no spacing was calibrated.
  const spacing = numbers(tags, 'x00280030', 2) ?? numbers(tags, 'x00181164', 2);
  const position = numbers(tags, 'x00200032', 3);
  const orientation = numbers(tags, 'x00200037', 6);
  return {
    ...(spacing === undefined ? {} : { spacing: spacing as [number, number] }),
    ...(position === undefined ? {} : { position: position as [number, number, number] }),
    ...(orientation === undefined ? {} : { orientation: orientation as Geometry['orientation'] }),
  };
}

function patientOf(tags: DataSet): string | undefined {
  const [id, study] = [tags.string('x00100020')?.trim(), tags.string('x0020000d')?.trim()];
  // Without an id, images of one study are of one patient.
  return id ? hash(`patient ${id}`) : study ? hash(`study ${study}`) : undefined;
}

/** Positions are compared to a hundredth of a millimetre: they are written in decimal digits. */
function placeOf(tags: DataSet): string | undefined {
  const frame = tags.string('x00200052')?.trim();
  const { position, orientation } = geometryOf(tags);
  if (!frame || position === undefined || orientation === undefined) return undefined;
  const rounded = (values: number[], digits: number) =>
    values.map((value) => (Math.round(value * 10 ** digits) || 0).toString());
  return hash(`place ${frame} ${rounded(position, 2).join(' ')} ${rounded(orientation, 4).join(' ')}`);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
