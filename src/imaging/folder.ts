/** @file The images of a folder: which files they are, a fingerprint of their content, and pairs by name. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { TrialData } from '../protocol.js';
import { DataError } from './image.js';
import { systemReason } from './png.js';

/** Endings that are read today. */
const SUPPORTED = ['.png'];
/** Endings that are images, too, but are not read today: left out with a warning, never in silence. */
const OTHER_IMAGES = [
  '.dcm',
  '.dicom',
  '.ima',
  '.tif',
  '.tiff',
  '.jpg',
  '.jpeg',
  '.jp2',
  '.bmp',
  '.gif',
  '.webp',
  '.nii',
  '.gz',
  '.nrrd',
  '.mha',
  '.mhd',
];

const WHAT_IS_READ = 'grey PNG files of 8 or 16 bits (.png)';

/** One image file of a folder. */
export interface ImageFile {
  /** Where it lies: the folder as given, joined with `name`. */
  path: string;
  /** Path below the folder, with `/` between its parts. Can identify a patient: for the terminal only. */
  name: string;
  /** `name` without its ending. */
  stem: string;
}

export interface ImageFolder {
  folder: string;
  /** Sorted by `name`, by code unit: the same on every machine. */
  files: ImageFile[];
  /** What was left out, in words for the terminal. */
  warnings: string[];
}

/** Pairs of indices, one into X and one into Y, of images that show the same anatomy. */
export interface Pairing {
  pairs: [number, number][];
  /** How many images of X and of Y have no partner. */
  unmatched: [number, number];
}

/**
 * Lists the images below a folder. Hidden files and folders are ignored.
 * @throws DataError if the folder is missing, is no folder, or holds no image that can be read.
 */
export async function listImages(folder: string): Promise<ImageFolder> {
  const names: string[] = [];
  await walk(folder, '', names, []);
  names.sort(byCodeUnit);
  const files: ImageFile[] = [];
  const others = new Map<string, number>();
  for (const name of names) {
    const ending = extname(name).toLowerCase();
    if (SUPPORTED.includes(ending)) {
      files.push({ path: join(folder, name), name, stem: name.slice(0, name.length - ending.length) });
    } else if (OTHER_IMAGES.includes(ending)) {
      others.set(ending, (others.get(ending) ?? 0) + 1);
    }
  }
  const leftOut = [...others].map(([ending, count]) => `${count} ${ending}`).join(', ');
  if (files.length === 0) {
    const found = leftOut === '' ? 'no images' : `only files that are not read yet (${leftOut})`;
    throw new DataError(
      `${folder}: ${found}. Expected ${WHAT_IS_READ}, in this folder or in folders below it.`,
    );
  }
  const warnings = leftOut === '' ? [] : [`${folder}: left out ${leftOut}; read are ${WHAT_IS_READ}.`];
  return { folder, files, warnings };
}

/**
 * SHA-256, in hexadecimal, over names and contents of a folder's images in sorted order. Where the folder lies does not matter.
 * @throws DataError as listImages does, or if a file cannot be read.
 */
export async function fingerprintFolder(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await listImages(folder)).files) {
    try {
      const { size } = await stat(file.path);
      hash.update(`${file.name}\0${size}\0`);
      for await (const chunk of createReadStream(file.path)) hash.update(chunk as Buffer);
    } catch (error) {
      throw new DataError(`${file.path}: cannot be read (${systemReason(error)}).`, { cause: error });
    }
  }
  return hash.digest('hex');
}

/**
 * Pairs the images of two domains by their stems.
 * @throws DataError if no stem is in both, or if two images of a domain share one.
 */
export function pairByName(x: readonly ImageFile[], y: readonly ImageFile[]): Pairing {
  const indexOfY = new Map<string, number>();
  y.forEach((file, index) => remember(indexOfY, file, index, y));
  const seen = new Map<string, number>();
  const pairs: [number, number][] = [];
  x.forEach((file, index) => {
    remember(seen, file, index, x);
    const partner = indexOfY.get(file.stem);
    if (partner !== undefined) pairs.push([index, partner]);
  });
  if (pairs.length === 0) {
    throw new DataError(
      `pairing: by-name finds no pair: none of the ${x.length} images of X has the name of one of the ${y.length} of Y ` +
        `(for example ${x[0]?.name ?? 'none'} and ${y[0]?.name ?? 'none'}). Give partners the same name, or set pairing: none.`,
    );
  }
  return { pairs, unmatched: [x.length - pairs.length, y.length - pairs.length] };
}

/**
 * Pairs the images of two domains by an index file: comma-, semicolon- or tab-separated, with a head that names the columns x and y.
 * @param text content of the file; `file` is what errors call it
 * @throws DataError if a column is missing, a name is of no image, or an image stands twice
 */
export function pairByIndex(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  text: string,
  file: string,
): Pairing {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const head = lines[0] ?? '';
  const separator = [',', ';', '\t'].find((mark) => head.includes(mark)) ?? ',';
  const cells = (line: string) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const columns = cells(head).map((name) => name.toLowerCase());
  const [ofX, ofY] = [columns.indexOf('x'), columns.indexOf('y')];
  if (ofX < 0 || ofY < 0) {
    throw new DataError(
      `${file}:1: a list of pairs starts with a line that names the columns x and y, as in "x,y"; here it is "${head}".`,
    );
  }
  const domains = [
    { name: 'X', files: x, indices: indexByName(x), column: ofX, seen: new Map<number, number>() },
    { name: 'Y', files: y, indices: indexByName(y), column: ofY, seen: new Map<number, number>() },
  ];
  const pairs: [number, number][] = [];
  lines.slice(1).forEach((line, at) => {
    if (line.trim() === '') return;
    const place = `${file}:${at + 2}`;
    const row = cells(line);
    const [pairX, pairY] = domains.map(({ name, indices, column, seen }) => {
      const written = row[column] ?? '';
      const index = indices.get(written);
      if (index === undefined) {
        throw new DataError(
          `${place}: '${written}' is no image of ${name}. Write the file's name, with or without its ending.`,
        );
      }
      const before = seen.get(index);
      if (before !== undefined) {
        throw new DataError(`${place}: '${written}' of ${name} stands in line ${before} already.`);
      }
      seen.set(index, at + 2);
      return index;
    });
    pairs.push([pairX!, pairY!]);
  });
  if (pairs.length === 0) throw new DataError(`${file}: lists no pair below its head.`);
  pairs.sort(([a], [b]) => a - b);
  return { pairs, unmatched: [x.length - pairs.length, y.length - pairs.length] };
}

/** The pairs that a trial's data names; none for `pairing: none`. */
export async function findPairs(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  pairing: TrialData['pairing'],
): Promise<[number, number][]> {
  if (pairing === 'none') return [];
  if (pairing === 'by-name') return pairByName(x, y).pairs;
  let text: string;
  try {
    text = await readFile(pairing.index, 'utf8');
  } catch (error) {
    throw new DataError(`${pairing.index}: the list of pairs cannot be read (${systemReason(error)}).`, {
      cause: error,
    });
  }
  return pairByIndex(x, y, text, pairing.index).pairs;
}

/** Images by path below the folder and by that without its ending. */
function indexByName(files: readonly ImageFile[]): Map<string, number> {
  return new Map(files.flatMap((file, index) => [[file.stem, index] as const, [file.name, index] as const]));
}

function remember(
  index: Map<string, number>,
  file: ImageFile,
  at: number,
  files: readonly ImageFile[],
): void {
  const other = index.get(file.stem);
  if (other !== undefined) {
    throw new DataError(
      `${file.path}: has the same name as ${files[other]!.path} but for its ending. Rename one of them.`,
    );
  }
  index.set(file.stem, at);
}

/** Collects the paths of visible files below `folder/below`; `above` holds the real paths on the way, against links in a circle. */
async function walk(folder: string, below: string, names: string[], above: string[]): Promise<void> {
  const here = below === '' ? folder : join(folder, below);
  let entries;
  let real: string;
  try {
    entries = await readdir(here, { withFileTypes: true });
    real = await realpath(here);
  } catch (error) {
    throw new DataError(
      `${here}: not a folder that can be read (${systemReason(error)}). Expected a folder of ${WHAT_IS_READ}.`,
      {
        cause: error,
      },
    );
  }
  if (above.includes(real)) return;
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const name = below === '' ? entry.name : `${below}/${entry.name}`;
    const kind = entry.isSymbolicLink() ? await stat(join(folder, name)).catch(() => undefined) : entry;
    if (kind?.isDirectory()) await walk(folder, name, names, [...above, real]);
    else if (kind?.isFile()) names.push(name);
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
