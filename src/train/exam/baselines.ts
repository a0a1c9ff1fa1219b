/**
 * @file What a model must beat: the image as it is, histogram matching, and, where pairs are known, the linear filter that fits them
 * best. All are fitted on training images and scored on test images; they depend on data and split alone, so trials share them.
 */
import {
  addPair,
  applyCurve,
  applyFilter,
  countLevels,
  matchHistograms,
  newFit,
  newLevels,
  solveFit,
} from '../../imaging/baselines.js';
import { toUnit } from '../../imaging/intensity.js';
import type { MetricValues } from '../../protocol.js';
import { randomFromSeed } from '../random.js';
import { DIRECTIONS, prepare, targetOf, type Direction, type ExamImages } from './images.js';
import { comparePair, compareStyles, named, styleOf, type Style, type UnitImage } from './score.js';

/** Pixels of all pairs together that the linear filter is fitted on: 220 for each of its weights. */
const FITTED = 50_000;

export interface Baselines {
  /** Test images of each domain as they are; none where styles are not compared. */
  styles: { x: Style[]; y: Style[] };
  /** By direction (`x2y`, `y2x`): scores of each image by its index, and of all together. */
  x2y: BaselineScores;
  y2x: BaselineScores;
}

export interface BaselineScores {
  images: { index: number; v: MetricValues }[];
  /** Distances of the whole set, which no image has alone. */
  v: MetricValues;
}

type Translate = (image: UnitImage) => UnitImage;

/**
 * @param multiple that the generator's sides must be of: images are cut as for it
 * @param compared whether styles are compared: without it there are none
 */
export async function scoreBaselines(
  images: ExamImages,
  { multiple, styles: compared }: { multiple: number; styles: boolean },
): Promise<Baselines> {
  const style = async (domain: 'x' | 'y') => {
    const styles: Style[] = [];
    if (!compared) return styles;
    for (const heldOut of images.test[domain]) {
      styles.push(styleOf(prepare(await heldOut.image(), images.range, multiple).unit));
    }
    return styles;
  };
  const styles = { x: await style('x'), y: await style('y') };
  const [x2y, y2x] = DIRECTIONS.map((direction) => scoreDirection(images, direction, styles, multiple));
  return { styles, x2y: await x2y!, y2x: await y2x! };
}

async function scoreDirection(
  images: ExamImages,
  direction: Direction,
  styles: Baselines['styles'],
  multiple: number,
): Promise<BaselineScores> {
  const { range, test } = images;
  const span = range[1] - range[0];
  const fitted = images.training === undefined ? {} : await fit(images.training, direction, range);
  const translations: Record<string, Translate> = { untranslated: (image) => image, ...fitted };
  const result: BaselineScores = { images: [], v: {} };
  const stylesOf = new Map<string, Style[]>(Object.keys(translations).map((name) => [name, []]));
  for (const [at, heldOut] of test[direction.from].entries()) {
    const { unit } = prepare(await heldOut.image(), range, multiple);
    const target = await targetOf(heldOut, direction, images, multiple);
    const v: MetricValues = {};
    for (const [name, translate] of Object.entries(translations)) {
      const translated = translate(unit);
      if (target)
        Object.assign(v, named(comparePair(translated, target, span), `_${name}${direction.suffix}`));
      if (styles[direction.to].length === 0) continue;
      stylesOf.get(name)!.push(name === 'untranslated' ? styles[direction.from][at]! : styleOf(translated));
    }
    result.images.push({ index: heldOut.index, v });
  }
  for (const [name, own] of stylesOf) {
    const scores = compareStyles(own, styles[direction.to], span);
    Object.assign(result.v, named(scores, `_${name}${direction.suffix}`));
  }
  return result;
}

/** Histogram matching, and the linear filter where there are pairs. */
async function fit(
  training: NonNullable<ExamImages['training']>,
  { from, to }: Direction,
  range: ExamImages['range'],
): Promise<Record<string, Translate>> {
  const levels = async (domain: 'x' | 'y') => {
    const counts = newLevels();
    for (const { image } of training[domain]) countLevels(counts, toUnit((await image()).data, range));
    return counts;
  };
  const curve = matchHistograms(await levels(from), await levels(to));
  const sums = newFit();
  const random = randomFromSeed(1, 'patches');
  const most = Math.ceil(FITTED / training.pairs.length);
  for (const [x, y] of training.pairs) {
    const [source, target] = [await (from === 'x' ? x : y).image(), await (from === 'x' ? y : x).image()];
    const { width, height } = source;
    const pixels = Math.min(most, (width * height) >> 2);
    const [a, b] = [toUnit(source.data, range), toUnit(target.data, range)];
    addPair(sums, a, b, { width, height, pixels, random });
  }
  const weights = solveFit(sums);
  const linear: Translate = ({ values, width, height }) => {
    return { values: applyFilter(weights!, values, width, height), width, height };
  };
  return {
    histogram: ({ values, ...size }) => ({ values: applyCurve(curve, values), ...size }),
    ...(weights && { linear }),
  };
}
