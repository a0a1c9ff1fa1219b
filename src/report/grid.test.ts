import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Series } from '../store/queries.js';
import { interpolate, lastTenth, MOST_POINTS, onCommonGrid } from './grid.js';

function series(step: number[], value: number[], secondsPerUpdate = 1): Series {
  return { step, value, pixels: step.map((s) => s * 100), seconds: step.map((s) => s * secondsPerUpdate) };
}

describe('series of several seeds', () => {
  test('on the same steps stay as they are', () => {
    const common = onCommonGrid([series([1, 2, 3], [4, 5, 6]), series([1, 2, 3], [7, 8, 9], 3)])!;
    expect(common.values).toEqual([
      [4, 5, 6],
      [7, 8, 9],
    ]);
    expect(common.grid).toEqual({
      updates: [1, 2, 3],
      pixels: [100, 200, 300],
      seconds: [2, 4, 6],
      seedSeconds: [
        [1, 2, 3],
        [3, 6, 9],
      ],
    });
  });

  test('on different steps meet on the finest within what both cover', () => {
    const common = onCommonGrid([
      series([0, 10, 20, 30, 40], [0, 1, 2, 3, 4]),
      series([5, 15, 35], [1, 3, 7]),
    ])!;
    expect(common.grid.updates).toEqual([10, 20, 30]);
    expect(common.values).toEqual([
      [1, 2, 3],
      [2, 4, 6],
    ]);
  });

  test('keep a gap where one of them has no number, also between its records', () => {
    const common = onCommonGrid([series([0, 1, 2, 3, 4], [1, 1, 1, 1, 1]), series([0, 2, 4], [1, NaN, 1])])!;
    expect(common.values[1]).toEqual([1, NaN, NaN, NaN, 1]);
  });

  test('with nothing in common have no mean', () => {
    expect(onCommonGrid([series([1, 2], [0, 0]), series([3, 4], [0, 0])])).toBeNull();
    expect(onCommonGrid([series([1, 2], [0, 0]), series([], [])])).toBeNull();
    expect(onCommonGrid([])).toBeNull();
  });

  test('are thinned by means of neighbours, which keep the mean of all', () => {
    const step = Array.from({ length: 4 * MOST_POINTS }, (_, i) => i + 1);
    const common = onCommonGrid([series(step, step)])!;
    expect(common.grid.updates).toHaveLength(MOST_POINTS);
    expect(common.values[0]![0]).toBe(2.5);
    expect(common.grid.updates[0]).toBe(2.5);
  });
});

test('interpolation is exact on straight lines and at records', () => {
  const steps = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 30 });
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (unsorted, share) => {
      const at = [...unsorted].sort((a, b) => a - b);
      const x = at[0]! + share * (at.at(-1)! - at[0]!);
      expect(
        interpolate(
          at,
          at.map((s) => 2 * s + 1),
          x,
        ),
      ).toBeCloseTo(2 * x + 1, 6);
      for (const s of at)
        expect(
          interpolate(
            at,
            at.map((one) => Math.sin(one)),
            s,
          ),
        ).toBe(Math.sin(s));
    }),
  );
  expect(interpolate([1, 2], [5, 6], 0.9)).toBeNaN();
  expect(interpolate([1, 2], [5, 6], 2.1)).toBeNaN();
  expect(interpolate([], [], 1)).toBeNaN();
});

describe('the mean over the last tenth of the budget', () => {
  test('takes the records after nine tenths of the updates', () => {
    const step = Array.from({ length: 20 }, (_, i) => (i + 1) * 5);
    expect(lastTenth(series(step, step), 100)).toEqual({ mean: 97.5, records: 2, missing: 0 });
  });

  test('counts records that are no number, and is none without any', () => {
    expect(lastTenth(series([98, 99, 100], [1, NaN, 3]), 100)).toEqual({ mean: 2, records: 3, missing: 1 });
    expect(lastTenth(series([10, 20], [1, 2]), 100).mean).toBeNaN();
    expect(lastTenth(undefined, 100).mean).toBeNaN();
  });
});
