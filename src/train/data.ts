/** @file A trial's images: listed, split by patient, read once. */
import { createHash } from 'node:crypto';
import { loadImages } from '../imaging/dataset.js';
import { listImages, pairByName, type ImageFile } from '../imaging/folder.js';
import { DataError, type GreyImage } from '../imaging/image.js';
import { resolveRange, type Range } from '../imaging/intensity.js';
import { splitImages, type DomainSplit } from '../imaging/split.js';
import type { TrialConfig } from '../protocol.js';

/** A held-out image, which events call by index and hash: its file's name can be a patient's id. */
export interface HeldOut {
  index: number;
  /** e.g. `3-9f2c`. */
  label: string;
  x: GreyImage;
  /** The same anatomy in the other style, where pairs are known. */
  y: GreyImage | undefined;
}

export interface TrialImages {
  train: { x: GreyImage[]; y: GreyImage[] };
  test: HeldOut[];
  range: Range;
  counts: Record<keyof DomainSplit, [number, number]>;
}

/**
 * A message about an image, for a log: the file's name can be a patient's id, so a short hash stands for it.
 * The runner's terminal, which may name files, says which one it is.
 */
export function withoutFileNames(message: string, { x, y }: TrialConfig['data']): string {
  const hide = (text: string, folder: string, domain: string) => {
    const escaped = folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return text.replace(new RegExp(`${escaped}[\\\\/](.+?)\\.png`, 'gi'), (_, stem: string) => {
      return `image ${shortHash(stem)} of ${domain}`;
    });
  };
  return hide(hide(message, x, 'X'), y, 'Y')
    .replaceAll(x, 'the folder of X')
    .replaceAll(y, 'the folder of Y');
}

function shortHash(stem: string): string {
  return createHash('sha256').update(stem).digest('hex').slice(0, 4);
}

/** Reads what the trial needs: training images of both domains, test images of X and their partners. */
export async function loadTrialImages(config: TrialConfig): Promise<TrialImages> {
  const { data, parameters } = config;
  const [x, y] = [(await listImages(data.x)).files, (await listImages(data.y)).files];
  const split = splitImages(x, y, data.split, data.patient);
  const partners = new Map(data.pairing === 'by-name' ? pairByName(x, y).pairs : []);

  const load = (files: ImageFile[], indices: number[]) =>
    loadImages(
      indices.map((index) => files[index]!),
      parameters.patch,
    );
  const train = { x: await load(x, split.train[0]), y: await load(y, split.train[1]) };
  const testX = await load(x, split.test[0]);
  const testY = await load(
    y,
    split.test[0].map((index) => partners.get(index)).filter((index) => index !== undefined),
  );
  const test = split.test[0].map((index, at): HeldOut => {
    const partner = partners.has(index) ? testY.shift() : undefined;
    const image = testX[at]!;
    if (partner && (partner.width !== image.width || partner.height !== image.height)) {
      throw new DataError(`${x[index]!.path} and its partner in Y differ in size: they cannot be compared.`);
    }
    return { index, label: `${index}-${shortHash(x[index]!.stem)}`, x: image, y: partner };
  });
  const range = resolveRange(data.range, [...train.x, ...train.y, ...test.map(({ x: image }) => image)]);
  const count = (part: keyof DomainSplit): [number, number] => [split[part][0].length, split[part][1].length];
  const counts = { train: count('train'), validation: count('validation'), test: count('test') };
  return { train, test, range, counts };
}
