/** @file Splits whole images into training, validation and test: by patient, jointly over both domains, never by patch. */

import { createHash } from 'node:crypto';
import type { Split } from '../protocol.js';
import type { ImageFile } from './folder.js';
import { DataError } from './image.js';

export type Part = keyof Split;

/** For each part the indices of its images in X and in Y, ascending. */
export type DomainSplit = Record<Part, [number[], number[]]>;

/** All images of one patient, in both domains. */
interface Group {
  /** Place in the order: a hash of the patient, so that it depends on nothing but the patient. */
  order: string;
  /** Indices into X and into Y. */
  images: [number[], number[]];
}

/**
 * Assigns every patient to one part. The order of patients is that of a hash, so a split does not depend on how a folder is listed, and
 * an image that is added moves few others.
 * @param patient regular expression whose first group is the patient, on the file name, or on the path below the folder if it contains
 *   a `/`; without it the file stem is the patient.
 * @throws DataError if a name does not match `patient`, or if a part would be left without images of a domain.
 */
export function splitImages(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  split: Split,
  patient?: string,
): DomainSplit {
  const groups = groupByPatient(x, y, patient);
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

function groupByPatient(x: readonly ImageFile[], y: readonly ImageFile[], patient?: string): Group[] {
  const pattern = patient === undefined ? undefined : new RegExp(patient);
  const groups = new Map<string, Group>();
  [x, y].forEach((files, domain) => {
    files.forEach((file, index) => {
      const id = patientOf(file, pattern);
      let group = groups.get(id);
      if (group === undefined) {
        group = { order: createHash('sha256').update(id).digest('hex'), images: [[], []] };
        groups.set(id, group);
      }
      group.images[domain]!.push(index);
    });
  });
  return [...groups.values()].sort((a, b) => (a.order < b.order ? -1 : 1));
}

function patientOf(file: ImageFile, pattern: RegExp | undefined): string {
  if (pattern === undefined) return file.stem;
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
      `needs images of at least ${parts} patients (without patient: files of different names) in each domain.`,
  );
}

function count(groups: Group[], domain: number): number {
  return groups.reduce((sum, group) => sum + group.images[domain]!.length, 0);
}
