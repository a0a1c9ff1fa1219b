/** @file A trial's images: listed, split by patient, decoded once; and the batches of patches that training draws from them. */
import {
  openDataset,
  openImageCache,
  type Dataset,
  type ImageCache,
  type Random,
} from '../imaging/dataset.js';
import { shortHash } from '../imaging/file-names.js';
import { listDomains, type ImageFile } from '../imaging/folder.js';
import {
  bodyThreshold,
  countValues,
  percentile,
  realHistogram,
  wholeHistogram,
  type Histogram,
} from '../imaging/histogram.js';
import { DataError, type GreyImage } from '../imaging/image.js';
import { resolveRange, type Range } from '../imaging/intensity.js';
import { findPairs } from '../imaging/pairs.js';
import {
  BLANK_BELOW,
  countCentres,
  cutPatch,
  positionInside,
  randomPosition,
  type Position,
} from '../imaging/patches.js';
import { splitImages, type Part } from '../imaging/split.js';
import { trainingSet } from '../imaging/subset.js';
import type { TrialConfig } from '../protocol.js';
import { applyChange, drawChange, type Change } from './augment.js';
import { randomFromSeed } from './random.js';

/** A held-out image, which events call by index and hash: its file's name can be a patient's id. */
export interface HeldOut extends ListedImage {
  /** e.g. `3-9f2c`. */
  label: string;
  /** The same anatomy in the other style, where pairs are known. */
  partner: (() => Promise<GreyImage>) | undefined;
}

/** An image by its place among the files of its domain. */
export interface ListedImage {
  index: number;
  image: () => Promise<GreyImage>;
}

/** Held-out images of both domains. */
export interface HeldOutImages {
  x: HeldOut[];
  y: HeldOut[];
}

/** Images that are translated as training goes on: of those whose partner is known, or of each domain where none is. */
const VALIDATED = 2;
const VALIDATED_WITHOUT_PARTNER = 4;
/** Of each domain, for the critic. */
const FOR_CRITIC = 8;

/** Training images of one domain. */
interface TrainingDomain {
  images: Dataset;
  /** Stored value above which a pixel belongs to the body. */
  threshold: number;
}

export interface TrialImages {
  train: {
    x: TrainingDomain;
    y: TrainingDomain;
    /** Partners that the paired term may use: places in `x` and in `y`. */
    partnerOf: Map<number, number>;
  };
  /** A few: with partners, or where no image of X has one of both domains. */
  validation: HeldOutImages;
  test: HeldOutImages;
  /** The whole training part, of which the trial may use less: what the exam's baselines are fitted on. */
  training: { x: ListedImage[]; y: ListedImage[]; pairs: [ListedImage, ListedImage][] };
  /** Some validation images of each domain: what the exam's critic learns from. */
  forCritic: { x: ListedImage[]; y: ListedImage[] };
  range: Range;
  /** Images of X and of Y, by part. */
  counts: Record<Part, [number, number]>;
}

/**
 * Reads what the trial needs, every image once: training images of both domains, held-out images of X and their partners.
 * @param memory bytes of decoded images to keep; more than a quarter of the free memory is not taken unasked
 */
export async function loadTrialImages(config: TrialConfig, memory?: number): Promise<TrialImages> {
  const { data, parameters } = config;
  const { patch } = parameters;
  const [x, y] = (await listDomains(data)).map(({ files }) => files) as [ImageFile[], ImageFile[]];
  const pairs = await findPairs(x, y, data.pairing);
  const split = splitImages(x, y, data.split, { patient: data.patient, pairs });
  const used = trainingSet(x, y, split, pairs, parameters);
  const cache = openImageCache(memory, { voi: data.voi });

  const domain = async (files: ImageFile[], indices: number[]): Promise<TrainingDomain> => {
    const chosen = indices.map((index) => files[index]!);
    if (data.mask !== 'auto')
      return { images: await openDataset(cache, chosen, patch), threshold: data.mask };
    const { images, histogram } = await counted(cache, chosen, patch);
    return { images, threshold: bodyThreshold(histogram) };
  };
  // What is trained on is read last: where memory is short, it is what stays.
  const partners = new Map(pairs);
  const listed: Listed = { files: [x, y], pairs, cache, patch };
  const test = await heldOutImages(listed, split.test);
  const paired = split.validation[0].filter((index) => partners.has(index)).slice(0, VALIDATED);
  const some = ([ofX, ofY]: [number[], number[]]): [number[], number[]] => [
    ofX.slice(0, VALIDATED_WITHOUT_PARTNER),
    ofY.slice(0, VALIDATED_WITHOUT_PARTNER),
  ];
  const validation = await heldOutImages(listed, paired.length > 0 ? [paired, []] : some(split.validation));
  const train = {
    x: await domain(x, used.x),
    y: await domain(y, used.y),
    partnerOf: new Map(used.pairs),
  };
  for (const [atX, atY] of used.pairs) {
    const [a, b] = [await train.x.images.image(atX), await train.y.images.image(atY)];
    if (a.width !== b.width || a.height !== b.height)
      throw differInSize(x[used.x[atX]!]!, 'trained on as a pair');
  }
  const kinds = [train.x.images, train.y.images, ...test.read, ...validation.read].flatMap(
    (read) => read.kinds,
  );
  let trainingHistograms: Histogram[] | undefined;
  const count = (part: Part): [number, number] => [split[part][0].length, split[part][1].length];
  return {
    train,
    validation: validation.images,
    test: test.images,
    range: await resolveRange(data.range, kinds, percentilesOf),
    training: trainingPart(),
    forCritic: {
      x: split.validation[0].slice(0, FOR_CRITIC).map((index) => listedImage(x, index)),
      y: split.validation[1].slice(0, FOR_CRITIC).map((index) => listedImage(y, index)),
    },
    counts: {
      train: [used.x.length, used.y.length],
      validation: count('validation'),
      test: count('test'),
    },
  };

  /** Of all images of the training part, also where a trial uses some of them: a study of their number changes nothing else. */
  async function percentilesOf(percent: number): Promise<number[]> {
    trainingHistograms ??= await Promise.all(
      [x, y].map((files, at) => {
        const chosen = split.train[at]!.map((index) => files[index]!);
        return counted(cache, chosen, patch).then(({ histogram }) => histogram);
      }),
    );
    return trainingHistograms.flatMap((histogram) => percentile(histogram, percent) ?? []);
  }

  function trainingPart(): TrialImages['training'] {
    const [ofX, ofY] = split.train;
    const inPart = new Set(ofX);
    return {
      x: ofX.map((index) => listedImage(x, index)),
      y: ofY.map((index) => listedImage(y, index)),
      pairs: pairs
        .filter(([atX]) => inPart.has(atX))
        .map(([atX, atY]) => [listedImage(x, atX), listedImage(y, atY)]),
    };
  }

  function listedImage(files: ImageFile[], index: number): ListedImage {
    return { index, image: () => cache.get(files[index]!) };
  }
}

/** Files of both domains, their pairs, and where decoded images are kept. */
interface Listed {
  files: [ImageFile[], ImageFile[]];
  pairs: [number, number][];
  cache: ImageCache;
  /** No image may be smaller. */
  patch: number;
}

/** Reads the images that are examined, and their partners. */
async function heldOutImages(
  listed: Listed,
  [ofX, ofY]: [number[], number[]],
): Promise<{ images: HeldOutImages; read: Dataset[] }> {
  const [x, y] = [await heldOutDomain(listed, 0, ofX), await heldOutDomain(listed, 1, ofY)];
  return { images: { x: x.images, y: y.images }, read: [...x.read, ...y.read] };
}

async function heldOutDomain(
  { files: lists, pairs, cache, patch }: Listed,
  domain: 0 | 1,
  indices: number[],
): Promise<{ images: HeldOut[]; read: Dataset[] }> {
  const [files, others] = [lists[domain], lists[1 - domain]!];
  const partners = new Map(pairs.map((pair) => [pair[domain], pair[1 - domain]!]));
  const withPartner = indices.filter((index) => partners.has(index));
  const own = await openDataset(
    cache,
    indices.map((index) => files[index]!),
    patch,
  );
  const other = await openDataset(
    cache,
    withPartner.map((index) => others[partners.get(index)!]!),
    patch,
  );
  for (const [at, index] of withPartner.entries()) {
    const [a, b] = [await own.image(indices.indexOf(index)), await other.image(at)];
    if (a.width !== b.width || a.height !== b.height) throw differInSize(files[index]!, 'compared');
  }
  const images = indices.map((index, at): HeldOut => {
    const atPartner = withPartner.indexOf(index);
    return {
      index,
      label: `${index}-${shortHash(files[index]!.stem)}`,
      image: () => own.image(at),
      partner: atPartner < 0 ? undefined : () => other.image(atPartner),
    };
  });
  return { images, read: [own, other] };
}

/** All images of two folders, held out, and what of them is body: for an exam of data that no trial was trained on. */
export async function loadHeldOut(
  data: TrialConfig['data'],
  patch: number,
): Promise<Pick<TrialImages, 'test'> & { thresholds: { x: number; y: number } }> {
  const files = (await listDomains(data)).map((domain) => domain.files) as [ImageFile[], ImageFile[]];
  const pairs = await findPairs(...files, data.pairing);
  const cache = openImageCache(undefined, { voi: data.voi });
  const all = files.map((list) => [...list.keys()]) as [number[], number[]];
  const { images } = await heldOutImages({ files, pairs, cache, patch }, all);
  const threshold = async (list: ImageFile[]) =>
    data.mask === 'auto' ? bodyThreshold((await counted(cache, list, patch)).histogram) : data.mask;
  return { test: images, thresholds: { x: await threshold(files[0]), y: await threshold(files[1]) } };
}

/** Images with the counts of their values: of whole numbers as they pass, of real numbers once their ends are known. */
async function counted(
  cache: ImageCache,
  files: ImageFile[],
  patch: number,
): Promise<{ images: Dataset; histogram: Histogram }> {
  const whole = wholeHistogram();
  let [lo, hi] = [Infinity, -Infinity];
  const images = await openDataset(cache, files, patch, ({ data }) => {
    if (!(data instanceof Float32Array)) return countValues(whole, data);
    for (let i = 0; i < data.length; i++) {
      if (data[i]! < lo) lo = data[i]!;
      if (data[i]! > hi) hi = data[i]!;
    }
  });
  if (lo > hi) return { images, histogram: whole };
  const real = realHistogram(lo, hi);
  for (let at = 0; at < images.size; at++) countValues(real, (await images.image(at)).data);
  return { images, histogram: real };
}

/** Stored values above which a pixel is body, by domain: of the images that a trial is trained on. */
export function thresholdsOf({ train }: Pick<TrialImages, 'train'>): { x: number; y: number } {
  return { x: train.x.threshold, y: train.y.threshold };
}

function differInSize(file: ImageFile, use: string): DataError {
  return new DataError(`${file.path} and its partner differ in size: they cannot be ${use}.`);
}

/** Patches of both domains for one update; the arrays are used again by the next one. */
export interface Batch {
  /** [batch, patch, patch, 1], values in [-1, 1]. */
  X: Float32Array;
  Y: Float32Array;
  /** [batch]: 1 where the sample of Y is the true partner of that of X, at the same place. */
  pairedMask: Float32Array;
  /** How many of the 2 · batch patches are blank: less than 1 % of their pixels lie inside the body. */
  blank: number;
}

/** Side of the region, upper left in the image, that the seed's fixed position lies in. */
const FIXED_REGION = 512;

/** Where a patch comes from and what is done to it. */
interface Choice {
  image: number;
  position: Position;
  change: Change;
}

/**
 * What draws batches: for each sample a fresh image and a fresh position, all equally likely. `crop: inside-mask` leaves positions out whose
 * centre is not inside the body; `fixed-per-run` draws one position for the whole run, as the seed did, within the upper left
 * 512 x 512 pixels. Where X has a partner that the paired term may use, Y is that partner, at the same place.
 */
export function patchSource(
  { parameters, seed }: Pick<TrialConfig, 'parameters' | 'seed'>,
  { train, range }: Pick<TrialImages, 'train' | 'range'>,
): (random: Random) => Promise<Batch> {
  const { patch, batch, crop } = parameters;
  const pixels = patch * patch;
  const out: Batch = {
    X: new Float32Array(batch * pixels),
    Y: new Float32Array(batch * pixels),
    pairedMask: new Float32Array(batch),
    blank: 0,
  };
  const fixed = crop === 'fixed-per-run' ? fixedPosition() : undefined;
  const centres = { x: new Map<number, Uint32Array>(), y: new Map<number, Uint32Array>() };

  return async (random) => {
    out.blank = 0;
    const ofX: Choice[] = [];
    for (let sample = 0; sample < batch; sample++) ofX.push(await choose(random, 'x'));
    for (let sample = 0; sample < batch; sample++) {
      const x = ofX[sample]!;
      const partner = train.partnerOf.get(x.image);
      const y = partner === undefined ? await choose(random, 'y') : { ...x, image: partner };
      out.pairedMask[sample] = partner === undefined ? 0 : 1;
      await cut(x, 'x', out.X, sample);
      await cut(y, 'y', out.Y, sample);
    }
    return out;
  };

  async function choose(random: Random, domain: 'x' | 'y'): Promise<Choice> {
    const { images, threshold } = train[domain];
    const index = random.int(0, images.size - 1);
    const image = await images.image(index);
    let position = fixed;
    if (crop === 'random') position = randomPosition(random, image, patch);
    if (crop === 'inside-mask') {
      const counts = centres[domain].get(index) ?? countCentres(image, patch, threshold);
      centres[domain].set(index, counts);
      position = positionInside(random, image, patch, threshold, counts);
    }
    return { image: index, position: position!, change: drawChange(random, parameters) };
  }

  async function cut(choice: Choice, domain: 'x' | 'y', values: Float32Array, sample: number): Promise<void> {
    const { images, threshold } = train[domain];
    const image = await images.image(choice.image);
    const own = values.subarray(sample * pixels, (sample + 1) * pixels);
    const inside = cutPatch(image, choice.position, patch, range, threshold, own);
    if (inside < BLANK_BELOW * pixels) out.blank++;
    applyChange(own, patch, choice.change);
  }

  function fixedPosition(): Position {
    const sides = [train.x, train.y].map(({ images }) => images.smallest);
    const within = (side: 'width' | 'height') =>
      Math.min(...sides.map((sizes) => sizes[side]), Math.max(patch, FIXED_REGION));
    const region = { width: within('width'), height: within('height') };
    return randomPosition(randomFromSeed(seed, 'crop'), region, patch);
  }
}
