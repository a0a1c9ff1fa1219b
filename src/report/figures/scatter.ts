/** @file Quality against a cost: one panel a direction, drawn as SVG in the page itself, so that it needs no script and prints as it is. */
import { EXAM_VARIANTS } from '../../metrics.js';
import type { Cell } from '../cells.js';
import { decimal, NONE } from '../format.js';
import {
  baselinesOf,
  costOf,
  scoredCells,
  scoreText,
  WAYS,
  type Cost,
  type Quality,
  type Scored,
} from '../quality.js';

/** A unit that makes the largest number one to a thousand, or so. */
export interface Unit {
  name: string;
  divisor: number;
}

export interface ScatterPoint {
  /** `A`, `B`: what stands beside it. */
  letter: string;
  /** Which of the page's colours. */
  index: number;
  x: number;
  y: number;
  /** Ends of the interval over seeds, cut off at the frame; null with one seed. */
  whisker: { from: number; to: number } | null;
  /** Least and most that a seed took. */
  across: { from: number; to: number };
  seeds: { x: number; y: number }[];
}

export interface ScatterPanel {
  title: string;
  xTicks: { at: number; text: string }[];
  yTicks: { at: number; text: string }[];
  lines: { y: number; text: string }[];
  points: ScatterPoint[];
}

export interface Scatter {
  cost: Cost['name'];
  title: string;
  xTitle: string;
  yTitle: string;
  size: typeof SIZE;
  panels: ScatterPanel[];
  /** The same in words, for who cannot see it. */
  text: string;
  note: string;
}

/** Of a panel, in its own units; the frame lies within the margins. */
const SIZE = { width: 460, height: 300, left: 62, right: 446, top: 22, bottom: 252, below: 257 };

/** Null where no finished trial has both. */
export function scatterOf(
  cells: readonly Cell[],
  quality: Quality,
  cost: Cost,
  unitOf: (most: number) => Unit,
): Scatter | null {
  const letters = new Map(cells.map((cell, at) => [cell, letterOf(at)]));
  const seeds = (scored: Scored) => scored.trials.filter(({ trial }) => Number.isFinite(cost.of(trial)));
  const ways = WAYS.map((way) => ({
    way,
    scored: scoredCells(cells, quality, way).filter((one) => seeds(one).length > 0),
  })).filter(({ scored }) => scored.length > 0);
  if (ways.length === 0) return null;
  const all = ways.flatMap(({ scored }) => scored.flatMap((one) => seeds(one).map(({ trial }) => cost.of(trial)))); // prettier-ignore
  const unit = unitOf(Math.max(...all));
  const xRange = padded(Math.min(...all) / unit.divisor, Math.max(...all) / unit.divisor);
  const x = scale(xRange, SIZE.left, SIZE.right);
  const words: string[] = [];
  let beyond = false;
  const panels = ways.map(({ way, scored }): ScatterPanel => {
    const baselines = baselinesOf(cells, quality, way);
    const values = scored.flatMap(({ trials }) => trials.map(({ value }) => value));
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const room = 1.5 * (most - least) || Math.abs(most) * 0.05 || 1;
    const inside = (value: number) => value >= least - room && value <= most + room;
    const ends = scored.flatMap(({ mean }) => [mean.low, mean.high]).filter(Number.isFinite);
    const shown = baselines.filter(({ value }) => inside(value));
    const drawn = [
      ...values,
      ...shown.map(({ value }) => value),
      ...ends.map((end) => Math.min(most + room, Math.max(least - room, end))),
    ];
    beyond ||= ends.some((end) => !inside(end));
    const yRange = padded(Math.min(...drawn), Math.max(...drawn));
    const y = scale(yRange, SIZE.bottom, SIZE.top);
    words.push(
      `${way.arrow}: ${scored.map(({ cell, mean }) => `${cell.label} ${scoreText(quality, mean.mean)} at ${cost.text(costOf(cell, cost).mean)}`).join('; ')}.`,
    );
    return {
      title: way.title,
      xTicks: ticks(xRange, 5).map((value) => ({ at: x(value), text: decimal(value) })),
      yTicks: ticks(yRange, 6).map((value) => ({ at: y(value), text: decimal(value) })),
      lines: shown.map(({ variant, value }) => ({ y: y(value), text: EXAM_VARIANTS[variant].label })),
      points: scored.map((one): ScatterPoint => {
        const costs = seeds(one).map(({ trial }) => cost.of(trial) / unit.divisor);
        const { mean } = one;
        const clamp = (value: number) => y(Math.min(yRange[1], Math.max(yRange[0], value)));
        return {
          letter: letters.get(one.cell) ?? NONE,
          index: cells.indexOf(one.cell),
          x: x(costs.reduce((sum, value) => sum + value, 0) / costs.length),
          y: y(mean.mean),
          whisker: Number.isFinite(mean.low) ? { from: clamp(mean.low), to: clamp(mean.high) } : null,
          across: { from: x(Math.min(...costs)), to: x(Math.max(...costs)) },
          seeds: seeds(one).map(({ trial, value }) => ({ x: x(cost.of(trial) / unit.divisor), y: y(value) })),
        };
      }),
    };
  });
  return {
    cost: cost.name,
    title: `Quality against ${cost.name}`,
    xTitle: `${cost.title} (${unit.name})`,
    yTitle: quality.unit === '' ? quality.label : `${quality.label} (${quality.unit})`,
    size: SIZE,
    panels,
    text: words.join(' '),
    note:
      'Large: mean of a setting with its 95 % t interval over seeds. Small: single seeds.' +
      (beyond ? ' An interval that ends at the frame goes on beyond it.' : ''),
  };
}

/** A to Z, then A2 and on. */
export function letterOf(at: number): string {
  const round = Math.floor(at / 26);
  return String.fromCharCode(65 + (at % 26)) + (round > 0 ? String(round + 1) : '');
}

function padded(low: number, high: number): [number, number] {
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - pad, high + pad];
}

/** Rounded to tenths: more digits only make the file larger. */
function scale([low, high]: [number, number], from: number, to: number): (value: number) => number {
  return (value) => Math.round(10 * (from + ((value - low) / (high - low)) * (to - from))) / 10;
}

/** Round numbers within a range: 1, 2 or 5 times a power of ten apart. */
export function ticks([low, high]: [number, number], most: number): number[] {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
