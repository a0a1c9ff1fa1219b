/** @file What a setting may be asked: `patch >= 128`. In `exclude`, in `when`, and in `--only` on the command line. */
import type { ParameterValue, ParameterValues } from '../protocol.js';
import { nearest } from './nearest.js';
import type { Problem } from './problem.js';

const OPERATORS = ['=', '!=', '>=', '<=', '>', '<'] as const;
type Operator = (typeof OPERATORS)[number];

/** `=` and `!=` take several values: one of them, none of them. The others take one number. */
export interface Clause {
  name: string;
  is: Operator;
  values: ParameterValue[];
}

/** All clauses must hold. */
export type Condition = Clause[];

/** A comparison as a value of a sweep file: `'>= 128'`, `'!= unet'`. */
export const COMPARISON = /^(>=|<=|!=|>|<)\s*(\S.*)$/;

/** Whether a setting meets a condition. A parameter that the setting lacks meets none but `!=`. */
export function meets(setting: ParameterValues, condition: Condition): boolean {
  return condition.every(({ name, is, values }) => {
    const value = setting[name];
    if (is === '=') return value !== undefined && values.includes(value);
    if (is === '!=') return value === undefined || !values.includes(value);
    const limit = values[0]!;
    if (typeof value !== 'number' || typeof limit !== 'number') return false;
    switch (is) {
      case '>=':
        return value >= limit;
      case '<=':
        return value <= limit;
      case '>':
        return value > limit;
      case '<':
        return value < limit;
    }
  });
}

/** A value of `exclude` or `when`: one value, a list of values, or a comparison. */
export function toClause(name: string, written: ParameterValue | ParameterValue[]): Clause {
  const comparison = typeof written === 'string' ? COMPARISON.exec(written) : null;
  if (comparison === null) return { name, is: '=', values: [written].flat() };
  return { name, is: comparison[1] as Operator, values: [scalar(comparison[2]!)] };
}

export function showCondition(condition: Condition): string {
  return condition
    .map(({ name, is, values }) => {
      if (values.length === 1) return `${name} ${is} ${values[0]}`;
      return `${name} ${is === '=' ? 'one of' : 'none of'} ${values.join(', ')}`;
    })
    .join(' and ');
}

/** A number, true or false where the text is one. */
export function scalar(text: string): ParameterValue {
  const trimmed = text.trim();
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
  return trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

/**
 * Reads what trials are like, as `--only` takes it: comparisons joined by commas or `and`; a value after a comma that compares nothing is another value of the
 * comparison before it, so `patch=64,128` is either and `patch=64,batch=2` is both.
 * @param nameOf the parameter that a word means; undefined for none
 * @param known words to suggest
 * @param flag what stands before the text on the command line
 */
export function parseOnly(
  text: string,
  nameOf: (word: string) => string | undefined,
  known: readonly string[],
  flag = '--only ',
): { condition: Condition; problems: Problem[] } {
  const condition: Condition = [];
  const problems: Problem[] = [];
  const tell = (start: number, length: number, message: string, expected: string, hints: string[] = []) => {
    const label = `${flag}${text}`;
    const place = {
      label,
      source: label,
      start: flag.length + start,
      length: Math.max(1, length),
      order: start,
    };
    problems.push({ place, message, expected, hints });
  };
  const HOW =
    "NAME OPERATOR VALUE with =, !=, <, <=, > or >=, joined by commas or 'and', e.g. 'patch>=128, seed=1'";
  if (text.trim() === '') {
    tell(0, 1, 'nothing is asked for', HOW);
    return { condition, problems };
  }
  const pieces = /\s*(.*?)\s*(,|&&?|\band\b|$)/gi;
  for (let match = pieces.exec(text); match !== null; match = pieces.exec(text)) {
    const [whole, piece = '', joint] = match;
    const start = match.index + whole.indexOf(piece);
    const compared = /^([^\s=<>!]+)\s*([=<>!]+)\s*(.*)$/.exec(piece);
    const before = condition.at(-1);
    if (compared === null) {
      if (piece !== '' && /^[^=<>!]+$/.test(piece) && before && (before.is === '=' || before.is === '!=')) {
        before.values.push(scalar(piece));
      } else if (problems.length === 0 || piece === '')
        tell(start, piece.length, `'${piece}' compares nothing`, HOW);
    } else {
      const [, word = '', written = '', value = ''] = compared;
      const operator = OPERATORS.find((one) => one === (written === '==' ? '=' : written));
      const name = nameOf(word);
      const at = start + piece.indexOf(written, word.length);
      if (name === undefined) {
        const meant = nearest(word, known);
        const hints = meant === undefined ? [] : [`did you mean '${meant}'?`];
        tell(start, word.length, `no parameter is called ${word}`, `one of ${known.join(', ')}`, hints);
      } else if (operator === undefined) tell(at, written.length, `${written} compares nothing`, HOW);
      else if (value === '') tell(at, written.length, `a value is missing after ${written}`, HOW);
      else if (!/^!?=$/.test(operator) && typeof scalar(value) !== 'number') {
        tell(
          start + piece.length - value.length,
          value.length,
          `${value} is no number`,
          `a number after ${operator}`,
        );
      } else condition.push({ name, is: operator, values: [scalar(value)] });
    }
    if (joint === '' || pieces.lastIndex >= text.length) {
      if (joint !== '') tell(text.length - 1, 1, `nothing stands after ${joint}`, HOW);
      break;
    }
  }
  return { condition, problems };
}
