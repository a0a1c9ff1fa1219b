/** @file From a range in a sweep file to its values: in steps, so many of them, or drawn. */
import type { ParameterValue, ParameterValues } from '../protocol.js';
import { sobol, uniform } from './sobol.js';

/** A range as the file has it: checked, so exactly one of `step` and `count` leads unless it is drawn. */
export interface Range {
  from: number;
  to: number;
  /** Distance of neighbouring values; of a draw: what its values lie on, counted from `from`. */
  step?: number | undefined;
  /** How many values. */
  count?: number | undefined;
  /** Equal ratios instead of equal distances. */
  log?: boolean | undefined;
  draw?: DrawMethod | undefined;
  seed?: number | undefined;
}

export type DrawMethod = 'random' | 'sobol';

/** Several parameters drawn together: `count` points. */
export interface Draw {
  method: DrawMethod;
  count: number;
  seed: number;
  /** What each parameter is drawn from, by its own name: equally likely values, or a range. */
  space: Record<string, ParameterValue[] | Range>;
}

/** Significant digits of computed values, so that they can be read and written. */
const DIGITS = 6;
/** Digits that steps keep: 0.1 + 0.2 is 0.3. */
const EXACT = 12;

export function isRange(value: unknown): value is Range {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How many values a range has, before they are computed. */
export function rangeLength({ from, to, step, count }: Range): number {
  return count ?? Math.floor((to - from) / step! + 1e-9) + 1;
}

/**
 * The values of a range, both ends included where a step reaches the end.
 * @param name the parameter's: its draws are a stream of their own
 * @param grain what the parameter's values are multiples of, 0 for any
 */
export function rangeValues(range: Range, name: string, grain: number): number[] {
  const { from, to, step, draw, seed = 1 } = range;
  const count = rangeLength(range);
  if (draw !== undefined) {
    const shares = draw === 'sobol' ? sobol(0, count, seed) : uniform(name, count, seed);
    return shares.map((share) => drawn(range, share, grain));
  }
  if (step !== undefined) return Array.from({ length: count }, (_, at) => rounded(from + at * step, EXACT));
  return Array.from({ length: count }, (_, at) => {
    if (at === 0) return from;
    return at === count - 1 ? to : onGrain(between(range, at / (count - 1)), 0, grain);
  });
}

/** The points of a draw, as settings. The order in which the file names the parameters makes no difference. */
export function drawSettings({ method, count, seed, space }: Draw, grainOf: (name: string) => number) {
  const columns = Object.keys(space).map((name) => {
    const shares =
      method === 'sobol'
        ? sobol(Object.keys(space).sort().indexOf(name), count, seed)
        : uniform(name, count, seed);
    const from = space[name]!;
    const values = shares.map((share) =>
      Array.isArray(from) ? from[Math.floor(share * from.length)]! : drawn(from, share, grainOf(name)),
    );
    return [name, values] as const;
  });
  return Array.from({ length: count }, (_, point): ParameterValues => {
    const setting: Record<string, ParameterValue> = {};
    for (const [name, values] of columns) setting[name] = values[point]!;
    return setting;
  });
}

/** The value at a share of a range, 0 to 1. */
function between({ from, to, log }: Range, share: number): number {
  return log ? from * (to / from) ** share : from + share * (to - from);
}

function drawn(range: Range, share: number, grain: number): number {
  const { from, to, step, log } = range;
  const lattice = step ?? grain;
  if (lattice === 0) return rounded(between(range, share), DIGITS);
  if (log) return Math.min(to, Math.max(from, onGrain(between(range, share), step ? from : 0, lattice)));
  const levels = Math.floor((to - from) / lattice + 1e-9) + 1;
  return rounded(from + Math.floor(share * levels) * lattice, EXACT);
}

/** The nearest of the numbers `start` + n · `grain`. */
function onGrain(value: number, start: number, grain: number): number {
  if (grain === 0) return rounded(value, DIGITS);
  return rounded(start + Math.round((value - start) / grain) * grain, EXACT);
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
