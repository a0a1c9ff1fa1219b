/** @file Reads a sweep file: text in, a checked definition out, or one error that tells all that is wrong with it. */
import { isScalar } from 'yaml';
import type { z } from 'zod';
import { countSettings, expandTrials } from './expand.js';
import { nearest } from './nearest.js';
import { applyOverride } from './override.js';
import { PARAMETER_KEYS, UNSUPPORTED_PARAMETERS, findClashes, parameterName } from './parameters.js';
import type { ParameterName } from './parameters.js';
import { DefinitionError } from './problem.js';
import type { Place, Problem } from './problem.js';
import { UNSUPPORTED_KEYS, sweepSchema, toDefinition } from './schema.js';
import type { Definition } from './schema.js';
import { isGlued, nodeAt, parseSource, placeOfKey, placeOfValue, toPlain } from './source.js';
import type { Path, Source } from './source.js';

/** More settings than any study needs; a slip in a grid makes millions. */
const MOST_SETTINGS = 10_000;

/**
 * Checks the text of a sweep file. `fileName` is what messages call it; `set` holds `--set` flags (NAME=VALUE).
 *
 * @throws DefinitionError whose message holds every problem, each with its place, what was expected and what was likely meant.
 */
export function readDefinition(
  text: string,
  fileName: string,
  overrides: { set?: string[] } = {},
): Definition {
  const { source, problems, fatal } = parseSource(text, fileName);
  if (fatal) throw new DefinitionError(inOrder(problems));

  (overrides.set ?? []).forEach((flag, index) => {
    problems.push(...applyOverride(source, flag, text.length + 1 + index));
  });
  const plain = toPlain(source);
  if (plain === undefined) {
    const message = 'the aliases of the file multiply beyond reason';
    throw new DefinitionError([
      { place: placeOfKey(source, []), message, expected: 'the values written out' },
    ]);
  }
  problems.push(...findDoubles(source, plain));

  const checked = sweepSchema.safeParse(plain);
  if (!checked.success) {
    for (const issue of withoutEchoes(checked.error.issues))
      problems.push(...toProblems(source, plain, issue));
    throw new DefinitionError(inOrder(problems));
  }
  const definition = toDefinition(checked.data);
  if (problems.length === 0) problems.push(...findUnfit(source, definition));
  if (problems.length > 0) throw new DefinitionError(inOrder(problems));
  return definition;
}

/** The same parameter twice: under both of its names, or both fixed and varied. */
function findDoubles(source: Source, plain: unknown): Problem[] {
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

/** What is wrong with values that are each right by themselves. */
function findUnfit(source: Source, definition: Definition): Problem[] {
  const settings = countSettings(definition.grid);
  if (settings > MOST_SETTINGS) {
    return [
      {
        place: placeOfKey(source, ['grid']),
        message: `the grid gives ${settings.toLocaleString('en-US')} settings`,
        expected: `at most ${MOST_SETTINGS.toLocaleString('en-US')}`,
      },
    ];
  }
  const { trials } = expandTrials(definition);
  if (trials.length === 0) {
    return [
      {
        place: placeOfKey(source, ['exclude']),
        message: 'exclude leaves no setting of the grid',
        expected: 'at least one setting to train',
      },
    ];
  }

  const problems = new Map<string, Problem>();
  const tell = (
    names: ParameterName[],
    values: Record<ParameterName, unknown>,
    message: string,
    expected: string,
  ) => {
    if (problems.has(message)) return;
    const places = names.map((name) => placeOfParameter(source, definition, name, values[name]));
    const place = places.find((found) => found !== undefined) ?? placeOfKey(source, ['grid']);
    problems.set(message, { place, message, expected });
  };
  for (const { parameters } of trials) {
    const { patch, batch } = parameters;
    const values = { ...parameters };
    for (const { names, message, expected } of findClashes(parameters))
      tell(names, values, message, expected);
    const { data, budget } = definition;
    if ('phantom' in data && patch > data.size) {
      const message = `a patch of ${patch} pixels does not fit into images of ${data.size}`;
      tell(['patch'], values, message, `patch up to data.size (${data.size})`);
    }
    const pixels = patch * patch * batch;
    if ('pixels' in budget && budget.pixels < pixels) {
      const message = `a budget of ${budget.pixels} pixels is less than one update of patch ${patch}, batch ${batch}`;
      if (!problems.has(message)) {
        const place = placeOfValue(source, ['budget', 'pixels']);
        problems.set(message, {
          place,
          message,
          expected: `at least ${patch} x ${patch} x ${batch} = ${pixels} pixels`,
        });
      }
    }
  }
  return [...problems.values()];
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
    const found = [path, ...Array.from({ length: 1000 }, (_, item) => [...path, item])].find((place) => {
      const candidate = nodeAt(source, place);
      return isScalar(candidate) && candidate.value === value;
    });
    if (found !== undefined) return placeOfValue(source, found);
  }
  return undefined;
}

type Issue = z.core.$ZodIssue;

function toProblems(source: Source, plain: unknown, issue: Issue): Problem[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(source, plain, path, key));
  if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue.errors, valueAt(plain, path), path);
    if (branch !== undefined) {
      return withoutEchoes(branch).flatMap((inner) =>
        toProblems(source, plain, { ...inner, path: [...path, ...inner.path] }),
      );
    }
  }
  const value = valueAt(plain, path);
  if (value === undefined) return [missing(source, path, issue.message)];
  return [wrongValue(source, path, value, issue)];
}

/** Takes out what is said about a mapping as a whole where its unknown keys are the cause. */
function withoutEchoes(issues: Issue[]): Issue[] {
  const told = new Set(
    issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => path.join('.')),
  );
  return issues.filter(({ code, path }) => code !== 'custom' || !told.has(path.join('.')));
}

/** Of the forms that a value may take, the one that it was meant to have; undefined if it resembles none. */
function likeliestBranch(branches: Issue[][], value: unknown, path: Path): Issue[] | undefined {
  if (path.join('.') === 'data') {
    const data = asMapping(value);
    if ('phantom' in data && !('x' in data) && !('y' in data)) return branches[1];
    if (!('phantom' in data) && ('x' in data || 'y' in data)) return branches[0];
    return undefined;
  }
  const alike = branches.filter(
    (issues) =>
      !issues.some(
        (issue) =>
          issue.path.length === 0 && /^(invalid_type|invalid_value|invalid_format)$/.test(issue.code),
      ),
  );
  return alike[0];
}

function missing(source: Source, path: Path, expected: string): Problem {
  const name = path.at(-1);
  const around = path.slice(0, -1).join('.');
  return {
    place: around === '' ? placeOfKey(source, []) : placeOfKey(source, path.slice(0, -1)),
    message: `${name} is missing${around === '' ? '' : ` from ${around}`}`,
    expected: `${name}: ${expected}`,
  };
}

function unknownKey(source: Source, plain: unknown, path: Path, key: string): Problem {
  const place = placeOfKey(source, [...path, key]);
  const section = path.filter((segment) => typeof segment === 'string').join('.');
  const takesParameters = ['fixed', 'grid', 'include', 'exclude'].includes(section);
  const planned = takesParameters ? UNSUPPORTED_PARAMETERS : (UNSUPPORTED_KEYS[section] ?? []);
  const known = keysAllowedAt(section, asMapping(valueAt(plain, path)));
  const where = section === '' ? 'at the top of a sweep file' : `in ${section}`;

  if (isGlued(key)) {
    const [name, rest] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
    return { place, message: `a space is missing after the colon`, expected: `${name}: ${rest}` };
  }
  if (planned.includes(key) || (section === '' && UNSUPPORTED_PARAMETERS.includes(key))) {
    return { place, message: `${key} is not supported yet`, expected: oneOf(known) };
  }
  const hints: string[] = [];
  const name = parameterName(key);
  if (section === '' && name !== undefined)
    hints.push(`${key} is a parameter: it belongs under fixed or grid`);
  else if (takesParameters && keysAllowedAt('', {}).includes(key)) {
    hints.push(`${key} belongs at the top of the file, not under ${section}`);
  } else {
    const meant = nearest(key, known) ?? (section === '' ? nearest(key, PARAMETER_KEYS) : undefined);
    if (meant !== undefined) hints.push(`did you mean '${meant}'?`);
    if (section === '' && place.line !== undefined && parameterName(meant ?? '') !== undefined) {
      hints.push(`${meant} is a parameter: it belongs under fixed or grid`);
    }
  }
  return { place, message: `unknown key '${key}' ${where}`, expected: oneOf(known), hints };
}

/** The keys that a mapping may have, by the path of its names. */
function keysAllowedAt(section: string, value: Record<string, unknown>): string[] {
  const shape = sweepSchema.shape;
  const [folders, phantom] = shape.data.options;
  switch (section) {
    case '':
      return Object.keys(shape);
    case 'data':
      return Object.keys('phantom' in value ? phantom.shape : folders.shape);
    case 'data.split':
      return ['train', 'validation', 'test'];
    case 'budget':
      return Object.keys(shape.budget.shape);
    case 'retry':
      return Object.keys(shape.retry.unwrap().shape);
    case 'resources':
      return Object.keys(shape.resources.unwrap().shape);
    default:
      return PARAMETER_KEYS.filter((key) => parameterName(key) === key);
  }
}

function wrongValue(source: Source, path: Path, value: unknown, issue: Issue): Problem {
  const name = [...path].reverse().find((segment) => typeof segment === 'string') ?? 'the file';
  const place = placeOfValue(source, path);
  const expected = issue.message;
  const hints = habits(source, path, value);
  if (value === null) return { place, message: `${name} has no value`, expected, hints };
  if (path.join('.') === 'budget' && issue.code === 'custom') {
    const both = Object.keys(asMapping(value)).length > 0;
    return {
      place,
      message: `the budget names ${both ? 'both pixels and' : 'neither pixels nor'} updates`,
      expected,
    };
  }
  if (path.join('.') === 'data' && 'phantom' in asMapping(value)) {
    return { place, message: 'data names folders and a phantom', expected };
  }
  if (path.join('.') === 'data.split' && typeof value === 'object' && issue.code === 'custom') {
    const sum = Object.values(asMapping(value)).reduce<number>((total, share) => total + Number(share), 0);
    return { place, message: `the shares add up to ${Number(sum.toPrecision(6))}`, expected };
  }
  return { place, message: `${name} cannot be ${show(value)}`, expected, hints };
}

/** Why a value is not what it looks like to people who know other dialects of YAML. */
function habits(source: Source, path: Path, value: unknown): string[] {
  const node = nodeAt(source, path);
  if (!isScalar(node)) return [];
  const plainText = node.type === 'PLAIN';
  if (typeof value === 'string') {
    if (plainText && /^(yes|no|on|off|y|n)$/i.test(value))
      return [`${value} is text: YAML 1.2 knows only true and false`];
    if (!plainText && value.trim() !== '' && Number.isFinite(Number(value))) {
      return [`in quotes it is text: write ${value} without them`];
    }
    if (/^[-+\d.eE]+( *, *[-+\d.eE]+)+$/.test(value)) {
      return [`a list stands in brackets: [${value}]; a decimal point is a point`];
    }
    if (/^\d+([_ ']\d+)+$/.test(value)) return [`digits stand without gaps: ${value.replace(/\D/g, '')}`];
  } else if (value !== null && plainText) {
    return [`to have it as text, put it in quotes: '${node.source ?? String(node.value)}'`].filter(() =>
      sectionTakesText(path),
    );
  }
  return [];
}

function sectionTakesText(path: Path): boolean {
  return ['name', 'question', 'data.x', 'data.y', 'data.patient'].includes(path.join('.'));
}

function oneOf(keys: string[]): string {
  return keys.length === 1 ? keys[0]! : `one of ${keys.join(', ')}`;
}

function show(value: unknown): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return 'an empty list';
    const short = value.length <= 6 && value.every((item) => typeof item !== 'object');
    return short ? `[${value.join(', ')}]` : 'a list';
  }
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  }
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function valueAt(plain: unknown, path: Path): unknown {
  let value = plain;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}

function asMapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** In the order of the file, then the flags; one problem a place, for the first is the cause of the rest. */
function inOrder(problems: Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems
    .map((problem, index) => ({ problem, index }))
    .sort((a, b) => a.problem.place.order - b.problem.place.order || a.index - b.index)
    .map(({ problem }) => problem)
    .filter(({ place, message }) => {
      const identity = / is missing/.test(message)
        ? `${place.order}:${message}`
        : `${place.label}:${place.start}`;
      return !seen.has(identity) && seen.add(identity);
    });
}
