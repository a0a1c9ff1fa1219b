/** @file Two vendors' pictures of the same rays: noise, sharpening and tone curve, as two product lines differ. */

import { blurBinomial, blurBox, interpolateRow, makeGrid, whiteNoise, type Grid } from './phantom-raster.js';

/** How a vendor's machine and software turn attenuation into a picture. */
export interface Style {
  /** Standard deviation of the noise of unattenuated rays, in units of attenuation; it grows as fewer photons arrive. */
  noise: number;
  /** Passes of [1 2 1] / 4 over the noise: 0 leaves it white, more make it coarse. */
  noiseBlur: number;
  /** Passes of [1 2 1] / 4 over the rays: the sharpness of detector and focal spot. */
  blur: number;
  /** What is added of the difference from a fine blur (unsharp masking). */
  fine: number;
  /** What is added of the difference from a coarse blur; large structures are flattened by as much in `flatten`. */
  coarse: number;
  /** Share by which the coarse blur itself is drawn towards the middle. */
  flatten: number;
  /** Sigmoid of the tone curve: slope and middle, in units of attenuation. */
  slope: number;
  middle: number;
  /** Blackest and whitest value, 0 to 1. */
  black: number;
  white: number;
}

/** High contrast on a dark ground, white noise, hardly sharpened. */
export const STYLE_X: Style = {
  noise: 0.011,
  noiseBlur: 0,
  blur: 2,
  fine: 0.25,
  coarse: 0,
  flatten: 0,
  slope: 1.5,
  middle: 2.15,
  black: 0.01,
  white: 0.99,
};

/** Flat and bright, with strong local contrast and coarse noise. */
export const STYLE_Y: Style = {
  noise: 0.008,
  noiseBlur: 3,
  blur: 1,
  fine: 0.9,
  coarse: 0.35,
  flatten: 0.15,
  slope: 1.25,
  middle: 1.85,
  black: 0.03,
  white: 0.96,
};

/** Radius of the fine blur: passes of [1 2 1] / 4 at 1024 pixels. */
const FINE_PASSES = 8;
/** Box radius of the coarse blur, in cells of the grid: sigma of about 5 cells, 2 % of the image. */
const COARSE_RADIUS = 3;
/** Attenuation that flattening draws towards. */
const FLATTEN_TO = 2.4;

/** Tables over attenuation from LOWEST, STEPS entries a unit. */
const LOWEST = -2;
const HIGHEST = 9;
const STEPS = 512;

/** Values have 12 bits, as detectors give them, spread over 16: the four lower bits repeat the upper ones. */
const LEVELS = 4095;

/**
 * Renders attenuation in a style.
 * @param attenuation [size * size]
 * @returns [size * size] stored values of 16 bits
 */
export function renderStyle(
  attenuation: Float32Array,
  size: number,
  style: Style,
  noiseSeed: number,
): Uint16Array {
  const signal = attenuation.slice();
  blurBinomial(signal, size, style.blur);
  const noise = whiteNoise(signal.length, noiseSeed);
  if (style.noiseBlur > 0) blurBinomial(noise, size, style.noiseBlur);
  // Fewer photons behind thick parts: the noise of the logarithm grows as exp(attenuation / 2).
  const level = table((value) => style.noise * Math.exp(Math.min(6, value) / 2));
  for (let i = 0; i < signal.length; i++) signal[i] = signal[i]! + noise[i]! * level[entry(signal[i]!)]!;

  const fine = signal.slice();
  blurBinomial(fine, size, Math.max(1, Math.round((FINE_PASSES * size) / 1024)));
  const grid = makeGrid(size);
  const coarse = averages(fine, size, grid);
  blurBox(coarse, grid.nodes, COARSE_RADIUS);

  const { slope, middle, black, white } = style;
  const tone = table((value) => {
    const bright = black + (white - black) / (1 + Math.exp(-slope * (value - middle)));
    return bright * LEVELS;
  });
  const stored = new Uint16Array(signal.length);
  const row = new Float32Array(size);
  const line = new Float32Array(grid.nodes);
  for (let y = 0; y < size; y++) {
    interpolateRow([coarse], grid, y, [row], line);
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      const value =
        signal[i]! +
        style.fine * (signal[i]! - fine[i]!) +
        style.coarse * (signal[i]! - row[x]!) +
        style.flatten * (FLATTEN_TO - row[x]!);
      const at = (Math.min(HIGHEST - 0.01, Math.max(LOWEST, value)) - LOWEST) * STEPS;
      const low = Math.floor(at);
      const twelve = Math.round(tone[low]! + (at - low) * (tone[low + 1]! - tone[low]!));
      stored[i] = (twelve << 4) | (twelve >> 8);
    }
  }
  return stored;
}

function table(of: (attenuation: number) => number): Float32Array {
  return Float32Array.from({ length: (HIGHEST - LOWEST) * STEPS + 2 }, (_, i) => of(LOWEST + i / STEPS));
}

function entry(attenuation: number): number {
  return Math.round((Math.min(HIGHEST, Math.max(LOWEST, attenuation)) - LOWEST) * STEPS);
}

/** Mean around each corner of a grid. */
function averages(values: Float32Array, size: number, { nodes, step }: Grid): Float32Array {
  const result = new Float32Array(nodes * nodes);
  for (let row = 0; row < nodes; row++) {
    const top = Math.max(0, Math.min(size - 1, Math.floor((row - 0.5) * step)));
    const bottom = Math.min(size, Math.max(top + 1, Math.floor((row + 0.5) * step)));
    for (let column = 0; column < nodes; column++) {
      const left = Math.max(0, Math.min(size - 1, Math.floor((column - 0.5) * step)));
      const right = Math.min(size, Math.max(left + 1, Math.floor((column + 0.5) * step)));
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += values[y * size + x]!;
      result[row * nodes + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return result;
}
