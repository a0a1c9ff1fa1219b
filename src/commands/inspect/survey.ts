/** @file What folders of images hold: every image is decoded once, and nothing of it kept but counts. No name, no patient leaves this file but in `refused`. */
import { radialSpectrum } from '../../imaging/distances.js';
import { listImages, type ImageFile, type ImageFolder, type RefusedFile } from '../../imaging/folder.js';
import {
  countValues,
  percentile,
  realHistogram,
  wholeHistogram,
  type Histogram,
} from '../../imaging/histogram.js';
import { DataError, limitsOf } from '../../imaging/image.js';
import {
  inWords,
  kindOf,
  resolveRange,
  sameLimits,
  toUnit,
  type ImageKind,
  type Range,
} from '../../imaging/intensity.js';
import { pairByName, pairByPosition } from '../../imaging/pairs.js';
import { FORMATS, readImage, type ReadImage } from '../../imaging/read.js';
import { patientsOf } from '../../imaging/split.js';
import type { Axis } from '../../imaging/volume.js';

export interface SurveyOptions {
  axis: Axis;
  voi: 'ignore' | 'apply';
  /** Takes the patient from a file name, as in a sweep file. */
  patient?: string;
  /** Told how many images are done. */
  progress?: (done: number, count: number) => void;
}

/** How often something was found, the most frequent first. */
export type Counts = [what: string, count: number][];

export interface DomainSurvey {
  folder: string;
  /** What the files are, e.g. `DICOM`. */
  format: string;
  files: number;
  images: number;
  /** e.g. `512 x 512`. */
  sizes: Counts;
  /** e.g. `Hounsfield units, -1024 to 3071 possible (12 bits)`. */
  kinds: Counts;
  /** Values seen. */
  least: number;
  most: number;
  /** Percentiles by their number. */
  percentiles: Record<string, number>;
  modalities: Counts;
  /** Vendor, model and kernel, as far as the header says. */
  scanners: Counts;
  syntaxes: Counts;
  /** Millimetres between rows and between columns. */
  spacings: Counts;
  /** Images whose low values are bright, and were inverted. */
  inverted: number;
  /** Images that bring a window or a VOI LUT. */
  voi: Counts;
  patients: number;
  /** By what patients were told apart. */
  patientsBy: 'pattern' | 'header' | 'volume' | 'name';
  refused: RefusedFile[];
  warnings: string[];
  /** Share of all values in each of equal parts of `Survey.shown`. */
  histogram: number[];
  /** Mean power by spatial frequency, 0 to 0.5 cycles a pixel, dB of the range's square. */
  spectrum: number[];
  /** Images that the spectrum is the mean of. */
  spectrumOf: number;
  /** Share of values that the range clamps. */
  clamped: number;
}

export interface Survey {
  domains: DomainSurvey[];
  /** How many pairs each way finds, or why it finds none. */
  pairs?: { byName: number | string; byPosition: number | string };
  /** Patients with images in both domains. */
  shared?: number;
  /** What `range: auto` is for these data, or why it is refused. */
  range: Range | string;
  /** What `range: percentiles` would be, or why it is refused. */
  robust: Range | string;
  /** Ends of the histograms: where nearly all values lie. */
  shown: Range;
}

const BINS = 96;
const PERCENTILES = [0.1, 0.5, 1, 25, 50, 75, 99, 99.5, 99.9];
/** Images of a domain that spectra are taken of: more change the mean little and take long. */
const MOST_SPECTRA = 48;

/** @throws DataError if a folder holds no image that can be read */
export async function survey(folders: string[], options: SurveyOptions): Promise<Survey> {
  const surveyed: Surveyed[] = [];
  for (const folder of folders) surveyed.push(await readAll(folder, options));
  const kinds = surveyed.flatMap((one) => one.kinds);
  const percentileOf = (percent: number) =>
    Promise.resolve(surveyed.map(({ histogram }) => percentile(histogram, percent)!));
  const robust = await orReason(() => resolveRange({ percentiles: [0.5, 99.5] }, kinds, percentileOf));
  const range = await orReason(() => resolveRange('auto', kinds, percentileOf));
  const ends = surveyed.flatMap(({ domain }) => [domain.least, domain.most]);
  const all: Range = [Math.min(...ends), Math.max(...ends, Math.min(...ends) + 1)];
  const shown: Range = [
    Math.min(...(await percentileOf(0.1))),
    Math.max(...(await percentileOf(99.9)), Math.min(...(await percentileOf(0.1))) + 1),
  ];
  const used = typeof range === 'string' ? (typeof robust === 'string' ? all : robust) : range;
  for (const one of surveyed) {
    one.domain.histogram = shares(one.histogram, shown);
    one.domain.clamped = clampedShare(one.histogram, used);
    Object.assign(one.domain, await spectrumOf(one.list.files, used, options));
  }
  const result: Survey = {
    domains: surveyed.map(({ domain }) => domain),
    range,
    robust,
    shown,
  };
  const [x, y] = surveyed;
  if (x !== undefined && y !== undefined) {
    const [ofX, ofY] = [x.list.files, y.list.files];
    result.pairs = {
      byName: await orReason(() => Promise.resolve(pairByName(ofX, ofY).pairs.length)),
      byPosition: await orReason(() => Promise.resolve(pairByPosition(ofX, ofY).pairs.length)),
    };
    const inX = new Set(patientsOf(ofX, options.patient));
    result.shared = new Set(patientsOf(ofY, options.patient).filter((one) => inX.has(one))).size;
  }
  return result;
}

async function orReason<T>(find: () => Promise<T>): Promise<T | string> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
}

interface Surveyed {
  list: ImageFolder;
  histogram: Histogram;
  kinds: ImageKind[];
  domain: DomainSurvey;
}

async function readAll(folder: string, options: SurveyOptions): Promise<Surveyed> {
  const { axis, voi, patient, progress } = options;
  const refused: RefusedFile[] = [];
  const listed = await listImages(folder, { axis, refuse: (file) => refused.push(file) });
  const counts = new Map<string, Map<string, number>>();
  const tally = (what: string, found: string) => {
    const kind = counts.get(what) ?? new Map<string, number>();
    counts.set(what, kind.set(found, (kind.get(found) ?? 0) + 1));
  };
  const whole = wholeHistogram();
  const kinds: ImageKind[] = [];
  let [least, most, real, inverted] = [Infinity, -Infinity, false, 0];
  const bad = new Set<string>();
  for (const [at, file] of listed.files.entries()) {
    progress?.(at + 1, listed.files.length);
    if (bad.has(file.path)) continue;
    let image: ReadImage;
    try {
      image = await readImage(file, { voi });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      bad.add(file.path);
      refused.push({
        name: listed.sources.find(({ path }) => path === file.path)!.name,
        reason: error.message,
      });
      continue;
    }
    for (const value of image.data) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (image.data instanceof Float32Array) real = true;
    else countValues(whole, image.data);
    if (!kinds.some((kind) => sameLimits(kind, image) && kind.bits === image.bits)) kinds.push(kindOf(image));
    tally('sizes', `${image.width} x ${image.height}`);
    tally('kinds', kindInWords(image));
    if (image.dicom?.inverted) inverted++;
    for (const [what, found] of headerFacts(image)) tally(what, found);
  }
  const left = <T extends { path: string }>(items: T[]) => items.filter(({ path }) => !bad.has(path));
  const list = { ...listed, sources: left(listed.sources), files: left(listed.files) };
  if (list.files.length === 0) {
    throw new DataError(
      `${folder}: none of its ${refused.length} files can be read. The first: ${refused[0]!.reason}`,
    );
  }
  let histogram = whole;
  if (real) {
    histogram = realHistogram(least, most);
    for (const file of list.files) countValues(histogram, (await readImage(file, { voi })).data);
  }
  const sorted = (what: string): Counts => [...(counts.get(what) ?? [])].sort(([, a], [, b]) => b - a);
  const [first] = list.files;
  return {
    list,
    histogram,
    kinds,
    domain: {
      folder,
      format: FORMATS[list.format].name,
      files: list.sources.length,
      images: list.files.length,
      sizes: sorted('sizes'),
      kinds: sorted('kinds'),
      least,
      most,
      percentiles: Object.fromEntries(PERCENTILES.map((one) => [one, percentile(histogram, one)!])),
      modalities: sorted('modalities'),
      scanners: sorted('scanners'),
      syntaxes: sorted('syntaxes'),
      spacings: sorted('spacings'),
      inverted,
      voi: sorted('voi'),
      patients: new Set(patientsOf(list.files, patient)).size,
      patientsBy:
        patient !== undefined
          ? 'pattern'
          : first?.patient === undefined
            ? 'name'
            : list.format === 'volume'
              ? 'volume'
              : 'header',
      refused,
      warnings: list.warnings,
      histogram: [],
      spectrum: [],
      spectrumOf: 0,
      clamped: 0,
    },
  };
}

function kindInWords(image: ReadImage): string {
  const [lo, hi] = limitsOf(image);
  if (!Number.isFinite(hi - lo)) return 'real numbers';
  const depth = image.unit === undefined ? '' : ` (${image.bits} bits)`;
  return `${inWords(image)}, ${lo} to ${hi} possible${depth}`;
}

function headerFacts({ dicom, geometry }: ReadImage): [string, string][] {
  const facts: [string, string][] = [];
  if (geometry.spacing !== undefined) {
    const [rows, columns] = geometry.spacing.map((millimetres) => String(Number(millimetres.toPrecision(4))));
    facts.push(['spacings', rows === columns ? `${rows} mm` : `${rows} x ${columns} mm`]);
  }
  if (dicom === undefined) return facts;
  const scanner =
    [dicom.manufacturer, dicom.model].filter((part) => part !== '').join(' ') || 'scanner not said';
  facts.push(['modalities', dicom.modality || 'not said']);
  facts.push(['scanners', dicom.kernel === '' ? scanner : `${scanner}, kernel ${dicom.kernel}`]);
  facts.push(['syntaxes', dicom.syntaxName]);
  if (dicom.voi?.kind === 'table') facts.push(['voi', 'VOI LUT']);
  else if (dicom.voi !== undefined) {
    const { center, width, form } = dicom.voi;
    facts.push(['voi', `window ${center} / ${width}${form === 'LINEAR' ? '' : ` ${form}`}`]);
  }
  return facts;
}

/** Share of the values in each of equal parts between two ends; what lies beyond is left out. */
function shares({ lo, step, counts }: Histogram, [from, to]: Range): number[] {
  const bins = new Array<number>(BINS).fill(0);
  let total = 0;
  counts.forEach((count, bin) => {
    if (count === 0) return;
    total += count;
    const at = Math.floor(((lo + bin * step - from) / (to - from)) * BINS);
    if (at >= 0 && at <= BINS) bins[Math.min(BINS - 1, at)]! += count;
  });
  return bins.map((count) => count / total);
}

function clampedShare({ lo, step, counts }: Histogram, [from, to]: Range): number {
  let [total, beyond] = [0, 0];
  counts.forEach((count, bin) => {
    const value = lo + bin * step;
    total += count;
    if (value < from || value > to) beyond += count;
  });
  return beyond / total;
}

async function spectrumOf(
  files: ImageFile[],
  range: Range,
  { voi }: SurveyOptions,
): Promise<Pick<DomainSurvey, 'spectrum' | 'spectrumOf'>> {
  const step = Math.max(1, files.length / MOST_SPECTRA);
  const chosen = Array.from(
    { length: Math.min(files.length, MOST_SPECTRA) },
    (_, at) => files[Math.floor(at * step)]!,
  );
  const spectra: Float64Array[] = [];
  for (const file of chosen) {
    const { data, width, height } = await readImage(file, { voi });
    spectra.push(radialSpectrum(toUnit(data, range), width, height));
  }
  // Images of other sizes have rings of other frequencies: those of the first size stand for all.
  const length = spectra[0]!.length;
  const alike = spectra.filter((spectrum) => spectrum.length === length);
  const mean = Array.from(
    { length },
    (_, ring) => alike.reduce((sum, spectrum) => sum + spectrum[ring]!, 0) / alike.length,
  );
  return { spectrum: mean.map((power) => 10 * Math.log10(power + 1e-12)), spectrumOf: alike.length };
}
