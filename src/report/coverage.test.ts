/**
 * @file How often intervals and verdicts are right, on simulated sweeps whose truth is known. docs/statistics.md holds the tables;
 * `npx vitest run src/report/coverage.test.ts -u` writes them there.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../test/fixtures/sweep-record.js';
import { blockedAnova, finding, pooledInterval } from './inference.js';
import { mean, meanInterval } from './statistics.js';

const PAGE = fileURLToPath(new URL('../../docs/statistics.md', import.meta.url));
const SWEEPS = 20_000;
/** A bootstrap is a thousand times the work, so it gets fewer sweeps. */
const BOOTSTRAP = { sweeps: 2000, resamples: 400 };
const SEEDS = [3, 5, 10];

/** Standard normal numbers, by Box and Muller. */
function normalFrom(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface World {
  name: string;
  /** A run of setting b; one of a is standard normal. Seeds shift both alike. */
  run: (normal: () => number, random: () => number) => number;
  /** True mean of b minus a. */
  truth: number;
}

const WORLDS: World[] = [
  { name: 'normal noise', run: (normal) => normal(), truth: 0 },
  { name: 'b varies three times as much', run: (normal) => 3 * normal(), truth: 0 },
  { name: 'b is skewed (log-normal, σ 1)', run: (normal) => Math.exp(normal()), truth: Math.exp(0.5) },
  { name: '15 % of the runs of b collapse, by 10 standard deviations', run: (normal, random) => normal() - (random() < 0.15 ? 10 : 0), truth: -1.5 },
]; // prettier-ignore

const covers = ({ low, high }: { low: number; high: number }, truth: number) => low <= truth && truth <= high;

/** Share of simulated sweeps in which something holds. */
function share(
  sweeps: number,
  seed: number,
  holds: (normal: () => number, random: () => number) => boolean,
): number {
  const random = randomFrom(seed);
  const normal = normalFrom(random);
  let held = 0;
  for (let at = 0; at < sweeps; at++) if (holds(normal, random)) held++;
  return held / sweeps;
}

function differences({ run }: World, n: number, normal: () => number, random: () => number): number[] {
  return Array.from({ length: n }, () => {
    const shared = 5 * normal(); // of the seed
    return shared + run(normal, random) - (shared + normal());
  });
}

function pairedCoverage(world: World, n: number): number {
  return share(SWEEPS, n, (normal, random) =>
    covers(meanInterval(differences(world, n, normal, random)), world.truth),
  );
}

/** Main effect of a 2 x 2 grid, whose settings of one level are a and of the other b, by the pooled error. */
function pooledCoverage({ run, truth }: World, n: number): number {
  const factors = [
    { name: 'one', levels: ['a', 'a', 'b', 'b'] },
    { name: 'other', levels: [1, 2, 1, 2] },
  ];
  return share(SWEEPS, 100 + n, (normal, random) => {
    const shared = Array.from({ length: n }, () => 5 * normal());
    const values = [false, false, true, true].map((b) =>
      shared.map((seed) => seed + (b ? run(normal, random) : normal())),
    );
    return covers(pooledInterval(values, [-0.5, -0.5, 0.5, 0.5], blockedAnova(values, factors)!), truth);
  });
}

/** The percentile bootstrap, which this project does not use below twenty seeds. */
function bootstrapCoverage(world: World, n: number): number {
  const { sweeps, resamples } = BOOTSTRAP;
  return share(sweeps, 200 + n, (normal, random) => {
    const found = differences(world, n, normal, random);
    const means = Array.from({ length: resamples }, () =>
      mean(found.map(() => found[Math.floor(random() * n)]!)),
    ).sort((a, b) => a - b);
    return covers({ low: means[Math.floor(0.025 * resamples)]!, high: means[Math.ceil(0.975 * resamples) - 1]! }, world.truth); // prettier-ignore
  });
}

/** Shares of what is found at a margin of half a standard deviation of the differences. */
function findings(effect: number, n: number): Record<string, number> {
  const found: Record<string, number> = { higher: 0, lower: 0, same: 0, unsettled: 0 };
  share(SWEEPS, 300 + n, (normal) => {
    const interval = meanInterval(Array.from({ length: n }, () => effect + normal()));
    found[finding(interval, 0.5)]! += 1 / SWEEPS;
    return true;
  });
  return found;
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n');

const METHODS = { 'paired t': pairedCoverage, 'pooled error of a 2 x 2 grid': pooledCoverage, 'percentile bootstrap': bootstrapCoverage }; // prettier-ignore
const coverage = WORLDS.map((world) => ({
  world,
  methods: Object.entries(METHODS).map(([method, of]) => ({
    method,
    shares: SEEDS.map((n) => of(world, n)),
  })),
}));
const VERDICT_SEEDS = [8, 10, 20];
const TRUTHS = [0, 0.25, 0.5, 1, 1.5, 2];
const verdicts = TRUTHS.map((effect) => ({
  effect,
  shares: VERDICT_SEEDS.map((n) => findings(effect, n)),
}));

describe('intervals that are said to hold the truth in 95 of 100 sweeps', () => {
  const [normal] = coverage;

  test.each(['paired t', 'pooled error of a 2 x 2 grid'])('do so under normal noise: %s', (method) => {
    const { shares } = normal!.methods.find((one) => one.method === method)!;
    expect(shares).toHaveLength(3);
    for (const found of shares) {
      expect(found).toBeGreaterThan(0.93);
      expect(found).toBeLessThan(0.97);
    }
  });

  test('are not those of a bootstrap at few seeds', () => {
    const { shares } = normal!.methods.find(({ method }) => method === 'percentile bootstrap')!;
    expect(shares[0]).toBeLessThan(0.8);
  });
});

test('a verdict beyond or inside the margin is wrong in at most one of twenty sweeps', () => {
  for (const { effect, shares } of verdicts) {
    for (const found of shares) {
      const wrong = (effect <= 0.5 ? found.higher! : 0) + (effect >= 0.5 ? found.same! : 0) + found.lower!;
      expect(wrong).toBeLessThan(0.055);
    }
  }
});

test('docs/statistics.md has these figures', async () => {
  const intervals = tableOf(
    ['truth', 'interval', ...SEEDS.map((n) => `n = ${n}`)],
    coverage.flatMap(({ world, methods }) =>
      methods.map(({ method, shares }) => [world.name, method, ...shares.map(percent)]),
    ),
  );
  const kinds = tableOf(
    ['true effect', ...VERDICT_SEEDS.flatMap((n) => [`beyond, n = ${n}`, `inside, n = ${n}`])],
    verdicts.map(({ effect, shares }) => [
      String(effect),
      ...shares.flatMap(({ higher, same }) => [percent(higher!), percent(same!)]),
    ]),
  );
  const page = readFileSync(PAGE, 'utf8');
  const put = (text: string, name: string, table: string) =>
    text.replace(new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(\n<!-- end -->)`), `$1\n${table}\n$2`);
  await expect(put(put(page, 'coverage', intervals), 'verdicts', kinds)).toMatchFileSnapshot(PAGE);
});
