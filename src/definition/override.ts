/** @file `--set` on the command line: changes a sweep file's document before it is checked. */
import { isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Node, Scalar, YAMLMap } from 'yaml';
import { BLOCK_KEYS, FREE_NAMES, OWN_NAMES } from './grid-schema.js';
import { parameterName } from './parameters.js';
import type { Problem } from './problem.js';
import { foreignSchema } from './schema.js';
import { findPair, resolved } from './source.js';
import type { FlagPart, Source } from './source.js';

const HOW =
  'NAME=VALUE, e.g. --set batch=4, --set grid.patch=64,128, --set budget.updates=10, --set grid.0.patch=64';

/**
 * Applies one flag. `a.b=1` sets key b of mapping a; a number takes an item of a list, counted from 0.
 *
 * A parameter's bare name means the parameter wherever the trials take it from: where the grid varies it, the new value
 * (or list of values) takes the place of the old in every block of the grid, however deep it stands there, else it goes to
 * `fixed`; entries of `include` that name it change too. Of the budget's forms the one that is set replaces the other.
 */
export function applyOverride(source: Source, flag: string, order: number): Problem[] {
  const equals = flag.indexOf('=');
  const part = (start: number, length: number): FlagPart => ({
    flag,
    start,
    length: Math.max(1, length),
    order,
  });
  const problem = (message: string, expected: string, where = part(0, flag.length)): Problem[] => {
    const label = `--set ${flag}`;
    return [
      {
        place: { label, source: label, start: 6 + where.start, length: where.length, order },
        message,
        expected,
      },
    ];
  };
  if (equals < 1) return problem('a flag without a value', HOW);

  const path = flag.slice(0, equals).split('.');
  if (path.some((segment) => segment.trim() !== segment || segment === '')) {
    return problem('a name with a gap in it', HOW, part(0, equals));
  }
  const written = flag.slice(equals + 1);
  if (written.trim() === '') return problem('a flag without a value', HOW);
  const makeValue = () => parseValue(written);
  const probe = parseDocument(asYaml(written), { prettyErrors: false });
  if (probe.errors.length > 0) {
    return problem(
      `the value is not YAML: ${probe.errors[0]!.message}`,
      HOW,
      part(equals + 1, written.length),
    );
  }

  const valuePart = part(equals + 1, written.length);
  const keyPart = (index: number) =>
    part(path.slice(0, index).join('.').length + (index > 0 ? 1 : 0), path[index]!.length);
  const root = resolved(source, source.document.contents) as YAMLMap;
  const put = (map: YAMLMap, key: string, at: FlagPart) =>
    setPair(source, map, key, makeValue(), at, valuePart);

  const foreign = findPair(source, root, 'command') !== undefined;
  const nameOf = (key: string) => {
    if (!foreign) return OWN_NAMES.nameOf(key);
    return key in foreignSchema.shape ? undefined : FREE_NAMES.nameOf(key);
  };
  const parameter = path.length === 1 ? nameOf(path[0]!) : undefined;
  if (parameter !== undefined) {
    const names = (map: YAMLMap) => keyOf(map, parameter, nameOf) !== undefined;
    const blocks = mappings(source, root, 'grid').map((block) => {
      return { block, named: deepMappings(source, block).filter(names) };
    });
    const varies = blocks.some(({ named }) => named.length > 0);
    if (!varies && isSeq(makeValue())) {
      return problem(
        `${path[0]} has several values, but the grid does not vary it`,
        `one value, or --set grid.${flag}`,
        valuePart,
      );
    }
    const included = mappings(source, root, 'include').filter(names);
    const targets = varies
      ? blocks.flatMap(({ block, named }) => (named.length > 0 ? named : [block]))
      : [child(source, root, 'fixed', keyPart(0))];
    for (const target of [...targets, ...included]) {
      if (!isMap(target)) return problem('fixed is no mapping here', 'a mapping of parameters under fixed');
      put(target, keyOf(target, parameter, nameOf) ?? parameter, keyPart(0));
    }
    return [];
  }

  let node: Node = root;
  for (const [index, key] of path.entries()) {
    const last = index === path.length - 1;
    if (isSeq(node)) {
      const item = Number(key);
      if (!Number.isInteger(item) || item < 0 || item >= node.items.length) {
        const list = path.slice(0, index).join('.');
        const items = node.items.length === 1 ? '0' : `0 to ${node.items.length - 1}`;
        const again =
          parameterName(key) === undefined || list !== 'grid'
            ? `the whole list anew: --set '${list}=…'`
            : `--set ${key}=${written} in every item, or a new grid: --set 'grid={${key}: ${asYaml(written)}}'`;
        return problem(
          `${list} is a list here, and ${key} is none of its items`,
          `an item's number (${items}); or ${again}`,
          keyPart(index),
        );
      }
      if (last) {
        node.items[item] = marked(source, makeValue(), valuePart);
        return [];
      }
      const next: unknown = isAlias(node.items[item]) ? cloned(source, node.items[item]) : node.items[item];
      node.items[item] = next;
      node = next as Node;
    } else if (isMap(node)) {
      if (last) {
        if (path[0] === 'budget' && path.length === 2) dropOtherBudget(node, key);
        const name = path[0] === 'data' ? undefined : nameOf(key);
        put(node, (name && keyOf(node, name, nameOf)) ?? key, keyPart(index));
        return [];
      }
      node = child(source, node, key, keyPart(index));
    } else {
      const where = path.slice(0, index).join('.');
      return problem(`${where} is a single value and has no ${key}`, `--set ${where}=VALUE`, keyPart(index));
    }
  }
  return [];
}

/** A comma makes a list: `64,128` is `[64, 128]`. */
function asYaml(written: string): string {
  return written.includes(',') && !/^\s*[[{'"]/.test(written) ? `[${written}]` : written;
}

function parseValue(written: string): Node {
  return parseDocument(asYaml(written)).contents as Node;
}

function setPair(
  source: Source,
  map: YAMLMap,
  key: string,
  value: Node,
  keyAt: FlagPart,
  valueAt: FlagPart,
): void {
  marked(source, value, valueAt);
  const own = map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
  if (own !== undefined) {
    own.value = value;
    return;
  }
  const keyNode = source.document.createNode(key);
  source.flags.set(keyNode, keyAt);
  map.items.push(source.document.createPair(keyNode, value));
}

/** The mapping or list under a key, made where there is none, and made the mapping's own where an alias shares it. */
function child(source: Source, map: YAMLMap, key: string, at: FlagPart): Node {
  const pair = findPair(source, map, key);
  const value = pair?.value;
  const nothing = value === undefined || value === null || (isScalar(value) && value.value === null);
  if (!nothing && pair !== undefined && map.items.includes(pair) && !isAlias(value)) return value as Node;
  const own = nothing ? source.document.createNode({}) : cloned(source, value);
  setPair(source, map, key, own, at, at);
  if (!nothing) source.flags.delete(own);
  return own;
}

function cloned(source: Source, node: unknown): Node {
  return resolved(source, node)!.clone() as Node;
}

function marked(source: Source, value: Node, at: FlagPart): Node {
  visit(value, { Node: (_, node) => void source.flags.set(node, at) });
  return value;
}

/** The mappings under a key: the value itself or the items of a list. Shared ones are made the list's own. */
function mappings(source: Source, root: YAMLMap, key: string): YAMLMap[] {
  const pair = findPair(source, root, key);
  if (pair === undefined) return [];
  if (isAlias(pair.value)) pair.value = cloned(source, pair.value);
  const value = pair.value;
  if (isMap(value)) return [value];
  if (!isSeq(value)) return [];
  return value.items.flatMap((item, index) => {
    const own = isAlias(item) ? (value.items[index] = cloned(source, item)) : item;
    return isMap(own) ? [own] : [];
  });
}

/** A block of the grid and the mappings of parameters within it. Shared ones are made the block's own. */
function deepMappings(source: Source, block: YAMLMap): YAMLMap[] {
  const found = [block];
  for (const key of BLOCK_KEYS) {
    for (const inner of mappings(source, block, key)) {
      if (key === 'draw') found.push(...mappings(source, inner, 'space'));
      else if (key === 'groups' && isMap(block.get(key))) {
        // Lists by name.
        for (const { key: name } of inner.items) {
          for (const item of mappings(source, inner, String(isScalar(name) ? name.value : name))) {
            found.push(...deepMappings(source, item));
          }
        }
      } else found.push(...deepMappings(source, inner));
    }
  }
  return found;
}

/** The key under which a mapping names a parameter, so that its value is replaced where it stands. */
function keyOf(
  map: YAMLMap,
  parameter: string,
  nameOf: (key: string) => string | undefined,
): string | undefined {
  const pair = map.items.find(({ key }) => isScalar(key) && nameOf(String(key.value)) === parameter);
  return pair === undefined ? undefined : String((pair.key as Scalar).value);
}

function dropOtherBudget(budget: YAMLMap, kept: string): void {
  if (!['pixels', 'updates', 'epochs', 'minutes'].includes(kept)) return;
  budget.items = budget.items.filter((pair) => !isScalar(pair.key) || pair.key.value === kept);
}
