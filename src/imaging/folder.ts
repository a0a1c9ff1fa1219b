/** @file The images of a folder: which files and slices they are, whose they are, and a fingerprint of their content. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { isDicom, parseDicom, type DicomHeader } from './dicom/header.js';
import type { TrialData } from '../protocol.js';
import { DataError } from './image.js';
import { systemReason } from './png.js';
import { FORMATS, formatByEnding, readImage, WHAT_IS_READ, type Format, type ImageSource } from './read.js';
import { countSlices, type Axis } from './volume.js';

/** Endings that are images, too, but are not read: left out with a warning, never in silence. */
const OTHER_IMAGES = ['.jpg', '.jpeg', '.jp2', '.bmp', '.gif', '.webp', '.nrrd', '.mhd', '.svs'];

/** Bytes from the front of a DICOM file that hold all tags before the pixels, as a rule. */
const HEAD_BYTES = 2 ** 16;

/** One image of a folder: a file, or a slice of one. */
export interface ImageFile extends ImageSource {
  /** Path below the folder, with `/` between its parts; of a slice with its number. Can identify a patient: for the terminal only. */
  name: string;
  /** `name` without its ending. */
  stem: string;
  /** Whose image it is, where the file says so: a hash of the DICOM header's patient; of a slice its volume. Never written down. */
  patient?: string;
  /** Hash of frame of reference, position and orientation, where a DICOM header gives them. */
  place?: string;
}

/** A file that cannot be used, and why; the reason begins with its path. */
export interface RefusedFile {
  name: string;
  reason: string;
}

export interface ListOptions {
  /** Axis along which volumes are cut into slices. */
  axis?: Axis;
  /** Names of files to leave out, as a list of refused files has them. */
  skip?: readonly string[];
  /** Told of files that cannot be used, which are left out then; without it the first is an error. */
  refuse?: (file: RefusedFile) => void;
}

export interface ImageFolder {
  folder: string;
  format: Format;
  /** Sorted by `name`, by code unit: the same on every machine. */
  files: ImageFile[];
  /** The files that hold them, in the same order: fewer, where a volume has many slices. */
  sources: { path: string; name: string }[];
  /** What was left out, in words for the terminal. */
  warnings: string[];
}

/**
 * Lists the images below a folder. Hidden files and folders are ignored. DICOM files are known by their content where they have no ending that
 * says otherwise; their tags are read, not their pixels.
 * @throws DataError if the folder is missing, is no folder, holds no image that can be read, or images of several formats.
 */
export async function listImages(folder: string, options: ListOptions = {}): Promise<ImageFolder> {
  const { axis = 'axial', skip = [], refuse } = options;
  const names: string[] = [];
  await walk(folder, '', names, []);
  names.sort(byCodeUnit);
  const found = new Map<Format, { path: string; name: string }[]>();
  const others = new Map<string, number>();
  for (const name of names) {
    if (skip.includes(name)) continue;
    const path = join(folder, name);
    const ending = extname(name).toLowerCase();
    if (OTHER_IMAGES.includes(ending)) {
      others.set(ending, (others.get(ending) ?? 0) + 1);
      continue;
    }
    const format = formatByEnding(name) ?? (await formatByContent(path));
    if (format === 'unreadable') others.set('unreadable', (others.get('unreadable') ?? 0) + 1);
    else if (format !== undefined) {
      const alike = found.get(format) ?? [];
      alike.push({ path, name });
      found.set(format, alike);
    }
  }
  const leftOut = [...others].map(([ending, count]) => `${count} ${ending}`).join(', ');
  const [format, ...more] = found.keys();
  if (format === undefined) {
    const what = leftOut === '' ? 'no images' : `only files that are not read (${leftOut})`;
    throw new DataError(
      `${folder}: ${what}. Expected ${WHAT_IS_READ}, in this folder or in folders below it.`,
    );
  }
  if (more.length > 0) {
    const counts = [...found].map(([one, files]) => `${files.length} ${FORMATS[one].name}`).join(' and ');
    throw new DataError(
      `${folder}: holds files of several formats (${counts}). A domain is of one: move the others elsewhere.`,
    );
  }

  const files: ImageFile[] = [];
  const sources: ImageFolder['sources'] = [];
  for (const source of found.get(format)!) {
    try {
      files.push(...(await imagesOf(source, format, axis)));
      sources.push(source);
    } catch (error) {
      if (!(error instanceof DataError) || refuse === undefined) throw error;
      refuse({ name: source.name, reason: error.message });
    }
  }
  if (files.length === 0) throw new DataError(`${folder}: no image is left; all were refused.`);
  const warnings = leftOut === '' ? [] : [`${folder}: left out ${leftOut}; read are ${WHAT_IS_READ}.`];
  return { folder, format, files, sources, warnings };
}

/** Both domains of a trial, as its data says that they are to be read. */
export async function listDomains({
  x,
  y,
  axis,
  skip,
}: Pick<TrialData, 'x' | 'y' | 'axis' | 'skip'>): Promise<[ImageFolder, ImageFolder]> {
  return [await listImages(x, { axis, skip: skip?.x }), await listImages(y, { axis, skip: skip?.y })];
}

/** Decodes every image once, and tells of the files that cannot be: each once, however many slices it holds. */
export async function findUnreadable({ files, sources }: ImageFolder): Promise<RefusedFile[]> {
  const names = new Map(sources.map(({ path, name }) => [path, name]));
  const refused = new Map<string, RefusedFile>();
  for (const file of files) {
    if (refused.has(file.path)) continue;
    try {
      await readImage(file);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      refused.set(file.path, { name: names.get(file.path)!, reason: error.message });
    }
  }
  return [...refused.values()];
}

/** The images that one file holds. */
async function imagesOf(
  { path, name }: { path: string; name: string },
  format: Format,
  axis: Axis,
): Promise<ImageFile[]> {
  const stem = stemOf(name);
  if (format === 'volume') {
    const count = await countSlices(path, axis);
    if (count === 1) return [{ path, name, stem, slice: { axis, index: 0 } }];
    return Array.from({ length: count }, (_, index) => {
      const number = String(index).padStart(4, '0');
      return {
        path,
        name: `${name}/${number}`,
        stem: `${stem}/${number}`,
        slice: { axis, index },
        patient: stem,
      };
    });
  }
  if (format !== 'dicom') return [{ path, name, stem }];
  const { patient, place } = await readTags(path);
  return [
    {
      path,
      name,
      stem,
      ...(patient === undefined ? {} : { patient }),
      ...(place === undefined ? {} : { place }),
    },
  ];
}

/** A file's name without its ending; of a slice, without that of its volume. */
export function stemOf(name: string): string {
  const format = formatByEnding(name);
  return format === undefined ? name : name.replace(FORMATS[format].endings, '');
}

/** The tags of a DICOM file, of which as a rule only the front is read. */
async function readTags(path: string): Promise<DicomHeader> {
  const head = await readFront(path, HEAD_BYTES);
  if (head.length === HEAD_BYTES) {
    try {
      const { header, dataSet } = parseDicom(head, path, 'tags');
      if ('x7fe00010' in dataSet.elements) return header;
    } catch {
      // The tags go on behind the front, or something is wrong: the whole file tells.
    }
  }
  return parseDicom(await readFile(path), path, 'tags').header;
}

async function formatByContent(path: string): Promise<'dicom' | 'unreadable' | undefined> {
  if (basename(path) === 'DICOMDIR') return undefined; // lists files, and holds no image
  try {
    return isDicom(await readFront(path, 132)) ? 'dicom' : undefined;
  } catch {
    return 'unreadable';
  }
}

/** @throws DataError if the file cannot be read */
async function readFront(path: string, bytes: number): Promise<Uint8Array> {
  try {
    const handle = await open(path);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new DataError(`${path}: cannot be read (${systemReason(error)}).`, { cause: error });
  }
}

/**
 * SHA-256, in hexadecimal, over names and contents of a folder's image files in sorted order. Where the folder lies does not matter.
 * @throws DataError if a file cannot be read.
 */
export async function fingerprintFolder({ sources }: Pick<ImageFolder, 'sources'>): Promise<string> {
  const hash = createHash('sha256');
  for (const { path, name } of sources) {
    try {
      const { size } = await stat(path);
      hash.update(`${name}\0${size}\0`);
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    } catch (error) {
      throw new DataError(`${path}: cannot be read (${systemReason(error)}).`, { cause: error });
    }
  }
  return hash.digest('hex');
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
