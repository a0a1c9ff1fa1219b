/** @file Statistics of verdicts against SciPy 1.17.1 and statsmodels, and against brute force. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  blockedAnova,
  correlationWithin,
  finding,
  holm,
  marginP,
  pooledInterval,
  power,
  predictionInterval,
  ranks,
  seedsFor,
  signFlip,
} from './inference.js';
import { fTail, meanInterval, tQuantile } from './statistics.js';

/** [setting][seed]: patch 64 and 128 by batch 2 and 16, five seeds. */
const GRID = [
  [30.1, 30.4, 29.8, 30.9, 30.2],
  [30.6, 30.9, 30.1, 31.3, 30.5],
  [31.0, 31.6, 30.7, 31.9, 31.4],
  [32.1, 32.2, 31.7, 32.9, 32.6],
];
const FACTORS = [
  { name: 'patch', levels: [64, 64, 128, 128] },
  { name: 'batch', levels: [2, 16, 2, 16] },
];

test.each([
  [4.5, 1, 12, 0.05540462189872811],
  [0.7, 3, 8, 0.5779570234139243],
  [12.3, 2, 20, 0.00032881480950588526],
])('P(F >= %d) with %d and %d degrees of freedom', (f, above, below, expected) => {
  expect(fTail(f, above, below) / expected).toBeCloseTo(1, 10); // scipy.stats.f.sf
});

describe('the analysis of variance with seeds as blocks', () => {
  const anova = blockedAnova(GRID, FACTORS)!;

  test('is that of statsmodels: ols y ~ C(seed) + C(patch)*C(batch), 12 degrees of freedom for 2 x 2 x 5', () => {
    const expected = [
      ['patch', 1, 8.8445, 412.972762645914, 1.15759e-10],
      ['batch', 1, 2.3805, 111.151750972762, 2.01707668e-7],
      ['interaction', 1, 0.4205, 19.634241245136, 0.000819575681707],
      ['seeds', 4, 2.987, null, null],
      ['error', 12, 0.257, null, null],
    ] as const;
    expect(anova.rows.map((row) => [row.source, row.degrees])).toEqual(
      expected.map((row) => row.slice(0, 2)),
    );
    anova.rows.forEach((row, at) => {
      const [, , sum, f, p] = expected[at]!;
      expect(row.sumOfSquares).toBeCloseTo(sum, 9);
      if (f === null) expect([row.f, row.p]).toEqual([null, null]);
      else {
        expect(row.f! / f).toBeCloseTo(1, 9);
        expect(row.p! / p).toBeCloseTo(1, 5);
      }
    });
  });

  test('gives a contrast the interval of its pooled error', () => {
    const { low, high, degrees } = pooledInterval(GRID, [-0.5, -0.5, 0.5, 0.5], anova);
    expect(degrees).toBe(12);
    expect(low).toBeCloseTo(1.1874028451600067, 10);
    expect(high).toBeCloseTo(1.472597154839997, 10);
  });

  test('of two settings is the paired t interval', () => {
    const row = fc.array(fc.integer({ min: -900, max: 900 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(row, row, (a, b) => {
        const paired = meanInterval(b.map((value, at) => value - a[at]!));
        const two = blockedAnova([a, b], [{ name: 'setting', levels: ['a', 'b'] }])!;
        const pooled = pooledInterval([a, b], [-1, 1], two);
        // Values go to 900: where seeds hardly differ, the difference of large numbers is known to 1e-7.
        expect(pooled.low).toBeCloseTo(paired.low, 6);
        expect(pooled.high).toBeCloseTo(paired.high, 6);
      }),
    );
  });

  test('parts the sum of squares without rest', () => {
    const value = fc.double({ min: -9, max: 9, noNaN: true });
    const grid = fc.array(fc.array(value, { minLength: 3, maxLength: 3 }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(grid, (values) => {
        const { rows } = blockedAnova(values, [
          { name: 'a', levels: [1, 1, 1, 2, 2, 2] },
          { name: 'b', levels: [1, 2, 3, 1, 2, 3] },
        ])!;
        const all = values.flat();
        const grand = all.reduce((sum, one) => sum + one, 0) / all.length;
        const total = all.reduce((sum, one) => sum + (one - grand) ** 2, 0);
        expect(rows.reduce((sum, row) => sum + row.sumOfSquares, 0)).toBeCloseTo(total, 8);
        expect(rows.reduce((sum, row) => sum + row.degrees, 0)).toBe(all.length - 1);
      }),
    );
  });

  test('is not made of a grid with holes, of one setting, or of one seed', () => {
    expect(
      blockedAnova(
        GRID.slice(1),
        FACTORS.map((one) => ({ ...one, levels: one.levels.slice(1) })),
      ),
    ).toBeNull();
    expect(blockedAnova(GRID.slice(0, 1), FACTORS)).toBeNull();
    expect(
      blockedAnova(
        GRID.map((row) => row.slice(0, 1)),
        FACTORS,
      ),
    ).toBeNull();
    expect(blockedAnova([...GRID.slice(1), [1, 2]], FACTORS)).toBeNull();
  });
});

describe('Holm’s correction', () => {
  test('is that of statsmodels', () => {
    const expected = [0.08, 0.004, 0.06, 0.3]; // multipletests(method='holm')
    holm([0.04, 0.001, 0.02, 0.3]).forEach((p, at) => expect(p).toBeCloseTo(expected[at]!, 12));
  });

  test('rejects what the step-down procedure rejects', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(share, { maxLength: 8 }), (p) => {
        // The procedure in words: from the smallest p on, as long as p <= 0.05 / (how many are left).
        const rejected = new Set<number>();
        const order = p.map((_, at) => at).sort((a, b) => p[a]! - p[b]!);
        for (const [rank, at] of order.entries()) {
          if (p[at]! * (p.length - rank) > 0.05) break;
          rejected.add(at);
        }
        holm(p).forEach((adjusted, at) => expect(adjusted <= 0.05).toBe(rejected.has(at)));
      }),
    );
  });
});

test('the prediction interval is mean ± t·s·√(1 + 1/n)', () => {
  const { low, high } = predictionInterval([30.1, 30.4, 29.8, 30.9, 30.2])!;
  expect(low).toBeCloseTo(29.03709495800997, 10);
  expect(high).toBeCloseTo(31.52290504199002, 10);
  expect(predictionInterval([1])).toBeNull();
});

describe('the exact sign-flip test', () => {
  test('is that of scipy.stats.permutation_test', () => {
    expect(signFlip([0.3, 0.5, -0.1, 0.8, 0.6, 0.4, 0.2])).toBe(0.03125);
  });

  test('is not made below six pairs, where it cannot reach 0.05', () => {
    expect(signFlip([1, 1, 1, 1, 1])).toBeNull();
    expect(signFlip([1, 1, 1, 1, 1, 1])).toBe(2 / 64);
  });
});

describe('power', () => {
  test.each([
    [3.3, 3, 0.8067857871411537],
    [1.7, 5, 0.8077806407226401],
    [1.2, 8, 0.8279200603832426],
    [1.0, 10, 0.8030968566327219],
    [0.5, 20, 0.564504418439021],
    [0, 7, 0.05],
  ])('of an effect of %d standard deviations with %d seeds', (effect, n, expected) => {
    expect(power(effect, n)).toBeCloseTo(expected, 9); // scipy.stats.nct
  });

  test.each([
    [3.3, 3],
    [-1.7, 5],
    [1.0, 10],
    [0.5, 34],
    [0.2, 199],
  ])('%d standard deviations take %d seeds', (effect, n) => expect(seedsFor(effect)).toBe(n));

  test('of nothing is reached by no number of seeds', () => {
    expect(seedsFor(0)).toBeNull();
    expect(seedsFor(0.01)).toBeNull();
    expect(seedsFor(NaN)).toBeNull();
  });
});

describe('rank correlation within settings', () => {
  const pairs = (x: number[], y: number[]) => x.map((value, at) => ({ x: value, y: y[at]! }));

  test('of one group is Spearman’s', () => {
    // scipy.stats.spearmanr, with a tie.
    expect(correlationWithin([pairs([1, 5, 2, 2, 9], [3, 4, 1, 6, 8])])!.rho).toBeCloseTo(
      0.6668859288553503,
      12,
    );
    expect(ranks([1, 5, 2, 2, 9])).toEqual([1, 4, 2.5, 2.5, 5]);
  });

  test('does not see what differs between groups', () => {
    // Within each group the smaller x has the larger y; over both together it is the other way round.
    const groups = [pairs([1, 2, 3], [3, 2, 1]), pairs([11, 12, 13], [13, 12, 11])];
    expect(correlationWithin(groups)).toEqual({ rho: -1, n: 6, groups: 2, interval: null });
  });

  test('is not made of groups that are too small, or where nothing differs', () => {
    expect(correlationWithin([pairs([1, 2], [2, 1])])).toBeNull();
    expect(correlationWithin([pairs([1, 1, 1], [2, 1, 3])])).toBeNull();
  });
});

describe('an interval by a margin', () => {
  test.each([
    [0.6, 1.2, 'higher'],
    [-1.2, -0.6, 'lower'],
    [-0.4, 0.3, 'same'],
    [0.2, 0.9, 'unsettled'],
    [-0.7, 0.3, 'unsettled'],
    [NaN, NaN, 'unsettled'],
  ])('%d to %d is %s', (low, high, expected) => expect(finding({ low, high }, 0.5)).toBe(expected));

  test('settles something exactly where its p is below 0.05', () => {
    const value = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 12 }), (differences) => {
        const settled = finding(meanInterval(differences), 0.5) !== 'unsettled';
        const p = marginP(differences, 0.5);
        if (Math.abs(p - 0.05) > 1e-9) expect(settled).toBe(p < 0.05);
      }),
    );
    expect(tQuantile(0.975, 7)).toBeCloseTo(2.3646242515927844, 10);
  });
});
