/** @file Translations that no network makes: histogram matching, and the linear filter that fits pairs best. What a model must beat. */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { Random } from './dataset.js';

/** Grey levels of a curve. */
const LEVELS = 4096;

/** Counts pixels by level; add images one by one. @param counts of `newLevels()` */
export function countLevels(counts: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) counts[Math.round(values[i]! * (LEVELS - 1))]!++;
}

export function newLevels(): Float64Array {
  return new Float64Array(LEVELS);
}

/**
 * Histogram matching: the curve that gives what is counted in `from` the distribution of `to`, by the middle rank of every level.
 * @returns [4096] grey value, 0 to 1, for each level of 0 to 1
 */
export function matchHistograms(from: Float64Array, to: Float64Array): Float64Array {
  const target = ranks(to);
  const levels = [...to.keys()].filter((level) => to[level]! > 0);
  const source = ranks(from);
  let at = 0;
  return Float64Array.from(source, (rank) => {
    while (at < levels.length - 1 && target[levels[at + 1]!]! <= rank) at++;
    const [low, high] = [levels[at]!, levels[Math.min(levels.length - 1, at + 1)]!];
    const step = target[high]! - target[low]!;
    const share = step > 0 ? Math.min(1, Math.max(0, (rank - target[low]!) / step)) : 0;
    return (low + share * (high - low)) / (LEVELS - 1);
  });
}

/** Share of pixels below the middle of each level. */
function ranks(counts: Float64Array): Float64Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  return counts.map((count) => {
    const rank = (below + count / 2) / total;
    below += count;
    return rank;
  });
}

/** @param values from 0 to 1 */
export function applyCurve(curve: Float64Array, values: Float32Array): Float32Array {
  return values.map((value) => curve[Math.round(value * (LEVELS - 1))]!);
}

/** Side of the linear filter, and its margin. */
const SIDE = 15;
const MARGIN = (SIDE - 1) / 2;
/** Weights of the filter, and a constant. */
const WEIGHTS = SIDE * SIDE + 1;

/** Sums of the normal equations of least squares. */
export interface FilterFit {
  /** [226 * 226], the upper triangle. */
  squares: Float64Array;
  /** [226] */
  products: Float64Array;
}

export function newFit(): FilterFit {
  return { squares: new Float64Array(WEIGHTS * WEIGHTS), products: new Float64Array(WEIGHTS) };
}

/** Adds pixels of a pair, drawn at random where the whole filter lies inside the image. @param values [height * width], from 0 to 1 */
export function addPair(
  { squares, products }: FilterFit,
  from: Float32Array,
  to: Float32Array,
  { width, height, pixels, random }: { width: number; height: number; pixels: number; random: Random },
): void {
  if (width < SIDE || height < SIDE) return;
  const window = new Float64Array(WEIGHTS).fill(1);
  for (let n = 0; n < pixels; n++) {
    const [x, y] = [random.int(MARGIN, width - 1 - MARGIN), random.int(MARGIN, height - 1 - MARGIN)];
    for (let row = 0; row < SIDE; row++) {
      const at = (y + row - MARGIN) * width + x - MARGIN;
      for (let column = 0; column < SIDE; column++) window[row * SIDE + column] = from[at + column]!;
    }
    const target = to[y * width + x]!;
    for (let i = 0; i < WEIGHTS; i++) {
      const value = window[i]!;
      products[i] = products[i]! + value * target;
      const line = i * WEIGHTS;
      for (let j = i; j < WEIGHTS; j++) squares[line + j] = squares[line + j]! + value * window[j]!;
    }
  }
}

/** A ridge, as a share of the mean square of a pixel, that flat images need for the equations to have a solution. */
const RIDGE = 1e-9;

/** The 15 x 15 weights and the constant that fit what was added best; undefined where nothing was. */
export function solveFit({ squares, products }: FilterFit): Float64Array | undefined {
  const count = squares[squares.length - 1]!;
  if (count < WEIGHTS) return undefined;
  let mean = 0;
  for (let i = 0; i < WEIGHTS - 1; i++) mean += squares[i * WEIGHTS + i]! / (WEIGHTS - 1);
  const matrix = new Matrix(WEIGHTS, WEIGHTS);
  for (let i = 0; i < WEIGHTS; i++) {
    for (let j = i; j < WEIGHTS; j++) {
      const value = squares[i * WEIGHTS + j]! + (i === j ? RIDGE * (mean + 1e-9 * count) : 0);
      matrix.set(i, j, value);
      matrix.set(j, i, value);
    }
  }
  const solver = new CholeskyDecomposition(matrix);
  if (!solver.isPositiveDefinite()) return undefined;
  return Float64Array.from(solver.solve(Matrix.columnVector(products)).to1DArray());
}

/** Filters an image, its border pixels repeated beyond it, and clamps to [0, 1]. */
export function applyFilter(
  weights: Float64Array,
  values: Float32Array,
  width: number,
  height: number,
): Float32Array {
  const wide = width + 2 * MARGIN;
  const padded = new Float32Array(wide * (height + 2 * MARGIN));
  const clamp = (at: number, most: number) => Math.min(most, Math.max(0, at));
  for (let y = 0; y < height + 2 * MARGIN; y++) {
    const row = clamp(y - MARGIN, height - 1) * width;
    for (let x = 0; x < wide; x++) padded[y * wide + x] = values[row + clamp(x - MARGIN, width - 1)]!;
  }
  const out = new Float32Array(values.length);
  const line = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    line.fill(weights[WEIGHTS - 1]!);
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const weight = weights[row * SIDE + column]!;
        const from = (y + row) * wide + column;
        for (let x = 0; x < width; x++) line[x] = line[x]! + weight * padded[from + x]!;
      }
    }
    for (let x = 0; x < width; x++) out[y * width + x] = Math.min(1, Math.max(0, line[x]!));
  }
  return out;
}
