/** @file Which image of X and which of Y show the same anatomy: by name, by position in space, or by an index file. */

import { readFile } from 'node:fs/promises';
import type { SplitLists, TrialData } from '../protocol.js';
import type { ImageFile } from './folder.js';
import { DataError } from './image.js';
import { systemReason } from './png.js';

/** Pairs of indices, one into X and one into Y, of images that show the same anatomy. */
export interface Pairing {
  pairs: [number, number][];
  /** How many images of X and of Y have no partner. */
  unmatched: [number, number];
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
 * Pairs DICOM images that lie at the same place of one frame of reference.
 * @throws DataError if headers do not give a place, if two images of a domain share one, or if no place is in both
 */
export function pairByPosition(x: readonly ImageFile[], y: readonly ImageFile[]): Pairing {
  const [ofX, ofY] = [x, y].map((files) => {
    const places = new Map<string, number>();
    files.forEach((file, index) => {
      if (file.place === undefined) {
        throw new DataError(
          `${file.path}: pairing: by-position needs DICOM files that give frame of reference, position and orientation; this one does not. ` +
            'Pair by-name, or by an index file.',
        );
      }
      const other = places.get(file.place);
      if (other !== undefined) {
        throw new DataError(
          `${file.path}: lies at the same place as ${files[other]!.path}, so it is not known which one its partner belongs to. Leave one out.`,
        );
      }
      places.set(file.place, index);
    });
    return places;
  }) as [Map<string, number>, Map<string, number>];
  const pairs = [...ofX].flatMap(([place, index]): [number, number][] => {
    const partner = ofY.get(place);
    return partner === undefined ? [] : [[index, partner]];
  });
  if (pairs.length === 0) {
    throw new DataError(
      `pairing: by-position finds no pair: none of the ${x.length} images of X lies where one of the ${y.length} of Y lies ` +
        '(to 0.01 mm, in one frame of reference). Pair by-name, by an index file, or set pairing: none.',
    );
  }
  return { pairs, unmatched: [x.length - pairs.length, y.length - pairs.length] };
}

const PARTS = ['train', 'validation', 'test'] as const;

/** One row of an index file. */
interface IndexRow {
  x: string;
  y: string;
  split: string;
  /** Where it stands, for messages: `pairs.csv:3`. */
  place: string;
}

/** What an index file says of images that are there. */
export interface Index {
  pairs: [number, number][];
  /** Stems by part; undefined where the file has no column split. */
  split: SplitLists | undefined;
}

/**
 * Reads an index file. CSV: comma-, semicolon- or tab-separated, with a head that names the columns x and y, and split where it says what trains,
 * validates and tests. JSON: a list of objects with the same names. A row may name one image alone.
 * @param text content of the file; `file` is what errors call it
 * @throws DataError if a column is missing, a name is of no image, an image stands twice, or nothing is said
 */
export function parseIndex(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  text: string,
  file: string,
): Index {
  const { rows, splits } = /\.json$/i.test(file) ? jsonRows(text, file) : csvRows(text, file);
  const domains = [
    { column: 'x' as const, name: 'X', indices: indexByName(x), seen: new Map<number, string>() },
    { column: 'y' as const, name: 'Y', indices: indexByName(y), seen: new Map<number, string>() },
  ];
  const pairs: [number, number][] = [];
  const split: SplitLists = { train: [], validation: [], test: [] };
  for (const row of rows) {
    const [ofX, ofY] = domains.map(({ column, name, indices, seen }) => {
      const written = row[column];
      if (written === '') return undefined;
      const index = indices.get(written);
      if (index === undefined) {
        throw new DataError(
          `${row.place}: '${written}' is no image of ${name}. Write the file's name, with or without its ending.`,
        );
      }
      const before = seen.get(index);
      if (before !== undefined)
        throw new DataError(`${row.place}: '${written}' of ${name} stands in ${before} already.`);
      seen.set(index, row.place);
      return index;
    });
    if (ofX === undefined && ofY === undefined)
      throw new DataError(`${row.place}: names no image, neither x nor y.`);
    if (ofX !== undefined && ofY !== undefined) pairs.push([ofX, ofY]);
    if (row.split === '') continue;
    const part = PARTS.find((one) => one === row.split);
    if (part === undefined) {
      throw new DataError(
        `${row.place}: split '${row.split}' names nothing. Expected train, validation, test, or nothing.`,
      );
    }
    for (const stem of [
      ofX === undefined ? [] : x[ofX]!.stem,
      ofY === undefined ? [] : y[ofY]!.stem,
    ].flat()) {
      if (!split[part].includes(stem)) split[part].push(stem);
    }
  }
  const empty = splits ? (['train', 'test'] as const).find((part) => split[part].length === 0) : undefined;
  if (empty !== undefined) {
    throw new DataError(
      `${file}: its column split has no image for ${empty}. Training and the exam need some each.`,
    );
  }
  if (pairs.length === 0 && !splits) throw new DataError(`${file}: lists no pair.`);
  pairs.sort(([a], [b]) => a - b);
  return { pairs, split: splits ? split : undefined };
}

function csvRows(text: string, file: string): { rows: IndexRow[]; splits: boolean } {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const head = lines[0] ?? '';
  const separator = [',', ';', '\t'].find((mark) => head.includes(mark)) ?? ',';
  const cells = (line: string) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const columns = cells(head).map((name) => name.toLowerCase());
  const [ofX, ofY, ofSplit] = ['x', 'y', 'split'].map((name) => columns.indexOf(name)) as [
    number,
    number,
    number,
  ];
  if (ofX < 0 || ofY < 0) {
    throw new DataError(
      `${file}:1: an index starts with a line that names the columns x and y, as in "x,y" or "x,y,split"; here it is "${head}".`,
    );
  }
  const rows = lines.slice(1).flatMap((line, at): IndexRow[] => {
    if (line.trim() === '') return [];
    const row = cells(line);
    return [{ x: row[ofX] ?? '', y: row[ofY] ?? '', split: row[ofSplit] ?? '', place: `${file}:${at + 2}` }];
  });
  return { rows, splits: ofSplit >= 0 };
}

function jsonRows(text: string, file: string): { rows: IndexRow[]; splits: boolean } {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${file}: not JSON (${error instanceof Error ? error.message : String(error)}).`, {
      cause: error,
    });
  }
  const shape = 'a list of objects such as {"x": "a.png", "y": "b.png", "split": "train"}';
  if (!Array.isArray(list)) throw new DataError(`${file}: an index in JSON is ${shape}.`);
  let splits = false;
  const rows = list.map((item: unknown, at): IndexRow => {
    const place = `${file}: entry ${at + 1}`;
    if (typeof item !== 'object' || item === null) throw new DataError(`${place}: expected ${shape}.`);
    const given = item as Record<string, unknown>;
    const cell = (name: string) => {
      const value = given[name] ?? '';
      if (typeof value !== 'string') throw new DataError(`${place}: ${name} is no text; expected ${shape}.`);
      return value;
    };
    if ('split' in given) splits = true;
    return { x: cell('x'), y: cell('y'), split: cell('split'), place };
  });
  return { rows, splits };
}

/**
 * The index file of a sweep.
 * @throws DataError as parseIndex does, or if the file cannot be read
 */
export async function readIndex(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  file: string,
): Promise<Index> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new DataError(`${file}: the index cannot be read (${systemReason(error)}).`, { cause: error });
  }
  return parseIndex(x, y, text, file);
}

/** The pairs that a trial's data names; none for `pairing: none`. */
export async function findPairs(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  pairing: TrialData['pairing'],
): Promise<[number, number][]> {
  if (pairing === 'none') return [];
  if (pairing === 'by-name') return pairByName(x, y).pairs;
  if (pairing === 'by-position') return pairByPosition(x, y).pairs;
  return (await readIndex(x, y, pairing.index)).pairs;
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
