/**
 * @file What may stand under fixed, grid, include, exclude and when. For our own trainer names and values are those of the table
 * of parameters; for a trainer that is not ours (`command:`) they are free.
 */
import { z } from 'zod';
import type { ParameterValue } from '../protocol.js';
import { COMPARISON, toClause, type Condition } from './conditions.js';
import { namesOf, type Block, type Factor, type Included, type Setting } from './grid.js';
import { PARAMETERS, PARAMETER_NAMES, parameterName } from './parameters.js';
import { drawSettings, isRange, rangeLength, rangeValues, type Draw, type Range } from './ranges.js';
import { MOST_DIMENSIONS } from './sobol.js';

/** Keys of a block that are no parameters. */
export const BLOCK_KEYS = ['groups', 'zip', 'draw', 'repeat'] as const;

/** More values than any range needs; a slip of the pen asks for millions. */
const MOST_VALUES = 100_000;
const LARGEST_SEED = 2 ** 31 - 1;

export const GRID =
  'parameters and their values: {patch: [64, 128], batch: [2, 16]}, or a list of such mappings';
const SETTING = 'parameters and one value each, e.g. {patch: 64, batch: 16}';
const RANGE =
  '{from: 64, to: 256, step: 64}, {from: 1e-5, to: 1e-3, log: true, count: 5}, or drawn: {from: 1, to: 20, draw: random, count: 8, seed: 1}';
const GROUPS =
  'a list of mappings, one of which is taken at a time, e.g. [{patch: 64, batch: 16}, {patch: 128, batch: 2}], or several such lists by name: {sizes: [...], losses: [...]}';
const ZIP =
  'lists of one length whose values go together: {patch: [64, 128], batch: [16, 2]} is 64 with 16 and 128 with 2';
const DRAW =
  'e.g. {method: sobol, count: 16, seed: 1, space: {lr: {from: 1e-5, to: 1e-3, log: true}, batch: [1, 2, 4]}}';
const REPEAT = 'a whole number from 1: how many seeds these settings are run with';
const CONDITION =
  "parameters and what they must be: a value, a list of values, or a comparison in quotes, e.g. {generator: unet, patch: '>= 128'}";
const WHEN =
  'parameters, and for each the condition under which it exists, e.g. {upsample: {generator: [resnet, unet]}}';
const FREE_VALUE = 'a number, text, true or false';
const FREE_NAME = /^[A-Za-z_][\w.-]*$/;

/** How the two kinds of trainers differ. */
export interface Names {
  /** The parameter that a key means; undefined if it means none. */
  nameOf: (key: string) => string | undefined;
  grainOf: (name: string) => number;
}

export const OWN_NAMES: Names = {
  nameOf: parameterName,
  grainOf: (name) => PARAMETERS[name as keyof typeof PARAMETERS].grain ?? 0,
};

export const FREE_NAMES: Names = {
  nameOf: (key) => (FREE_NAME.test(key) && !BLOCK_KEYS.some((one) => one === key) ? key : undefined),
  grainOf: () => 0,
};

interface ValueRule {
  schema: z.ZodType<ParameterValue>;
  expected: string;
  grain: number | undefined;
  describe: string;
}

type Shape = Record<string, z.ZodType>;

/** The schemas of all sections that hold parameters. */
export function sectionSchemas(kind: 'own' | 'free') {
  const mapping = (schemaOf: (rule: ValueRule) => z.ZodType, error: string, more: Shape = {}) => {
    if (kind === 'own') return z.strictObject({ ...ownShape(schemaOf), ...more }, { error });
    return z
      .object(more, { error })
      .catchall(schemaOf(FREE_RULE))
      .refine((values) => Object.keys(values).every((key) => FREE_NAME.test(key)), {
        error: 'names of letters, digits, _, - and ., starting with a letter',
      });
  };
  const id = (name: string) => (kind === 'own' ? name : `free_${name}`);
  const notEmpty = (values: object) => Object.keys(values).length > 0;

  const repeat = whole(REPEAT, 1)
    .max(1000, { error: REPEAT })
    .optional()
    .describe('Runs of each of these settings, instead of seeds.');
  const draw = z
    .strictObject(
      {
        method: z
          .enum(['random', 'sobol'], { error: 'random, or sobol (evenly spread)' })
          .default('random')
          .describe('random: independent; sobol: evenly spread over the space.'),
        count: whole('a whole number from 1', 1)
          .max(MOST_VALUES, { error: `a whole number from 1 to ${MOST_VALUES}` })
          .describe('Settings to draw. A larger count begins with the same ones.'),
        seed: seed.default(1).describe('Another seed draws other settings.'),
        space: mapping(
          (rule) =>
            z.union([rule.schema, several(rule), spread(rule)], {
              error: `${rule.expected}; or a list of such values, or {from, to}`,
            }),
          DRAW,
        )
          .refine(notEmpty, { error: DRAW })
          .describe(
            'What each parameter is drawn from: a list, or {from, to}, with log: true for equal ratios and step for a lattice.',
          ),
      },
      { error: DRAW },
    )
    .refine(({ method, space }) => method !== 'sobol' || Object.keys(space).length <= MOST_DIMENSIONS, {
      error: `at most ${MOST_DIMENSIONS} parameters for sobol`,
    })
    .describe('Settings drawn together; crossed with the rest of the mapping.');
  const zip = mapping(
    (rule) => z.union([rule.schema, several(rule)], { error: `${rule.expected}; or a list of such values` }),
    ZIP,
  )
    .refine(notEmpty, { error: ZIP })
    .superRefine((lists, context) => {
      const lengths = [
        ...new Set(
          Object.values(lists)
            .filter(Array.isArray)
            .map((list) => list.length),
        ),
      ];
      if (lengths.length <= 1) return;
      const says = `zip holds lists of ${lengths.slice(0, -1).join(', ')} and ${lengths.at(-1)} values`;
      context.addIssue({ code: 'custom', path: [], message: ZIP, params: { says } });
    })
    .describe(
      'Lists of one length whose values go together, first with first; crossed with the rest of the mapping.',
    );

  const nested: z.ZodType = z.lazy(() => inner);
  const list = z.array(nested, { error: GROUPS }).min(1, { error: GROUPS });
  const groups = z
    .union([list, z.record(z.string(), list, { error: GROUPS }).refine(notEmpty, { error: GROUPS })], {
      error: GROUPS,
    })
    .meta({ id: id('groups') });
  const factors = () => ({
    groups: groups
      .optional()
      .describe(
        'Mappings, one of which is taken at a time; crossed with the rest of the mapping. Several lists have names.',
      ),
    zip: zip.optional(),
    draw: draw.optional(),
  });
  const inner = mapping(crossed, GRID, factors())
    .refine(notEmpty, { error: GRID })
    .meta({ id: id('nested'), minProperties: 1 });
  const block = mapping(crossed, GRID, { ...factors(), repeat })
    .refine((values) => Object.keys(values).some((key) => key !== 'repeat'), { error: GRID })
    .meta({ id: id('crossed'), minProperties: 1 });

  const setting = mapping(({ schema }) => schema, SETTING).meta({ id: id('setting') });
  const included = mapping(({ schema }) => schema, SETTING, { repeat }).meta({ id: id('included') });
  const condition = mapping(tested, CONDITION)
    .refine(notEmpty, { error: CONDITION })
    .meta({ id: id('condition'), minProperties: 1 });
  const when = mapping(() => condition, WHEN).meta({ id: id('when') });
  return { setting, included, block, condition, when };
}

/** A mapping in which every parameter may stand, under either of its names. */
function ownShape(schemaOf: (rule: ValueRule) => z.ZodType): Shape {
  const shape: Shape = {};
  for (const name of PARAMETER_NAMES) {
    const { schema, expected, grain, alias, description, unit, default: fallback } = PARAMETERS[name];
    const preset =
      typeof fallback === 'function' ? '' : ` Default ${fallback}${unit === '' ? '' : ` ${unit}`}.`;
    const describe = `${description}${preset}`;
    const own = schemaOf({ schema: schema as z.ZodType<ParameterValue>, expected, grain, describe });
    shape[name] = own.optional().describe(describe);
    if (alias !== undefined) shape[alias] = own.optional().describe(`Another name of ${name}. ${describe}`);
  }
  return shape;
}

const FREE_RULE: ValueRule = {
  schema: z.union(
    [z.number({ error: FREE_VALUE }), z.string({ error: FREE_VALUE }), z.boolean({ error: FREE_VALUE })],
    {
      error: FREE_VALUE,
    },
  ),
  expected: FREE_VALUE,
  grain: 0,
  describe: '',
};

const seed = z
  .int({ error: 'a whole number from 0 to 2147483647' })
  .min(0, { error: 'a whole number from 0 to 2147483647' })
  .max(LARGEST_SEED, { error: 'a whole number from 0 to 2147483647' });

function several({ schema, expected }: ValueRule) {
  const error = `${expected}; or a list of such values`;
  return z.array(schema, { error }).min(1, { error: 'at least one value in the list' });
}

/** A value, a list of values, or a range of numbers. */
function crossed(rule: ValueRule): z.ZodType {
  const error = `${rule.expected}; or a list of such values`;
  if (rule.grain === undefined) return z.union([rule.schema, several(rule)], { error });
  const ranged = `${error}, or a range such as {from: 64, to: 256, step: 64}`;
  return z.union([rule.schema, several(rule), range(rule)], { error: ranged });
}

/** A value, a list of values, or a comparison. */
function tested(rule: ValueRule): z.ZodType {
  const error = `${rule.expected}; or a list of such values, or a comparison in quotes such as '>= 128'`;
  const comparison = z
    .string({ error })
    .regex(rule.grain === undefined ? /^!=\s*\S/ : COMPARISON, { error })
    .refine((text) => text.startsWith('!=') || Number.isFinite(Number(COMPARISON.exec(text)?.[2])), {
      error,
    });
  return z.union([rule.schema, several(rule), comparison], { error });
}

const bounds = {
  from: z.number({ error: 'a number' }).describe('First value.'),
  to: z.number({ error: 'a number' }).describe('Last value.'),
  step: z
    .number({ error: 'a number above 0' })
    .positive({ error: 'a number above 0' })
    .optional()
    .describe('Distance of neighbouring values.'),
  log: z.boolean({ error: 'true or false' }).optional().describe('Equal ratios instead of equal distances.'),
};

/** What is wrong with a range although each of its values is right: which key, and what was expected. */
function flaws({ from, to, log }: Pick<Range, 'from' | 'to' | 'log'>): { path: string[]; message: string }[] {
  if (!(from < to)) return [{ path: ['to'], message: `a number above ${from}, where the range starts` }];
  if (log && from <= 0) return [{ path: ['from'], message: 'a number above 0: equal ratios have no zero' }];
  return [];
}

function range({ schema, expected, grain = 0 }: ValueRule) {
  return z
    .strictObject(
      {
        ...bounds,
        count: whole('a whole number from 2', 1)
          .max(MOST_VALUES, { error: `a whole number up to ${MOST_VALUES}` })
          .optional()
          .describe('How many values.'),
        draw: z
          .enum(['random', 'sobol'], { error: 'random, or sobol (evenly spread)' })
          .optional()
          .describe('Draws the values instead of spacing them evenly.'),
        seed: seed.optional().describe('Of the draw; 1 unless named.'),
      },
      { error: RANGE },
    )
    .superRefine((value, context) => {
      const tell = (path: string[], message: string, says?: string) =>
        context.addIssue({ code: 'custom', path, message, params: { says } });
      const { step, count, log, draw } = value;
      const wrong = flaws(value);
      for (const { path, message } of wrong) tell(path, message);
      if (wrong.length > 0) return;
      if (draw === undefined) {
        if ((step === undefined) === (count === undefined)) {
          return tell(
            [],
            `one of step and count: ${RANGE}`,
            step === undefined
              ? 'this range has neither step nor count'
              : 'this range has both step and count',
          );
        }
        if (count === 1) return tell(['count'], 'a whole number from 2: one value is no range');
        if (log && step !== undefined)
          return tell(['log'], 'count instead of step: equal ratios have no step');
        if (value.seed !== undefined) return tell(['seed'], 'seed together with draw: nothing is drawn here');
      } else if (count === undefined)
        return tell([], `count: ${RANGE}`, 'this range does not say how many to draw');
      if (rangeLength(value) > MOST_VALUES) return tell(['step'], `at most ${MOST_VALUES} values`);
      const bad = rangeValues(value, '', grain).find((one) => !schema.safeParse(one).success);
      if (bad !== undefined) {
        tell([], expected, `this range holds ${bad}`);
      }
    });
}

/** What one parameter of a draw spreads over. */
function spread({ schema, expected, grain }: ValueRule) {
  return z
    .strictObject(bounds, { error: '{from: 1e-5, to: 1e-3, log: true}' })
    .superRefine((value, context) => {
      const wrong = flaws(value);
      for (const { path, message } of wrong) context.addIssue({ code: 'custom', path, message });
      if (wrong.length > 0) return;
      if (grain === undefined) return context.addIssue({ code: 'custom', path: [], message: expected });
      // Whatever lies between is drawn onto the lattice that the ends stand on.
      for (const key of ['from', 'to'] as const) {
        if (!schema.safeParse(value[key]).success)
          context.addIssue({ code: 'custom', path: [key], message: expected });
      }
      const next = value.from + (value.step ?? 0);
      if (value.step !== undefined && !schema.safeParse(next).success) {
        context.addIssue({ code: 'custom', path: ['step'], message: expected, params: { value: next } });
      }
    });
}

function whole(error: string, min: number) {
  return z.int({ error }).min(min, { error });
}

// ---- From what was checked to the one form that the rest of the program knows

type Written = Record<string, unknown>;

export function toSetting(values: Written, { nameOf }: Names): Setting {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [nameOf(key)!, value as ParameterValue]),
  );
}

export function toIncluded({ repeat, ...values }: Written, names: Names): Included {
  const setting = toSetting(values, names);
  return repeat === undefined ? { setting } : { setting, repeat: repeat as number };
}

export function toCondition(values: Written, { nameOf }: Names): Condition {
  return Object.entries(values).map(([key, value]) =>
    toClause(nameOf(key)!, value as ParameterValue | ParameterValue[]),
  );
}

/** The factors stand in the order of the file: the first changes slowest. */
export function toBlock({ repeat, ...values }: Written, names: Names): Block {
  const factors = Object.entries(values).flatMap(([key, value]) => toFactors(key, value, names));
  return repeat === undefined ? { factors } : { factors, repeat: repeat as number };
}

function toFactors(key: string, value: unknown, names: Names): Factor[] {
  switch (key) {
    case 'groups': {
      const lists = Array.isArray(value) ? [value] : Object.values(value as Record<string, Written[]>);
      return lists.map((blocks) => ({ blocks: (blocks as Written[]).map((block) => toBlock(block, names)) }));
    }
    case 'zip': {
      const lists = Object.entries(value as Record<string, ParameterValue | ParameterValue[]>).map(
        ([written, list]) => [names.nameOf(written)!, list] as const,
      );
      const length = Math.max(1, ...lists.map(([, list]) => (Array.isArray(list) ? list.length : 1)));
      const settings = Array.from({ length }, (_, at) =>
        Object.fromEntries(lists.map(([name, list]) => [name, Array.isArray(list) ? list[at]! : list])),
      );
      return [{ names: lists.map(([name]) => name), settings }];
    }
    case 'draw': {
      const { space, ...draw } = value as Draw;
      const named = Object.fromEntries(
        Object.entries(space).map(([written, from]) => [
          names.nameOf(written)!,
          isRange(from) ? from : [from].flat(),
        ]),
      );
      const settings = drawSettings({ ...draw, space: named }, names.grainOf);
      return [{ names: Object.keys(named), settings, drawn: true }];
    }
    default: {
      const name = names.nameOf(key)!;
      const list = isRange(value)
        ? rangeValues(value, name, names.grainOf(name))
        : ([value].flat() as ParameterValue[]);
      const factor = { names: [name], settings: list.map((one) => ({ [name]: one })) };
      return [isRange(value) && value.draw !== undefined ? { ...factor, drawn: true } : factor];
    }
  }
}

/** Parameters that a block's factors give more than once: each pair of factors that would overwrite each other. */
export function doublyGiven({ factors }: Block): string[] {
  const seen = new Set<string>();
  const doubled = new Set<string>();
  for (const factor of factors) {
    for (const name of namesOf(factor)) (seen.has(name) ? doubled : seen).add(name);
    if ('blocks' in factor) factor.blocks.flatMap(doublyGiven).forEach((name) => doubled.add(name));
  }
  return [...doubled];
}
