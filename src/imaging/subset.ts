/** @file Which images and pairs a trial trains on: nested subsets, so that a study of their number changes nothing else. */
import { createHash } from 'node:crypto';
import type { TrialParameters } from '../protocol.js';
import type { ImageFile } from './folder.js';
import { DataError } from './image.js';
import type { DomainSplit } from './split.js';

export interface TrainingSet {
  /** Indices of the images of X that train, ascending. */
  x: number[];
  /** The same of Y. */
  y: number[];
  /** Pairs that the paired term may use: places in the lists `x` and `y`. */
  pairs: [number, number][];
}

/**
 * The images of the training part, or the first `images` of each domain; of their pairs all, or the first `pairs`. First is by a hash of
 * the file stem, for an image of Y by that of its partner if it has one: so the first ten are among the first twenty, and partners
 * come together. With `anatomy: disjoint` no partners: of a pair whose images are both for training only X, or only Y, is used, as the
 * same hash decides.
 * @param known all pairs of the data, as indices into X and Y
 * @throws DataError if there are fewer than asked for
 */
export function trainingSet(
  x: readonly ImageFile[],
  y: readonly ImageFile[],
  split: DomainSplit,
  known: readonly (readonly [number, number])[],
  { images, pairs, paired, anatomy }: Pick<TrialParameters, 'images' | 'pairs' | 'paired' | 'anatomy'>,
): TrainingSet {
  const partnerOfX = new Map(known);
  const partnerOfY = new Map(known.map(([ofX, ofY]) => [ofY, ofX]));
  const orderX = (index: number) => hash(x[index]!.stem);
  const orderY = (index: number) => hash((x[partnerOfY.get(index) ?? -1] ?? y[index]!).stem);
  const parted = anatomy === 'disjoint';
  const train = { x: new Set(split.train[0]), y: new Set(split.train[1]) };
  const givesX = (index: number) => orderX(index) < '8';
  const isPartedX = (index: number) => parted && train.y.has(partnerOfX.get(index) ?? -1);
  const isPartedY = (index: number) => parted && train.x.has(partnerOfY.get(index) ?? -1);
  const candidates = {
    x: split.train[0].filter((index) => !isPartedX(index) || givesX(index)),
    y: split.train[1].filter((index) => !isPartedY(index) || !givesX(partnerOfY.get(index)!)),
  };
  const used = {
    x: first(candidates.x, orderX, images, 'X', parted),
    y: first(candidates.y, orderY, images, 'Y', parted),
  };
  if (paired === 0) return { ...used, pairs: [] };

  const [placeX, placeY] = [placesOf(used.x), placesOf(used.y)];
  const usable = known
    .filter(([ofX, ofY]) => placeX.has(ofX) && placeY.has(ofY))
    .sort(([a], [b]) => (orderX(a) < orderX(b) ? -1 : 1));
  const wanted = pairs === 'all' ? Math.max(1, usable.length) : pairs;
  if (usable.length < wanted) {
    throw new DataError(
      `paired: ${paired} with pairs: ${pairs} needs ${wanted === 1 ? 'a pair' : `${wanted} pairs`} among the training images; ` +
        `there ${usable.length === 1 ? 'is 1' : `are ${usable.length}`}. Set data.pairing, or ask for fewer pairs.`,
    );
  }
  return {
    ...used,
    pairs: usable.slice(0, wanted).map(([ofX, ofY]) => [placeX.get(ofX)!, placeY.get(ofY)!]),
  };
}

function first(
  indices: readonly number[],
  order: (index: number) => string,
  count: TrialParameters['images'],
  domain: string,
  parted: boolean,
): number[] {
  const left = parted ? 'anatomy disjoint leaves for training' : 'there are for training';
  if (parted && indices.length === 0)
    throw new DataError(
      `anatomy disjoint leaves ${domain} no training image: all pairs gave the other domain. Set anatomy same, or add images.`,
    );
  if (count === 'all') return [...indices];
  if (count > indices.length) {
    throw new DataError(
      `images: ${count} asks for more images of ${domain} than ${left}: ${indices.length}. Ask for fewer, or give training a larger share.`,
    );
  }
  const keyed = indices.map((index): [string, number] => [order(index), index]);
  keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return keyed
    .slice(0, count)
    .map(([, index]) => index)
    .sort((a, b) => a - b);
}

function placesOf(indices: readonly number[]): Map<number, number> {
  return new Map(indices.map((index, place) => [index, place]));
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
