import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore, type Store } from './open.js';
import { attempts, metricNames, metrics, trials } from './schema.js';
import { readCurves } from './series.js';

let folder: string;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'series-'));
  store = openStore(folder);
  store.db
    .insert(metricNames)
    .values([{ id: 1, name: 'loss/D' }])
    .run();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Row {
  attempt: number;
  step: number;
  value: number | null;
  wall?: number;
}

let made = 0;

function makeTrial(rows: Row[], tries: { started: number; from: number; ended?: number }[]) {
  const id = ++made;
  const budget = { updates: 100 };
  const known = { parameters: {}, seed: 1, budget, dataFingerprint: '', status: 'done' } as const;
  store.db
    .insert(trials)
    .values({ id, key: `t${id}`, ...known })
    .run();
  tries.forEach((one, at) =>
    store.db
      .insert(attempts)
      .values({ trial: id, attempt: at + 1, ...one })
      .run(),
  );
  for (const row of rows) {
    const { wall = 1000 + row.step } = row;
    store.db
      .insert(metrics)
      .values({ trial: id, name: 1, pixels: row.step * 64, ...row, wall })
      .run();
  }
  const own = store.db
    .select()
    .from(attempts)
    .all()
    .filter(({ trial }) => trial === id);
  return { trial: id, tries: own, until: Number.MAX_SAFE_INTEGER };
}

const near = (a: number, b: number) => (Number.isNaN(b) ? expect(a).toBeNaN() : expect(a).toBeCloseTo(b));
const STARTED = [{ started: 1000, from: 0 }];

describe('a curve', () => {
  test('keeps every record where there are fewer than points', () => {
    const rows = [1, 5, 9].map((step) => ({ attempt: 1, step, value: step / 10 }));
    const { series } = readCurves(store.db, [makeTrial(rows, STARTED)], { points: 10, end: 10 });
    expect(series['loss/D']).toEqual({
      step: [1, 5, 9],
      pixels: [64, 320, 576],
      seconds: [1, 5, 9],
      wall: [1, 5, 9],
      device: [1, 5, 9],
      value: [0.1, 0.5, 0.9],
      low: [0.1, 0.5, 0.9],
      high: [0.1, 0.5, 0.9],
    });
  });

  test('thinned is the mean, lowest and highest of each stretch of the budget, whatever was recorded when', () => {
    const records = fc.uniqueArray(
      fc.record({
        attempt: fc.constantFrom(1, 2),
        step: fc.integer({ min: 1, max: 200 }),
        value: fc.option(fc.integer({ min: -1000, max: 1000 }), { freq: 20 }),
      }),
      { selector: ({ attempt, step }) => `${attempt} ${step}`, minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(
        records,
        fc.constantFrom(10, 20, 50),
        fc.integer({ min: 20, max: 220 }),
        (rows, points, end) => {
          const chain = [makeTrial(rows, [...STARTED, { started: 2000, from: 0 }])];
          const { series, head, tail, missing } = readCurves(store.db, chain, { points, end });
          const counted = rows
            .filter((row) => !rows.some((other) => other.step === row.step && other.attempt > row.attempt))
            .sort((a, b) => a.step - b.step);
          const stretch = ({ step }: Row) => Math.ceil((step * points) / end);
          const stretches = [...new Set(counted.map(stretch))].map((at) =>
            counted.filter((row) => stretch(row) === at),
          );
          const numbers = (some: Row[]) => some.flatMap(({ value }) => value ?? []);
          const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
          const { step, value, low, high } = series['loss/D']!;
          expect(step).toEqual(stretches.map((some) => some.at(-1)!.step));
          stretches.forEach((some, i) => {
            const all = numbers(some).length === some.length;
            near(value[i]!, all ? mean(numbers(some)) : NaN);
            expect(low[i]).toBe(numbers(some).length > 0 ? Math.min(...numbers(some)) : NaN);
            expect(high[i]).toBe(numbers(some).length > 0 ? Math.max(...numbers(some)) : NaN);
          });
          const last = counted.filter((row) => row.step > (9 * end) / 10);
          const first = counted.filter((row) => row.step <= end / 10);
          near(tail['loss/D']!, mean(numbers(last)));
          near(head['loss/D']!, mean(numbers(first)));
          expect(missing['loss/D']).toBe(last.length - numbers(last).length);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('tells training, the clock on the wall and the device apart after a resume', () => {
    const rows = [
      { attempt: 1, step: 10, value: 1, wall: 1010 },
      { attempt: 1, step: 20, value: 1, wall: 1020 },
      // Lost, and done again after a pause of a day.
      { attempt: 1, step: 30, value: 1, wall: 1030 },
      { attempt: 2, step: 30, value: 2, wall: 9012 },
    ];
    const tries = [
      { started: 1000, from: 0, ended: 1035 },
      { started: 9000, from: 20 },
    ];
    const { series } = readCurves(store.db, [makeTrial(rows, tries)], { points: 50, end: 50 });
    expect(series['loss/D']).toMatchObject({
      step: [10, 20, 30],
      value: [1, 1, 2],
      seconds: [10, 20, 32],
      wall: [10, 20, 8012],
      device: [10, 20, 47],
    });
  });

  test('goes on from the trial that it extends, at the update where it did', () => {
    const rows = (attempt: number, steps: number[]) => steps.map((step) => ({ attempt, step, value: step }));
    const before = { ...makeTrial(rows(1, [10, 20, 30]), STARTED), until: 20 };
    const after = makeTrial(
      [30, 40].map((step) => ({ attempt: 1, step, value: -step, wall: 5000 + step - 20 })),
      [{ started: 5000, from: 20 }],
    );
    const { series } = readCurves(store.db, [before, after], { points: 50, end: 50 });
    expect(series['loss/D']).toMatchObject({
      step: [10, 20, 30, 40],
      value: [10, 20, -30, -40],
      seconds: [10, 20, 30, 40],
    });
  });
});
