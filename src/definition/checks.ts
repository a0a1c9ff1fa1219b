/** @file What a sweep file may get wrong although each of its values is right. */
import { isScalar, isSeq } from 'yaml';
import type { TrialParameters } from '../protocol.js';
import { countSettings, expandTrials } from './expand.js';
import { PARAMETER_KEYS, findClashes, parameterName } from './parameters.js';
import type { Clash, ParameterName } from './parameters.js';
import { asMapping, valueAt } from './plain.js';
import type { Path } from './plain.js';
import type { Place, Problem } from './problem.js';
import type { Definition } from './schema.js';
import { nodeAt, placeOfKey, placeOfValue } from './source.js';
import type { Source } from './source.js';

/** More settings than any study needs; a slip in a grid makes millions. */
const MOST_SETTINGS = 10_000;

/** The same parameter twice: under both of its names, or both fixed and varied. */
export function findDoubles(source: Source, plain: unknown): Problem[] {
  const problems: Problem[] = [];
  const keysOf = (path: Path) => {
    const keys = new Map<ParameterName, string>();
    for (const key of Object.keys(asMapping(valueAt(plain, path)))) {
      const name = parameterName(key);
      if (name === undefined) continue;
      const first = keys.get(name);
      if (first === undefined) keys.set(name, key);
      else {
        problems.push({
          place: placeOfKey(source, [...path, key]),
          message: `${first} and ${key} are two names of one parameter`,
          expected: `one of the two`,
        });
      }
    }
    return keys;
  };
  const items = (section: string): Path[] => {
    const value = valueAt(plain, [section]);
    return Array.isArray(value) ? value.map((_, index) => [section, index]) : [[section]];
  };

  const fixed = keysOf(['fixed']);
  for (const path of items('grid')) {
    for (const [name, key] of keysOf(path)) {
      const other = fixed.get(name);
      if (other === undefined) continue;
      const { label, line } = placeOfKey(source, ['fixed', other]);
      problems.push({
        place: placeOfKey(source, [...path, key]),
        message: `${key} is varied here and fixed ${line === undefined ? `by ${label}` : `in line ${line}`}`,
        expected: `${name} under grid or under fixed, not under both`,
        hints:
          line === undefined
            ? [`a flag without "fixed." replaces the grid's values: --set ${other}=VALUE`]
            : [],
      });
    }
  }
  for (const path of [...items('include'), ...items('exclude')]) keysOf(path);
  return problems;
}

/** Whether there are trials at all and each of them can run: what no single value shows. */
export function findUnfit(source: Source, definition: Definition): Problem[] {
  const settings = countSettings(definition.grid);
  if (settings > MOST_SETTINGS) {
    const message = `the grid gives ${settings.toLocaleString('en-US')} settings`;
    return [
      {
        place: placeOfKey(source, ['grid']),
        message,
        expected: `at most ${MOST_SETTINGS.toLocaleString('en-US')}`,
      },
    ];
  }
  const { trials } = expandTrials(definition);
  if (trials.length === 0) {
    const message = 'exclude leaves no setting of the grid';
    return [{ place: placeOfKey(source, ['exclude']), message, expected: 'at least one setting to train' }];
  }

  const problems = new Map<string, Problem>();
  for (const { parameters } of trials) {
    for (const { names, at, message, expected } of findMisfits(definition, parameters)) {
      if (problems.has(message)) continue;
      const places = names.map((name) => placeOfParameter(source, definition, name, parameters[name]));
      const place = places.find((found) => found !== undefined) ?? placeOfValue(source, at ?? ['grid']);
      problems.set(message, { place, message, expected });
    }
  }
  return [...problems.values()];
}

/** A clash with what is no parameter, and where that stands. */
interface Misfit extends Clash {
  at?: Path;
}

/** What keeps one setting from being trained. */
function findMisfits({ data, budget, resources }: Definition, parameters: TrialParameters): Misfit[] {
  const clashes: Misfit[] = findClashes(parameters);
  const { patch, batch, norm, generator, paired } = parameters;
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
function placeOfParameter(
  source: Source,
  { grid, include }: Definition,
  name: ParameterName,
  value: unknown,
): Place | undefined {
  const keys = PARAMETER_KEYS.filter((key) => parameterName(key) === name);
  const sections: Path[] = [
    ['grid'],
    ...grid.map((_, index) => ['grid', index]),
    ...include.map((_, index) => ['include', index]),
    ['fixed'],
  ];
  for (const path of sections.flatMap((section) => keys.map((key) => [...section, key]))) {
    const node = nodeAt(source, path);
    if (node === undefined) continue;
    const places = isSeq(node) ? node.items.map((_, item) => [...path, item]) : [path];
    const found = places.find((place) => {
      const candidate = nodeAt(source, place);
      return isScalar(candidate) && candidate.value === value;
    });
    if (found !== undefined) return placeOfValue(source, found);
  }
  return undefined;
}
