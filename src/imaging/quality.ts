/** @file How near one image is to another: MAE, MSE, PSNR and SSIM, equal to scikit-image. */

/** Constants of SSIM (Wang et al. 2004): C1 = (K1 range)², C2 = (K2 range)². */
const K1 = 0.01;
const K2 = 0.03;

/** 11 weights of a Gaussian of sigma 1.5, which is cut at 3.5 sigma. */
const GAUSSIAN = normalised(
  Float64Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2))),
);
const UNIFORM = normalised(new Float64Array(7).fill(1));

/** [height * width] values; any unit, the same for both images. */
export type Values = Float32Array | Float64Array | Uint8Array | Uint16Array | Int16Array;

/** mean|a - b|. */
export function meanAbsoluteError(a: Values, b: Values): number {
  requireSameLength(a, b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length;
}

/** mean((a - b)²). */
export function meanSquaredError(a: Values, b: Values): number {
  requireSameLength(a, b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}

/** Peak signal-to-noise ratio, dB: 10·log10(range² / MSE). `range` is the span of possible values; equal images give Infinity. */
export function psnr(a: Values, b: Values, range: number): number {
  return 10 * Math.log10(range ** 2 / meanSquaredError(a, b));
}

/**
 * Structural similarity (Wang et al. 2004): Gaussian window of sigma 1.5, 11x11, population covariance, mean over the pixels whose window
 * lies inside the image. `range` is the span of possible values, which should start at 0: SSIM is not offset-invariant.
 */
export function ssim(a: Values, b: Values, width: number, height: number, range: number): number {
  return meanSimilarity(a, b, width, height, range, GAUSSIAN, 1);
}

/** Structural similarity with a uniform 7x7 window and sample covariance, as scikit-image computes it by default. */
export function ssimUniform(a: Values, b: Values, width: number, height: number, range: number): number {
  return meanSimilarity(a, b, width, height, range, UNIFORM, 49 / 48);
}

/** `window` is separable and symmetric; `correction` turns the population covariance into the one that is asked for. */
function meanSimilarity(
  a: Values,
  b: Values,
  width: number,
  height: number,
  range: number,
  window: Float64Array,
  correction: number,
): number {
  requireSameLength(a, b);
  const side = window.length;
  if (a.length !== width * height) throw new RangeError(`${a.length} values are not ${width} x ${height}.`);
  if (width < side || height < side) {
    throw new RangeError(
      `SSIM needs images of at least ${side} x ${side} pixels; this one is ${width} x ${height}.`,
    );
  }
  const c1 = (K1 * range) ** 2;
  const c2 = (K2 * range) ** 2;
  const columns = width - side + 1;
  const middle = (side - 1) / 2;
  const centre = window[middle]!;
  // Of each row, filtered along x: a, b, a² + b², a·b. Only the last `side` rows are kept.
  const rows = Array.from({ length: side }, () => new Float64Array(4 * columns));
  const squares = new Float64Array(width);
  const products = new Float64Array(width);
  let sum = 0;
  for (let y = 0; y < height; y++) {
    const at = y * width;
    for (let x = 0; x < width; x++) {
      const p = a[at + x]!;
      const q = b[at + x]!;
      squares[x] = p * p + q * q;
      products[x] = p * q;
    }
    const row = rows[y % side]!;
    for (let x = 0; x < columns; x++) {
      const m = at + x + middle;
      let meanA = centre * a[m]!;
      let meanB = centre * b[m]!;
      let square = centre * squares[x + middle]!;
      let product = centre * products[x + middle]!;
      for (let d = 1; d <= middle; d++) {
        const weight = window[middle + d]!;
        meanA += weight * (a[m - d]! + a[m + d]!);
        meanB += weight * (b[m - d]! + b[m + d]!);
        square += weight * (squares[x + middle - d]! + squares[x + middle + d]!);
        product += weight * (products[x + middle - d]! + products[x + middle + d]!);
      }
      const to = 4 * x;
      row[to] = meanA;
      row[to + 1] = meanB;
      row[to + 2] = square;
      row[to + 3] = product;
    }
    if (y < side - 1) continue;
    const means = new Float64Array(4 * columns);
    for (let i = 0; i < side; i++) {
      const from = rows[(y + 1 + i) % side]!;
      const weight = window[i]!;
      for (let k = 0; k < from.length; k++) means[k] = means[k]! + weight * from[k]!;
    }
    for (let k = 0; k < means.length; k += 4) {
      const meanA = means[k]!;
      const meanB = means[k + 1]!;
      const meanSquares = meanA * meanA + meanB * meanB;
      const meanProduct = meanA * meanB;
      const variances = correction * (means[k + 2]! - meanSquares);
      const covariance = correction * (means[k + 3]! - meanProduct);
      sum += ((2 * meanProduct + c1) * (2 * covariance + c2)) / ((meanSquares + c1) * (variances + c2));
    }
  }
  return sum / (columns * (height - side + 1));
}

function normalised(weights: Float64Array): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function requireSameLength(a: Values, b: Values): void {
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(`Images of ${a.length} and ${b.length} values cannot be compared.`);
  }
}
