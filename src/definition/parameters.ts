/** @file The one table of a trial's parameters: what each is called, means, may be, and is by default. */
import { z } from 'zod';
import type { TrialParameters } from '../protocol.js';

export type ParameterName = keyof TrialParameters;

/** A row of the table. `expected` ends the sentence "expected: …" and says why where the reason is not plain. */
export interface Parameter<T> {
  schema: z.ZodType<T>;
  /** The value that holds where the sweep file names none, given the other values of the trial. */
  default: T | ((others: Omit<TrialParameters, 'disc_filters'>) => T);
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
      'a whole number, a multiple of 4 and at least 16: the generator halves the patch twice and doubles it back',
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
    description: 'Weight of the cycle-consistency loss.',
  },
  gamma: {
    ...real('a number from 0 (0 leaves the term out)', { min: 0 }),
    default: 5,
    alias: 'L1_gamma',
    unit: '',
    description: 'Weight of the identity loss.',
  },
  generator: {
    schema: z.enum(['resnet'], { error: 'resnet (unet and fullres are not supported yet)' }),
    expected: 'resnet (unet and fullres are not supported yet)',
    default: 'resnet',
    unit: '',
    description: 'Architecture of the generators.',
  },
  filters: {
    ...whole('a whole number from 1', { min: 1 }),
    default: 64,
    unit: 'channels',
    description: "Channels after the generator's first layer.",
  },
  blocks: {
    ...whole('a whole number from 1', { min: 1 }),
    default: 9,
    unit: 'blocks',
    description: 'Residual blocks of the generator.',
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
  lr: {
    ...real('a number above 0', { above: 0 }),
    default: 2e-4,
    unit: '',
    description: "Adam's step size.",
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
};

/** Parameters that are planned, so that a file which names one is told more than "unknown key". */
export const UNSUPPORTED_PARAMETERS: readonly string[] = [
  'paired',
  'pairs',
  'norm',
  'upsample',
  'gan_loss',
  'pool',
  'schedule',
  'crop',
  'images',
  'flip',
  'jitter',
  'micro_batch',
  'winograd',
];

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
  const resolved: Record<string, unknown> = {};
  const late: ParameterName[] = [];
  for (const name of PARAMETER_NAMES) {
    const fallback: unknown = PARAMETERS[name].default;
    if (typeof fallback === 'function' && given[name] === undefined) late.push(name);
    resolved[name] = given[name] ?? fallback;
  }
  for (const name of late) {
    const derive = PARAMETERS[name].default as (others: Record<string, unknown>) => unknown;
    resolved[name] = derive(resolved);
  }
  return resolved as unknown as TrialParameters;
}

/** What is wrong with values that are each right by themselves. `names`: the parameters involved, the likeliest first. */
export interface Clash {
  names: ParameterName[];
  message: string;
  expected: string;
}

/** Checks what no single value can show. */
export function findClashes(parameters: TrialParameters): Clash[] {
  const { patch, disc_layers: layers } = parameters;
  const sides = discriminatorSides(patch, layers);
  if (sides.at(-1)! >= 1) return [];
  let smallest = patch;
  while (discriminatorSides(smallest, layers).at(-1)! < 1) smallest += 4;
  return [
    {
      names: ['disc_layers', 'patch'],
      message: `disc_layers ${layers} leaves nothing of a patch of ${patch} pixels: ${sides.join(' → ')}`,
      expected:
        'an output map of at least 1x1: each 4x4 convolution with padding 1 turns a side n into floor((n + 2 - 4) / stride) + 1, ' +
        `with stride 2 in the first ${layers} and stride 1 in the last two; for disc_layers ${layers} the smallest patch is ${smallest}`,
    },
  ];
}

/**
 * Sides of the discriminator's maps in pixels, from the patch to the output:
 * `layers` 4x4 convolutions of stride 2 and two of stride 1, all with padding 1 (Isola et al., 2017).
 * 64 pixels and 3 layers: 64, 32, 16, 8, 7, 6.
 */
export function discriminatorSides(patch: number, layers: number): number[] {
  const sides = [patch];
  for (let layer = 0; layer < layers + 2; layer++) {
    const stride = layer < layers ? 2 : 1;
    sides.push(Math.max(0, Math.floor((sides.at(-1)! + 2 - 4) / stride) + 1));
  }
  return sides;
}

/** Side of the square that one output of the discriminator sees, in pixels: 16, 34, 70, 142, 286 for 1 to 5 layers. */
export function discriminatorReceptiveField(layers: number): number {
  let field = 7; // two 4x4 convolutions of stride 1
  for (let layer = 0; layer < layers; layer++) field = 2 * field + 2;
  return field;
}

function whole(
  expected: string,
  { min, max, multipleOf }: { min: number; max?: number; multipleOf?: number },
): { schema: z.ZodType<number>; expected: string } {
  let schema = z.int({ error: expected }).min(min, { error: expected });
  if (max !== undefined) schema = schema.max(max, { error: expected });
  if (multipleOf !== undefined) schema = schema.multipleOf(multipleOf, { error: expected });
  return { schema, expected };
}

function real(
  expected: string,
  { min, above, below }: { min?: number; above?: number; below?: number },
): { schema: z.ZodType<number>; expected: string } {
  let schema = z.number({ error: expected });
  if (min !== undefined) schema = schema.min(min, { error: expected });
  if (above !== undefined) schema = schema.gt(above, { error: expected });
  if (below !== undefined) schema = schema.lt(below, { error: expected });
  return { schema, expected };
}
