/**
 * @file How far two sets of images are apart where no image has a partner: histograms, power spectra, and features compared by kernel
 * (KID) and by Gaussians (Fréchet).
 */
import FFT from 'fft.js';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Bins of a histogram over [0, 1]. */
export const BINS = 1024;

/** Share of pixels in each of `BINS` equal parts of [0, 1]. @param values from 0 to 1 */
export function histogram(values: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(BINS);
  for (let i = 0; i < values.length; i++) counts[Math.min(BINS - 1, Math.floor(values[i]! * BINS))]!++;
  return counts.map((count) => count / values.length);
}

/** Wasserstein-1 distance of two histograms: the mean distance, in shares of [0, 1], by which mass must be moved. */
export function wasserstein(a: Float64Array, b: Float64Array): number {
  let [ahead, sum] = [0, 0];
  for (let bin = 0; bin < a.length; bin++) {
    ahead += a[bin]! - b[bin]!;
    sum += Math.abs(ahead);
  }
  return sum / a.length;
}

/** Largest side of the squares whose spectra are averaged, pixels. */
const SQUARE = 256;
/** Power of what is lost when 12 bits are rounded: nothing below it is structure. */
const FLOOR = 1 / (12 * 4096 ** 2);

/**
 * Radial power spectrum by Welch's method: mean over squares of 256 pixels (or the largest power of two that fits), each without its mean
 * and under a Hann window, then over all frequencies of a ring; white noise gives its variance in every ring.
 * @param values [height * width], from 0 to 1
 * @returns for radii 1 to side / 2 in cycles a square
 */
export function radialSpectrum(values: ArrayLike<number>, width: number, height: number): Float64Array {
  const side = 2 ** Math.min(Math.log2(SQUARE), Math.floor(Math.log2(Math.min(width, height))));
  const hann = Float64Array.from({ length: side }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / side));
  const energy = hann.reduce((sum, weight) => sum + weight * weight, 0) ** 2;
  const fft = new FFT(side);
  const rows = Array.from({ length: side }, () => fft.createComplexArray() as number[]);
  const [column, transformed] = [fft.createComplexArray() as number[], fft.createComplexArray() as number[]];
  const line = new Array<number>(side);
  const half = side / 2;
  const power = new Float64Array(half);
  const counts = new Float64Array(half);
  const [lefts, tops] = [starts(width, side), starts(height, side)];
  for (const top of tops) {
    for (const left of lefts) {
      let mean = 0;
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) mean += values[(top + y) * width + left + x]! / side ** 2;
      }
      for (let y = 0; y < side; y++) {
        const from = (top + y) * width + left;
        for (let x = 0; x < side; x++) line[x] = (values[from + x]! - mean) * hann[x]! * hann[y]!;
        fft.realTransform(rows[y]!, line);
      }
      // A real image's spectrum is symmetric: half of the columns say all.
      for (let u = 0; u <= half; u++) {
        for (let y = 0; y < side; y++) {
          column[2 * y] = rows[y]![2 * u]!;
          column[2 * y + 1] = rows[y]![2 * u + 1]!;
        }
        fft.transform(transformed, column);
        const weight = u === 0 || u === half ? 1 : 2;
        for (let v = 0; v < side; v++) {
          const ring = Math.round(Math.hypot(u, v < half ? v : v - side)) - 1;
          if (ring < 0 || ring >= half) continue;
          power[ring]! += weight * (transformed[2 * v]! ** 2 + transformed[2 * v + 1]! ** 2);
          counts[ring]! += weight;
        }
      }
    }
  }
  return power.map((sum, ring) => sum / counts[ring]! / energy);
}

/** Where squares begin so that they cover a side, at equal distances. */
function starts(whole: number, side: number): number[] {
  const count = Math.ceil(whole / side);
  return Array.from({ length: count }, (_, at) =>
    count === 1 ? 0 : Math.round((at * (whole - side)) / (count - 1)),
  );
}

/** Root mean square difference of two radial spectra, dB, over all rings. */
export function spectrumDistance(a: Float64Array, b: Float64Array): number {
  const length = Math.min(a.length, b.length);
  // Of squares of different sides the rings of one frequency are compared.
  const at = (of: Float64Array, ring: number) => of[Math.floor((ring * of.length) / length)]! + FLOOR;
  let sum = 0;
  for (let ring = 0; ring < length; ring++) sum += (10 * Math.log10(at(a, ring) / at(b, ring))) ** 2;
  return Math.sqrt(sum / length);
}

/** Feature vectors of one image, a row each. */
export type Rows = readonly (readonly number[])[];

/** Kernel of KID: (x·y / dimensions + 1)³ (Bińkowski et al. 2018). */
function kernel(x: readonly number[], y: readonly number[]): number {
  let dot = 0;
  for (let i = 0; i < x.length; i++) dot += x[i]! * y[i]!;
  return (dot / x.length + 1) ** 3;
}

export interface KernelDistance {
  /** Unbiased estimate of the squared maximum mean discrepancy; around 0, and below it by chance, for sets of one kind. */
  value: number;
  /** 95 % percentile interval of the bootstrap over images. */
  low: number;
  high: number;
}

/** Times that images are drawn again for the interval. */
const RESAMPLED = 400;

/**
 * Kernel distance (KID) of two sets of images. Rows of one image hang together, so the image is the unit: kernels are averaged over all
 * pairs of rows of two images, within a set only of two different ones, and the bootstrap draws images. With one row an image this is
 * the usual unbiased MMD².
 * @throws RangeError below two images in a set
 */
export function kernelDistance(x: readonly Rows[], y: readonly Rows[]): KernelDistance {
  if (x.length < 2 || y.length < 2) throw new RangeError('A kernel distance needs two images in each set.');
  const means = (a: readonly Rows[], b: readonly Rows[]) => a.map((p) => b.map((q) => meanKernel(p, q)));
  const [xx, yy, xy] = [means(x, x), means(y, y), means(x, y)];
  const estimate = (wx: ArrayLike<number>, wy: ArrayLike<number>) =>
    within(xx, wx) + within(yy, wy) - 2 * across(xy, wx, wy);
  const random = xoroshiro128plus(1);
  const weights = (count: number) => {
    const drawn = new Float64Array(count);
    for (let i = 0; i < count; i++) drawn[uniformInt(random, 0, count - 1)]!++;
    return drawn;
  };
  const again: number[] = [];
  for (let i = 0; i < RESAMPLED; i++) {
    const value = estimate(weights(x.length), weights(y.length));
    if (Number.isFinite(value)) again.push(value); // of two images one may be drawn twice: no pair is left
  }
  again.sort((a, b) => a - b);
  const percentile = (share: number) => again[Math.round(share * (again.length - 1))]!;
  const once = (count: number) => new Float64Array(count).fill(1);
  return {
    value: estimate(once(x.length), once(y.length)),
    low: percentile(0.025),
    high: percentile(0.975),
  };
}

function meanKernel(a: Rows, b: Rows): number {
  let sum = 0;
  for (const x of a) for (const y of b) sum += kernel(x, y);
  return sum / (a.length * b.length);
}

/** Weighted mean over pairs of different images. */
function within(means: number[][], weights: ArrayLike<number>): number {
  let [sum, total] = [0, 0];
  means.forEach((row, a) => {
    row.forEach((value, b) => {
      if (a === b) return;
      const weight = weights[a]! * weights[b]!;
      sum += weight * value;
      total += weight;
    });
  });
  return sum / total;
}

function across(means: number[][], wx: ArrayLike<number>, wy: ArrayLike<number>): number {
  let [sum, total] = [0, 0];
  means.forEach((row, a) => {
    row.forEach((value, b) => {
      const weight = wx[a]! * wy[b]!;
      sum += weight * value;
      total += weight;
    });
  });
  return sum / total;
}

/**
 * Fréchet distance of the Gaussians that have the means and sample covariances of two sets of rows (Heusel et al. 2017):
 * |m - n|² + trace(C + D - 2 (C D)^½). Biased upwards where rows are few for their dimensions.
 */
export function frechetDistance(x: Rows, y: Rows): number {
  const [a, b] = [gaussian(x), gaussian(y)];
  const apart = a.mean.reduce((sum, value, i) => sum + (value - b.mean[i]!) ** 2, 0);
  // (C D)^½ has the trace of (C^½ D C^½)^½, which is symmetric.
  const root = squareRoot(a.covariance);
  const both = symmetric(root.mmul(b.covariance).mmul(root));
  const trace = new EigenvalueDecomposition(both, { assumeSymmetric: true }).realEigenvalues.reduce(
    (sum, value) => sum + Math.sqrt(Math.max(0, value)),
    0,
  );
  return apart + a.covariance.trace() + b.covariance.trace() - 2 * trace;
}

function gaussian(rows: Rows): { mean: number[]; covariance: Matrix } {
  const matrix = new Matrix(rows.map((row) => [...row]));
  const mean = matrix.mean('column');
  const centred = matrix.subRowVector(mean);
  return {
    mean,
    covariance: centred
      .transpose()
      .mmul(centred)
      .div(rows.length - 1),
  };
}

function squareRoot(matrix: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues: values } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const roots = Matrix.diag(values.map((value) => Math.sqrt(Math.max(0, value))));
  return symmetric(vectors.mmul(roots).mmul(vectors.transpose()));
}

function symmetric(matrix: Matrix): Matrix {
  return Matrix.add(matrix, matrix.transpose()).div(2);
}
