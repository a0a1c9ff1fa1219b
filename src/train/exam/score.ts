/** @file What is measured of one image that a model or a baseline gives, and of all of them together. Names: src/metrics.ts. */
import {
  frechetDistance,
  histogram,
  kernelDistance,
  radialSpectrum,
  spectrumDistance,
  wasserstein,
} from '../../imaging/distances.js';
import { tileFeatures } from '../../imaging/features.js';
import { scorePair, type PairScore } from '../../imaging/quality.js';
import { seamScore } from '../../imaging/seams.js';
import type { MetricValues } from '../../protocol.js';
import { tileStarts } from './translator.js';

/** An image to be scored: [height * width] in [0, 1] of the fixed range. */
export interface UnitImage {
  values: Float32Array;
  width: number;
  height: number;
}

/** The true partner, and which of its pixels are body. */
export interface Target extends UnitImage {
  inside: Uint8Array;
}

/** Style without anatomy: what images of two sets are compared by. Plain numbers, as they are kept in a file. */
export interface Style {
  histogram: number[];
  spectrum: number[];
  /** Features of the image's tiles. */
  rows: number[][];
}

export function styleOf({ values, width, height }: UnitImage): Style {
  return {
    histogram: [...histogram(values)],
    spectrum: [...radialSpectrum(values, width, height)],
    rows: tileFeatures(values, width, height),
  };
}

/** Distances of two sets of images, without pairs. @param span of the fixed range, in stored units */
export function compareStyles(
  images: readonly Style[],
  reference: readonly Style[],
  span: number,
): MetricValues {
  if (images.length === 0 || reference.length === 0) return {};
  const mean = (styles: readonly Style[], of: (style: Style) => number[]) => {
    // Images of other sizes may have shorter spectra: what all have is compared.
    const length = Math.min(...styles.map((style) => of(style).length));
    return Float64Array.from({ length }, (_, i) => {
      return styles.reduce((sum, style) => sum + of(style)[i]!, 0) / styles.length;
    });
  };
  const apart = (of: (style: Style) => number[], distance: (a: Float64Array, b: Float64Array) => number) =>
    distance(mean(images, of), mean(reference, of));
  const scores: MetricValues = {
    wasserstein: span * apart((style) => style.histogram, wasserstein),
    spectrum: apart((style) => style.spectrum, spectrumDistance),
  };
  const rows = (styles: readonly Style[]) => styles.map((style) => style.rows);
  if (images.length >= 2 && reference.length >= 2) {
    const { value, low, high } = kernelDistance(rows(images), rows(reference));
    Object.assign(scores, { kid: value, kid_low: low, kid_high: high });
    scores.frechet = frechetDistance(rows(images).flat(), rows(reference).flat());
  }
  return scores;
}

/** Scores of one image against its partner. @param span of the fixed range, in stored units */
export function comparePair(
  { values, width, height }: UnitImage,
  target: Target,
  span: number,
): MetricValues {
  const { whole, body } = scorePair(values, target.values, {
    width,
    height,
    range: 1,
    inside: target.inside,
  });
  const named = ({ mae, psnr, ssim, msSsim }: PairScore, where: string): [string, number][] => [
    [`mae${where}`, span * mae],
    [`psnr${where}`, psnr],
    [`ssim${where}`, ssim],
    [`ms_ssim${where}`, msSsim],
  ];
  return Object.fromEntries([...named(whole, ''), ...(body ? named(body, '_body') : [])]);
}

/** How much the borders of tiles show; of an image without any, nothing. */
export function seamOf({ values, width, height }: UnitImage, patch: number): MetricValues {
  const borders = (whole: number) => tileStarts(whole, Math.min(patch, whole)).slice(1);
  return { seam: seamScore(values, width, borders(width), borders(height)) };
}

/** `mean|a - b|` in stored units. */
export function meanDifference(a: Float32Array, b: Float32Array, span: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return (span * sum) / a.length;
}

/** Adds what stands before and after a score's name, and leaves out what is no number: equal images have no PSNR. */
export function named(scores: MetricValues, suffix: string): MetricValues {
  return Object.fromEntries(
    Object.entries(scores)
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => [`exam/${name}${suffix}`, value]),
  );
}

/** Mean of each name over the images that have it. */
export function meanOf(images: readonly { v: MetricValues }[]): MetricValues {
  const sums: Record<string, [number, number]> = {};
  for (const { v } of images) {
    for (const [name, value] of Object.entries(v)) {
      const [sum, count] = sums[name] ?? [0, 0];
      sums[name] = [sum + value, count + 1];
    }
  }
  return Object.fromEntries(Object.entries(sums).map(([name, [sum, count]]) => [name, sum / count]));
}
