/** @file What a sweep file may get wrong although each of its values is right. */
import { isScalar } from 'yaml';
import type { TrialParameters } from '../protocol.js';
import { placeholders } from './command.js';
import { unfitOutcome } from './compare.js';
import { resolveContrast } from './contrast.js';
import { conditionsInOrder, expandTrials, type Expansion } from './expand.js';
import { BLOCK_KEYS, FREE_NAMES, OWN_NAMES, doublyGiven } from './grid-schema.js';
import { countSettings, namesOf } from './grid.js';
import { nearest } from './nearest.js';
import { findClashes } from './parameters.js';
import type { Clash } from './parameters.js';
import { asMapping, valueAt } from './plain.js';
import type { Path } from './plain.js';
import type { Place, Problem } from './problem.js';
import { isForeign } from './schema.js';
import type { Definition } from './schema.js';
import { nodeAt, placeOfKey, placeOfValue } from './source.js';
import type { Source } from './source.js';

/** More trials than any study needs; a slip in a grid makes millions. */
const MOST_TRIALS = 100_000;

/** The same parameter twice: under both of its names, or both fixed and varied. */
export function findDoubles(source: Source, plain: unknown): Problem[] {
  const problems: Problem[] = [];
  const { nameOf } = namesFor(plain);
  const fixed = new Map<string, string>();
  for (const { path, keys } of mappingsOf(plain)) {
    const first = new Map<string, string>();
    for (const key of keys) {
      const name = nameOf(key)!;
      const other = first.get(name);
      if (other !== undefined) {
        problems.push({
          place: placeOfKey(source, [...path, key]),
          message: `${other} and ${key} are two names of one parameter`,
          expected: `one of the two`,
        });
        continue;
      }
      first.set(name, key);
      if (path[0] === 'fixed') fixed.set(name, key);
      const fixedBy = path[0] === 'grid' ? fixed.get(name) : undefined;
      if (fixedBy === undefined) continue;
      const { label, line } = placeOfKey(source, ['fixed', fixedBy]);
      problems.push({
        place: placeOfKey(source, [...path, key]),
        message: `${key} is varied here and fixed ${line === undefined ? `by ${label}` : `in line ${line}`}`,
        expected: `${name} under grid or under fixed, not under both`,
        hints:
          line === undefined
            ? [`a flag without "fixed." replaces the grid's values: --set ${fixedBy}=VALUE`]
            : [],
      });
    }
  }
  return problems;
}

/** Whether there are trials at all and each of them can run: what no single value shows. */
export function findUnfit(source: Source, plain: unknown, definition: Definition): Problem[] {
  const structure = [...findOverwritten(source, plain, definition), ...findCircles(source, definition)];
  if (structure.length > 0) return structure;
  const settings = definition.grid.reduce((sum, block) => sum + countSettings(block), 0);
  const runs = settings * definition.seeds.length;
  if (runs > MOST_TRIALS) {
    return [
      {
        place: placeOfKey(source, ['grid']),
        message: `the grid gives ${thousands(settings)} settings${runs > settings ? `, ${thousands(runs)} trials` : ''}`,
        expected: `at most ${thousands(MOST_TRIALS)} trials`,
      },
    ];
  }
  const { data } = definition;
  if (
    'pairing' in data &&
    data.split === 'index' &&
    ['none', 'by-name', 'by-position'].includes(data.pairing)
  ) {
    const place = placeOfValue(source, ['data', 'split']);
    const message = `split: index, but pairing is ${data.pairing} and names no index`;
    return [{ place, message, expected: 'pairing: FILE, an index with the columns x, y and split' }];
  }
  const expansion = expandTrials(definition);
  if (expansion.trials.length === 0) {
    const message = 'exclude leaves no setting of the grid';
    return [{ place: placeOfKey(source, ['exclude']), message, expected: 'at least one setting to train' }];
  }
  const unjudged = findUnjudged(source, definition);
  if (unjudged.length > 0) return unjudged;
  const unclaimed = findUnclaimed(source, definition, expansion);
  if (unclaimed.length > 0) return unclaimed;
  if (definition.trainer !== 'cyclegan') return findUnfilled(source, definition.trainer.command, definition);

  const problems = new Map<string, Problem>();
  for (const setting of expansion.settings) {
    const parameters = setting as unknown as TrialParameters;
    for (const { names, at, message, expected } of findMisfits(definition, parameters)) {
      if (problems.has(message)) continue;
      const places = names.map((name) => placeOfParameter(source, plain, name, parameters[name]));
      const place = places.find((found) => found !== undefined) ?? placeOfValue(source, at ?? ['grid']);
      problems.set(message, { place, message, expected });
    }
  }
  return [...problems.values()];
}

/** What keeps a rule for early stopping from ever comparing two trials. */
function findUnjudged(source: Source, { early_stop, budget, data, trainer }: Definition): Problem[] {
  if (early_stop === undefined) return [];
  if ('minutes' in budget) {
    return [
      {
        place: placeOfKey(source, ['early_stop']),
        message:
          'early_stop compares trials at shares of their budget, and how far a budget of minutes is used stands in no event',
        expected: 'a budget of updates, pixels or epochs',
      },
    ];
  }
  const { metric } = early_stop;
  if (trainer === 'cyclegan' && metric.startsWith('val/') && 'pairing' in data && data.pairing === 'none') {
    return [
      {
        place: placeOfValue(source, ['early_stop', 'metric']),
        message: `${metric} compares a translated image with its partner, and data.pairing is none`,
        expected: 'data.pairing by-name or an index file, or no early_stop',
      },
    ];
  }
  return [];
}

/** Claims whose outcome or contrast the trials will not have. */
function findUnclaimed(
  source: Source,
  { compare, data, trainer }: Definition,
  { settings, varied }: Expansion,
): Problem[] {
  const paired = !('pairing' in data) || data.pairing !== 'none';
  return compare.flatMap(({ outcome, contrast }, at): Problem[] => {
    const unfit = unfitOutcome(outcome, { ours: trainer === 'cyclegan', paired });
    if (unfit !== undefined) return [{ place: placeOfValue(source, ['compare', at, 'outcome']), ...unfit }];
    const resolved = resolveContrast(contrast, settings, varied);
    if (!('problem' in resolved)) return [];
    const side = /^[ab](?=, )/.exec(resolved.problem)?.[0];
    return [
      {
        place: placeOfValue(source, ['compare', at, 'contrast', ...(side === undefined ? [] : [side])]),
        message: resolved.problem,
        expected: resolved.expected,
        hints: ['--set compare=[] runs the sweep without its claims'],
      },
    ];
  });
}

/** A parameter that two factors of one block give: the second would overwrite the first. */
function findOverwritten(source: Source, plain: unknown, { grid }: Definition): Problem[] {
  return grid.flatMap((block, at) =>
    doublyGiven(block).map((name) => {
      const within = mappingsOf(plain).filter(
        ({ path }) => path[0] === 'grid' && (path[1] === at || grid.length === 1),
      );
      const { nameOf } = namesFor(plain);
      const places = within.flatMap(({ path, keys }) =>
        keys.filter((key) => nameOf(key) === name).map((key) => placeOfKey(source, [...path, key])),
      );
      return {
        place: places.at(-1) ?? placeOfKey(source, ['grid']),
        message: `${name} is given twice in what is crossed with each other`,
        expected: `${name} in one place of a mapping: as a key, or in its groups, zip or draw`,
      };
    }),
  );
}

function findCircles(source: Source, { when }: Definition): Problem[] {
  try {
    conditionsInOrder(when);
    return [];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [
      {
        place: placeOfKey(source, ['when']),
        message: `the conditions of ${error.message} hang on each other`,
        expected: 'conditions that do not go round in a circle',
      },
    ];
  }
}

/** Placeholders of a command that no parameter fills. */
function findUnfilled(
  source: Source,
  command: string[],
  { fixed, grid, include, when }: Definition,
): Problem[] {
  const blocks = grid.map(({ factors }) => new Set(factors.flatMap(namesOf)));
  const sets = [...blocks, ...include.map(({ setting }) => new Set(Object.keys(setting)))];
  const somewhere = new Set([...Object.keys(fixed), ...sets.flatMap((set) => [...set])]);
  const conditional = new Set(when.map(({ name }) => name));
  return command.flatMap((argument, at) =>
    placeholders(argument).flatMap((name): Problem[] => {
      if (name === 'seed' || name === 'budget') return [];
      const everywhere = (name in fixed || sets.every((set) => set.has(name))) && !conditional.has(name);
      if (everywhere) return [];
      const place = placeOfValue(source, ['command', at]);
      if (somewhere.has(name)) {
        return [
          {
            place,
            message: `{${name}} has no value in some of the trials`,
            expected: `${name} in every item of the grid and of include, or under fixed`,
          },
        ];
      }
      const known = [...somewhere, 'seed', 'budget'];
      const meant = nearest(name, known);
      return [
        {
          place,
          message: `no parameter is called ${name}`,
          expected: `one of ${known.map((one) => `{${one}}`).join(', ')}`,
          hints: meant === undefined ? [] : [`did you mean '{${meant}}'?`],
        },
      ];
    }),
  );
}

/** A clash with what is no parameter, and where that stands. */
interface Misfit extends Clash {
  at?: Path;
}

/** What keeps one setting from being trained. */
function findMisfits({ data, budget, resources }: Definition, parameters: TrialParameters): Misfit[] {
  const clashes: Misfit[] = findClashes(parameters);
  const { patch, batch, norm, generator, paired, anatomy } = parameters;
  const { micro_batch } = resources;
  if (micro_batch !== 'auto' && batch % micro_batch !== 0) {
    clashes.push({
      names: [],
      at: ['resources', 'micro_batch'],
      message: `micro_batch ${micro_batch} does not divide a batch of ${batch}`,
      expected: `auto, or a number that divides the batch of every trial`,
    });
  } else if (micro_batch !== 'auto' && norm === 'batch' && micro_batch < batch) {
    clashes.push({
      names: [],
      at: ['resources', 'micro_batch'],
      message: `micro_batch ${micro_batch} would part a batch of ${batch}, over the whole of which ${generator} with norm batch takes its statistics`,
      expected: `auto or ${batch}; or norm instance or none, where the gradients of parts add up exactly`,
    });
  }
  if ('pairing' in data && data.pairing === 'none' && paired > 0) {
    clashes.push({
      names: ['paired'],
      message: `paired ${paired} needs to know which images show the same, and data.pairing is none`,
      expected: 'data.pairing by-name, or paired 0',
    });
  }
  if ('pairing' in data && data.pairing === 'none' && anatomy === 'disjoint') {
    clashes.push({
      names: ['anatomy'],
      message: 'anatomy disjoint needs to know which images show the same, and data.pairing is none',
      expected: 'data.pairing by-name, or anatomy same',
    });
  }
  if ('phantom' in data && patch > data.size) {
    clashes.push({
      names: ['patch'],
      message: `a patch of ${patch} pixels does not fit into images of ${data.size}`,
      expected: `patch up to data.size (${data.size})`,
    });
  }
  const pixels = patch * patch * batch;
  if ('pixels' in budget && budget.pixels < pixels) {
    clashes.push({
      names: [],
      at: ['budget', 'pixels'],
      message: `a budget of ${budget.pixels} pixels is less than one update of patch ${patch}, batch ${batch}`,
      expected: `at least ${patch} x ${patch} x ${batch} = ${pixels} pixels`,
    });
  }
  return clashes;
}

/** Where a parameter got a value: in the grid, in `include` or in `fixed`; undefined for a default. */
function placeOfParameter(source: Source, plain: unknown, name: string, value: unknown): Place | undefined {
  const { nameOf } = namesFor(plain);
  let named: Path | undefined;
  const sections = mappingsOf(plain).filter(({ path }) => path[0] !== 'exclude' && path[0] !== 'when');
  // What varies is told before what is fixed.
  for (const { path, keys } of [...sections.filter(({ path }) => path[0] !== 'fixed'), ...sections]) {
    for (const key of keys.filter((one) => nameOf(one) === name)) {
      const at = [...path, key];
      named ??= at;
      const written = valueAt(plain, at);
      const places = Array.isArray(written) ? written.map((_, item) => [...at, item]) : [at];
      const found = places.find((place) => {
        const candidate = nodeAt(source, place);
        return isScalar(candidate) && candidate.value === value;
      });
      if (found !== undefined) return placeOfValue(source, found);
    }
  }
  return named === undefined ? undefined : placeOfValue(source, named); // a value that a range or a draw gives
}

function namesFor(plain: unknown) {
  return isForeign(plain) ? FREE_NAMES : OWN_NAMES;
}

interface Mapping {
  path: Path;
  /** Its keys that are parameters. */
  keys: string[];
}

/** All mappings that hold parameters, however deep: of fixed first, then of grid, include, exclude and when. */
function mappingsOf(plain: unknown): Mapping[] {
  const { nameOf } = namesFor(plain);
  const below = (path: Path): Mapping[] => {
    const value = valueAt(plain, path);
    if (Array.isArray(value)) return value.flatMap((_, at) => below([...path, at]));
    const mapping = asMapping(value);
    const keys = Object.keys(mapping).filter((key) => nameOf(key) !== undefined);
    const nested = Object.keys(mapping).filter((key) => BLOCK_KEYS.some((one) => one === key));
    return [
      { path, keys },
      ...nested.flatMap((key): Mapping[] => {
        if (key === 'draw') return below([...path, key, 'space']);
        if (key !== 'groups' || Array.isArray(mapping[key])) return below([...path, key]);
        return Object.keys(asMapping(mapping[key])).flatMap((group) => below([...path, key, group]));
      }),
    ];
  };
  return ['fixed', 'grid', 'include', 'exclude', 'when'].flatMap((section) => below([section]));
}

function thousands(count: number): string {
  return count.toLocaleString('en-US');
}
