/** @file From a definition to the trials that it asks for, in the order in which they are to run. */
import { discriminatorReceptiveField } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { resolveParameters } from './parameters.js';
import type { ParameterName } from './parameters.js';
import type { Definition, GridBlock } from './schema.js';

export interface TrialSpec {
  /** Every default is spelled out. */
  parameters: TrialParameters;
  seed: number;
}

export interface Expansion {
  /** Settings in the order of the grid, then of `include`; within a setting its seeds. */
  trials: TrialSpec[];
  /** Parameters that differ between trials, in the order in which the file names them. */
  varied: ParameterName[];
  /** What a reader of the results should know beforehand, a line each. */
  warnings: string[];
}

type Setting = Partial<TrialParameters>;

/** Expands the grid, takes `exclude` away, adds `include`, and repeats each setting for every seed. */
export function expandTrials(definition: Definition): Expansion {
  const warnings: string[] = [];
  const crossed = definition.grid
    .flatMap(cross)
    .map((setting) => resolveParameters({ ...definition.fixed, ...setting }));
  const kept = crossed.filter(
    (parameters) => !definition.exclude.some((entry) => matches(parameters, entry)),
  );
  definition.exclude.forEach((entry, index) => {
    if (crossed.some((parameters) => matches(parameters, entry))) return;
    warnings.push(`exclude: entry ${index + 1}, ${showBlock(entry)}, matches no setting of the grid`);
  });
  const added = definition.include.map((setting) => resolveParameters({ ...definition.fixed, ...setting }));
  const settings = unique([...kept, ...added], (parameters) => JSON.stringify(parameters));
  const seeds = unique(definition.seeds, String);

  const varied = namesInFileOrder(definition).filter(
    (name) => new Set(settings.values.map((parameters) => parameters[name])).size > 1,
  );
  for (const parameters of settings.repeated) {
    warnings.push(
      `the setting ${showSetting(parameters, namesInFileOrder(definition))} stands more than once; it is run once`,
    );
  }
  for (const seed of seeds.repeated) warnings.push(`seed ${seed} stands more than once; it is run once`);
  warnings.push(...confounded(settings.values, varied), ...paddingSeen(settings.values));
  if (varied.length > 0 && seeds.values.length === 1) {
    warnings.push('one seed: a difference between settings cannot be told from chance; use seeds: 3 or more');
  }

  const trials = settings.values.flatMap((parameters) => seeds.values.map((seed) => ({ parameters, seed })));
  return { trials, varied, warnings };
}

/** How many settings the grid gives before any is left out: what to look at before expanding it. */
export function countSettings(grid: GridBlock[]): number {
  return grid.reduce(
    (sum, block) => sum + lists(block).reduce((product, [, values]) => product * values.length, 1),
    0,
  );
}

/** All combinations of a block's values; the parameter that stands first changes slowest. */
function cross(block: GridBlock): Setting[] {
  let settings: Setting[] = [{}];
  for (const [name, values] of lists(block)) {
    settings = settings.flatMap((setting) => values.map((value) => ({ ...setting, [name]: value })));
  }
  return settings;
}

function matches(parameters: TrialParameters, entry: GridBlock): boolean {
  return lists(entry).every(([name, values]) => values.includes(parameters[name]));
}

function lists(block: GridBlock): [ParameterName, (string | number | boolean)[]][] {
  return Object.entries(block) as [ParameterName, (string | number | boolean)[]][];
}

function namesInFileOrder({ grid, include }: Definition): ParameterName[] {
  return [...new Set([...grid, ...include].flatMap((entry) => Object.keys(entry) as ParameterName[]))];
}

/**
 * Factors that a reader cannot tell apart: if one's value follows from another's in every setting,
 * a difference in the results may be due to either.
 */
function confounded(settings: TrialParameters[], varied: ParameterName[]): string[] {
  const follows = (effect: ParameterName, cause: ParameterName) => {
    const seen = new Map<unknown, unknown>();
    return settings.every((parameters) => {
      if (!seen.has(parameters[cause])) seen.set(parameters[cause], parameters[effect]);
      return seen.get(parameters[cause]) === parameters[effect];
    });
  };
  const warnings: string[] = [];
  const told = new Set<ParameterName>();
  for (const name of varied) {
    if (told.has(name)) continue;
    const together = varied.filter((other) => follows(other, name) && follows(name, other));
    together.forEach((other) => told.add(other));
    if (together.length > 1) {
      warnings.push(
        `${listWords(together)} change together: their effects cannot be told apart; ` +
          `to tell them apart, cross them: grid: ${showBlock(levels(settings, together))}`,
      );
    }
    const led = varied.filter((other) => !told.has(other) && follows(other, name) && !follows(name, other));
    for (const other of led) {
      warnings.push(
        `${other} is set by ${name} in every setting: its own effect cannot be told; ` +
          `to tell it, cross them: grid: ${showBlock(levels(settings, [name, other]))}`,
      );
    }
  }
  return warnings;
}

/** The PatchGAN's outputs that see nothing but padding beyond the patch are a fact to know, not a mistake. */
function paddingSeen(settings: TrialParameters[]): string[] {
  const patches = new Map<number, Set<number>>();
  for (const { patch, disc_layers } of settings) {
    const field = discriminatorReceptiveField({ disc_layers });
    if (field > patch) patches.set(field, (patches.get(field) ?? new Set()).add(patch));
  }
  return [...patches].map(
    ([field, sides]) =>
      `the discriminator's receptive field, ${field} pixels, is larger than patch ${listWords([...sides].map(String))}: ` +
      'every output sees padding there',
  );
}

/** The values that parameters take, from small to large. */
function levels(settings: TrialParameters[], names: ParameterName[]): GridBlock {
  const values = (name: ParameterName) => [...new Set(settings.map((parameters) => parameters[name]))];
  return Object.fromEntries(names.map((name) => [name, values(name).sort((a, b) => (a < b ? -1 : 1))]));
}

function showBlock(block: GridBlock): string {
  const entries = lists(block).map(([name, values]) =>
    values.length === 1 ? `${name}: ${values[0]}` : `${name}: [${values.join(', ')}]`,
  );
  return `{${entries.join(', ')}}`;
}

function showSetting(parameters: TrialParameters, names: ParameterName[]): string {
  return `{${names.map((name) => `${name}: ${parameters[name]}`).join(', ')}}`;
}

function listWords(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function unique<T>(values: T[], identify: (value: T) => string): { values: T[]; repeated: T[] } {
  const first = new Map<string, T>();
  const repeated = new Map<string, T>();
  for (const value of values) {
    const identity = identify(value);
    if (first.has(identity)) repeated.set(identity, value);
    else first.set(identity, value);
  }
  return { values: [...first.values()], repeated: [...repeated.values()] };
}
