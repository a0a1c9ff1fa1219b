/** @file Which settings a contrast compares, as weights of their means; and why some contrasts cannot be made. Pure: definition and report ask it. */
import type { ParameterValue, ParameterValues } from '../protocol.js';
import type { Contrast } from './compare.js';
import { crossingGrid, showSetting } from './warnings.js';

/** A linear combination of the settings' means: the effect is their sum with these weights, b minus a. */
export interface Weights {
  /** One a setting, in the order of the settings; they add up to 0. */
  weights: number[];
  /** What a and b are, in words. */
  a: string;
  b: string;
  /** Parameters that differ between a and b beside the one that is asked for: their effects are in the difference, too. */
  confounded: string[];
  /** The grid that would tell them apart, as a line of YAML; absent where the settings hold it. */
  grid?: string;
  /** Of patch-against-batch: how much more the patch gains at the larger batch, per doubling, as weights. */
  interaction?: number[];
}

export type Resolved = Weights | { problem: string; expected: string };

/**
 * @param settings each once
 * @param varied parameters in which they differ
 */
export function resolveContrast(contrast: Contrast, settings: ParameterValues[], varied: string[]): Resolved {
  switch (contrast.kind) {
    case 'pair':
      return pairOf(contrast, settings, varied);
    case 'factor':
      return factorOf(contrast, settings, varied);
    case 'patch-against-batch':
      return patchAgainstBatch(settings, varied);
  }
}

function pairOf(
  { a, b }: Extract<Contrast, { kind: 'pair' }>,
  settings: ParameterValues[],
  varied: string[],
): Resolved {
  const at: number[] = [];
  for (const [side, wanted] of Object.entries({ a, b })) {
    const names = Object.keys(wanted);
    const fitting = settings.flatMap((setting, index) =>
      names.every((name) => setting[name] === wanted[name]) ? [index] : [],
    );
    const shown = showSetting(wanted, names);
    if (fitting.length === 0) {
      return {
        problem: `${side}, ${shown}, is no setting of this sweep`,
        expected: examples(settings, varied),
      };
    }
    if (fitting.length > 1) {
      const more = varied.filter((name) => new Set(fitting.map((index) => settings[index]![name])).size > 1);
      return {
        problem: `${side}, ${shown}, is ${fitting.length} settings of this sweep`,
        expected: `one setting: name ${more.join(' and ')} too, or ask for a factor`,
      };
    }
    at.push(fitting[0]!);
  }
  const [first, second] = at as [number, number];
  if (first === second)
    return { problem: 'a and b are the same setting', expected: examples(settings, varied) };
  // What the claim names tells these settings from others, also where it is the same in both.
  return between(first, second, settings, varied, { named: Object.keys({ ...a, ...b }) });
}

/** Two settings against each other. `asked`: the parameter that is asked for; without one, all that differ are alike. `named`: told in any case. */
function between(
  first: number,
  second: number,
  settings: ParameterValues[],
  varied: string[],
  { asked, named = [] }: { asked?: string; named?: string[] },
): Weights {
  const [a, b] = [settings[first]!, settings[second]!];
  const differing = varied.filter((name) => a[name] !== b[name]);
  const told = varied.filter((name) => differing.includes(name) || named.includes(name));
  // Where no loss is on pairs, how many are known is no difference.
  const counting = differing.filter((name) => name !== 'pairs' || (a.paired !== 0 && b.paired !== 0));
  const confounded = counting.length > 1 ? counting.filter((name) => name !== asked) : [];
  return {
    weights: settings.map((_, index) => (index === second ? 1 : index === first ? -1 : 0)),
    a: words(a, told),
    b: words(b, told),
    confounded,
    ...(confounded.length > 0 && !crossed(settings, varied, a, b, differing)
      ? { grid: crossingGrid([a, b], differing) }
      : {}),
  };
}

/** Whether the settings hold all mixtures of two of them. */
function crossed(
  settings: ParameterValues[],
  varied: string[],
  a: ParameterValues,
  b: ParameterValues,
  differing: string[],
): boolean {
  const mixtures = differing.reduce<ParameterValues[]>(
    (made, name) =>
      made.flatMap((one) => [
        { ...one, [name]: a[name]! },
        { ...one, [name]: b[name]! },
      ]),
    [a],
  );
  return mixtures.every((mixture) => find(settings, varied, mixture) !== undefined);
}

function factorOf(
  { name, from, to }: Extract<Contrast, { kind: 'factor' }>,
  settings: ParameterValues[],
  varied: string[],
): Resolved {
  const levels = levelsOf(settings, name);
  if (levels.length < 2) {
    return {
      problem: `${name} does not vary in this sweep`,
      expected: `one of ${varied.join(', ') || 'no parameter: the grid varies none'}`,
    };
  }
  for (const level of [from, to]) {
    if (level !== undefined && !levels.includes(level))
      return { problem: `${name} is never ${level} in this sweep`, expected: `one of ${levels.join(', ')}` };
  }
  if (levels.length > 2 && (from === undefined || to === undefined) && !ordered(levels)) {
    return {
      problem: `${name} has no smallest and largest value`,
      expected: `from and to among ${levels.join(', ')}`,
    };
  }
  const [low, high] = [from ?? levels[0]!, to ?? levels.at(-1)!];
  if (low === high) return { problem: `from and to are both ${low}`, expected: 'two values' };

  const pairs = settings.flatMap((setting, index) => {
    if (setting[name] !== low) return [];
    const partner = find(settings, varied, { ...setting, [name]: high });
    return partner === undefined ? [] : [[index, partner] as const];
  });
  if (pairs.length > 0) {
    const weights = settings.map(() => 0);
    for (const [first, second] of pairs) {
      weights[first]! -= 1 / pairs.length;
      weights[second]! += 1 / pairs.length;
    }
    const word = (level: ParameterValue) => words({ [name]: level }, [name]);
    return { weights, a: word(low), b: word(high), confounded: [] };
  }
  // Where no two settings differ in it alone, one setting a value can still be compared, with the other's effect in it.
  const only = (level: ParameterValue) =>
    settings.flatMap((setting, index) => (setting[name] === level ? [index] : []));
  const [lows, highs] = [only(low), only(high)];
  if (lows.length === 1 && highs.length === 1)
    return between(lows[0]!, highs[0]!, settings, varied, { asked: name });
  const others = varied.filter((other) => other !== name);
  return {
    problem: `no two settings differ in ${name} alone, ${low} against ${high}`,
    expected: `settings that cross it: grid: ${crossingGrid(settings, [name, ...others])}`,
  };
}

function patchAgainstBatch(settings: ParameterValues[], varied: string[]): Resolved {
  const corners = cornersOf(settings, varied);
  if (corners.length === 0) {
    const wanted = crossingGrid(settings, ['patch', 'batch']);
    return {
      problem: 'no four settings cross two patches with two batches',
      expected: `settings that cross them: grid: ${wanted}`,
    };
  }
  const { p, b } = corners[0]!;
  const [patchDoublings, batchDoublings] = [2 * Math.log2(p[1] / p[0]), Math.log2(b[1] / b[0])];
  const weights = settings.map(() => 0);
  const interaction = settings.map(() => 0);
  for (const { at } of corners) {
    // at[larger patch?][larger batch?]
    for (const patch of [0, 1] as const) {
      for (const batch of [0, 1] as const) {
        const index = at[patch][batch];
        const [signPatch, signBatch] = [2 * patch - 1, 2 * batch - 1];
        weights[index]! += (signPatch / patchDoublings - signBatch / batchDoublings) / 2 / corners.length;
        interaction[index]! += (signPatch * signBatch) / patchDoublings / corners.length;
      }
    }
  }
  return {
    weights,
    a: `batch ${b[0]} → ${b[1]}`,
    b: `patch ${p[0]} → ${p[1]}`,
    confounded: [],
    interaction,
  };
}

interface Corners {
  p: [number, number];
  b: [number, number];
  at: [[number, number], [number, number]];
}

/** The widest two patches and two batches that are crossed, once for each combination of the other parameters. */
function cornersOf(settings: ParameterValues[], varied: string[]): Corners[] {
  const numbers = (name: string) =>
    levelsOf(settings, name).filter((level): level is number => typeof level === 'number');
  const [patches, batches] = [numbers('patch'), numbers('batch')];
  let best: Corners[] = [];
  let widest = 0;
  for (const low of patches) {
    for (const high of patches.filter((one) => one > low)) {
      for (const few of batches) {
        for (const many of batches.filter((one) => one > few)) {
          const span = Math.log2(high / low) + Math.log2(many / few);
          if (span <= widest) continue;
          const found = settings.flatMap((setting, index): Corners[] => {
            if (setting.patch !== low || setting.batch !== few) return [];
            const corner = (patch: number, batch: number) =>
              find(settings, varied, { ...setting, patch, batch });
            const rest = [corner(low, many), corner(high, few), corner(high, many)];
            if (rest.includes(undefined)) return [];
            const [lowMany, highFew, highMany] = rest as [number, number, number];
            return [
              {
                p: [low, high],
                b: [few, many],
                at: [
                  [index, lowMany],
                  [highFew, highMany],
                ],
              },
            ];
          });
          if (found.length > 0) [best, widest] = [found, span];
        }
      }
    }
  }
  return best;
}

/** Values that a parameter takes: numbers from small to large, then words; `all` is the most. */
export function levelsOf(settings: ParameterValues[], name: string): ParameterValue[] {
  const rank = (value: ParameterValue) => (typeof value === 'number' ? value : Infinity);
  const values = [...new Set(settings.flatMap((setting) => setting[name] ?? []))];
  return values.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

function ordered(levels: ParameterValue[]): boolean {
  return levels.every(
    (level, at) => typeof level === 'number' || (level === 'all' && at === levels.length - 1),
  );
}

function find(settings: ParameterValues[], varied: string[], wanted: ParameterValues): number | undefined {
  const at = settings.findIndex((setting) => varied.every((name) => setting[name] === wanted[name]));
  return at < 0 ? undefined : at;
}

function words(setting: ParameterValues, names: string[]): string {
  const told = names.filter(
    (name) => setting[name] !== undefined && (name !== 'pairs' || setting.paired !== 0),
  );
  return told.map((name) => `${name} ${setting[name]}`).join(', ');
}

function examples(settings: ParameterValues[], varied: string[]): string {
  const shown = settings.slice(0, 4).map((setting) => showSetting(setting, varied));
  return `one setting, e.g. ${shown.join(' or ')}`;
}
