/**
 * @file The features that ship with the project: what a fixed bank of filters sees in a tile of an image.
 *
 * No network, no download, nothing learnt: grey values, and the mean size of edges in four directions and of spots, at five scales (the
 * first order of a scattering transform, Bruna and Mallat 2013, with filters of 3 x 3 pixels on a pyramid). They see tone, sharpness,
 * noise and texture; they do not see anatomy as a trained network might.
 */

/** Side of a tile, pixels; tiles cover the image, so theirs differs a little. */
const TILE = 128;
const SCALES = 5;
const DIRECTIONS = 5;
const GREY_BINS = 8;

/** Numbers of a tile: mean, deviation, shares of 8 parts of [0, 1], and 5 scales of 4 directions and spots. */
export const FEATURES = 2 + GREY_BINS + SCALES * DIRECTIONS;

/**
 * The features of an image's tiles of about 128 x 128 pixels.
 * @param values [height * width], from 0 to 1
 * @returns a row a tile, numbers of about -1 to 1
 */
export function tileFeatures(values: Float32Array, width: number, height: number): number[][] {
  const [columns, rows] = [Math.max(1, Math.round(width / TILE)), Math.max(1, Math.round(height / TILE))];
  const tiles = columns * rows;
  const sums = Array.from({ length: tiles }, () => new Float64Array(FEATURES));
  const counts = Array.from({ length: tiles }, () => new Float64Array(1 + SCALES));
  /** Calls `see` with every run of pixels of a row that lies in one tile: [from, end) of x in row y. */
  const runs = (w: number, h: number, see: (tile: number, y: number, from: number, end: number) => void) => {
    for (let y = 0; y < h; y++) {
      const row = Math.floor((y * rows) / h) * columns;
      for (let column = 0; column < columns; column++) {
        see(row + column, y, Math.ceil((column * w) / columns), Math.ceil(((column + 1) * w) / columns));
      }
    }
  };

  runs(width, height, (tile, y, from, end) => {
    const own = sums[tile]!;
    for (let x = from; x < end; x++) {
      const value = values[y * width + x]!;
      own[0] = own[0]! + value;
      own[1] = own[1]! + value * value;
      const bin = 2 + Math.min(GREY_BINS - 1, Math.floor(value * GREY_BINS));
      own[bin] = own[bin]! + 1;
    }
    counts[tile]![0]! += end - from;
  });
  let level = { values, width, height };
  for (let scale = 0; scale < SCALES; scale++) {
    if (scale > 0) level = halved(level);
    const { values: v, width: w, height: h } = level;
    runs(w, h, (tile, y, from, end) => {
      if (y === 0 || y === h - 1) return;
      let [across, down, falling, rising, spots] = [0, 0, 0, 0, 0];
      const [first, last] = [Math.max(1, from), Math.min(w - 1, end)];
      for (let x = first; x < last; x++) {
        const at = y * w + x;
        const [right, left, below, above] = [v[at + 1]!, v[at - 1]!, v[at + w]!, v[at - w]!];
        across += Math.abs(right - left);
        down += Math.abs(below - above);
        falling += Math.abs(v[at + w + 1]! - v[at - w - 1]!);
        rising += Math.abs(v[at + w - 1]! - v[at - w + 1]!);
        spots += Math.abs(right + left + below + above - 4 * v[at]!);
      }
      const own = sums[tile]!;
      const to = 2 + GREY_BINS + scale * DIRECTIONS;
      [across, down, falling, rising, spots].forEach((sum, i) => (own[to + i] = own[to + i]! + sum));
      counts[tile]![1 + scale]! += Math.max(0, last - first);
    });
  }
  return sums.map((own, tile) => {
    const count = counts[tile]!;
    return Array.from(own, (sum, at) => {
      if (at < 2 + GREY_BINS) {
        const mean = sum / count[0]!;
        return at === 1 ? Math.sqrt(Math.max(0, mean - (own[0]! / count[0]!) ** 2)) : mean;
      }
      // Sizes of edges span decades: their logarithm, 1e-4 to 1 as -1 to 1.
      const mean = sum / Math.max(1, count[1 + Math.floor((at - 2 - GREY_BINS) / DIRECTIONS)]!);
      return Math.log10(mean + 1e-4) / 2 + 1;
    });
  });
}

interface Level {
  values: Float32Array;
  width: number;
  height: number;
}

/** Half the size, after a blur with [1 2 1] / 4 along both axes. Images below 6 pixels stay as they are. */
function halved({ values, width, height }: Level): Level {
  if (width < 6 || height < 6) return { values, width, height };
  const [w, h] = [width >> 1, height >> 1];
  const small = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    const rows = [Math.max(0, 2 * y - 1), 2 * y, 2 * y + 1].map((row) => row * width);
    for (let x = 0; x < w; x++) {
      const [left, middle, right] = [Math.max(0, 2 * x - 1), 2 * x, 2 * x + 1];
      let sum = 0;
      for (let i = 0; i < 3; i++) {
        const row = rows[i]!;
        sum += (i === 1 ? 2 : 1) * (values[row + left]! + 2 * values[row + middle]! + values[row + right]!);
      }
      small[y * w + x] = sum / 16;
    }
  }
  return { values: small, width: w, height: h };
}
