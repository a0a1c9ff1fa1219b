import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listImages } from './folder.js';
import { pairByName } from './pairs.js';
import { readPng } from './png.js';
import { meanAbsoluteError, meanSquaredError, psnr, scorePair, ssim, ssimUniform } from './quality.js';

/** 64 x 64 images of a formula, range 255, with values from scikit-image 0.19.3. */
const a = Float64Array.from({ length: 64 * 64 }, (_, k) => (7 * Math.floor(k / 64) + 13 * (k % 64)) % 256);
const b = a.map((value, k) => Math.min(255, Math.max(0, value + ((Math.floor(k / 64) * (k % 64)) % 17) - 8)));

describe('against scikit-image', () => {
  it.each([
    ['MAE', meanAbsoluteError(a, b), 4.417236328125],
    ['MSE', meanSquaredError(a, b), 26.080810546875],
    ['PSNR', psnr(a, b, 255), 33.96759276470411],
    ['SSIM, uniform', ssimUniform(a, b, 64, 64, 255), 0.9914022514208203],
    ['SSIM, Gaussian', ssim(a, b, 64, 64, 255), 0.985254795061139],
  ])('%s', (_, value, expected) => {
    expect(Math.abs(value - expected)).toBeLessThan(1e-12 * Math.abs(expected) * 10);
  });
});

describe('SSIM', () => {
  it('does not depend on the unit, nor on which image is the first', () => {
    const unit = (values: Float64Array) => Float32Array.from(values, (value) => value / 255);
    expect(ssim(unit(a), unit(b), 64, 64, 1)).toBeCloseTo(ssim(a, b, 64, 64, 255), 6);
    expect(ssim(b, a, 64, 64, 255)).toBe(ssim(a, b, 64, 64, 255));
  });

  it('is 1 for equal images, and PSNR is infinite', () => {
    expect(ssim(a, a, 64, 64, 255)).toBeCloseTo(1, 12);
    expect(psnr(a, a, 255)).toBe(Infinity);
  });

  it('equals the formula written out, on images of any size', () => {
    const image = (length: number) =>
      fc.array(fc.integer({ min: 0, max: 255 }), { minLength: length, maxLength: length });
    const pair = fc
      .tuple(fc.integer({ min: 11, max: 15 }), fc.integer({ min: 11, max: 15 }))
      .chain(([width, height]) =>
        fc.tuple(fc.constant(width), fc.constant(height), image(width * height), image(width * height)),
      );
    fc.assert(
      fc.property(pair, ([width, height, p, q]) => {
        const [x, y] = [Float64Array.from(p), Float64Array.from(q)];
        expect(ssim(x, y, width, height, 255)).toBeCloseTo(writtenOut(x, y, width, height), 10);
      }),
      { numRuns: 20 },
    );
  });

  it('refuses images that are smaller than its window', () => {
    expect(() => ssim(new Float32Array(100), new Float32Array(100), 10, 10, 1)).toThrow(/at least 11 x 11/);
  });
});

describe('scorePair', () => {
  const everywhere = new Uint8Array(a.length).fill(1);
  const score = (inside: Uint8Array) => scorePair(a, b, { width: 64, height: 64, range: 255, inside });

  it('gives what the single measures give, and the same inside a mask that holds all', () => {
    const { whole, body } = score(everywhere);
    expect(whole.mae).toBeCloseTo(4.417236328125, 12);
    expect(whole.psnr).toBeCloseTo(33.96759276470411, 10);
    expect(whole.ssim).toBeCloseTo(0.985254795061139, 12);
    expect(body).toEqual(whole);
  });

  it('looks inside the mask alone', () => {
    const left = everywhere.map((_, i) => (i % 64 < 32 ? 1 : 0));
    const half = (of: Float64Array) => of.filter((_, i) => i % 64 < 32);
    const { body } = score(left);
    expect(body!.mae).toBeCloseTo(meanAbsoluteError(half(a), half(b)), 12);
    expect(body!.psnr).toBeCloseTo(psnr(half(a), half(b), 255), 10);
    // Windows of 11 pixels with their middle in the first 32 columns reach 5 columns further.
    const wider = (of: Float64Array) => of.filter((_, i) => i % 64 < 37);
    expect(body!.ssim).toBeCloseTo(ssim(wider(a), wider(b), 37, 64, 255), 12);
    expect(score(new Uint8Array(a.length)).body).toBeUndefined();
  });

  it('of one scale is SSIM; of several, 1 for equal images and less for others', () => {
    const small = { width: 64, height: 16, range: 255, inside: everywhere.subarray(0, 1024) };
    const one = scorePair(a.subarray(0, 1024), b.subarray(0, 1024), small).whole;
    expect(one.msSsim).toBeCloseTo(one.ssim, 12);
    expect(
      scorePair(a, a, { width: 64, height: 64, range: 255, inside: everywhere }).whole.msSsim,
    ).toBeCloseTo(1, 12);
    expect(score(everywhere).whole.msSsim).toBeLessThan(1);
  });
});

/** SSIM with the Gaussian window, one window after the other. */
function writtenOut(a: Float64Array, b: Float64Array, width: number, height: number): number {
  const weights: number[] = [];
  for (let i = -5; i <= 5; i++) for (let j = -5; j <= 5; j++) weights.push(Math.exp(-(i * i + j * j) / 4.5));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  for (let y = 5; y < height - 5; y++) {
    for (let x = 5; x < width - 5; x++) {
      const mean = (value: (at: number) => number) =>
        weights.reduce(
          (m, w, k) => m + (w / total) * value((y + Math.floor(k / 11) - 5) * width + x + (k % 11) - 5),
          0,
        );
      const [ma, mb] = [mean((at) => a[at]!), mean((at) => b[at]!)];
      const va = mean((at) => (a[at]! - ma) ** 2);
      const vb = mean((at) => (b[at]! - mb) ** 2);
      const cov = mean((at) => (a[at]! - ma) * (b[at]! - mb));
      const [c1, c2] = [2.55 ** 2, 7.65 ** 2];
      sum += ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
    }
  }
  return sum / ((width - 10) * (height - 10));
}

const ct = fileURLToPath(new URL('../../../shared/data/ct-kernel-philips-phantom/png16/', import.meta.url));

describe.skipIf(!existsSync(ct))('on a CT head phantom, where it lies beside the project', () => {
  it('finds the known distance of its two kernels', async () => {
    const [soft, sharp] = await Promise.all([listImages(`${ct}A_soft_UB`), listImages(`${ct}B_sharp_YA`)]);
    const { pairs, unmatched } = pairByName(soft.files, sharp.files);
    expect([pairs.length, ...unmatched]).toEqual([70, 0, 0]);
    let [ratio, similarity, error] = [0, 0, 0];
    for (const [x, y] of pairs) {
      const [p, q] = await Promise.all([readPng(soft.files[x]!.path), readPng(sharp.files[y]!.path)]);
      ratio += psnr(p.data, q.data, 4095) / pairs.length;
      similarity += ssimUniform(p.data, q.data, p.width, p.height, 4095) / pairs.length;
      error += meanAbsoluteError(p.data, q.data) / pairs.length;
    }
    expect(ratio).toBeCloseTo(36.57, 2);
    expect(error).toBeCloseTo(27.66, 2);
    expect(similarity).toBeCloseTo(0.9633, 4);
  });
});
