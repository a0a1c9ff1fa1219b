/** @file Splits whole images into training, validation and test: by patient, jointly over both domains, never by patch. */

import { createHash } from 'node:crypto';
import type { Split, SplitLists, SplitShares } from '../protocol.js';
import type { ImageFile } from './folder.js';
import { DataError } from './image.js';

export type Part = keyof Split;

/** For each part the indices of its images in X and in Y, ascending. */
export type DomainSplit = Record<Part, [number[], number[]]>;

/** What belongs together beyond names. */
export interface SplitOptions {
  /**
   * Regular expression whose first group is the patient, on the file name, or on the path below the folder if it contains
   * a `/`. It goes before what a file says itself. Without both the file stem is the patient.
   */
  patient?: string | undefined;
  /** Pairs of indices into X and Y: partners stay in one part, whatever their names. */
  pairs?: readonly (readonly [number, number])[];
}

/** All images of one patient, in both domains. */
interface Group {
  /** Place in the order: a hash of the patient, so that it depends on nothing but the patient. */
  order: string;
  /** More than one where pairs tie patients of different names together. */
  patients: string[];
  /** Indices into X and into Y. */
  images: [number[], number[]];
}

/**
 * Assigns every patient to one part, by shares or by lists of names.
 * @throws DataError if a name does not match `patient`, if a part would be left without images of a domain, or if lists
 *   contradict each other or name what is not there.
 */
export function splitImages(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  split: Split,
  options: SplitOptions = {},
): DomainSplit {
  const groups = groupByPatient(x, y, options);
  return typeof split.train === 'number'
    ? splitByShares(x, y, split as SplitShares, groups)
    : splitByLists(x, y, split as SplitLists, groups);
}

/**
 * The order of patients is that of a hash, so a split does not depend on how a folder is listed, and an image that is added
 * moves few others.
 */
function splitByShares(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  split: SplitShares,
  groups: Group[],
): DomainSplit {
  const inBoth = groups.filter((group) => group.images[0].length > 0 && group.images[1].length > 0);
  const only = [0, 1].map((domain) => groups.filter((group) => group.images[1 - domain]!.length === 0));
  const total = [x.length, y.length];
  const totalInBoth = [count(inBoth, 0), count(inBoth, 1)];

  const result: DomainSplit = { train: [[], []], validation: [[], []], test: [[], []] };
  const wanted = (['test', 'validation'] as const).filter((part) => split[part] > 0);
  wanted.forEach((part, at) => {
    const images = result[part];
    /** Parts that must still find a patient of each domain after this one. */
    const later = wanted.length - at;
    const left = (domain: number) => inBoth.length + only[domain]!.length;
    const take = (from: Group[]) => {
      const group = from.shift()!;
      for (const domain of [0, 1]) images[domain]!.push(...group.images[domain]!);
    };
    const fits = (group: Group | undefined, domain: number, target: number) =>
      group !== undefined && images[domain]!.length + group.images[domain]!.length / 2 <= target;

    while (
      [0, 1].every(
        (domain) =>
          left(domain) > later && fits(inBoth[0], domain, Math.round(split[part] * totalInBoth[domain]!)),
      )
    ) {
      take(inBoth);
    }
    for (const domain of [0, 1]) {
      const target = Math.max(1, Math.round(split[part] * total[domain]!));
      while (left(domain) > later && fits(only[domain]![0], domain, target)) take(only[domain]!);
    }
    for (const domain of [0, 1]) {
      if (images[domain]!.length > 0 || left(domain) <= later) continue;
      take(only[domain]!.length > 0 ? only[domain]! : inBoth);
    }
  });
  for (const group of [...inBoth, ...only.flat()]) {
    for (const domain of [0, 1]) result.train[domain]!.push(...group.images[domain]!);
  }

  for (const part of ['train', ...wanted] as const) {
    for (const domain of [0, 1]) {
      if (result[part][domain]!.length === 0) throw tooFew(x, y, groups, wanted.length + 1, part, domain);
      result[part][domain]!.sort((a, b) => a - b);
    }
  }
  return result;
}

const PARTS = ['train', 'validation', 'test'] as const;

/** An image belongs to the part that names its stem or its patient, with its whole group; what no list names is left out. */
function splitByLists(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  lists: SplitLists,
  groups: Group[],
): DomainSplit {
  const result: DomainSplit = { train: [[], []], validation: [[], []], test: [[], []] };
  const entries = PARTS.flatMap((part) =>
    lists[part].map((text) => ({ part, text, matches: matcher(text), used: false })),
  );
  for (const { patients, images } of groups) {
    const named = images.flatMap((indices, domain) =>
      indices.map((index) => ({ file: (domain === 0 ? x : y)[index]!, domain, index })),
    );
    /** The first image that an entry names, by part. */
    const claims = new Map<Part, { entry: string; file: ImageFile }>();
    const taken = new Map<Part, typeof named>();
    for (const image of named) {
      for (const entry of entries) {
        const whole = patients.some((patient) => entry.matches(patient));
        if (!whole && !entry.matches(image.file.stem)) continue;
        entry.used = true;
        if (!claims.has(entry.part)) claims.set(entry.part, { entry: entry.text, file: image.file });
        const images = taken.get(entry.part) ?? [];
        if (!images.includes(image)) taken.set(entry.part, [...images, image]);
      }
    }
    const [first, second] = [...claims];
    if (first !== undefined && second !== undefined) {
      throw new DataError(
        `split: ${first[0]} ('${first[1].entry}') and ${second[0]} ('${second[1].entry}') share a patient or a pair: ` +
          `${first[1].file.path} and ${second[1].file.path}. A patient and a pair stay in one part: correct the lists` +
          (first[1].file.patient === undefined ? '.' : `, or ${EACH_FILE_A_PATIENT}`),
      );
    }
    for (const [part, images] of taken) {
      for (const { domain, index } of images) result[part][domain]!.push(index);
    }
  }
  const idle = entries.find((entry) => !entry.used);
  if (idle !== undefined) {
    throw new DataError(
      `split: '${idle.text}' under ${idle.part} names no image of X or Y and no patient. ` +
        `Names are file stems, e.g. '${x[0]?.stem ?? ''}'; '*' stands for any text, 'a001..a099' for numbered names.`,
    );
  }
  for (const part of PARTS) {
    for (const domain of [0, 1]) {
      if (lists[part].length > 0 && result[part][domain]!.length === 0) {
        throw new DataError(
          `split: the list ${part} names no image of ${domain === 0 ? 'X' : 'Y'}; every part needs images of both.`,
        );
      }
      result[part][domain]!.sort((a, b) => a - b);
    }
  }
  return result;
}

/** What an entry of a list names: a text, one with `*` for any text, or `first..last` of numbered names. */
function matcher(entry: string): (name: string) => boolean {
  const range = /^(.*?)(\d+)\.\.(.*?)(\d+)$/.exec(entry);
  if (range !== null && (range[3] === '' || range[3] === range[1])) {
    const [prefix, from, to] = [range[1]!, Number(range[2]), Number(range[4])];
    return (name) => {
      const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      return /^\d+$/.test(digits) && Number(digits) >= from && Number(digits) <= to;
    };
  }
  if (!entry.includes('*')) return (name) => name === entry;
  const parts = entry.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${parts.join('.*')}$`);
  return (name) => pattern.test(name);
}

function groupByPatient(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  { patient, pairs = [] }: SplitOptions,
): Group[] {
  const pattern = patient === undefined ? undefined : new RegExp(patient);
  const groups = new Map<string, Group>();
  [x, y].forEach((files, domain) => {
    files.forEach((file, index) => {
      const id = patientOf(file, pattern);
      let group = groups.get(id);
      if (group === undefined) {
        group = { order: createHash('sha256').update(id).digest('hex'), patients: [id], images: [[], []] };
        groups.set(id, group);
      }
      group.images[domain]!.push(index);
    });
  });
  // Partners of different names tie their patients together.
  for (const [ofX, ofY] of pairs) {
    const [kept, other] = [
      groups.get(patientOf(x[ofX]!, pattern))!,
      groups.get(patientOf(y[ofY]!, pattern))!,
    ];
    if (kept === other) continue;
    for (const domain of [0, 1]) kept.images[domain]!.push(...other.images[domain]!);
    kept.patients.push(...other.patients);
    for (const id of other.patients) groups.set(id, kept);
    if (other.order < kept.order) kept.order = other.order;
  }
  return [...new Set(groups.values())].sort((a, b) => (a.order < b.order ? -1 : 1));
}

/**
 * The patient of each image: names for what stays together, to be counted and compared, never written down.
 * @throws DataError if a name does not match `patient`
 */
export function patientsOf(files: readonly ImageFile[], patient?: string): string[] {
  const pattern = patient === undefined ? undefined : new RegExp(patient);
  return files.map((file) => patientOf(file, pattern));
}

function patientOf(file: ImageFile, pattern: RegExp | undefined): string {
  if (pattern === undefined) return file.patient ?? file.stem;
  const subject = pattern.source.includes('/') ? file.name : file.name.slice(file.name.lastIndexOf('/') + 1);
  const match = pattern.exec(subject);
  const id = match?.[1];
  if (id === undefined || id === '') {
    const why = match === null ? 'does not match' : 'has no first group for';
    throw new DataError(
      `${file.path}: its name ${why} patient: '${pattern.source}', so it is not known whose image it is. Correct the expression or the name.`,
    );
  }
  return id;
}

/** What to do where all images are of one phantom, or headers were made alike. */
const EACH_FILE_A_PATIENT = "set patient: '(.+)' under data, which takes each file for a patient of its own.";

function tooFew(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  groups: Group[],
  parts: number,
  part: Part,
  domain: number,
): DataError {
  const patients = [0, 1].map((at) => groups.filter((group) => group.images[at]!.length > 0).length);
  return new DataError(
    `Too few images: X has ${x.length} of ${patients[0]} patients, Y has ${y.length} of ${patients[1]}; ` +
      `nothing is left of ${domain === 0 ? 'X' : 'Y'} for ${part}. A patient's images stay together, so a split into ${parts} parts ` +
      `needs images of at least ${parts} patients (without patient: files of different names) in each domain.` +
      (x[0]?.patient === undefined ? '' : ` By their headers these are so few; or ${EACH_FILE_A_PATIENT}`),
  );
}

function count(groups: Group[], domain: number): number {
  return groups.reduce((sum, group) => sum + group.images[domain]!.length, 0);
}
