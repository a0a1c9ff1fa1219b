/** @file How near one image is to another: MAE, MSE, PSNR and SSIM, equal to scikit-image, MS-SSIM; over the whole image and inside a mask. */

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
  return similarity(a, b, { width, height, range }).ssim;
}

/** Structural similarity with a uniform 7x7 window and sample covariance, as scikit-image computes it by default. */
export function ssimUniform(a: Values, b: Values, width: number, height: number, range: number): number {
  return similarity(a, b, { width, height, range, window: UNIFORM, correction: 49 / 48 }).ssim;
}

/** Weights of the scales of MS-SSIM, the finest first (Wang, Simoncelli and Bovik 2003). */
const SCALES = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/** How near a translation is to its target, over the whole image and over the pixels inside the body. */
export interface PairScores {
  whole: PairScore;
  /** Undefined where no pixel is inside. */
  body: PairScore | undefined;
}

export interface PairScore {
  /** In the unit of the images. */
  mae: number;
  /** dB. */
  psnr: number;
  ssim: number;
  /**
   * Multi-scale SSIM: contrast and structure at up to five scales, each half the one before, luminance at the coarsest. Of the five
   * scales of the paper those are taken at which a window of 11 pixels fits, their weights brought back to a sum of 1.
   */
  msSsim: number;
}

/**
 * All that is scored of a pair of images, in one pass a scale.
 * @param a, b [height * width], from 0 to `range`
 * @param inside [height * width], not 0 for pixels that count as body; SSIM counts a window by its middle
 */
export function scorePair(
  a: Values,
  b: Values,
  { width, height, range, inside }: { width: number; height: number; range: number; inside: Uint8Array },
): PairScores {
  requireSameLength(a, b);
  const sums = { absolute: 0, squared: 0, absoluteInside: 0, squaredInside: 0, pixels: 0 };
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    sums.absolute += difference;
    sums.squared += difference * difference;
    if (inside[i] === 0) continue;
    sums.absoluteInside += difference;
    sums.squaredInside += difference * difference;
    sums.pixels++;
  }
  const count = Math.min(SCALES.length, 1 + Math.floor(Math.log2(Math.min(width, height) / GAUSSIAN.length)));
  const scales: Similarity[] = [];
  let scale = { a, b, width, height, inside };
  for (let at = 0; at < count; at++) {
    if (at > 0) scale = halved(scale);
    scales.push(similarity(scale.a, scale.b, { ...scale, range }));
  }
  const multi = (contrast: (of: Similarity) => number, last: (of: Similarity) => number) => {
    const weights = normalised(Float64Array.from(SCALES.slice(0, count)));
    return scales.reduce((product, of, at) => {
      const value = at === count - 1 ? last(of) : contrast(of);
      return product * Math.max(0, value) ** weights[at]!;
    }, 1);
  };
  const decibels = (squares: number, pixels: number) => 10 * Math.log10((range * range * pixels) / squares);
  const finest = scales[0]!;
  return {
    whole: {
      mae: sums.absolute / a.length,
      psnr: decibels(sums.squared, a.length),
      ssim: finest.ssim,
      msSsim: multi(
        (of) => of.contrast,
        (of) => of.ssim,
      ),
    },
    // A mask of a few pixels at the border may hold the middle of no window.
    body: Number.isNaN(scales.at(-1)!.ssimInside)
      ? undefined
      : {
          mae: sums.absoluteInside / sums.pixels,
          psnr: decibels(sums.squaredInside, sums.pixels),
          ssim: finest.ssimInside,
          msSsim: multi(
            (of) => of.contrastInside,
            (of) => of.ssimInside,
          ),
        },
  };
}

interface Scale {
  a: Values;
  b: Values;
  width: number;
  height: number;
  inside: Uint8Array;
}

/** Means of 2 x 2 pixels; inside where at least half of them are. An odd last row or column is left out. */
function halved({ a, b, width, height, inside }: Scale): Scale {
  const [w, h] = [width >> 1, height >> 1];
  const small = { a: new Float32Array(w * h), b: new Float32Array(w * h), inside: new Uint8Array(w * h) };
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [from, to] = [2 * y * width + 2 * x, y * w + x];
      const below = from + width;
      small.a[to] = (a[from]! + a[from + 1]! + a[below]! + a[below + 1]!) / 4;
      small.b[to] = (b[from]! + b[from + 1]! + b[below]! + b[below + 1]!) / 4;
      const body = inside[from]! + inside[from + 1]! + inside[below]! + inside[below + 1]!;
      small.inside[to] = body >= 2 ? 1 : 0;
    }
  }
  return { ...small, width: w, height: h };
}

/** Means over all windows, and over those whose middle is inside (NaN where there are none). */
interface Similarity {
  ssim: number;
  /** The part that speaks of contrast and structure alone. */
  contrast: number;
  ssimInside: number;
  contrastInside: number;
}

interface SimilarityOptions {
  width: number;
  height: number;
  range: number;
  inside?: Uint8Array;
  /** Separable and symmetric. */
  window?: Float64Array;
  /** Turns the population covariance into the one that is asked for. */
  correction?: number;
}

function similarity(
  a: Values,
  b: Values,
  { width, height, range, inside, window = GAUSSIAN, correction = 1 }: SimilarityOptions,
): Similarity {
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
  const sums = { ssim: 0, contrast: 0, ssimInside: 0, contrastInside: 0, windows: 0 };
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
      const contrast = (2 * covariance + c2) / (variances + c2);
      const both = ((2 * meanProduct + c1) * contrast) / (meanSquares + c1);
      sums.contrast += contrast;
      sums.ssim += both;
      if (inside === undefined || inside[(y - middle) * width + middle + k / 4] === 0) continue;
      sums.contrastInside += contrast;
      sums.ssimInside += both;
      sums.windows++;
    }
  }
  const windows = columns * (height - side + 1);
  return {
    ssim: sums.ssim / windows,
    contrast: sums.contrast / windows,
    ssimInside: sums.ssimInside / sums.windows,
    contrastInside: sums.contrastInside / sums.windows,
  };
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
