/** @file From a definition to the trials that it asks for, in the order in which they are to run. */
import type { ParameterValues, TrialParameters } from '../protocol.js';
import { meets, showCondition, type Condition } from './conditions.js';
import {
  countFactor,
  countSettings,
  cross,
  drawnNames,
  firstSeeds,
  namesOf,
  type Block,
  type Setting,
} from './grid.js';
import { SEEDS_FOR_A_VERDICT } from './compare.js';
import { misleadingMetric } from './early-stop.js';
import { parameterResolver } from './parameters.js';
import type { Definition } from './schema.js';
import { receptiveFields, showSetting, withoutContrast } from './warnings.js';

export interface TrialSpec {
  /** Of our own trainer: every default is spelled out. */
  parameters: ParameterValues;
  seed: number;
}

export interface Expansion {
  /** Settings in the order of the grid, then of `include`; within a setting its seeds. */
  trials: TrialSpec[];
  /** Each setting once. */
  settings: ParameterValues[];
  /** Parameters that differ between trials, in the order in which the file names them. */
  varied: string[];
  /** How the number of trials comes about, a line each. */
  arithmetic: string[];
  /** What a reader of the results should know beforehand, a line each. */
  warnings: string[];
}

/** Takes `exclude` away from the grid, adds `include`, lets go of what does not exist (`when`), and repeats each setting for its seeds. */
export function expandTrials(definition: Definition): Expansion {
  const { grid, exclude, include, fixed, seeds } = definition;
  const resolve = resolver(definition);
  const names = namesInFileOrder(definition);
  const identify = identifier(definition, names);

  const crossed = grid.flatMap((block) =>
    cross(block).map((setting) => ({
      parameters: resolve({ ...fixed, ...setting }),
      repeat: block.repeat,
    })),
  );
  const kept = crossed.filter(({ parameters }) => !exclude.some((entry) => meets(parameters, entry)));
  const added = include.map(({ setting, repeat }) => ({
    parameters: resolve({ ...fixed, ...setting }),
    repeat,
  }));

  // One setting may come from several places: it is run once with each seed that any of them asks for.
  const own = [...new Set(seeds)];
  const found = new Map<string, { parameters: ParameterValues; seeds: number[] }>();
  const repeated = new Map<string, ParameterValues>();
  for (const { parameters, repeat } of [...kept, ...added]) {
    const identity = identify(parameters);
    const wanted = repeat === undefined ? own : firstSeeds(own, repeat);
    const before = found.get(identity);
    if (before === undefined) found.set(identity, { parameters, seeds: wanted });
    else {
      repeated.set(identity, parameters);
      if (before.seeds !== wanted) before.seeds = [...new Set([...before.seeds, ...wanted])];
    }
  }
  const entries = [...found.values()];
  const trials: TrialSpec[] = [];
  for (const { parameters, seeds } of entries) for (const seed of seeds) trials.push({ parameters, seed });

  const settings = entries.map(({ parameters }) => parameters);
  const varied = names.filter((name) => new Set(settings.map((parameters) => parameters[name])).size > 1);
  const drawn = new Set(grid.flatMap(({ factors }) => factors.flatMap(drawnNames)));
  const contrasted = varied.filter((name) => !drawn.has(name));
  return {
    trials,
    settings,
    varied,
    arithmetic: [
      ...products(grid),
      ...(crossed.length > kept.length ? [`exclude takes ${crossed.length - kept.length} away`] : []),
      ...(added.length > 0 ? [`include adds ${added.length}`] : []),
      ...(kept.length + added.length > entries.length
        ? [`${kept.length + added.length - entries.length} are the same as another`]
        : []),
      total(entries.map((entry) => entry.seeds.length)),
    ],
    warnings: [
      ...exclude
        .map((entry, at) => [entry, at + 1] as const)
        .filter(([entry]) => !crossed.some(({ parameters }) => meets(parameters, entry)))
        .map(
          ([entry, at]) => `exclude: entry ${at}, ${showCondition(entry)}, matches no setting of the grid`,
        ),
      ...toldTwice([...repeated.values()], names, definition),
      ...seeds
        .filter((seed, at) => seeds.indexOf(seed) < at)
        .map((seed) => `seed ${seed} stands more than once; it is run once`),
      ...withoutContrast(settings, contrasted),
      ...(definition.trainer === 'cyclegan' ? receptiveFields(settings as unknown as TrialParameters[]) : []),
      ...stoppingWarnings(definition, Math.max(...entries.map((entry) => entry.seeds.length))),
      ...claimWarnings(definition, Math.min(...entries.map((entry) => entry.seeds.length))),
      ...(varied.length > 0 && entries.every((entry) => entry.seeds.length === 1)
        ? ['one seed: a difference between settings cannot be told from chance; use seeds: 3 or more']
        : []),
    ],
  };
}

/** What a reader should know of a rule that stops trials. */
function stoppingWarnings({ early_stop }: Definition, seeds: number): string[] {
  if (early_stop === undefined) return [];
  return [
    ...[misleadingMetric(early_stop)].filter((warning) => warning !== undefined),
    ...(seeds > 1
      ? [
          'early_stop with several seeds: a setting that loses some of its seeds keeps its luckier ones; the report leaves stopped trials out of all means and says how many there are',
        ]
      : []),
  ];
}

/** What keeps the report from a verdict on what the sweep is made to decide. */
function claimWarnings({ compare }: Definition, seeds: number): string[] {
  const primary = compare.filter((claim) => claim.primary).length;
  if (primary === 0 || seeds >= SEEDS_FOR_A_VERDICT) return [];
  return [
    `compare: ${primary} primary claim${primary === 1 ? '' : 's'} and ${seeds} seed${seeds === 1 ? '' : 's'}: ` +
      `the report gives estimates; verdicts need ${SEEDS_FOR_A_VERDICT} seeds (--set seeds=${SEEDS_FOR_A_VERDICT})`,
  ];
}

/** What a setting becomes: without the parameters whose condition does not hold, and, for our own trainer, with every default. */
function resolver({ when, trainer }: Definition): (setting: Setting) => ParameterValues {
  const ours = parameterResolver();
  const complete = (setting: Setting): ParameterValues =>
    trainer === 'cyclegan' ? (ours(setting) as unknown as ParameterValues) : setting;
  const ordered = conditionsInOrder(when);
  if (ordered.length === 0) return complete;
  return (setting) => {
    const left = { ...setting };
    for (const { name, condition } of ordered) {
      if (name in left && !meets(complete(left), condition)) delete left[name];
    }
    return complete(left);
  };
}

/** Conditions so that each is judged after those that it hangs on. @throws RangeError if they go round in a circle */
export function conditionsInOrder(when: Definition['when']): { name: string; condition: Condition }[] {
  const ordered: Definition['when'] = [];
  let waiting = when;
  while (waiting.length > 0) {
    const free = waiting.filter(
      ({ condition }) => !condition.some((clause) => waiting.some(({ name }) => name === clause.name)),
    );
    if (free.length === 0) throw new RangeError(waiting.map(({ name }) => name).join(', '));
    ordered.push(...free);
    waiting = waiting.filter((entry) => !free.includes(entry));
  }
  return ordered;
}

/** Tells settings apart: by what the file names, and by what follows from it. */
function identifier({ trainer }: Definition, names: string[]): (parameters: ParameterValues) => string {
  // Whatever else our trainer has is the same default everywhere, or fixed.
  const telling = trainer === 'cyclegan' ? [...new Set([...names, 'blocks', 'norm', 'disc_filters'])] : names;
  return (parameters) => JSON.stringify(telling.map((name) => parameters[name] ?? null));
}

/** Parameters that the grid or `include` name. */
export function namesInFileOrder({ grid, include }: Pick<Definition, 'grid' | 'include'>): string[] {
  return [
    ...new Set([
      ...grid.flatMap(({ factors }) => factors.flatMap(namesOf)),
      ...include.flatMap(({ setting }) => Object.keys(setting)),
    ]),
  ];
}

function toldTwice(repeated: ParameterValues[], names: string[], { when }: Definition): string[] {
  if (repeated.length === 0 || when.length > 0) return []; // what `when` lets go of leaves the same setting behind, as it should
  const shown = showSetting(repeated[0]!, names);
  return repeated.length === 1
    ? [`the setting ${shown} stands more than once; it is run once`]
    : [`${repeated.length} settings stand more than once, such as ${shown}; each is run once`];
}

/** A line for each block; blocks of one setting each share a line. */
function products(grid: Block[]): string[] {
  const single = (block: Block) => countSettings(block) === 1 && block.repeat === undefined;
  const listed = grid.filter(single).length;
  const name = (at: number) => (grid.length > 1 ? `grid, item ${at + 1}` : 'grid');
  return [
    ...(listed > 1 ? [`grid: ${listed} settings listed`] : []),
    ...grid.flatMap((block, at) => (listed > 1 && single(block) ? [] : [`${name(at)}: ${product(block)}`])),
  ];
}

/** e.g. `patch (2) x batch (2) = 4`. */
function product({ factors, repeat }: Block): string {
  const parts = factors.map((factor) => `${namesOf(factor).join(' + ')} (${countFactor(factor)})`);
  const equals = parts.length > 1 ? ` = ${countSettings({ factors })}` : '';
  return `${parts.join(' x ')}${equals}${repeat === undefined ? '' : `, each run ${repeat} times`}`;
}

/** e.g. `4 settings x 3 seeds = 12 trials`. */
function total(runs: number[]): string {
  const sum = runs.reduce((all, one) => all + one, 0);
  const most = Math.max(0, ...runs);
  const least = Math.min(most, ...runs);
  const seeds = least === most ? `${most} seed${most === 1 ? '' : 's'}` : `${least} to ${most} seeds`;
  return `${runs.length} setting${runs.length === 1 ? '' : 's'} x ${seeds} = ${sum} trial${sum === 1 ? '' : 's'}`;
}
