/** @file The phantom: chest radiographs that are drawn, each in the styles of two vendors. The project's own data. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { makeFolder } from '../files.js';
import { availableCores } from '../machine.js';
import type { Random } from './dataset.js';
import { DataError, type GreyImage } from './image.js';
import { drawAnatomy, drawLabelled } from './phantom-anatomy.js';
import type { Nodule } from './phantom-lungs.js';
import type { Prevalence } from '../protocol.js';
import { systemReason, writePng, writeWhole } from './png.js';
import { renderStyle, STYLE_X, STYLE_Y, type Style } from './phantom-styles.js';

/** Raised by hand when the pictures change: it is part of every phantom's fingerprint. */
export const PHANTOM_VERSION = 1;

/** Name of the file that says what a phantom's folder holds. */
export const PHANTOM_FILE = 'phantom.json';

/** More would only wait for memory and disk; each needs about 100 MB at 1024 x 1024. */
const MOST_WORKERS = 16;

/** The compiled project draws on all cores; its sources, which no worker can load, in this process. */
const DEFAULT_WORKERS = import.meta.url.endsWith('.js') ? Math.min(MOST_WORKERS, availableCores()) : 0;

/** What decides every pixel of a phantom. */
export interface PhantomOptions {
  /** Pairs of images. */
  count: number;
  /** Side of an image, pixels. */
  size: number;
  seed: number;
  nodules?: Prevalence;
}

/** What a worker is given: every `step`th pair from `first` on. */
export interface PhantomShare extends PhantomOptions {
  folder: string;
  first: number;
  step: number;
}

/** A pair is on disk. */
interface PhantomDone {
  index: number;
  nodules: Nodule[];
}

/** What a worker says: a pair is done, or the files cannot be written. */
export type PhantomMessage = PhantomDone | { failed: string };

/** The same anatomy in both styles, with noise of their own. */
export interface PhantomPair {
  x: GreyImage;
  y: GreyImage;
  nodules: Nodule[];
}

/** Draws pair number `index` (from 0): size x size pixels of 16 bits. `nodules`: how likely it has one to three. */
export function drawPair(seed: number, index: number, size: number, nodules: Prevalence = 0): PhantomPair {
  if (typeof nodules === 'object') {
    const own = randomOf(seed, index, NODULES_STREAM);
    const [inX, inY] = [own.float() < nodules.x, own.float() < nodules.y];
    const drawn = drawCounterfactual(seed, index, size, { wanted: own.int(1, 3), random: own });
    return {
      x: drawn.x[inX ? 'with' : 'without'],
      y: drawn.y[inY ? 'with' : 'without'],
      nodules: inX || inY ? drawn.nodules : [],
    };
  }
  const random = randomOf(seed, index);
  const anatomy = drawAnatomy(random, size, nodules);
  return {
    x: picture(anatomy.attenuation, size, STYLE_X, random.int(1, 0x7fffffff)),
    y: picture(anatomy.attenuation, size, STYLE_Y, random.int(1, 0x7fffffff)),
    nodules: anatomy.nodules,
  };
}

/** The same patient in both styles with and without nodules: nothing else differs, not even the noise. */
export interface Counterfactual {
  x: { without: GreyImage; with: GreyImage };
  y: { without: GreyImage; with: GreyImage };
  nodules: Nodule[];
  /** [size * size] places in LABELS. */
  labels: Uint8Array;
}

/** Nodules that an examined patient is given: as many as lie well apart from each other in most. */
const INSERTED = 8;

/** Pair number `index` of a phantom, with the nodules that the insertion exam gives it. */
export function drawExamined(seed: number, index: number, size: number): Counterfactual {
  const random = randomOf(seed, index, INSERTION_STREAM);
  return drawCounterfactual(seed, index, size, { wanted: INSERTED, random });
}

/** What each pixel of a pair shows: [size * size] places in LABELS. */
export function drawLabels(seed: number, index: number, size: number): Uint8Array {
  return drawLabelled(randomOf(seed, index), size, { wanted: 0, random: randomOf(seed, index) }).labels;
}

function drawCounterfactual(
  seed: number,
  index: number,
  size: number,
  nodules: { wanted: number; random: Random },
): Counterfactual {
  const random = randomOf(seed, index);
  const anatomy = drawLabelled(random, size, nodules);
  const both = (style: Style) => {
    const noise = random.int(1, 0x7fffffff);
    return {
      without: picture(anatomy.without, size, style, noise),
      with: picture(anatomy.with, size, style, noise),
    };
  };
  return { x: both(STYLE_X), y: both(STYLE_Y), nodules: anatomy.nodules, labels: anatomy.labels };
}

function picture(attenuation: Float32Array, size: number, style: Style, noise: number): GreyImage {
  return { width: size, height: size, bits: 16, data: renderStyle(attenuation, size, style, noise) };
}

/**
 * Draws a phantom into a folder: `X/0001.png`, `Y/0001.png` and so on, and `phantom.json`, which is written last.
 * @param progress told how many pairs are done
 * @param workers threads to draw with, 0 for none; the files do not depend on it
 * @throws DataError if the folder cannot be written
 */
export async function drawPhantom(
  options: PhantomOptions,
  folder: string,
  progress: (done: number, count: number) => void = () => undefined,
  workers = DEFAULT_WORKERS,
): Promise<void> {
  try {
    makeFolder(join(folder, 'X'));
    makeFolder(join(folder, 'Y'));
  } catch (error) {
    throw new DataError(`${folder}: cannot be made (${systemReason(error)}).`, { cause: error });
  }
  const { count, nodules = 0 } = options;
  const nodulesOf: Nodule[][] = [];
  let done = 0;
  const hear = ({ index, nodules: drawn }: PhantomDone) => {
    nodulesOf[index] = drawn;
    progress(++done, count);
  };
  const threads = Math.min(workers, count);
  if (threads === 0) await drawShare({ ...options, folder, first: 0, step: 1 }, hear);
  else {
    const shares = Array.from({ length: threads }, (_, first) => ({
      ...options,
      folder,
      first,
      step: threads,
    }));
    await runWorkers(shares, hear);
  }
  const content = {
    what: 'Chest radiographs drawn by CycleSweep. Images of the same name in X and Y show the same anatomy in two styles.',
    ...identity(options),
    pairing: 'by-name',
    bits: 16,
    styles: { X: STYLE_X, Y: STYLE_Y },
    ...(nodules !== 0 && {
      drawnNodules: Object.fromEntries(nodulesOf.map((list, index) => [fileName(index), list])),
    }),
  };
  await writeWhole(join(folder, PHANTOM_FILE), `${JSON.stringify(content, null, 2)}\n`);
}

/** What tells one phantom from another, as it stands in `phantom.json`. */
export function identity({ count, size, seed, nodules = 0 }: PhantomOptions) {
  return { version: PHANTOM_VERSION, size, seed, count, prevalence: nodules };
}

/** Draws and writes the pairs of a share, and tells of each. */
export async function drawShare(share: PhantomShare, tell: (done: PhantomDone) => void): Promise<void> {
  for (let index = share.first; index < share.count; index += share.step) {
    const { x, y, nodules } = drawPair(share.seed, index, share.size, share.nodules);
    await writePng(join(share.folder, 'X', fileName(index)), x);
    await writePng(join(share.folder, 'Y', fileName(index)), y);
    tell({ index, nodules });
  }
}

/** One worker for each share; the first failure ends them all. */
async function runWorkers(shares: PhantomShare[], hear: (done: PhantomDone) => void): Promise<void> {
  const running: Worker[] = [];
  try {
    await Promise.all(
      shares.map(
        (share) =>
          new Promise<void>((resolve, reject) => {
            const worker = new Worker(new URL('./phantom-worker.js', import.meta.url), { workerData: share });
            running.push(worker);
            worker.on('message', (message: PhantomMessage) => {
              if ('failed' in message) reject(new DataError(message.failed));
              else hear(message);
            });
            worker.on('error', reject);
            worker.on('exit', (code) =>
              code === 0 ? resolve() : reject(new Error(`A drawing thread ended with ${code}.`)),
            );
          }),
      ),
    );
  } finally {
    await Promise.all(running.map((worker) => worker.terminate()));
  }
}

/** Name of a pair's two files. */
export function fileName(index: number): string {
  return `${String(index + 1).padStart(4, '0')}.png`;
}

/** Nodules of each domain on its own, and those of the insertion exam. */
const NODULES_STREAM = 1;
const INSERTION_STREAM = 2;

/** A generator of its own for each pair, so that it does not matter who draws which. */
function randomOf(seed: number, index: number, stream = 0): Random {
  const generator = xoroshiro128plus(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  for (let jumps = stream; jumps > 0; jumps--) generator.jump();
  // The first numbers of nearby seeds resemble each other.
  for (let i = 0; i < 20; i++) generator.next();
  return { int: (lo, hi) => uniformInt(generator, lo, hi), float: () => uniformFloat64(generator) };
}
