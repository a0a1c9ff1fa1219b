/** @file Tests of ranges and draws: their values, their evenness, and that they stay what they were. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawSettings, rangeValues, type Draw } from './ranges.js';
import { MOST_DIMENSIONS, sobol, uniform } from './sobol.js';

describe('a range', () => {
  it.each([
    [{ from: 64, to: 256, step: 64 }, 4, [64, 128, 192, 256]],
    [{ from: 64, to: 250, step: 64 }, 4, [64, 128, 192]],
    [{ from: 0, to: 0.5, step: 0.1 }, 0, [0, 0.1, 0.2, 0.3, 0.4, 0.5]],
    [{ from: 1e-5, to: 1e-3, log: true, count: 5 }, 0, [1e-5, 3.16228e-5, 1e-4, 3.16228e-4, 1e-3]],
    [{ from: 0, to: 1, count: 4 }, 0, [0, 0.333333, 0.666667, 1]],
    [{ from: 2, to: 32, log: true, count: 5 }, 1, [2, 4, 8, 16, 32]],
    [{ from: 64, to: 256, log: true, count: 4 }, 4, [64, 100, 160, 256]],
  ])('%j of multiples of %d', (range, grain, values) => {
    expect(rangeValues(range, 'a', grain)).toEqual(values);
  });

  it('holds its ends and as many values as asked for, in order, whatever they are', () => {
    const bounds = fc.tuple(
      fc.double({ min: 1e-6, max: 1e3, noNaN: true }),
      fc.double({ min: 1.01, max: 1e4, noNaN: true }),
    );
    fc.assert(
      fc.property(bounds, fc.integer({ min: 2, max: 50 }), fc.boolean(), ([from, ratio], count, log) => {
        const values = rangeValues({ from, to: from * ratio, count, log }, 'a', 0);
        expect(values).toHaveLength(count);
        expect([values[0], values.at(-1)]).toEqual([from, from * ratio]);
        expect(values.slice(1, -1)).toEqual(values.slice(1, -1).sort((a, b) => a - b));
      }),
    );
  });
});

describe('a draw', () => {
  const space: Draw['space'] = {
    lr: { from: 1e-5, to: 1e-3, log: true },
    lambda: { from: 1, to: 20 },
    batch: [1, 2, 4],
  };
  const grainOf = () => 0;

  // What a seed draws decides the keys of finished trials: these numbers must never change.
  it.each([
    [
      'random',
      [
        { lr: 0.0000254093, lambda: 6.39367, batch: 2 },
        { lr: 0.0000150803, lambda: 2.99981, batch: 2 },
        { lr: 0.0000296531, lambda: 12.5282, batch: 1 },
      ],
    ],
    [
      'sobol',
      [
        { lr: 0.0000328639, lambda: 16.1846, batch: 2 },
        { lr: 0.000328639, lambda: 6.68456, batch: 4 },
        { lr: 0.000103925, lambda: 1.93456, batch: 1 },
      ],
    ],
  ] as const)('is the same on every machine and for ever: %s', (method, settings) => {
    expect(drawSettings({ method, count: 3, seed: 1, space }, grainOf)).toEqual(settings);
  });

  it.each(['random', 'sobol'] as const)(
    'begins with the same settings whatever its count, and the order of names: %s',
    (method) => {
      const few = drawSettings({ method, count: 5, seed: 3, space }, grainOf);
      const many = drawSettings({ method, count: 40, seed: 3, space }, grainOf);
      expect(many.slice(0, 5)).toEqual(few);
      const turned = Object.fromEntries(Object.entries(space).reverse());
      expect(drawSettings({ method, count: 40, seed: 3, space: turned }, grainOf)).toEqual(many);
      expect(drawSettings({ method, count: 40, seed: 4, space }, grainOf)).not.toEqual(many);
    },
  );

  it('keeps to the range, and to what its values are multiples of', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.constantFrom('random', 'sobol'), fc.boolean(), (seed, draw, log) => {
        for (const value of rangeValues({ from: 16, to: 200, draw, count: 20, seed, log }, 'patch', 4)) {
          expect(value % 4).toBe(0);
          expect(value).toBeGreaterThanOrEqual(16);
          expect(value).toBeLessThanOrEqual(200);
        }
        for (const value of rangeValues({ from: 10, to: 50, step: 10, draw, count: 20, seed, log }, 'a', 0)) {
          expect([10, 20, 30, 40, 50]).toContain(value);
        }
      }),
    );
  });

  it('of a log range has as many values in each decade', () => {
    const values = rangeValues(
      { from: 1e-6, to: 1, log: true, draw: 'random', count: 6000, seed: 1 },
      'lr',
      0,
    );
    for (let decade = -6; decade < 0; decade++) {
      const within = values.filter((value) => value >= 10 ** decade && value < 10 ** (decade + 1)).length;
      expect(Math.abs(within - 1000)).toBeLessThan(120); // four standard deviations of a binomial count
    }
  });

  it('of Sobol puts exactly one of 2^k points into each of 2^k equal intervals, in every dimension and for every seed', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 31 - 1),
        fc.nat(MOST_DIMENSIONS - 1),
        fc.integer({ min: 0, max: 9 }),
        (seed, dimension, k) => {
          const cells = sobol(dimension, 2 ** k, seed).map((value) => Math.floor(value * 2 ** k));
          expect(new Set(cells).size).toBe(2 ** k);
        },
      ),
    );
  });

  it('of Sobol fills squares evenly, too: in the first two dimensions every box of area 1/64', () => {
    const [a, b] = [sobol(0, 64, 5), sobol(1, 64, 5)];
    for (let bits = 0; bits <= 6; bits++) {
      const boxes = a.map(
        (value, at) => `${Math.floor(value * 2 ** bits)} ${Math.floor(b[at]! * 2 ** (6 - bits))}`,
      );
      expect(new Set(boxes).size).toBe(64);
    }
  });

  it('at random has a mean of a half, and streams that do not resemble each other', () => {
    const [a, b] = [uniform('lr', 10_000, 1), uniform('lambda', 10_000, 1)];
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(a)).toBeCloseTo(0.5, 1.6);
    expect(Math.abs(mean(a.map((value, at) => (value - 0.5) * (b[at]! - 0.5))) * 12)).toBeLessThan(0.04);
  });
});
