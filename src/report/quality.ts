/** @file What a setting is worth and what it costs, trial by trial: what the decision box and its figures are made of. */
import { examScore, metricOf, type ExamVariant } from '../metrics.js';
import type { TrialRecord } from '../store/queries.js';
import type { Cell } from './cells.js';
import { bytes, duration, fixed, NONE, placesOf } from './format.js';
import { mean, meanInterval } from './statistics.js';
import { examValue } from './summary.js';

/** The two generators. */
export const WAYS = [
  { direction: 'x2y', suffix: '', arrow: 'X→Y', title: 'G: X→Y' },
  { direction: 'y2x', suffix: '_yx', arrow: 'Y→X', title: 'F: Y→X' },
] as const;
export type Way = (typeof WAYS)[number];

/** What a setting is chosen by where a study names nothing: the first that its exams hold. */
const CHOSEN_BY = ['exam/psnr_body', 'exam/psnr', 'exam/spectrum', 'exam/wasserstein', 'exam/kid'];

export interface Quality {
  /** Of X→Y, e.g. `exam/psnr_body`. */
  name: string;
  /** e.g. `PSNR, inside the body`. */
  label: string;
  unit: string;
  better: 'higher' | 'lower';
}

/** What trials are compared by; undefined where no finished trial has a score whose better end is known. */
export function qualityOf(cells: readonly Cell[]): Quality | undefined {
  const names = new Set(
    cells.flatMap(({ done }) => done.flatMap(({ exam }) => Object.keys(exam?.values ?? {}))),
  );
  const candidates = [...CHOSEN_BY.filter((name) => names.has(name)), ...names];
  for (const name of candidates) {
    const metric = metricOf(name);
    const score = examScore(name);
    if (!metric || metric.direction === 'neither' || score?.variant || score?.direction === 'y2x') continue;
    return { name, label: metric.label, unit: metric.unit, better: metric.direction };
  }
  return undefined;
}

/** `a` is the better of the two. */
export function isBetter({ better }: Pick<Quality, 'better'>, a: number, b: number): boolean {
  return better === 'higher' ? a > b : a < b;
}

export function scoreText({ name, unit }: Pick<Quality, 'name' | 'unit'>, value: number): string {
  if (!Number.isFinite(value)) return NONE;
  return fixed(value, placesFor(name, value)) + (unit === '' ? '' : `\u00a0${unit}`);
}

export function placesFor(name: string, value: number): number {
  return name.includes('psnr') ? 2 : name.includes('ssim') ? 4 : placesOf(value);
}

export interface Interval {
  n: number;
  mean: number;
  /** NaN below two values. */
  low: number;
  high: number;
}

/** Mean and its 95 % t interval. */
export function intervalOf(values: readonly number[]): Interval {
  const { n, difference, low, high } = meanInterval(values);
  return { n, mean: difference, low, high };
}

/** A setting's scores in one direction. */
export interface Scored {
  cell: Cell;
  /** Of its finished trials that were examined. */
  trials: { trial: TrialRecord; value: number }[];
  mean: Interval;
}

/** Settings with a score, in the order of the grid. */
export function scoredCells(cells: readonly Cell[], { name }: Quality, { suffix }: Way): Scored[] {
  return cells.flatMap((cell) => {
    const trials = cell.done
      .map((trial) => ({ trial, value: examValue(name + suffix)(trial) }))
      .filter(({ value }) => Number.isFinite(value));
    if (trials.length === 0) return [];
    return [{ cell, trials, mean: intervalOf(trials.map(({ value }) => value)) }];
  });
}

/** Translations without a network, the best first. */
export function baselinesOf(
  cells: readonly Cell[],
  quality: Quality,
  { suffix }: Way,
): { variant: ExamVariant; value: number }[] {
  return (['untranslated', 'histogram', 'linear'] as const)
    .flatMap((variant) => {
      const values = cells
        .flatMap(({ done }) => done.map(examValue(`${quality.name}_${variant}${suffix}`)))
        .filter(Number.isFinite);
      return values.length === 0 ? [] : [{ variant, value: mean(values) }];
    })
    .sort((a, b) => (isBetter(quality, a.value, b.value) ? -1 : 1));
}

/** What a trial took: bytes, seconds, joules. NaN where it is not known. */
export interface Cost {
  name: 'memory' | 'time' | 'energy';
  title: string;
  of: (trial: TrialRecord) => number;
  text: (value: number) => string;
}

export const COSTS: Record<Cost['name'], Cost> = {
  memory: { name: 'memory', title: 'Memory at its peak', of: memoryOf, text: bytes },
  time: {
    name: 'time',
    title: 'Time of a trial',
    of: ({ attempts }) => known(attempts.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0)),
    text: duration,
  },
  energy: {
    name: 'energy',
    title: 'Energy of its GPU',
    of: ({ system }) => system?.energy ?? NaN,
    text: (value) => (Number.isFinite(value) ? `${fixed(value / 1000, placesOf(value / 1000))} kJ` : NONE),
  },
};

/** Of the GPU where the trial ran on one, else of its processes. */
function memoryOf({ system, attempts }: TrialRecord): number {
  return system?.gpuMemory?.peak ?? known(Math.max(0, ...attempts.map(({ peakMemory }) => peakMemory ?? 0)));
}

const known = (value: number) => (value > 0 ? value : NaN);

/** Over the finished trials of a setting that know it. */
export function costOf(cell: Cell, { of }: Cost): Interval {
  return intervalOf(cell.done.map(of).filter(Number.isFinite));
}

/** Share of the patches drawn that held less than 1 % of body; NaN where it was not recorded. */
export function blankShare({ series }: TrialRecord): number {
  return series['data/blank_share']?.value.at(-1) ?? NaN;
}
