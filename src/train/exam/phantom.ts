/**
 * @file Two exams that only a phantom can set, since it knows its own anatomy. Downstream: a segmenter trained on X, on Y as it is and on
 * F(Y). Insertion: the same patient with and without nodules; what of them is kept, lost and made up.
 */
import path from 'node:path';
import type { GreyImage } from '../../imaging/image.js';
import { LABELS } from '../../imaging/phantom-anatomy.js';
import { phantomOf } from '../../imaging/phantom-cache.js';
import { drawExamined, drawLabels, type Counterfactual, type PhantomOptions } from '../../imaging/phantom.js';
import { networkToUnit, toNetwork, toUnit } from '../../imaging/intensity.js';
import { diceOf, trainSegmenter, type Segmenter } from '../../imaging/segmenter.js';
import { findSpots, spotContrast } from '../../imaging/spots.js';
import type { MetricValues, TrialData } from '../../protocol.js';
import { randomFromSeed } from '../random.js';
import { once, type Identity } from './cache.js';
import { DIRECTIONS, type ExamImages } from './images.js';
import { named, type UnitImage } from './score.js';
import type { Translator } from './translator.js';

/** Training images that the segmenter learns from. */
const LEARNT_FROM = 4;
/** Classes that count: lung, heart, abdomen. What lies beside them is what is left. */
const COUNTED = [2, 3, 4];
const LUNG = LABELS.indexOf('lung');
/** A nodule is missed where less than this of its contrast is left, and invented where more than this of a true one's appears. */
const HALF = 0.5;
/** Radius of the spots that are looked for, image widths: that of a nodule in the middle of their range. */
const SPOT = 0.01;

/** In smaller pictures a nodule is hardly more than a pixel. */
const SMALLEST = 256;

/** The phantom that both folders belong to; undefined for images of one's own, and where it cannot be examined whole. */
export async function phantomBehind(
  { x, y }: TrialData,
  multiple: number,
): Promise<PhantomOptions | undefined> {
  const folder = path.dirname(x);
  if (path.dirname(y) !== folder || path.basename(x) !== 'X' || path.basename(y) !== 'Y') return undefined;
  const phantom = await phantomOf(folder);
  return phantom && phantom.size >= SMALLEST && phantom.size % multiple === 0 ? phantom : undefined;
}

/** What of both exams hangs on data alone: the segmenter, and its Dice on test images as they are. */
interface Known {
  segmenter: Segmenter;
  /** Mean Dice of X and of Y, by place of the patient. */
  x: number[];
  y: number[];
}

/** What one direction keeps of nodules: shares of the true contrast, and places that look like a nodule and are none. */
interface Nodules {
  translated: { contrasts: number[]; invented: number[] };
  untranslated: { contrasts: number[]; invented: number[] };
}

/**
 * Both exams, on the first `patients` test images.
 * @param learntFrom the phantom that training images are of, which the segmenter learns from; without it there is none
 * @param done translations of test images that are there already, by index: what was translated is not done again
 */
export async function examinePhantom(
  phantom: PhantomOptions,
  learntFrom: PhantomOptions | undefined,
  { test, range, training }: ExamImages,
  patients: number,
  translator: Translator,
  done: Readonly<Record<'x' | 'y', ReadonlyMap<number, UnitImage>>>,
  identity: Identity,
): Promise<MetricValues> {
  const { seed, size } = phantom;
  const unit = ({ data }: GreyImage) => toUnit(data, range);
  const segment = (segmenter: Segmenter, values: Float32Array, labels: Uint8Array) => {
    const dice = diceOf(segmenter, { values, width: size, height: size, labels });
    return mean(COUNTED.map((c) => dice[c - 1]!));
  };
  const examined = test.x.filter(({ partner }) => partner !== undefined).slice(0, patients);
  if (examined.length === 0) return {};
  const learnt = learntFrom && training && { phantom: learntFrom, images: training.x.slice(0, LEARNT_FROM) };
  const known =
    learnt &&
    (await once(
      'segmenter',
      identity && { ...identity, patients: examined.length },
      async (): Promise<Known> => {
        const images = [];
        for (const { index, image } of learnt.images) {
          const { size: width, seed } = learnt.phantom;
          images.push({
            values: unit(await image()),
            width,
            height: width,
            labels: drawLabels(seed, index, width),
          });
        }
        const segmenter = trainSegmenter(images, LABELS.length, randomFromSeed(1, 'patches'));
        const found: Known = { segmenter, x: [], y: [] };
        for (const { index, image, partner } of examined) {
          const labels = drawLabels(seed, index, size);
          found.x.push(segment(segmenter, unit(await image()), labels));
          found.y.push(segment(segmenter, unit(await partner!()), labels));
        }
        return found;
      },
    ));

  const dice: number[] = [];
  const empty = (): Nodules => ({
    translated: { contrasts: [], invented: [] },
    untranslated: { contrasts: [], invented: [] },
  });
  const nodules = { x: empty(), y: empty() };
  for (const { index, image, partner } of examined) {
    const drawn = drawExamined(seed, index, size);
    const pictures = { x: await image(), y: await partner!() };
    for (const direction of DIRECTIONS) {
      const { from, to, network } = direction;
      const translated = async (picture: GreyImage) => {
        // Unless the data has nodules of its own, a picture without is the test image itself.
        const before = isSame(picture, pictures[from]) ? done[from].get(index) : undefined;
        if (before) return before.values;
        const whole = { values: toNetwork(picture.data, range), width: size, height: size };
        return networkToUnit((await translator.whole(network, whole)).values);
      };
      const without = await translated(drawn[from].without);
      if (from === 'y' && known) dice.push(segment(known.segmenter, without, drawn.labels));
      look(nodules[from], drawn, size, {
        truth: { without: unit(drawn[to].without), with: unit(drawn[to].with) },
        translated: { without, with: await translated(drawn[from].with) },
        untranslated: { without: unit(drawn[from].without), with: unit(drawn[from].with) },
      });
    }
  }
  const ofNodules = ({ contrasts, invented }: Nodules['translated']): MetricValues => ({
    nodule_contrast: mean(contrasts),
    nodules_missed: mean(contrasts.map((share) => (share < HALF ? 1 : 0))),
    nodules_invented: mean(invented),
  });
  return {
    ...(known && {
      ...named({ dice: mean(dice) }, '_yx'),
      ...named({ dice: mean(known.y) }, '_untranslated_yx'),
      ...named({ dice: mean(known.x) }, '_ceiling_yx'),
    }),
    ...(Object.assign(
      {},
      ...DIRECTIONS.flatMap(({ from, suffix }) => [
        named({ nodules: nodules[from].translated.contrasts.length }, suffix),
        named(ofNodules(nodules[from].translated), suffix),
        named(ofNodules(nodules[from].untranslated), `_untranslated${suffix}`),
      ]),
    ) as MetricValues),
  };
}

/** The same patient without and with nodules, [size * size] in [0, 1]. */
interface Both {
  without: Float32Array;
  with: Float32Array;
}

/** Looks for the nodules of a patient, and for what looks like one, in the style of the target. */
function look(
  found: Nodules,
  { nodules, labels }: Pick<Counterfactual, 'nodules' | 'labels'>,
  size: number,
  { truth, ...seen }: { truth: Both; translated: Both; untranslated: Both },
): void {
  // Behind the heart a nodule hardly shows in either style.
  const inLung = nodules.filter(({ x, y }) => labels[Math.floor(y) * size + Math.floor(x)] === LUNG);
  const contrasts = ({ without, with: added }: Both) => {
    const difference = subtract(added, without);
    return inLung.map((nodule) => spotContrast(difference, size, nodule));
  };
  const there = contrasts(truth);
  if (there.length === 0) return;
  const middle = [...there].sort((a, b) => a - b)[there.length >> 1]!;
  const within = labels.map((label) => (label === LUNG ? 1 : 0));
  for (const name of ['translated', 'untranslated'] as const) {
    const own = contrasts(seen[name]);
    found[name].contrasts.push(...own.map((contrast, i) => contrast / there[i]!));
    const options = { radius: SPOT * size, threshold: HALF * middle, within };
    found[name].invented.push(findSpots(subtract(seen[name].without, truth.without), size, options).length);
  }
}

function subtract(a: Float32Array, b: Float32Array): Float32Array {
  const difference = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) difference[i] = a[i]! - b[i]!;
  return difference;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function isSame(a: GreyImage, b: GreyImage): boolean {
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) return false;
  return a.data.length === b.data.length;
}
