import { describe, expect, test } from 'vitest';
import { randomFrom, syntheticSweep } from '../../test/fixtures/sweep-record.js';
import type { TrialRecord } from '../store/queries.js';
import { varianceShares } from './shares.js';

const CELLS = [64, 128].flatMap((patch) => [2, 8].flatMap((batch) => [5, 10].map((lambda) => ({ patch, batch, lambda })))); // prettier-ignore
const sweep = (seeds: number[]) =>
  syntheticSweep({ cells: CELLS, varied: ['patch', 'batch', 'lambda'], seeds });
const noise = () => {
  const random = randomFrom(7);
  const drawn = new Map<string, number>();
  return ({ key }: TrialRecord) => {
    const value = drawn.get(key) ?? random() + random() + random() - 1.5;
    drawn.set(key, value);
    return value;
  };
};
const byName = (shares: { names: string[]; epsilon: number }[]) =>
  Object.fromEntries(shares.map(({ names, epsilon }) => [names.join('+'), epsilon]));

describe('the share of variance that goes with a parameter', () => {
  test('is all of it where nothing else matters, and none for the others', () => {
    const { shares, withinSettings, trials } = varianceShares(sweep([1, 2]), ({ parameters }) => parameters.patch)!; // prettier-ignore
    expect(trials).toBe(16);
    expect(shares[0]).toMatchObject({ names: ['patch'], groups: 2, epsilon: 1 });
    expect(byName(shares).batch).toBeLessThanOrEqual(0);
    expect(withinSettings).toBe(0);
  });

  test('adds up where the grid is balanced: two effects of 1 and 2 are a fifth and four fifths', () => {
    const value = ({ parameters }: TrialRecord) => parameters.patch / 64 + (2 * parameters.batch) / 6;
    const { shares } = varianceShares(sweep([1, 2, 3, 4]), value)!;
    // By definition beyond chance: (share - 1/31 of the rest) of 32 trials in 2 groups.
    expect(byName(shares).batch).toBeCloseTo(0.8 - 0.2 / 30, 6);
    expect(byName(shares).patch).toBeCloseTo(0.2 - 0.8 / 30, 6);
  });

  test('is about none where all is noise, which stands as chance within settings', () => {
    const { shares, withinSettings } = varianceShares(sweep([1, 2, 3, 4, 5, 6]), noise())!;
    for (const { epsilon } of shares) expect(Math.abs(epsilon)).toBeLessThan(0.15);
    expect(withinSettings).toBeGreaterThan(0.7);
  });

  test('is one for parameters that change together', () => {
    const paired = syntheticSweep({ seeds: [1, 2, 3, 4, 5] });
    const { shares } = varianceShares(paired, ({ parameters }) => parameters.patch)!;
    expect(shares.map(({ names }) => names)).toEqual([['patch', 'batch'], ['seed']]);
  });

  test('takes numbers drawn at random by quarters', () => {
    const random = randomFrom(3);
    const cells = Array.from({ length: 40 }, () => ({ lr: random() / 1000, lambda: random() * 10 }));
    const drawn = syntheticSweep({ cells, varied: ['lr', 'lambda'], seeds: [1] });
    const { shares, withinSettings } = varianceShares(drawn, ({ parameters }) => parameters.lr)!;
    expect(shares[0]).toMatchObject({ names: ['lr'], groups: 4 });
    expect(shares[0]!.epsilon).toBeGreaterThan(0.85);
    expect(byName(shares).lambda).toBeLessThan(0.3);
    expect(withinSettings).toBeNull();
  });

  test('is not told of few trials, of failed ones, or where nothing differs', () => {
    expect(varianceShares(syntheticSweep(), ({ parameters }) => parameters.patch)).toBeUndefined();
    expect(varianceShares(sweep([1, 2]), () => 4)).toBeUndefined();
    const failed = sweep([1]);
    failed.trials[0]!.status = 'failed';
    expect(varianceShares(failed, ({ parameters }) => parameters.patch)).toBeUndefined();
  });
});
