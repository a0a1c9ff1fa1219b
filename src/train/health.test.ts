/** @file Tests of health: each measure by its formula, each flag raised by what it is for, once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { correlation, explosion, judge, newHealth, openHealthMeter, watch } from './health.js';

const LSGAN = { patch: 4, gan_loss: 'least-squares' } as const;
const METRICS = { 'loss/D': 0.4, 'loss/G': 3 };

/** Patches of 4 x 4 with the given values and a slope, so that none is constant. */
const patches = (...means: number[]) =>
  Float32Array.from(means.flatMap((mean) => Array.from({ length: 16 }, (_, i) => mean + 0.01 * i)));
const scaled = (values: Float32Array, factor: number) => values.map((value) => factor * value);

describe('what is measured', () => {
  it('follows its formulas', () => {
    const meter = openHealthMeter(LSGAN);
    const [X, Y] = [patches(-0.4, 0.4), patches(0, 0.2)];
    const v = meter.measure({ X, Y, gx: scaled(X, 0.5), fy: scaled(Y, -0.5) }, METRICS);
    expect(v['health/d_distance']).toBeCloseTo(0.1, 6);
    expect(v['health/diversity']).toBeCloseTo(0.5, 5);
    expect(v['health/correlation']).toBeCloseTo(0, 5); // +1 of G, -1 of F
    expect(v['health/saturation']).toBe(0);
    const all = openHealthMeter(LSGAN).measure({ X, Y, gx: scaled(X, 0).fill(-1), fy: Y }, METRICS);
    expect(all['health/saturation']).toBe(0.5);
    expect(all['health/correlation']).toBeCloseTo(1, 5); // G is constant: only F counts
  });

  it('compares batches of one with the update before, also after a resume', () => {
    const updates = [patches(0), patches(0.5), patches(0.1)].map((X) => ({
      X,
      Y: X,
      gx: scaled(X, 0.2),
      fy: scaled(X, 0.2),
    }));
    const meter = openHealthMeter(LSGAN);
    const values = updates.map((update) => meter.measure(update, METRICS));
    expect(values[0]).not.toHaveProperty(['health/diversity']);
    expect(values[1]!['health/diversity']).toBeCloseTo(0.2, 5);
    const first = openHealthMeter(LSGAN);
    updates.slice(0, 2).forEach((update) => first.measure(update, METRICS));
    expect(openHealthMeter(LSGAN, first.save()).measure(updates[2]!, METRICS)).toEqual(values[2]);
  });

  it('correlates as the definition does', () => {
    const numbers = fc.array(fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true })), { minLength: 3, maxLength: 30 }); // prettier-ignore
    fc.assert(
      fc.property(numbers, (rows) => {
        const [a, b] = [Float32Array.from(rows, ([x]) => x), Float32Array.from(rows, ([, y]) => y)];
        const mean = (v: Float32Array) => v.reduce((sum, x) => sum + x, 0) / v.length;
        const covariance = (v: Float32Array, w: Float32Array) =>
          v.reduce((sum, x, i) => sum + (x - mean(v)) * (w[i]! - mean(w)), 0) / v.length;
        fc.pre(covariance(a, a) > 1e-4 && covariance(b, b) > 1e-4);
        const expected = covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b));
        expect(correlation(a, b)).toBeCloseTo(expected, 5);
      }),
    );
    expect(correlation(new Float32Array(9), Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]))).toBeNaN();
  });
});

describe('flags', () => {
  const after = (metrics: Record<string, number>, updates = 10) => {
    const health = newHealth();
    for (let i = 0; i < updates; i++) watch(health, { ...METRICS, ...metrics });
    return { health, flags: judge(health, 'least-squares').map(({ code }) => code) };
  };

  it.each([
    [{ 'd/acc_real': 0.99, 'd/acc_fake': 0.97, 'loss/D': 0.03 }, ['d-wins']],
    [{ 'd/acc_real': 0.99, 'd/acc_fake': 0.6, 'loss/D': 0.03 }, []],
    [{ 'health/diversity': 0.02 }, ['g-collapsed']],
    [{ 'health/correlation': -0.9 }, ['inverted']],
    [{ 'health/diversity': 0.8, 'health/correlation': 0.9 }, []],
  ])('%j raises %j', (metrics, codes) => {
    expect(after(metrics).flags).toEqual(codes);
  });

  it('are raised once, and not over fewer than ten updates', () => {
    const { health, flags } = after({ 'health/diversity': 0.02 }, 9);
    expect(flags).toEqual([]);
    watch(health, { ...METRICS, 'health/diversity': 0.02 });
    expect(judge(health, 'least-squares').map(({ code }) => code)).toEqual(['g-collapsed']);
    for (let i = 0; i < 10; i++) watch(health, { ...METRICS, 'health/diversity': 0.02 });
    expect(judge(health, 'least-squares')).toEqual([]);
  });
});

describe('an explosion', () => {
  const health = newHealth();
  for (let i = 0; i < 20; i++) watch(health, { 'loss/G': 1 + i / 10 });
  it.each([
    [{ 'loss/G': 3, 'grad/G': NaN }, /grad\/G is no number/],
    [{ 'loss/G': Infinity }, /loss\/G is infinite/],
    [{ 'loss/G': -30_000 }, /loss\/G is 3.00e\+4, which was 2.00 in the first 20 updates/],
  ])('is %j', (metrics, message) => {
    expect(explosion(metrics, health)).toMatch(message);
  });
  it('is no large loss among large ones, and none before there is a scale', () => {
    expect(explosion({ 'loss/G': 15_000 }, health)).toBeUndefined();
    expect(explosion({ 'loss/G': 1e9 }, newHealth())).toBeUndefined();
  });
});
