/** @file Series of several seeds brought onto common steps, so that they can be averaged and drawn. */
import type { Series } from '../store/queries.js';

export interface Grid {
  updates: number[];
  pixels: number[];
  /** Mean over the seeds of the seconds until that update. */
  seconds: number[];
  /** [seeds][points] */
  seedSeconds: number[][];
}

export interface CommonSeries {
  grid: Grid;
  /** [seeds][points]; NaN where the seed has no number there. */
  values: number[][];
}

/** More points than a figure has pixels only make the file larger. */
export const MOST_POINTS = 400;

/**
 * The steps of the longest series within what all of them cover; the others are interpolated between neighbouring
 * records, and never across a record that is no number. Null where there is nothing in common.
 */
export function onCommonGrid(series: readonly Series[]): CommonSeries | null {
  const filled = series.filter((one) => one.step.length > 0);
  if (filled.length === 0 || filled.length < series.length) return null;
  const first = Math.max(...filled.map((one) => one.step[0]!));
  const last = Math.min(...filled.map((one) => one.step.at(-1)!));
  const finest = filled.reduce((a, b) => (b.step.length > a.step.length ? b : a));
  const updates = finest.step.filter((step) => step >= first && step <= last);
  if (updates.length === 0) return null;
  const column = (one: Series, name: 'pixels' | 'seconds' | 'value') =>
    updates.map((step) => interpolate(one.step, one[name], step));
  const seedSeconds = filled.map((one) => column(one, 'seconds'));
  return thinned({
    grid: {
      updates,
      pixels: column(finest, 'pixels'),
      seconds: updates.map((_, i) => seedSeconds.reduce((sum, row) => sum + row[i]!, 0) / filled.length),
      seedSeconds,
    },
    values: filled.map((one) => column(one, 'value')),
  });
}

/** Piecewise linear; exact at a record; NaN outside the records and beside a NaN. `at` ascends. */
export function interpolate(at: readonly number[], values: readonly number[], x: number): number {
  let low = 0;
  let high = at.length - 1;
  if (high < 0 || x < at[low]! || x > at[high]!) return NaN;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (at[middle]! <= x) low = middle;
    else high = middle;
  }
  if (x === at[low]) return values[low]!;
  if (x === at[high]) return values[high]!;
  const share = (x - at[low]!) / (at[high]! - at[low]!);
  return values[low]! + share * (values[high]! - values[low]!);
}

/** Number of neighbouring points that one drawn point is the mean of. */
export function thinning(points: number): number {
  return Math.max(1, Math.ceil(points / MOST_POINTS));
}

function thinned({ grid, values }: CommonSeries): CommonSeries {
  const size = thinning(grid.updates.length);
  if (size === 1) return { grid, values };
  const means = (column: number[]) => {
    const out: number[] = [];
    for (let i = 0; i < column.length; i += size) {
      const bin = column.slice(i, i + size);
      out.push(bin.reduce((sum, value) => sum + value, 0) / bin.length);
    }
    return out;
  };
  return {
    grid: {
      updates: means(grid.updates),
      pixels: means(grid.pixels),
      seconds: means(grid.seconds),
      seedSeconds: grid.seedSeconds.map(means),
    },
    values: values.map(means),
  };
}

export interface LastTenth {
  /** Mean of the records that are numbers; NaN where none is. */
  mean: number;
  records: number;
  /** Records that are no number. */
  missing: number;
}

/** The mean over the last tenth of the budget: of the records after update 0.9 · updates. */
export function lastTenth(series: Series | undefined, updates: number | null): LastTenth {
  if (!series) return { mean: NaN, records: 0, missing: 0 };
  const end = updates ?? series.step.at(-1) ?? 0;
  const tail = series.value.filter((_, i) => series.step[i]! > 0.9 * end);
  const numbers = tail.filter((value) => Number.isFinite(value));
  return {
    mean: numbers.reduce((sum, value) => sum + value, 0) / numbers.length,
    records: tail.length,
    missing: tail.length - numbers.length,
  };
}

/** The mean over the first tenth of the budget, for the words beside a figure. */
export function firstTenth(series: Series | undefined, updates: number | null): number {
  if (!series) return NaN;
  const end = updates ?? series.step.at(-1) ?? 0;
  const numbers = series.value.filter((value, i) => series.step[i]! <= 0.1 * end && Number.isFinite(value));
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}
