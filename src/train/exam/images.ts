/** @file Held-out images as the exam takes them: cut to sides that the generator can halve, in [-1, 1] and in [0, 1]. */
import { cutOut, type GreyImage } from '../../imaging/image.js';
import { networkToUnit, toNetwork, toUnit, type Range } from '../../imaging/intensity.js';
import type { TrialData } from '../../protocol.js';
import type { HeldOut, TrialImages } from '../data.js';
import type { Target, UnitImage } from './score.js';
import type { NetworkImage } from './translator.js';

/** What the exam needs to know of a data set. */
export type ExamImages = Pick<TrialImages, 'test' | 'range'> & {
  /** Stored value above which a pixel is body, by domain. */
  thresholds: { x: number; y: number };
  /** What baselines are fitted on; undefined where it is not there. */
  training: TrialImages['training'] | undefined;
  /** What the critic learns from; without it there is none. */
  forCritic?: TrialImages['forCritic'];
  /** Where that lies, if elsewhere than what is examined. */
  trainedOn?: TrialData;
};

/** G: X→Y, or F: Y→X. */
export interface Direction {
  network: 'G' | 'F';
  back: 'G' | 'F';
  from: 'x' | 'y';
  to: 'x' | 'y';
  /** At the end of names. */
  suffix: '' | '_yx';
}

export const DIRECTIONS: readonly Direction[] = [
  { network: 'G', back: 'F', from: 'x', to: 'y', suffix: '' },
  { network: 'F', back: 'G', from: 'y', to: 'x', suffix: '_yx' },
];

/** An image of the exam, read and cut. */
export interface Examined {
  stored: GreyImage;
  network: NetworkImage;
  unit: UnitImage;
}

/** @param multiple that sides must be of: what is beyond it, a few pixels at the right and below, is cut off */
export function prepare(image: GreyImage, range: Range, multiple: number): Examined {
  const stored = cropTo(multiple, image);
  const { width, height, data } = stored;
  return {
    stored,
    network: { values: toNetwork(data, range), width, height },
    unit: { values: toUnit(data, range), width, height },
  };
}

/** The partner of a held-out image, with its body; undefined where none is known. */
export async function targetOf(
  heldOut: HeldOut,
  { to }: Direction,
  { range, thresholds }: Pick<ExamImages, 'range' | 'thresholds'>,
  multiple: number,
): Promise<(Target & { stored: GreyImage }) | undefined> {
  if (heldOut.partner === undefined) return undefined;
  const { stored, unit } = prepare(await heldOut.partner(), range, multiple);
  const inside = new Uint8Array(stored.data.length);
  for (let i = 0; i < inside.length; i++) inside[i] = stored.data[i]! > thresholds[to] ? 1 : 0;
  return { ...unit, inside, stored };
}

/** The network's image in [0, 1]. */
export function toUnitImage({ values, width, height }: NetworkImage): UnitImage {
  return { values: networkToUnit(values), width, height };
}

function cropTo(multiple: number, image: GreyImage): GreyImage {
  const [width, height] = [image.width - (image.width % multiple), image.height - (image.height % multiple)];
  if (width === image.width && height === image.height) return image;
  return cutOut(image, 0, 0, width, height);
}
