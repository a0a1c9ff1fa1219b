/**
 * @file What a verdict is made with beside the paired t interval: analysis of variance with seeds as blocks, Holm's correction, the
 * interval of one new model, the exact sign-flip test, the number of seeds that an effect takes, rank correlation within settings.
 */
import {
  fTail,
  incompleteBeta,
  mean,
  meanInterval,
  standardDeviation,
  tDistribution,
  tQuantile,
} from './statistics.js';

export interface AnovaRow {
  source: string;
  degrees: number;
  sumOfSquares: number;
  /** Mean square over that of the error; null for the error itself, and for the seeds, which are no question. */
  f: number | null;
  p: number | null;
}

export interface Anova {
  rows: AnovaRow[];
  /** Mean square of the error and its degrees of freedom: (settings - 1)(seeds - 1). */
  error: { variance: number; degrees: number };
}

export interface Factor {
  name: string;
  /** Its value in each setting. */
  levels: readonly unknown[];
}

/**
 * Analysis of variance of a crossed grid, every setting run with the same seeds, which are the blocks: the error is what is left of
 * seeds x settings. It assumes that all settings vary alike from seed to seed (Montgomery, Design and Analysis of Experiments, ch. 4-5).
 * @param values [settings][seeds], every number there
 * @returns null where the settings are no full crossing of the factors, or there are fewer than two settings or seeds
 */
export function blockedAnova(
  values: readonly (readonly number[])[],
  factors: readonly Factor[],
): Anova | null {
  const [settings, seeds] = [values.length, values[0]?.length ?? 0];
  if (settings < 2 || seeds < 2 || values.some((row) => row.length !== seeds)) return null;
  const kinds = factors.map(({ levels }) => [...new Set(levels)]);
  const combinations = new Set(
    values.map((_, at) => JSON.stringify(factors.map(({ levels }) => levels[at] ?? null))),
  );
  const size = kinds.reduce((product, levels) => product * levels.length, 1);
  if (combinations.size !== settings || size !== settings) return null;

  const grand = mean(values.flat());
  const squares = (means: readonly number[], weight: number) =>
    weight * means.reduce((sum, value) => sum + (value - grand) ** 2, 0);
  const settingMeans = values.map(mean);
  const seedMeans = Array.from({ length: seeds }, (_, seed) => mean(values.map((row) => row[seed]!)));
  const blocks = squares(seedMeans, settings);
  const cells = squares(settingMeans, seeds);
  // From what is left of each value: as a difference of the sums above, a small error would be lost in rounding.
  const error = values
    .flatMap((row, at) => row.map((value, seed) => value - settingMeans[at]! - seedMeans[seed]! + grand))
    .reduce((sum, left) => sum + left ** 2, 0);
  const main = factors.map(({ name, levels }, at) => {
    const means = kinds[at]!.map((level) => mean(values.filter((_, i) => levels[i] === level).flat()));
    return {
      source: name,
      degrees: means.length - 1,
      sumOfSquares: squares(means, (settings / means.length) * seeds),
    };
  });
  const explained = main.reduce((sum, row) => sum + row.sumOfSquares, 0);
  const degrees = (settings - 1) * (seeds - 1);
  const rest = settings - 1 - main.reduce((sum, row) => sum + row.degrees, 0);
  const effects = [
    ...main,
    ...(rest > 0
      ? [
          {
            source: main.length > 2 ? 'interactions' : 'interaction',
            degrees: rest,
            sumOfSquares: Math.max(0, cells - explained),
          },
        ]
      : []),
  ];
  const variance = error / degrees;
  return {
    rows: [
      ...effects.map((row) => {
        const f = row.sumOfSquares / row.degrees / variance;
        return { ...row, f, p: fTail(f, row.degrees, degrees) };
      }),
      { source: 'seeds', degrees: seeds - 1, sumOfSquares: blocks, f: null, p: null },
      { source: 'error', degrees, sumOfSquares: error, f: null, p: null },
    ],
    error: { variance, degrees },
  };
}

/** 95 % interval of a contrast of the settings' means by the pooled error of an analysis of variance. */
export function pooledInterval(
  values: readonly (readonly number[])[],
  weights: readonly number[],
  { error }: Anova,
): { low: number; high: number; degrees: number } {
  const seeds = values[0]!.length;
  const effect = values.reduce((sum, row, at) => sum + weights[at]! * mean(row), 0);
  const squares = weights.reduce((sum, weight) => sum + weight ** 2, 0);
  const half = tQuantile(0.975, error.degrees) * Math.sqrt((error.variance * squares) / seeds);
  return { low: effect - half, high: effect + half, degrees: error.degrees };
}

/** Holm's step-down correction (1979): p values that hold for all together. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, at) => at).sort((a, b) => p[a]! - p[b]!);
  const adjusted = p.map(() => NaN);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * p[at]!));
    adjusted[at] = largest;
  });
  return adjusted;
}

/** Interval that holds one further value with the given probability, by Student's t. Null below two values. */
export function predictionInterval(
  values: readonly number[],
  confidence = 0.95,
): { low: number; high: number } | null {
  const n = values.length;
  if (n < 2) return null;
  const half = tQuantile(0.5 + confidence / 2, n - 1) * standardDeviation(values) * Math.sqrt(1 + 1 / n);
  return { low: mean(values) - half, high: mean(values) + half };
}

/** Below six pairs an exact test cannot reach 0.05; above this many, all signs are too many to try. */
const SIGN_FLIP = { fewest: 6, most: 16 };

/** p of the exact sign-flip test: the share of all choices of signs whose mean is as far from 0. Null where it could settle nothing. */
export function signFlip(differences: readonly number[]): number | null {
  const n = differences.length;
  if (n < SIGN_FLIP.fewest || n > SIGN_FLIP.most) return null;
  const sums = differences.reduce((all, value) => all.flatMap((sum) => [sum - value, sum + value]), [0]);
  const size = Math.abs(differences.reduce((sum, value) => sum + value, 0)) * (1 - 1e-12);
  return sums.filter((sum) => Math.abs(sum) >= size).length / sums.length;
}

/**
 * Power of the two-sided paired t test: the noncentral F distribution with 1 and n - 1 degrees of freedom as a Poisson mixture of
 * incomplete beta functions (Johnson, Kotz and Balakrishnan 1995, ch. 30).
 * @param effect in standard deviations of the differences
 */
export function power(effect: number, n: number, alpha = 0.05): number {
  const degrees = n - 1;
  const half = (n * effect * effect) / 2;
  const limit = tQuantile(1 - alpha / 2, degrees) ** 2;
  const x = limit / (limit + degrees);
  let weight = Math.exp(-half);
  if (weight === 0) return 1;
  let missed = 0;
  for (let j = 0, seen = 0; seen < 1 - 1e-12 && j < 10_000; j++) {
    missed += weight * incompleteBeta(x, j + 0.5, degrees / 2);
    seen += weight;
    weight *= half / (j + 1);
  }
  return 1 - missed;
}

const MOST_SEEDS = 1000;

/** The fewest seeds that find an effect of so many standard deviations with 80 % power; null if it takes more than 1000. */
export function seedsFor(effect: number, wanted = 0.8): number | null {
  if (!(Math.abs(effect) > 0) || power(effect, MOST_SEEDS) < wanted) return null;
  let [fails, does] = [1, MOST_SEEDS];
  while (does - fails > 1) {
    const middle = (fails + does) >> 1;
    if (power(effect, middle) >= wanted) does = middle;
    else fails = middle;
  }
  return does;
}

export interface RankCorrelation {
  /** Spearman's, pooled over the groups. */
  rho: number;
  n: number;
  groups: number;
  /** Approximate 95 % interval by Fisher's z; null below ten values. */
  interval: { low: number; high: number } | null;
}

/**
 * Spearman's rank correlation within groups: ranks are taken in each group and centred there, so that nothing that differs between
 * groups counts. Groups of fewer than three are left out; null where none is left, or nothing differs.
 */
export function correlationWithin(
  groups: readonly (readonly { x: number; y: number }[])[],
): RankCorrelation | null {
  const used = groups.filter((group) => group.length >= 3);
  const pairs = used.flatMap((group) => {
    const centre = (group.length + 1) / 2;
    const x = ranks(group.map((one) => one.x));
    const y = ranks(group.map((one) => one.y));
    return x.map((rank, at) => [rank - centre, y[at]! - centre] as const);
  });
  const sum = (of: (x: number, y: number) => number) => pairs.reduce((all, [x, y]) => all + of(x, y), 0);
  const rho = sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
  if (!Number.isFinite(rho)) return null;
  const [n, count] = [pairs.length, used.length];
  const degrees = n - count - 2;
  if (n < 10 || degrees < 1) return { rho, n, groups: count, interval: null };
  const [z, half] = [
    Math.atanh(Math.max(-0.999999, Math.min(0.999999, rho))),
    (1.96 * 1.03) / Math.sqrt(degrees),
  ];
  return { rho, n, groups: count, interval: { low: Math.tanh(z - half), high: Math.tanh(z + half) } };
}

/** From 1; equal values share the mean of their ranks. */
export function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

export type Finding = 'higher' | 'lower' | 'same' | 'unsettled';

/** Where an interval lies by a margin of relevance: beyond it, inside it, or neither. */
export function finding({ low, high }: { low: number; high: number }, margin: number): Finding {
  if (low > margin) return 'higher';
  if (high < -margin) return 'lower';
  return low > -margin && high < margin ? 'same' : 'unsettled';
}

/**
 * The level at which an interval would just reach the margin: at most 0.05 exactly where the 95 % interval lies beyond the margin or
 * inside it. What Holm's correction is made of. NaN below two differences.
 */
export function marginP(differences: readonly number[], margin: number): number {
  const { n, difference } = meanInterval(differences);
  if (n < 2) return NaN;
  const error = standardDeviation(differences) / Math.sqrt(n);
  const distance = Math.abs(Math.abs(difference) - margin);
  return error === 0 ? (distance > 0 ? 0 : 1) : 2 * (1 - tDistribution(distance / error, n - 1));
}
