import { describe, expect, it } from 'vitest';
import {
  BINS,
  frechetDistance,
  histogram,
  kernelDistance,
  radialSpectrum,
  spectrumDistance,
  wasserstein,
} from './distances.js';
import { whiteNoise } from './phantom-raster.js';

/** 40 rows of 16 numbers by a formula; values from numpy and scipy, float64. */
const rows = (of: (r: number, c: number) => number) =>
  Array.from({ length: 40 }, (_, r) => Array.from({ length: 16 }, (_, c) => of(r, c)));
const X = rows((r, c) => ((31 * r + 17 * c) % 97) / 97);
const Y = rows((r, c) => ((29 * r + 19 * c + 5) % 89) / 89);
const alone = (all: number[][]) => all.map((row) => [row]);

describe('golden values', () => {
  it('of the unbiased MMD² with the kernel of KID', () => {
    expect(Math.abs(kernelDistance(alone(X), alone(Y)).value + 0.01067747822414411)).toBeLessThan(1e-12);
  });

  it('of the Fréchet distance with sample covariances', () => {
    expect(Math.abs(frechetDistance(X, Y) - 0.8998488664943626)).toBeLessThan(1e-8);
  });
});

describe('kernelDistance', () => {
  it('takes the image as the unit: what repeats within an image adds no pairs', () => {
    const twice = X.map((row) => [row, row, row]);
    expect(kernelDistance(twice, alone(Y)).value).toBeCloseTo(kernelDistance(alone(X), alone(Y)).value, 12);
  });

  it('has an interval around what it finds, the same again, and away from 0 for sets that differ', () => {
    const shifted = Y.map((row) => [row.map((value) => value + 0.5)]);
    const far = kernelDistance(alone(X), shifted);
    expect(far).toEqual(kernelDistance(alone(X), shifted));
    expect(far.low).toBeLessThan(far.value);
    expect(far.high).toBeGreaterThan(far.value);
    expect(far.low).toBeGreaterThan(0);
    const near = kernelDistance(alone(X.slice(0, 20)), alone(X.slice(20)));
    expect(near.low).toBeLessThan(0);
    expect(near.high).toBeGreaterThan(0);
  });

  it('wants two images in each set', () => {
    expect(() => kernelDistance([X], alone(Y))).toThrow(/two images/);
  });
});

describe('frechetDistance', () => {
  it('of sets that differ by a shift is its square', () => {
    const shifted = X.map((row) => row.map((value) => value + 0.25));
    expect(frechetDistance(X, shifted)).toBeCloseTo(16 * 0.25 ** 2, 8);
  });
});

describe('wasserstein', () => {
  it('is how far the mass is moved', () => {
    const [a, b] = [histogram([0.25, 0.25, 0.5]), histogram([0.5, 0.5, 0.5])];
    expect(wasserstein(a, b)).toBeCloseTo((2 / 3) * 0.25, 12);
    expect(wasserstein(a, a)).toBe(0);
    expect(a).toHaveLength(BINS);
  });
});

describe('the radial spectrum', () => {
  const noise = whiteNoise(300 * 260, 5).map((value) => 0.5 + 0.05 * value);

  it('of white noise is its variance at every frequency, for sides that are no power of two', () => {
    const spectrum = radialSpectrum(noise, 300, 260);
    expect(spectrum).toHaveLength(128);
    const mean = spectrum.reduce((sum, power) => sum + power, 0) / spectrum.length;
    expect(mean / 0.05 ** 2).toBeGreaterThan(0.97);
    expect(mean / 0.05 ** 2).toBeLessThan(1.03);
  });

  it('has its peak at the frequency of a wave', () => {
    const wave = Float32Array.from({ length: 256 * 256 }, (_, i) => 0.5 + 0.4 * Math.sin((2 * Math.PI * 40 * (i % 256)) / 256)); // prettier-ignore
    const spectrum = radialSpectrum(wave, 256, 256);
    expect(spectrum.indexOf(Math.max(...spectrum))).toBe(39);
  });

  it('is 6 dB away from itself at half the contrast', () => {
    const half = noise.map((value) => 0.5 + (value - 0.5) / 2);
    const [a, b] = [radialSpectrum(noise, 300, 260), radialSpectrum(half, 300, 260)];
    expect(spectrumDistance(a, b)).toBeCloseTo(20 * Math.log10(2), 3);
    expect(spectrumDistance(a, a)).toBe(0);
  });
});
