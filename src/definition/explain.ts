/** @file The schema's complaints in words, each at its place in the file. */
import { isScalar } from 'yaml';
import type { z } from 'zod';
import { nearest } from './nearest.js';
import { PARAMETER_KEYS, UNSUPPORTED_PARAMETERS, parameterName } from './parameters.js';
import { asMapping, valueAt } from './plain.js';
import type { Path } from './plain.js';
import type { Problem } from './problem.js';
import { BLOCK_KEYS } from './grid-schema.js';
import { UNSUPPORTED_KEYS, foreignSchema, isForeign, sweepSchema } from './schema.js';
import { nodeAt, placeOfKey, placeOfValue } from './source.js';
import type { Source } from './source.js';

type Issue = z.core.$ZodIssue;

/** Tells each issue of the schema with its place; `plain` is the value that was checked. */
export function explain(source: Source, plain: unknown, issues: Issue[]): Problem[] {
  return withoutEchoes(issues).flatMap((issue) => explainIssue(source, plain, issue));
}

function explainIssue(source: Source, plain: unknown, issue: Issue): Problem[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(source, plain, path, key));
  if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue.errors, valueAt(plain, path), path);
    if (branch !== undefined) {
      const whole = branch.map((inner) => ({ ...inner, path: [...path, ...inner.path] }));
      return explain(source, plain, whole);
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
  const { section, known } = keysAllowedAt(plain, path);
  const takesParameters = PARAMETER_SECTIONS.includes(section);
  const planned = takesParameters ? UNSUPPORTED_PARAMETERS : (UNSUPPORTED_KEYS[section] ?? []);
  const where = section === '' ? 'at the top of a sweep file' : `in ${section}`;

  const glued = /^(\w+):(\S.*)/.exec(key);
  if (glued !== null) {
    return { place, message: 'a space is missing after the colon', expected: `${glued[1]}: ${glued[2]}` };
  }
  if (planned.includes(key) || (section === '' && UNSUPPORTED_PARAMETERS.includes(key))) {
    return { place, message: `${key} is not supported yet`, expected: oneOf(known) };
  }
  const hints: string[] = [];
  const name = parameterName(key);
  if (key === 'micro_batch') hints.push('micro_batch changes no result: it belongs under resources');
  else if (section === '' && name !== undefined)
    hints.push(`${key} is a parameter: it belongs under fixed or grid`);
  else if (takesParameters && keysAllowedAt(plain, []).known.includes(key)) {
    hints.push(`${key} belongs at the top of the file, not under ${section}`);
  } else if (section === 'grid' && holdsSettings(valueAt(plain, [...path, key]))) {
    hints.push(
      'mappings one of which is taken at a time stand under groups; lists that go together under zip',
    );
  } else if (section === '' && key === 'trainer') {
    hints.push('command is the trainer here');
  } else {
    const meant = nearest(key, known) ?? (section === '' ? nearest(key, PARAMETER_KEYS) : undefined);
    if (meant !== undefined) hints.push(`did you mean '${meant}'?`);
    if (section === '' && place.line !== undefined && parameterName(meant ?? '') !== undefined) {
      hints.push(`${meant} is a parameter: it belongs under fixed or grid`);
    }
  }
  return { place, message: `unknown key '${key}' ${where}`, expected: oneOf(known), hints };
}

const PARAMETER_SECTIONS = ['fixed', 'grid', 'include', 'exclude', 'when'];

/** The keys that a mapping may have, and what to call the section that it is or belongs to. */
function keysAllowedAt(plain: unknown, path: Path): { section: string; known: string[] } {
  const { shape } = isForeign(plain) ? foreignSchema : sweepSchema;
  const section = path.filter((segment) => typeof segment === 'string').join('.');
  const [folders, phantom] = shape.data.options;
  switch (section) {
    case '':
      return { section, known: Object.keys(shape) };
    case 'data': {
      const drawn = 'phantom' in asMapping(valueAt(plain, path));
      return { section, known: Object.keys(drawn ? phantom.shape : folders.shape) };
    }
    case 'data.split':
      return { section, known: ['train', 'validation', 'test'] };
    case 'budget':
      return { section, known: Object.keys(shape.budget.shape) };
    case 'compare':
      return { section, known: Object.keys(shape.compare.unwrap().element.shape) };
    case 'compare.contrast':
      return { section, known: ['a', 'b', 'factor', 'from', 'to'] };
    case 'early_stop':
      return { section, known: Object.keys(shape.early_stop.unwrap().shape) };
    case 'checkpoints':
      return { section, known: Object.keys(shape.checkpoints.unwrap().shape) };
    case 'retry':
      return { section, known: Object.keys(shape.retry.unwrap().shape) };
    case 'resources':
      return { section, known: Object.keys(shape.resources.unwrap().shape) };
    case 'resources.slurm':
      return { section, known: Object.keys(shape.resources.unwrap().shape.slurm.unwrap().shape) };
  }
  const parameters = PARAMETER_KEYS.filter((key) => parameterName(key) === key);
  const last = path.findLast((segment) => typeof segment === 'string')!;
  if (last === 'draw') return { section, known: ['method', 'count', 'seed', 'space'] };
  if (path[0] !== 'when' && parameterName(last) !== undefined) {
    const more = path.includes('space') ? [] : ['count', 'draw', 'seed'];
    return { section, known: ['from', 'to', 'step', 'log', ...more] };
  }
  const inBlock = path[0] === 'grid' && last !== 'zip' && last !== 'space';
  const nested = path.includes('groups') ? BLOCK_KEYS.filter((key) => key !== 'repeat') : BLOCK_KEYS;
  const more = path[0] === 'include' ? ['repeat'] : inBlock ? nested : [];
  return { section: String(path[0]), known: [...parameters, ...more] };
}

function holdsSettings(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => Object.keys(asMapping(item)).length > 0)
  );
}

function wrongValue(source: Source, path: Path, value: unknown, issue: Issue): Problem {
  const name = [...path].reverse().find((segment) => typeof segment === 'string') ?? 'the file';
  const place = placeOfValue(source, path);
  const expected = issue.message;
  const hints = habits(source, path, value);
  if (value === null) return { place, message: `${name} has no value`, expected, hints };
  if (path.join('.') === 'budget' && issue.code === 'custom') {
    const named = Object.keys(asMapping(value));
    const what = named.length > 0 ? named.join(' and ') : 'nothing';
    return { place, message: `the budget names ${what}`, expected };
  }
  if (path.join('.') === 'data' && 'phantom' in asMapping(value)) {
    return { place, message: 'data names folders and a phantom', expected };
  }
  if (path.join('.') === 'data.split' && typeof value === 'object' && issue.code === 'custom') {
    const sum = Object.values(asMapping(value)).reduce<number>((total, share) => total + Number(share), 0);
    return { place, message: `the shares add up to ${Number(sum.toPrecision(6))}`, expected };
  }
  if (issue.code === 'custom' && typeof issue.params?.says === 'string') {
    return { place, message: issue.params.says, expected };
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
  } else if (value !== null && TEXTS.includes(path.join('.'))) {
    return [`to have it as text, put it in quotes: '${node.source ?? String(node.value)}'`];
  }
  return [];
}

const TEXTS = ['name', 'question', 'data.x', 'data.y', 'data.patient'];

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
