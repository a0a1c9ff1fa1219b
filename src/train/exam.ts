/**
 * @file The exam that every trial sits: whole held-out images, translated in both directions, scored the same way, beside baselines. docs/exam.md
 * says what each score is worth. Nothing selects on it.
 */
import type { Bank, Engine } from '../engines/engine.js';
import { sideMultiple } from '../geometry.js';
import type { GreyImage } from '../imaging/image.js';
import { fromNetwork, type Range } from '../imaging/intensity.js';
import { region, shrink } from '../imaging/thumbnail.js';
import type { MetricValues, TrialConfig, TrialEvent } from '../protocol.js';
import type { HeldOut } from './data.js';
import type { Emit } from './events.js';
import { scoreBaselines, type Baselines } from './exam/baselines.js';
import { once, type Identity } from './exam/cache.js';
import { askCritic, canBeCut, cropsOf, type ImageCrops } from './exam/critic.js';
import {
  DIRECTIONS,
  prepare,
  targetOf,
  toUnitImage,
  type Direction,
  type Examined,
  type ExamImages,
} from './exam/images.js';
import { examinePhantom, phantomBehind } from './exam/phantom.js';
import {
  comparePair,
  compareStyles,
  meanDifference,
  meanOf,
  named,
  seamOf,
  styleOf,
  type Style,
  type UnitImage,
} from './exam/score.js';
import { openTranslator, type NetworkImage, type Translator } from './exam/translator.js';
import { SAMPLE_SIDE, writeSample, type SampleRole } from './samples.js';

/** Where the exam's events and pictures go. */
export interface ExamOutput {
  emit: Emit;
  trialDirectory: string;
  /** Asked between images. */
  stopRequested: () => boolean;
}

/** What a whole exam found. */
export type ExamResult = Pick<TrialEvent & { t: 'exam' }, 'v' | 'images'>;

/** Held-out images that are shown as samples, and of which cycle, identity, labels and nodules are examined unless all are. */
const SOME = 2;
/** Test images of each domain, at most, that the critic is asked about. */
const ASKED = 32;

/** Sits the exam of a trial's own test images; false if it was asked to stop before its end. */
export async function sitExam(
  config: TrialConfig,
  images: ExamImages,
  engine: Engine,
  bank: Bank,
  step: number,
  io: ExamOutput,
): Promise<boolean> {
  const show = (heldOut: HeldOut, pictures: Pictures) =>
    writeSamples(heldOut, pictures, images.range, step, io);
  const result = await examine(config, images, engine, bank, { stopRequested: io.stopRequested, show });
  if (result === undefined) return false;
  io.emit({ t: 'exam', step, split: 'test', ...result });
  return true;
}

export interface ExamOptions {
  stopRequested?: () => boolean;
  /** Given the first images of X with their translations. */
  show?: (heldOut: HeldOut, pictures: Pictures) => void;
}

/** Translates and scores; undefined if it was asked to stop. */
export async function examine(
  config: TrialConfig,
  images: ExamImages,
  engine: Engine,
  bank: Bank,
  { stopRequested = () => false, show = () => undefined }: ExamOptions = {},
): Promise<ExamResult | undefined> {
  const multiple = sideMultiple(config.parameters);
  const full = config.exam?.extent === 'full';
  // With partners, styles say little that a comparison with the partner does not.
  const styled = full || !images.test.x.some(({ partner }) => partner !== undefined);
  const identity = identityOf(config, { multiple, styles: styled });
  const baselines = await once('baselines', identity, () =>
    scoreBaselines(images, { multiple, styles: styled }),
  );
  const translator = openTranslator(config.parameters, engine, bank);
  const more = full ? Infinity : SOME;
  const result: ExamResult = { v: {}, images: [] };
  const translated = { x: new Map<number, UnitImage>(), y: new Map<number, UnitImage>() };
  const asked: Crops = { x: noCrops(), y: noCrops() };
  try {
    for (const direction of DIRECTIONS) {
      const own: ExamResult['images'] = [];
      const styles: Style[] = [];
      const tiledStyles: Style[] = [];
      for (const [at, heldOut] of images.test[direction.from].entries()) {
        if (stopRequested()) return undefined;
        const done = await examineImage(config, heldOut, direction, images, translator, at < more);
        if (styled) {
          styles.push(styleOf(done.unit));
          tiledStyles.push(styleOf(done.tiled));
        }
        if (at < more) translated[direction.from].set(heldOut.index, done.unit);
        if (at < ASKED)
          addCrops(asked[direction.from], done, images.thresholds[direction.from], heldOut.index);
        if (direction.network === 'G' && at < SOME) show(heldOut, done.pictures(images.range));
        own.push({ index: heldOut.index, domain: direction.from, v: { ...done.v, ...baselineOf(baselines, direction, heldOut.index) } }); // prettier-ignore
      }
      const span = images.range[1] - images.range[0];
      const reference = baselines.styles[direction.to];
      Object.assign(result.v, meanOf(own), baselines[direction.network === 'G' ? 'x2y' : 'y2x'].v, {
        [`exam/n${direction.suffix}`]: own.length,
        ...named(compareStyles(styles, reference, span), direction.suffix),
        ...named(compareStyles(tiledStyles, reference, span), `_tiles${direction.suffix}`),
      });
      result.images.push(...own);
    }
    const judged = await criticise(config, images, engine, translator, asked, identity, stopRequested);
    if (judged === undefined) return undefined;
    Object.assign(result.v, judged);
    const phantom = await phantomBehind(config.data, multiple);
    if (phantom !== undefined && !stopRequested()) {
      const learntFrom = await phantomBehind(images.trainedOn ?? config.data, multiple);
      Object.assign(
        result.v,
        await examinePhantom(phantom, learntFrom, images, more, translator, translated, identity),
      );
    }
  } finally {
    await translator.dispose();
  }
  return result;
}

/** What decides the baselines: data and split, how images are cut, what is scored. Not the trial. */
function identityOf({ data, dataFingerprint }: TrialConfig, how: Record<string, unknown>): Identity {
  if (dataFingerprint === '') return undefined;
  // What an index file says is part of the fingerprint.
  const pairing = typeof data.pairing === 'string' ? data.pairing : 'by-index';
  return { dataFingerprint, ...data, x: undefined, y: undefined, pairing, ...how };
}

function baselineOf(baselines: Baselines, { network }: Direction, index: number): MetricValues {
  const { images } = baselines[network === 'G' ? 'x2y' : 'y2x'];
  return images.find((image) => image.index === index)?.v ?? {};
}

/** Crops of each domain's images, as they are and translated. */
type Crops = Record<'x' | 'y', { real: ImageCrops[]; fake: ImageCrops[] }>;
const noCrops = (): Crops['x'] => ({ real: [], fake: [] });

function addCrops(
  to: Crops['x'],
  { source, there }: Pick<ExaminedImage, 'source' | 'there'>,
  threshold: number,
  index: number,
): void {
  if (!canBeCut(source.stored)) return;
  to.real.push(cropsOf(source.network.values, source.stored, threshold, index));
  to.fake.push(cropsOf(there.values, source.stored, threshold, index));
}

/**
 * What a fresh critic says of each direction, and what one says of images that nobody translated: it learns from validation images and
 * is asked about test images. Nothing without images of both; undefined if it was asked to stop.
 */
async function criticise(
  { parameters, exam }: TrialConfig,
  { range, thresholds, forCritic }: ExamImages,
  engine: Engine,
  translator: Translator,
  asked: Crops,
  identity: Identity,
  stopRequested: () => boolean,
): Promise<MetricValues | undefined> {
  const steps = exam?.critic ?? 'off';
  if (steps === 'off' || forCritic === undefined) return {};
  const learnt: Crops = { x: noCrops(), y: noCrops() };
  for (const { from, network } of DIRECTIONS) {
    for (const { index, image } of forCritic[from]) {
      if (stopRequested()) return undefined;
      const source = prepare(await image(), range, sideMultiple(parameters));
      if (!canBeCut(source.stored)) continue;
      const there = await translator.whole(network, source.network);
      addCrops(learnt[from], { source, there }, thresholds[from], index);
    }
  }
  if ([learnt.x, learnt.y, asked.x, asked.y].some(({ real }) => real.length === 0)) return {};
  const v: MetricValues = {};
  for (const { from, to, suffix } of DIRECTIONS) {
    const kinds = (crops: Crops) => ({ fake: crops[from].fake, real: crops[to].real });
    const said = await askCritic(engine, kinds(learnt), kinds(asked), steps, stopRequested);
    if (said === undefined) return undefined;
    Object.assign(v, named(said, suffix));
    // The same of images as they are: of data and split alone, but for how an engine rounds.
    const asIs = (crops: Crops) => ({ fake: crops[from].real, real: crops[to].real });
    const untranslated = await once('critic', identity && { ...identity, steps, from }, () =>
      askCritic(engine, asIs(learnt), asIs(asked), steps).then((values) => values!),
    );
    Object.assign(v, named(untranslated, `_untranslated${suffix}`));
  }
  return v;
}

interface ExaminedImage {
  v: MetricValues;
  source: Examined;
  /** Its translation. */
  there: NetworkImage;
  unit: UnitImage;
  tiled: UnitImage;
  pictures: (range: Range) => Pictures;
}

async function examineImage(
  { parameters }: TrialConfig,
  heldOut: HeldOut,
  direction: Direction,
  images: ExamImages,
  translator: Translator,
  more: boolean,
): Promise<ExaminedImage> {
  const { range } = images;
  const { network, back, suffix } = direction;
  const multiple = sideMultiple(parameters);
  const span = range[1] - range[0];
  const uncut = await heldOut.image();
  const source = prepare(uncut, range, multiple);
  const target = await targetOf(heldOut, direction, images, multiple);
  const there = await translator.whole(network, source.network);
  const whole = toUnitImage(there);
  const tiled = toUnitImage(await translator.tiles(network, source.network));
  const v: MetricValues = {
    ...named(seamOf(whole, parameters.patch), suffix),
    ...named(seamOf(tiled, parameters.patch), `_tiles${suffix}`),
  };
  if (target) {
    Object.assign(v, named(comparePair(whole, target, span), suffix));
    Object.assign(v, named(comparePair(tiled, target, span), `_tiles${suffix}`));
  }
  let again: Float32Array | undefined;
  if (more) {
    again = (await translator.whole(back, there)).values;
    const same = await translator.whole(back, source.network);
    Object.assign(
      v,
      named({ cycle: meanDifference(again, source.network.values, span / 2) }, suffix),
      // The other network is to leave alone what is of its own target domain: F(x) of X, G(y) of Y.
      named(
        { identity: meanDifference(same.values, source.network.values, span / 2) },
        suffix === '' ? '_yx' : '',
      ),
    );
  }
  return {
    v,
    source,
    there,
    unit: whole,
    tiled,
    pictures: (range) => {
      const { stored } = source;
      const picture = (values: Float32Array) => ({
        ...stored,
        data: fromNetwork(values, range, stored),
      });
      return {
        // By the uncut image: what is cut off it is another number of pixels for another generator.
        middle: [uncut.width >> 1, uncut.height >> 1],
        images: {
          x: stored,
          gx: picture(there.values),
          ...(again && { fgx: picture(again) }),
          ...(target && { y: target.stored }),
        },
      };
    },
  };
}

/** What is shown of one image; `middle` is the same pixel for every trial. */
interface Pictures {
  middle: [x: number, y: number];
  images: Partial<Record<SampleRole, GreyImage>>;
}

/** A whole image is shrunk to `SAMPLE_SIDE` at most, a detail of that side is cut out of its middle. */
function writeSamples(
  heldOut: HeldOut,
  { middle: [x, y], images }: Pictures,
  range: Range,
  step: number,
  io: Pick<ExamOutput, 'emit' | 'trialDirectory'>,
): void {
  for (const [role, image] of Object.entries(images) as [SampleRole, GreyImage][]) {
    const { width, height } = image;
    const small = shrink(image, Math.ceil(Math.max(width, height) / SAMPLE_SIDE));
    const corner = (at: number, all: number) =>
      Math.max(0, Math.min(at - SAMPLE_SIDE / 2, all - SAMPLE_SIDE));
    const detail = region(image, corner(x, width), corner(y, height), SAMPLE_SIDE, SAMPLE_SIDE, range);
    writeSample(heldOut, 'whole', role, region(small, 0, 0, small.width, small.height, range), step, io);
    writeSample(heldOut, 'detail', role, detail, step, io);
  }
}
