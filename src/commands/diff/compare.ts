/** @file In what two trials, and two sweeps, differ. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Budget, MetricValues, ParameterValue, ParameterValues } from '../../protocol.js';
import type { TrialResult } from '../../store/progress.js';

/** A trial as a sweep's record holds it. */
export interface Setting {
  key: string;
  parameters: ParameterValues;
  seed: number;
  budget: Budget;
  dataFingerprint: string;
}

/** What has another value in B than in A; null where one lacks it. */
export type Differences<T> = Record<string, { a: T | null; b: T | null }>;

export interface TrialDifference {
  parameters: Differences<ParameterValue>;
  /** Every value that either has: b - a is told where both have it. */
  results: Record<string, { a: number | null; b: number | null; change: number | null }>;
  environment: Differences<string>;
}

export function differences<T>(a: Record<string, T>, b: Record<string, T>): Differences<T> {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(
    names
      .filter((name) => !isDeepStrictEqual(a[name], b[name]))
      .map((name) => [name, { a: a[name] ?? null, b: b[name] ?? null }]),
  );
}

export function compareTrials(
  a: { setting: Setting; result: TrialResult | undefined },
  b: { setting: Setting; result: TrialResult | undefined },
): TrialDifference {
  return {
    parameters: differences(decidedBy(a.setting), decidedBy(b.setting)),
    results: compareValues(valuesOf(a.result), valuesOf(b.result)),
    environment: differences(a.result?.environment ?? {}, b.result?.environment ?? {}),
  };
}

/** All that decides a result. */
function decidedBy({ parameters, seed, budget, dataFingerprint }: Setting): ParameterValues {
  const budgets = Object.entries<number>(budget).map(([unit, value]) => [`budget ${unit}`, value]);
  return { ...parameters, seed, ...(Object.fromEntries(budgets) as ParameterValues), data: dataFingerprint };
}

function valuesOf(result: TrialResult | undefined): MetricValues {
  return result === undefined ? {} : { updates: result.step, seconds: result.seconds, ...result.values };
}

function compareValues(a: MetricValues, b: MetricValues): TrialDifference['results'] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(
    names.map((name) => {
      const [before, after] = [a[name] ?? null, b[name] ?? null];
      return [
        name,
        { a: before, b: after, change: before === null || after === null ? null : after - before },
      ];
    }),
  );
}

/** Trials of one setting: they differ in their seed alone. */
export interface CellDifference {
  /** What differs between the trials of either sweep, and what A and B have fixed otherwise. */
  parameters: ParameterValues;
  seeds: number[];
}

export interface SweepDifference {
  /** Parameters that both have fixed, at other values; budget and data, where each has one of its own. */
  fixed: Differences<ParameterValue>;
  onlyA: CellDifference[];
  onlyB: CellDifference[];
  /** Trials that both hold: they are trained once. */
  shared: number;
}

export function compareSweeps(a: readonly Setting[], b: readonly Setting[]): SweepDifference {
  const [all, fixedA, fixedB] = [
    [...a, ...b].map(decidedBy),
    fixedOf(a.map(decidedBy)),
    fixedOf(b.map(decidedBy)),
  ];
  const fixed = differences(
    Object.fromEntries(Object.entries(fixedA).filter(([name]) => name in fixedB)),
    Object.fromEntries(Object.entries(fixedB).filter(([name]) => name in fixedA)),
  );
  delete fixed.seed;
  const same = Object.keys(fixedOf(all));
  const varied = [...new Set(all.flatMap((each) => Object.keys(each)))].filter(
    (name) => !same.includes(name) && name !== 'seed' && !(name in fixed),
  );
  const only = (own: readonly Setting[], other: readonly Setting[]) => {
    const keys = new Set(other.map(({ key }) => key));
    const cells = new Map<string, CellDifference>();
    for (const setting of own.filter(({ key }) => !keys.has(key))) {
      const decided = decidedBy(setting);
      const parameters = Object.fromEntries(varied.flatMap((name) => (name in decided ? [[name, decided[name]!]] : []))); // prettier-ignore
      const id = JSON.stringify(parameters);
      const cell = cells.get(id) ?? { parameters, seeds: [] };
      cell.seeds.push(setting.seed);
      cells.set(id, cell);
    }
    return [...cells.values()];
  };
  const keys = new Set(b.map(({ key }) => key));
  return { fixed, onlyA: only(a, b), onlyB: only(b, a), shared: a.filter(({ key }) => keys.has(key)).length };
}

/** What all have, and have alike. */
function fixedOf(all: readonly ParameterValues[]): ParameterValues {
  const [first = {}] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) =>
      all.every((each) => isDeepStrictEqual(each[name], value)),
    ),
  );
}
