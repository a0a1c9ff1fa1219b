/**
 * @file A small segmenter of pixels, trained in a second without any network: grey values, local contrast and surroundings of each pixel,
 * 160 random features of them (Rahimi and Recht 2008), and one ridge regression a class. It is to show what a change of style does to a
 * program that was made for another one, not to be a good segmenter.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { Random } from './dataset.js';
import { blurBox } from './phantom-raster.js';

/** Side that images are shrunk to, about, pixels. */
const SIDE = 128;
const RADII = [1, 3, 8];
/** How far the surroundings are that a pixel is told of, pixels of the small image. */
const AROUND = 14;
const INPUTS = 1 + RADII.length + 2 + 4;
const HIDDEN = 160;
/** Pixels of an image that are learnt from. */
const SAMPLED = 4000;
const RIDGE = 1e-3;

/** A trained segmenter: plain numbers, as they are kept in a file. */
export interface Segmenter {
  classes: number;
  /** Of each input. */
  mean: number[];
  deviation: number[];
  /** [hidden * (inputs + 1)] */
  mixing: number[];
  /** [classes * (hidden + 1)] */
  weights: number[];
}

export interface Labelled {
  /** [height * width], from 0 to 1. */
  values: Float32Array;
  width: number;
  height: number;
  /** [height * width] classes, from 0. */
  labels: Uint8Array;
}

/** @param random draws the pixels that are learnt from, and the features */
export function trainSegmenter(images: readonly Labelled[], classes: number, random: Random): Segmenter {
  const rows: number[][] = [];
  const targets: number[] = [];
  for (const { values, width, height, labels } of images) {
    const small = shrink(values, width, height);
    const inputs = inputsOf(small);
    const classOf = shrinkLabels(labels, width, small);
    for (let n = 0; n < SAMPLED; n++) {
      const at = random.int(0, classOf.length - 1);
      rows.push(inputs.map((plane) => plane[at]!));
      targets.push(classOf[at]!);
    }
  }
  const over = (of: (row: number[]) => number) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const mean = Array.from({ length: INPUTS }, (_, i) => over((row) => row[i]!));
  const deviation = mean.map((middle, i) => Math.sqrt(over((row) => (row[i]! - middle) ** 2)) + 1e-6);
  const mixing = Array.from({ length: HIDDEN * (INPUTS + 1) }, () => 2 * random.float() - 1);
  const blank: Segmenter = { classes, mean, deviation, mixing, weights: [] };

  const size = HIDDEN + 1;
  const squares = new Float64Array(size * size);
  const products = new Float64Array(size * classes);
  const hidden = new Float64Array(size);
  rows.forEach((row, n) => {
    activate(blank, row, hidden);
    for (let i = 0; i < size; i++) {
      const value = hidden[i]!;
      if (value === 0) continue;
      for (let j = i; j < size; j++) squares[i * size + j] = squares[i * size + j]! + value * hidden[j]!;
      products[i * classes + targets[n]!] = products[i * classes + targets[n]!]! + value;
    }
  });
  const matrix = new Matrix(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      const value = squares[i * size + j]! + (i === j ? RIDGE * rows.length : 0);
      matrix.set(i, j, value);
      matrix.set(j, i, value);
    }
  }
  const right = Matrix.from1DArray(size, classes, [...products]);
  return { ...blank, weights: new CholeskyDecomposition(matrix).solve(right).transpose().to1DArray() };
}

/**
 * Dice coefficient of each class from 1 on: 2 |A ∩ B| / (|A| + |B|), between what the segmenter says of an image and its labels, on the
 * image as it is shrunk to about 128 pixels. NaN for a class that is in neither.
 */
export function diceOf(segmenter: Segmenter, { values, width, height, labels }: Labelled): number[] {
  const small = shrink(values, width, height);
  const inputs = inputsOf(small);
  const truth = shrinkLabels(labels, width, small);
  const { classes, weights } = segmenter;
  const [both, said, there] = [0, 1, 2].map(() => new Float64Array(classes)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const row = new Array<number>(INPUTS);
  const hidden = new Float64Array(HIDDEN + 1);
  for (let at = 0; at < truth.length; at++) {
    for (let i = 0; i < INPUTS; i++) row[i] = inputs[i]![at]!;
    activate(segmenter, row, hidden);
    let [best, most] = [0, -Infinity];
    for (let c = 0; c < classes; c++) {
      let score = 0;
      for (let i = 0; i <= HIDDEN; i++) score += weights[c * (HIDDEN + 1) + i]! * hidden[i]!;
      if (score > most) [best, most] = [c, score];
    }
    said[best]!++;
    there[truth[at]!]!++;
    if (best === truth[at]) both[best]!++;
  }
  return Array.from({ length: classes - 1 }, (_, c) => (2 * both[c + 1]!) / (said[c + 1]! + there[c + 1]!));
}

/** Fills `hidden` with the random features of a pixel, and a 1. */
function activate(
  { mean, deviation, mixing }: Segmenter,
  row: readonly number[],
  hidden: Float64Array,
): void {
  for (let h = 0; h < HIDDEN; h++) {
    const from = h * (INPUTS + 1);
    let sum = mixing[from + INPUTS]!;
    for (let i = 0; i < INPUTS; i++) sum += mixing[from + i]! * ((row[i]! - mean[i]!) / deviation[i]!);
    hidden[h] = sum > 0 ? sum : 0;
  }
  hidden[HIDDEN] = 1;
}

interface Small {
  values: Float32Array;
  width: number;
  height: number;
  /** Pixels of the large image in one of the small, along a side. */
  factor: number;
}

/** Means of squares, to a side of about 128 pixels. */
function shrink(values: Float32Array, width: number, height: number): Small {
  const factor = Math.max(1, Math.round(Math.max(width, height) / SIDE));
  const [w, h] = [Math.floor(width / factor), Math.floor(height / factor)];
  const small = new Float32Array(w * h);
  for (let y = 0; y < h * factor; y++) {
    const to = Math.floor(y / factor) * w;
    for (let x = 0; x < w * factor; x++) small[to + Math.floor(x / factor)]! += values[y * width + x]!;
  }
  return { values: small.map((sum) => sum / factor ** 2), width: w, height: h, factor };
}

/** The label in the middle of each square. */
function shrinkLabels(labels: Uint8Array, wide: number, { width, height, factor }: Small): Uint8Array {
  const half = factor >> 1;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    return labels[(Math.floor(i / width) * factor + half) * wide + (i % width) * factor + half]!;
  });
}

/** What a pixel is told: itself, means and contrast around it, and how it is up, down, left and right of it. */
function inputsOf({ values, width, height }: Small): Float32Array[] {
  const blurred = (of: Float32Array, radius: number) => {
    const copy = of.slice();
    blurBox(copy, width, radius);
    return copy;
  };
  const means = RADII.map((radius) => blurred(values, radius));
  const squares = values.map((value) => value * value);
  const contrast = [0, 1].map((at) =>
    blurred(squares, RADII[at]!).map((square, i) => Math.sqrt(Math.max(0, square - means[at]![i]! ** 2))),
  );
  const moved = (dx: number, dy: number) =>
    Float32Array.from(values, (_, i) => {
      const x = Math.min(width - 1, Math.max(0, (i % width) + dx));
      const y = Math.min(height - 1, Math.max(0, Math.floor(i / width) + dy));
      return means[1]![y * width + x]!;
    });
  const around = [moved(-AROUND, 0), moved(AROUND, 0), moved(0, -AROUND), moved(0, AROUND)];
  return [values, ...means, ...contrast, ...around];
}
