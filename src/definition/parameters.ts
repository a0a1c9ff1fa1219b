/** @file The one table of a trial's parameters: what each is called, means, may be, and is by default. */
import { z } from 'zod';
import { discriminatorSides, sideMultiple } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';

export type ParameterName = keyof TrialParameters;

/** Parameters whose default follows from others. */
type Derived = 'blocks' | 'disc_filters' | 'norm';

/** Said of every weight of an L1 distance. */
const RANGE = 'Networks see intensities in [-1, 1]: what is 10 for a network on [0, 1] is 5 here.';

/** A row of the table. `expected` ends the sentence "expected: …" and says why where the reason is not plain. */
export interface Parameter<T> {
  schema: z.ZodType<T>;
  /** Of a number: what its values are multiples of, 0 for any; undefined for what is no number. Computed values keep to it. */
  grain?: number;
  /** The value that holds where the sweep file names none, given the other values of the trial. */
  default: T | ((others: Omit<TrialParameters, Derived>) => T);
  /** The name that the parameter bears in the study which this tool repeats. */
  alias?: string;
  unit: string;
  description: string;
  expected: string;
}

/** To add a parameter: a line in TrialParameters, a row here, and its name out of UNSUPPORTED_PARAMETERS. */
export const PARAMETERS: { [N in ParameterName]: Parameter<TrialParameters[N]> } = {
  patch: {
    ...whole(
      'a whole number, a multiple of 4 and at least 16: a resnet halves the patch twice and doubles it back',
      {
        min: 16,
        multipleOf: 4,
      },
    ),
    default: 64,
    alias: 'patch_size',
    unit: 'pixels',
    description: 'Side of the square training patch.',
  },
  batch: {
    ...whole('a whole number from 1', { min: 1 }),
    default: 1,
    alias: 'batch_size',
    unit: 'patches',
    description: 'Patches of each domain in one update.',
  },
  lambda: {
    ...real('a number from 0 (0 leaves the term out)', { min: 0 }),
    default: 10,
    alias: 'L1_lambda',
    unit: '',
    description: `Weight of the cycle-consistency loss. ${RANGE}`,
  },
  gamma: {
    ...real('a number from 0 (0 leaves the term out)', { min: 0 }),
    default: 5,
    alias: 'L1_gamma',
    unit: '',
    description: `Weight of the identity loss. ${RANGE}`,
  },
  paired: {
    ...real('a number from 0 (0 leaves the term out)', { min: 0 }),
    default: 0,
    unit: '',
    description: `Weight of the L1 distance to the true partner at the same crop. ${RANGE}`,
  },
  pairs: {
    ...allOrWhole('all, or a whole number from 1'),
    default: 'all',
    unit: 'pairs',
    description: 'Known pairs that the paired term may use.',
  },
  adversarial: {
    ...real('a number from 0 (0 leaves the term out)', { min: 0 }),
    default: 1,
    unit: '',
    description:
      "Weight of the adversarial loss in the generators'; with 0 the discriminators learn as onlookers that nobody listens to.",
  },
  generator: {
    ...choice(['resnet', 'unet', 'fullres']),
    default: 'resnet',
    unit: '',
    description:
      'Architecture of the generators: resnet (Zhu et al. 2017), unet (Isola et al. 2017), fullres (3x3 convolutions at full resolution).',
  },
  filters: {
    ...whole('a whole number from 1', { min: 1 }),
    default: 64,
    unit: 'channels',
    description: "Channels after the generator's first layer.",
  },
  blocks: {
    ...whole('a whole number from 1', { min: 1 }),
    default: ({ generator }) => ({ resnet: 9, unet: 5, fullres: 6 })[generator],
    unit: 'blocks',
    description:
      'resnet: residual blocks, 9 unless named; unet: levels, each halving the side, 5 unless named (sides are then multiples of 2^5 = 32); fullres: modules of three convolutions, 6 unless named.',
  },
  norm: {
    ...choice(['instance', 'batch', 'none']),
    default: ({ generator }) => (generator === 'fullres' ? 'batch' : 'instance'),
    unit: '',
    description:
      'Normalisation in generators and discriminators; instance unless named, batch for fullres. batch takes the statistics of the batch at hand, also when it translates, and rules out micro-batches.',
  },
  upsample: {
    ...choice(['transposed', 'resize']),
    default: 'transposed',
    unit: '',
    description:
      'How resnet and unet double the side: a transposed convolution, or resizing and a 3x3 convolution, which leaves no checkerboard.',
  },
  disc_filters: {
    ...whole('a whole number from 1', { min: 1 }),
    default: ({ filters }) => filters,
    unit: 'channels',
    description: "Channels after the discriminator's first layer; those of the generator unless named.",
  },
  disc_layers: {
    ...whole('a whole number from 1 to 5: each layer doubles what an output sees (70x70 pixels at 3)', {
      min: 1,
      max: 5,
    }),
    default: 3,
    unit: 'layers',
    description: 'Strided layers of the PatchGAN discriminator; 3 is the 70x70 PatchGAN.',
  },
  gan_loss: {
    ...choice(['least-squares', 'cross-entropy', 'hinge']),
    default: 'least-squares',
    unit: '',
    description: "What a discriminator's verdict is worth.",
  },
  pool: {
    ...whole('a whole number from 0 (no pool) to 50', { min: 0, max: 50 }),
    default: 0,
    unit: 'images',
    description: 'Past generated images of each domain that the discriminators are shown half of the time.',
  },
  lr: {
    ...real('a number above 0', { above: 0 }),
    default: 2e-4,
    unit: '',
    description: "Adam's step size.",
  },
  schedule: {
    ...choice(['constant', 'linear']),
    default: 'constant',
    unit: '',
    description: 'linear: lr is constant for the first half of the budget, then falls linearly to 0.',
  },
  beta1: {
    ...real('a number from 0 to below 1', { min: 0, below: 1 }),
    default: 0.5,
    unit: '',
    description: "Adam's decay of the first moment.",
  },
  beta2: {
    ...real('a number from 0 to below 1', { min: 0, below: 1 }),
    default: 0.999,
    unit: '',
    description: "Adam's decay of the second moment.",
  },
  images: {
    ...allOrWhole('all, or a whole number from 1'),
    default: 'all',
    unit: 'images',
    description: 'Training images used of each domain.',
  },
  anatomy: {
    ...choice(['same', 'disjoint']),
    default: 'same',
    unit: '',
    description:
      'Where pairs are known: whether the training images of X and Y are partners, or (disjoint) no image of Y is the partner of one of X. To compare both, name a number of images that half of the pairs can give.',
  },
  crop: {
    ...choice(['random', 'inside-mask', 'fixed-per-run']),
    default: 'random',
    unit: '',
    description:
      'Where patches are cut: anywhere, where the image is not blank, or at one place for the whole run.',
  },
  flip: {
    schema: z.boolean({ error: 'true or false' }),
    expected: 'true or false',
    default: false,
    unit: '',
    description: 'Mirrors patches left to right at random. In radiographs left and right matter.',
  },
  jitter: {
    ...real('a number from 0 (none) to 0.5', { min: 0, max: 0.5 }),
    default: 0,
    unit: '',
    description: "Largest random change of a patch's intensities, as a share of their range.",
  },
};

/** Parameters that are planned, so that a file which names one is told more than "unknown key". */
export const UNSUPPORTED_PARAMETERS: readonly string[] = ['winograd'];

export const PARAMETER_NAMES = Object.keys(PARAMETERS) as ParameterName[];

const NAMES_BY_KEY = new Map<string, ParameterName>(
  PARAMETER_NAMES.flatMap((name) => {
    const { alias } = PARAMETERS[name];
    return alias === undefined ? [[name, name]] : [[name, name] as const, [alias, name] as const];
  }),
);

/** Every key that means a parameter: its own name and, where it has one, its other name. */
export const PARAMETER_KEYS: readonly string[] = [...NAMES_BY_KEY.keys()];

/** The parameter that a key of a sweep file means: `L1_lambda` and `lambda` are both `lambda`. */
export function parameterName(key: string): ParameterName | undefined {
  return NAMES_BY_KEY.get(key);
}

/** Fills in every default. The order of the result is that of the table, whatever the order of the input. */
export function resolveParameters(given: Partial<TrialParameters>): TrialParameters {
  return parameterResolver()(given);
}

/** The same for many settings: the defaults are looked up once. */
export function parameterResolver(): (given: Partial<TrialParameters>) => TrialParameters {
  const derived = PARAMETER_NAMES.filter((name) => typeof PARAMETERS[name].default === 'function');
  const defaults = Object.fromEntries(
    // What is derived from the others keeps its place.
    PARAMETER_NAMES.map((name) => [name, derived.includes(name) ? undefined : PARAMETERS[name].default]),
  );
  return (given) => {
    const resolved: Record<string, unknown> = { ...defaults };
    for (const [name, value] of Object.entries(given)) if (value !== undefined) resolved[name] = value;
    for (const name of derived) {
      if (resolved[name] !== undefined) continue;
      const derive = PARAMETERS[name].default as (others: Record<string, unknown>) => unknown;
      resolved[name] = derive(resolved);
    }
    return resolved as unknown as TrialParameters;
  };
}

/** What is wrong with values that are each right by themselves. `names`: the parameters involved, the likeliest first. */
export interface Clash {
  names: ParameterName[];
  message: string;
  expected: string;
}

/** Checks what no single value can show. */
export function findClashes(parameters: TrialParameters): Clash[] {
  return [emptyMap, unevenSides, idleUpsample, idlePairs, partedPairs, nothingToLearn].flatMap(
    (check) => check(parameters) ?? [],
  );
}

function emptyMap({ patch, disc_layers: layers }: TrialParameters): Clash | undefined {
  const sides = discriminatorSides(patch, layers);
  if (sides.at(-1)! >= 1) return undefined;
  let smallest = patch;
  while (discriminatorSides(smallest, layers).at(-1)! < 1) smallest += 4;
  return {
    names: ['disc_layers', 'patch'],
    message: `disc_layers ${layers} leaves nothing of a patch of ${patch} pixels: ${sides.join(' → ')}`,
    expected:
      'an output map of at least 1x1: each 4x4 convolution with padding 1 turns a side n into floor((n + 2 - 4) / stride) + 1, ' +
      `with stride 2 in the first ${layers} and stride 1 in the last two; for disc_layers ${layers} the smallest patch is ${smallest}`,
  };
}

function unevenSides(parameters: TrialParameters): Clash | undefined {
  const { patch, generator, blocks } = parameters;
  const multiple = sideMultiple(parameters);
  if (patch % multiple === 0) return undefined;
  const sides = [patch];
  while (Number.isInteger(sides.at(-1))) sides.push(sides.at(-1)! / 2);
  const whole = sides.length - 2; // times that the patch halves evenly
  return {
    names: ['blocks', 'patch', 'generator'],
    message: `a ${generator} of ${blocks} blocks halves the side ${blocks} times, which a patch of ${patch} pixels does not stand: ${sides.join(' → ')}`,
    expected: `patch a multiple of 2^${blocks} = ${multiple}, or blocks up to ${whole}`,
  };
}

function idleUpsample({ generator, upsample }: TrialParameters): Clash | undefined {
  if (generator !== 'fullres' || upsample === 'transposed') return undefined;
  return {
    names: ['upsample', 'generator'],
    message: `upsample ${upsample} has no effect: fullres keeps the full resolution throughout`,
    expected: 'upsample with resnet or unet only',
  };
}

function idlePairs({ paired, pairs }: TrialParameters): Clash | undefined {
  if (paired > 0 || pairs === 'all') return undefined;
  return {
    names: ['pairs', 'paired'],
    message: `pairs ${pairs} has no effect while paired is 0`,
    expected: 'paired above 0, or pairs left out',
  };
}

function partedPairs({ anatomy, paired }: TrialParameters): Clash | undefined {
  if (anatomy === 'same' || paired === 0) return undefined;
  return {
    names: ['anatomy', 'paired'],
    message: `anatomy ${anatomy} leaves no pair among the training images, and paired is ${paired}`,
    expected: 'anatomy same, or paired 0',
  };
}

function nothingToLearn({ adversarial, lambda, paired }: TrialParameters): Clash | undefined {
  if (adversarial + lambda + paired > 0) return undefined;
  return {
    names: ['adversarial', 'lambda', 'paired'],
    message: 'adversarial, lambda and paired are all 0: the generators would learn at most to change nothing',
    expected: 'one of them above 0 (gamma alone asks for images as they are)',
  };
}

function whole(
  expected: string,
  { min, max, multipleOf }: { min: number; max?: number; multipleOf?: number },
): { schema: z.ZodType<number>; expected: string; grain: number } {
  let schema = z.int({ error: expected }).min(min, { error: expected });
  if (max !== undefined) schema = schema.max(max, { error: expected });
  if (multipleOf !== undefined) schema = schema.multipleOf(multipleOf, { error: expected });
  return { schema, expected, grain: multipleOf ?? 1 };
}

function real(
  expected: string,
  { min, max, above, below }: { min?: number; max?: number; above?: number; below?: number },
): { schema: z.ZodType<number>; expected: string; grain: number } {
  let schema = z.number({ error: expected });
  if (min !== undefined) schema = schema.min(min, { error: expected });
  if (max !== undefined) schema = schema.max(max, { error: expected });
  if (above !== undefined) schema = schema.gt(above, { error: expected });
  if (below !== undefined) schema = schema.lt(below, { error: expected });
  return { schema, expected, grain: 0 };
}

function choice<const Values extends readonly [string, ...string[]]>(
  values: Values,
): { schema: z.ZodType<Values[number]>; expected: string } {
  const expected = `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
  return { schema: z.enum(values, { error: expected }), expected };
}

function allOrWhole(expected: string): {
  schema: z.ZodType<'all' | number>;
  expected: string;
  grain: number;
} {
  const count = z.int({ error: expected }).min(1, { error: expected });
  return { schema: z.union([z.literal('all'), count], { error: expected }), expected, grain: 1 };
}
