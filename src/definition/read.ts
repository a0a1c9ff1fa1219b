/** @file Reads a sweep file: text in, a checked definition out, or one error that tells all that is wrong with it. */
import { findDoubles, findUnfit } from './checks.js';
import { parseOnly, type Condition } from './conditions.js';
import { namesInFileOrder } from './expand.js';
import { explain } from './explain.js';
import { applyOverride } from './override.js';
import { PARAMETER_KEYS, parameterName } from './parameters.js';
import { parseSource, toPlain } from './parse.js';
import { asMapping } from './plain.js';
import { DefinitionError } from './problem.js';
import type { Problem } from './problem.js';
import { toClaims, type Claim } from './compare.js';
import { FREE_NAMES, OWN_NAMES } from './grid-schema.js';
import { checkFile, foreignSchema, isForeign, sweepSchema } from './schema.js';
import type { Definition } from './schema.js';
import { placeOfKey } from './source.js';

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

  const { definition, issues } = checkFile(plain);
  if (definition === undefined) {
    problems.push(...explain(source, plain, issues));
    throw new DefinitionError(inOrder(problems));
  }
  if (problems.length === 0) problems.push(...findUnfit(source, plain, definition));
  if (problems.length > 0) throw new DefinitionError(inOrder(problems));
  return definition;
}

/** The claims of a sweep file from its text as results keep it, which was checked when it was run; none where they cannot be read. */
export function readClaims(text: string): Claim[] {
  const { source, fatal } = parseSource(text, 'sweep file');
  const plain = fatal ? undefined : toPlain(source);
  const foreign = isForeign(plain);
  const { compare } = foreign ? foreignSchema.shape : sweepSchema.shape;
  const checked = compare.safeParse(asMapping(plain).compare);
  return checked.success ? toClaims(checked.data, foreign ? FREE_NAMES : OWN_NAMES) : [];
}

/**
 * Reads `--only` flags: all of them must hold.
 * @throws DefinitionError
 */
export function readOnly(flags: readonly string[], definition: Definition): Condition {
  const foreign = definition.trainer !== 'cyclegan';
  const named = [...Object.keys(definition.fixed), ...namesInFileOrder(definition)];
  const known = [
    ...new Set(foreign ? named : PARAMETER_KEYS.filter((key) => parameterName(key) === key)),
    'seed',
  ];
  const nameOf = (word: string) => {
    const name = foreign ? word : (parameterName(word) ?? word);
    return known.includes(name) ? name : undefined;
  };
  const read = flags.map((flag) => parseOnly(flag, nameOf, known));
  const problems = read.flatMap((one) => one.problems);
  if (problems.length > 0) throw new DefinitionError(problems);
  return read.flatMap(({ condition }) => condition);
}

/** In the order of the file, then of the flags, and each once. */
function inOrder(problems: Problem[]): Problem[] {
  const at = ({ place }: Problem) => `${place.label} ${place.start}`;
  const settled = new Set(problems.filter(({ settles }) => settles).map(at));
  const told = new Map<string, Problem>();
  for (const problem of problems) {
    if (settled.has(at(problem)) && !problem.settles) continue;
    const identity = `${at(problem)} ${problem.message}`;
    if (!told.has(identity)) told.set(identity, problem);
  }
  return [...told.values()].sort((a, b) => a.place.order - b.place.order);
}
