/** @file What a sweep file may hold. The checks, the types and the JSON Schema for editors all come from here. */
import { z } from 'zod';
import type { Budget, EngineName, ExamSettings, Prevalence, Split, SplitShares } from '../protocol.js';
import { ENGINES } from '../protocol.js';
import { compareSchema, toClaims, type Claim } from './compare.js';
import type { Condition } from './conditions.js';
import { earlyStopSchema, toEarlyStop, type EarlyStop } from './early-stop.js';
import {
  FREE_NAMES,
  GRID,
  OWN_NAMES,
  sectionSchemas,
  toBlock,
  toCondition,
  toIncluded,
  toSetting,
} from './grid-schema.js';
import { slurmSchema, type SlurmSettings } from './slurm.js';
import { firstSeeds, type Block, type Included, type Setting } from './grid.js';

/** Two folders of images, as the file names them; relative paths are relative to the sweep file. */
export interface FolderData {
  x: string;
  y: string;
  /** `none`, `by-name`, `by-position`, or an index file, relative to the sweep file. */
  pairing: string;
  /** Regular expression whose first group takes the patient from a file name. */
  patient?: string;
  range: 'auto' | [number, number] | { percentiles: [number, number] };
  /** `apply`: values as each DICOM file's window or VOI LUT shows them. */
  voi: 'ignore' | 'apply';
  /** Axis along which volumes are cut into slices. */
  axis: 'axial' | 'coronal' | 'sagittal';
  /** Whether files that cannot be read are left out, rather than end the sweep. */
  skip_bad: boolean;
  /** Stored value above which a pixel belongs to the body. */
  mask: 'auto' | number;
  /** `index`: as the index file says. */
  split: Split | 'index';
}

/** Images that are drawn rather than read. */
export interface PhantomData {
  phantom: 'radiograph';
  /** Images of each domain. */
  count: number;
  /** Side of an image, pixels. */
  size: number;
  seed: number;
  /** How likely a picture has nodules, in both domains or in each. */
  nodules: Prevalence;
  split: Split;
}

/** A checked sweep file: every default is spelled out, every name is the parameter's own. */
export interface Definition {
  name: string;
  question: string;
  /** What a trial runs: our own trainer, or a program with its arguments, `{name}` standing for a parameter's value. */
  trainer: 'cyclegan' | { command: string[] };
  data: FolderData | PhantomData;
  fixed: Setting;
  /** The settings are the union of the blocks; within a block the factors are crossed. */
  grid: Block[];
  /** A setting of the grid goes if it meets one of these. */
  exclude: Condition[];
  /** Parameters that exist only under a condition; where it does not hold they have their default, or are not there at all. */
  when: { name: string; condition: Condition }[];
  /** Settings beside the grid, untouched by `exclude`. */
  include: Included[];
  seeds: number[];
  budget: Budget;
  exam: ExamSettings;
  /** What the report judges. */
  compare: Claim[];
  /** By which rule trials are stopped that do worse than the others; without it, none is. */
  early_stop?: EarlyStop;
  /** Shares of the budget, ascending, at which a checkpoint is kept beside the last and the best. */
  checkpoints: { keep: number[] };
  retry: {
    limit: number;
    /** Seconds without a sign of progress after which a trial hangs; auto: as long as suits its trainer. */
    hang: 'auto' | 'off' | number;
  };
  resources: {
    /** Seconds that a trial may run for. */
    time: 'off' | number;
    trials: 'auto' | number;
    threads: 'auto' | number;
    trials_per_gpu: 'auto' | number;
    micro_batch: 'auto' | number;
    memory: 'auto' | 'low';
    winograd: 'auto' | 'off';
    /** What each trial asks of Slurm. */
    slurm?: SlurmSettings | undefined;
  };
  engine: 'auto' | EngineName;
  /** `auto`, `cpu`, `cuda`, `cuda:0`, `webgpu`, `webgpu:1`. */
  device: string;
}

const DEFAULT_SPLIT: SplitShares = { train: 0.7, validation: 0.15, test: 0.15 };

/** Largest seed that every generator of random numbers takes: they hold 32 bits. */
const LARGEST_SEED = 2 ** 31 - 1;

const NAME = 'letters, digits, - and _, starting with a letter or a digit, at most 64: it names a folder';
const PATIENT =
  "a regular expression in quotes whose first group is the patient, e.g. '^(\\d+)_' takes 12 from 12_a.png";
const RANGE =
  'auto, [lowest, highest] intensity with lowest < highest, percentiles, or {percentiles: [1, 99]} between 0 and 100';
const SPLIT = 'three shares above 0 that add up to 1, e.g. {train: 0.7, validation: 0.15, test: 0.15}';
const SPLIT_FORM =
  'three shares, e.g. {train: 0.7, validation: 0.15, test: 0.15}, lists of names, e.g. {train: [slice001..slice099], test: [slice110..slice140]}, or index';
const SPLIT_LIST =
  "a list of file stems or patients in quotes; '*' stands for any text, a001..a099 for numbered names";
const MASK = 'auto, or the stored value above which a pixel belongs to the body';
const PAIRING =
  'none, by-name, by-position, or an index file that lists the pairs, e.g. pairs.csv or pairs.json';
const COUNT = 'a whole number above 0, plain or with k, M or G: 40000000, 40M, 1.5G';
const BUDGET = 'exactly one of pixels, updates, epochs and minutes, e.g. {pixels: 40M}';
const EXAM = 'e.g. {at: [0.5, 1], extent: full}';
const EXAM_CRITIC = 'off, or the updates that the critic learns for, 1 to 10000';
const EXAM_AT = 'a list of shares of the budget, each above 0 and at most 1, e.g. [0.25, 0.5, 1]';
const NODULES = 'a share from 0 to 1, or one for each domain, e.g. {x: 0.8, y: 0.1}';
const MINUTES = 'a number of minutes above 0';
const DATA = '{x: FOLDER, y: FOLDER} for images of yours, or {phantom: radiograph} for images that are drawn';
const LIST_OF_SETTINGS = 'a list of mappings, e.g. [{patch: 256, batch: 16}]';
const REPEAT = 'a whole number from 1: how many seeds every setting is run with';
const DEVICE = 'auto, cpu, cuda or webgpu (all GPUs of the kind), or one GPU by its number: cuda:0, webgpu:1';
const KEEP = 'shares of the budget above 0 and below 1, e.g. [0.25, 0.5]';
const DURATION = 'a time such as 90s, 10m, 8h or 2d';
const SEEDS = 'how many (3 means 1, 2, 3), or a list of whole numbers from 0 to 2147483647';

const share = z.number({ error: SPLIT }).gt(0, { error: SPLIT }).lt(1, { error: SPLIT });
const shares = z
  .strictObject({ train: share, validation: share, test: share }, { error: SPLIT })
  .refine((s) => Math.abs(s.train + s.validation + s.test - 1) < 1e-6, { error: SPLIT });
const names = z.array(z.string({ error: SPLIT_LIST }).min(1, { error: SPLIT_LIST }), { error: SPLIT_LIST });
const someNames = names.min(1, { error: SPLIT_LIST });
const lists = z.strictObject(
  {
    train: someNames.describe('File stems or patients to train on.'),
    validation: names.default([]).describe('File stems or patients to choose a checkpoint by.'),
    test: someNames.describe('File stems or patients that nothing sees before the end.'),
  },
  { error: SPLIT_FORM },
);
const folder = (domain: string) =>
  z
    .string({ error: 'the path of a folder, relative to the sweep file' })
    .min(1, { error: 'the path of a folder, relative to the sweep file' })
    .describe(`Folder with the images of domain ${domain}, relative to the sweep file.`);

/** Percentiles that `range: percentiles` stands for: robust against a few dead or saturated pixels. */
const DEFAULT_PERCENTILES: [number, number] = [0.5, 99.5];

const ends = z
  .tuple([z.number({ error: RANGE }), z.number({ error: RANGE })], { error: RANGE })
  .refine(([lo, hi]) => lo < hi, { error: RANGE });

const folderData = z.strictObject(
  {
    x: folder('X'),
    y: folder('Y'),
    pairing: z
      .string({ error: PAIRING })
      .regex(/^(none|by-name|by-position|.*\.(csv|tsv|txt|json))$/i, { error: PAIRING })
      .default('none')
      .describe(
        'Which images of X and Y show the same anatomy. by-name: those with the same file stem; by-position: DICOM files at one place of one frame of reference; or an index file, CSV or JSON, with the columns x and y.',
      ),
    patient: z
      .string({ error: PATIENT })
      .refine(hasGroup, { error: PATIENT })
      .optional()
      .describe('Regular expression whose first group takes the patient from a file name.'),
    range: z
      .union(
        [
          z.enum(['auto', 'percentiles']),
          ends,
          z.strictObject(
            {
              percentiles: ends
                .refine(([lo, hi]) => lo >= 0 && hi <= 100, { error: RANGE })
                .describe('Of all training images, 0 to 100.'),
            },
            { error: RANGE },
          ),
        ],
        { error: RANGE },
      )
      .default('auto')
      .transform((range) => (range === 'percentiles' ? { percentiles: DEFAULT_PERCENTILES } : range))
      .describe(
        'Intensities that -1 and 1 stand for. auto: -1024 to 3071 Hounsfield units for a CT, else the full range of the stored bit depth; percentiles: of all training images, 0.5 and 99.5 or those given.',
      ),
    voi: z
      .enum(['ignore', 'apply'], { error: 'ignore or apply' })
      .default('ignore')
      .describe(
        'Whether the window or VOI LUT of each DICOM file is applied, as a display does; values are then 0 to 65535.',
      ),
    axis: z
      .enum(['axial', 'coronal', 'sagittal'], { error: 'axial, coronal or sagittal' })
      .default('axial')
      .describe('Axis of the body along which volumes (NIfTI, MetaImage) are cut into slices.'),
    skip_bad: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe('Whether files that cannot be read are left out and listed, rather than end the sweep.'),
    mask: z
      .union([z.literal('auto'), z.number({ error: MASK })], { error: MASK })
      .default('auto')
      .describe(
        "Stored value above which a pixel belongs to the body; auto: Otsu's threshold of the domain's training images.",
      ),
    split: z
      .union([z.literal('index'), shares, lists], { error: SPLIT_FORM })
      .default(DEFAULT_SPLIT)
      .describe(
        'What trains, validates and tests, by patient and never by patch: shares of the images, lists of names, or index, where the index file has a column split.',
      ),
  },
  { error: DATA },
);

const prevalence = z.number({ error: NODULES }).min(0, { error: NODULES }).max(1, { error: NODULES });
const phantomData = z.strictObject(
  {
    phantom: z.enum(['radiograph'], { error: 'radiograph' }).describe('What is drawn.'),
    count: whole('a whole number from 3: one image each to train, validate and test', 3)
      .default(24)
      .describe('Images of each domain.'),
    size: whole('a whole number of pixels from 16', 16).default(1024).describe('Side of an image, pixels.'),
    seed: seedNumber('a whole number from 0 to 2147483647').default(1).describe('Seed of the drawings.'),
    nodules: z
      .union(
        [
          prevalence,
          z.strictObject(
            { x: prevalence.describe('In X.'), y: prevalence.describe('In Y.') },
            { error: NODULES },
          ),
        ],
        {
          error: NODULES,
        },
      )
      .default(0)
      .describe(
        'How likely a patient has one to three nodules, 0 to 1; with x and y, each domain on its own: what a translation then adds or removes, the exam counts.',
      ),
    split: shares.default(DEFAULT_SPLIT).describe('Shares of the images that train, validate and test.'),
  },
  { error: DATA },
);

/** Text such as `40M` becomes 40000000. */
const count = z
  .union(
    [
      z.int({ error: COUNT }).positive({ error: COUNT }),
      z.string({ error: COUNT }).regex(/^\d+(\.\d+)?[kMG]$/, { error: COUNT }),
    ],
    { error: COUNT },
  )
  .transform((value) => (typeof value === 'number' ? value : withSuffix(value)))
  .refine((value) => Number.isSafeInteger(value) && value > 0, { error: COUNT });

const budget = z
  .strictObject(
    {
      pixels: count.optional().describe('Pixels of each domain that a trial sees.'),
      updates: count.optional().describe('Updates of the weights that a trial makes.'),
      epochs: count
        .optional()
        .describe('How often a trial sees every training image of the larger domain, on average.'),
      minutes: z
        .number({ error: MINUTES })
        .positive({ error: MINUTES })
        .optional()
        .describe('Minutes of training on the machine at hand; results then depend on its speed.'),
    },
    { error: BUDGET },
  )
  .refine((b) => Object.values(b).filter((value) => value !== undefined).length === 1, { error: BUDGET })
  .meta({ description: 'When a trial ends: the same for all.', minProperties: 1, maxProperties: 1 });

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 };
/** One of `words`, or text such as `90s` or `1.5h`, which becomes seconds. */
function duration<const Words extends readonly string[]>(words: Words) {
  const error = `${words.join(', ')}, or ${DURATION}`;
  return z
    .union([z.enum(words), z.string({ error }).regex(/^\d+(\.\d+)?[smhd]$/, { error })], { error })
    .transform((value): Words[number] | number => {
      if (words.includes(value)) return value;
      return Number(value.slice(0, -1)) * SECONDS[value.at(-1) as keyof typeof SECONDS];
    })
    .refine((value) => value !== 0, { error });
}

const autoOrCount = (description: string) =>
  z
    .union([z.literal('auto'), whole('auto, or a whole number from 1', 1)], {
      error: 'auto, or a whole number from 1',
    })
    .default('auto')
    .describe(description);

const COMMAND =
  "a program and its arguments, a list: [python3, train.py, --lr, '{lr}']; {NAME} stands for a parameter, {seed} or {budget}";
const command = z
  .array(z.string({ error: COMMAND }).min(1, { error: COMMAND }), { error: COMMAND })
  .min(1, { error: COMMAND })
  .describe(
    'A trainer that is not ours: a program and its arguments, started in the folder of the sweep file. {NAME} stands for a parameter, {seed} or {budget}.',
  );

/** The sweep file as a user writes it, for our own trainer or for another. */
function fileSchema(kind: 'own' | 'free') {
  const { setting, included, block, condition, when } = sectionSchemas(kind);
  const trainer = z
    .enum(['cyclegan'], { error: 'cyclegan' })
    .default('cyclegan')
    .describe('What a trial runs.');
  return z.strictObject(
    {
      name: z
        .string({ error: NAME })
        .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, { error: NAME })
        .describe('Name of the study; its results are filed under it.'),
      question: z
        .string({ error: 'a sentence' })
        .default('')
        .describe('What the study asks; it heads the report.'),
      ...(kind === 'own' ? { trainer } : { command }),
      data: z.union([folderData, phantomData], { error: DATA }).describe('The images of both domains.'),
      fixed: setting.default({}).describe('Parameters that all trials share.'),
      grid: z
        .union([block, z.array(block, { error: GRID }).min(1, { error: GRID })], { error: GRID })
        .describe(
          'Parameters that vary. A mapping is crossed; the items of a list stand side by side, each crossed within itself.',
        ),
      exclude: z
        .array(condition, { error: LIST_OF_SETTINGS })
        .default([])
        .describe('Settings to leave out of the grid: those that meet all that an entry names.'),
      when: when
        .default({})
        .describe('Parameters that exist only under a condition; elsewhere they have their default.'),
      include: z
        .array(included, { error: LIST_OF_SETTINGS })
        .default([])
        .describe('Settings to add to the grid, over what is fixed.'),
      seeds: z
        .union(
          [
            whole(SEEDS, 1).max(1000, { error: SEEDS }),
            z.array(seedNumber(SEEDS), { error: SEEDS }).min(1, { error: SEEDS }),
          ],
          { error: SEEDS },
        )
        .default(1)
        .describe('Repetitions of every setting: how many, or the seeds themselves.'),
      repeat: whole(REPEAT, 1)
        .max(1000, { error: REPEAT })
        .optional()
        .describe('Runs of every setting: the seeds, and where they are too few the numbers that follow.'),
      budget,
      exam: z
        .strictObject(
          {
            at: z
              .array(z.number({ error: EXAM_AT }).gt(0, { error: EXAM_AT }).max(1, { error: EXAM_AT }), {
                error: EXAM_AT,
              })
              .default([1])
              .describe(
                'Shares of the budget after which whole test images are examined; the end is always one.',
              ),
            extent: z
              .enum(['core', 'full'], { error: 'core or full' })
              .default('core')
              .describe(
                'full: cycle and identity errors, and on a phantom labels and nodules, of all test images and not of two; distances of styles also where pairs are known.',
              ),
            critic: z
              .union([z.literal('off'), z.int().min(1).max(10_000)], { error: EXAM_CRITIC })
              .default(200)
              .describe(
                'Updates that a fresh critic, the same for every trial, learns for on validation images, before it is asked to tell translations of test images from real ones; off: none.',
              ),
          },
          { error: EXAM },
        )
        .default({ at: [1], extent: 'core', critic: 200 })
        .describe('The exam on whole test images. It decides nothing of the training, and no key.'),
      compare: compareSchema(setting, kind === 'own' ? OWN_NAMES : FREE_NAMES),
      early_stop: earlyStopSchema(kind === 'own'),
      checkpoints: z
        .strictObject(
          {
            keep: z
              .array(z.number({ error: KEEP }).gt(0, { error: KEEP }).lt(1, { error: KEEP }), { error: KEEP })
              .default([])
              .describe('Shares of the budget at which a checkpoint is kept, beside the last and the best.'),
          },
          { error: 'e.g. {keep: [0.5]}' },
        )
        .default({ keep: [] })
        .describe('Which checkpoints stay.'),
      retry: z
        .strictObject(
          {
            limit: whole('a whole number from 0', 0).default(2).describe('Attempts after the first.'),
            hang: duration(['auto', 'off'])
              .default('auto')
              .describe(
                'Time without a sign of progress after which a trial is killed and tried again; auto: 30m, for a command off.',
              ),
          },
          { error: 'e.g. {limit: 2, hang: 30m}' },
        )
        .default({ limit: 2, hang: 'auto' })
        .describe('What to do with a trial that fails.'),
      resources: z
        .strictObject(
          {
            time: duration(['off'])
              .default('off')
              .describe('Time that a trial may run for; then it saves and is stopped, as failed.'),
            trials: autoOrCount('Trials that run at once.'),
            threads: autoOrCount('Threads that one trial may use.'),
            trials_per_gpu: autoOrCount(
              'Trials that share a GPU, those of other sweeps on this machine counted; auto: as many as its free memory holds by prediction.',
            ),
            micro_batch: autoOrCount(
              'Patches of each domain computed at once. Their gradients add up to those of the whole batch, so this changes the memory and not the result; norm: batch rules it out.',
            ),
            memory: z
              .enum(['auto', 'low'], { error: 'auto or low' })
              .default('auto')
              .describe(
                'low computes again what residual blocks would keep for the backward pass: less memory, about a quarter more time.',
              ),
            winograd: z
              .enum(['auto', 'off'], { error: 'auto or off' })
              .default('auto')
              .describe(
                'Whether residual blocks may be computed in Winograd’s form where that is faster; equal to the direct form up to rounding.',
              ),
            slurm: slurmSchema,
          },
          { error: 'e.g. {trials: 2, threads: 4}' },
        )
        .default({
          time: 'off',
          trials: 'auto',
          threads: 'auto',
          trials_per_gpu: 'auto',
          micro_batch: 'auto',
          memory: 'auto',
          winograd: 'auto',
        })
        .describe('What the trials may take of this machine.'),
      engine: z
        .enum(['auto', ...ENGINES], {
          error: `auto, ${ENGINES.slice(0, -1).join(', ')} or ${ENGINES.at(-1)}`,
        })
        .default('auto')
        .describe('What computes the training step; auto takes the fastest that works here.'),
      device: z
        .string({ error: DEVICE })
        .regex(/^(auto|cpu|cuda(:\d+){0,2}|webgpu(:\d+)?)$/, { error: DEVICE })
        .default('auto')
        .describe(
          'Where the training step is computed: cpu; cuda or webgpu, all GPUs of the kind; one GPU, e.g. cuda:0. auto takes the fastest that works here.',
        ),
    },
    { error: 'a mapping with at least name, data, grid and budget' },
  );
}

export const sweepSchema = fileSchema('own');
export const foreignSchema = fileSchema('free');

/** Keys that are planned, by the path of their mapping, so that they are told from mistakes. */
export const UNSUPPORTED_KEYS: Readonly<Record<string, readonly string[]>> = {
  resources: ['gpus', 'cpus'],
};

/**
 * The JSON Schema (draft 7, which editors understand) of a sweep file. What differs with `command:` stands under `if`; the rest,
 * and the names of all keys, at the top.
 */
export function sweepJsonSchema(): object {
  const [own, foreign] = [jsonSchema(sweepSchema), jsonSchema(foreignSchema)];
  const differs = ['fixed', 'grid', 'exclude', 'when', 'include', 'compare'];
  const only = ({ properties }: JsonSchema) =>
    Object.fromEntries(differs.map((key) => [key, properties[key]!]));
  const shared = Object.fromEntries(
    Object.entries({ ...own.properties, ...foreign.properties }).map(([key, schema]) => [
      key,
      differs.includes(key) ? { description: schema.description } : schema,
    ]),
  );
  return {
    $schema: own.$schema,
    title: 'CycleSweep study',
    description: 'A study: which CycleGANs to train, on what, for how long.',
    type: 'object',
    properties: shared,
    required: own.required,
    additionalProperties: false,
    if: { required: ['command'] },
    then: { properties: only(foreign) },
    else: { properties: only(own) },
    definitions: { ...own.definitions, ...foreign.definitions },
  };
}

interface JsonSchema {
  $schema: string;
  properties: Record<string, { description?: string }>;
  required: string[];
  definitions: Record<string, object>;
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      // What JavaScript can count to is no limit that a user should read.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as unknown as JsonSchema;
}

/**
 * Checks a plain value and brings it into the one form that the rest of the program knows. With `command:` names and values of
 * parameters are free.
 */
export function checkFile(
  plain: unknown,
): { definition: Definition; issues: undefined } | { definition: undefined; issues: z.core.$ZodIssue[] } {
  const checked = isForeign(plain) ? foreignSchema.safeParse(plain) : sweepSchema.safeParse(plain);
  if (!checked.success) return { definition: undefined, issues: checked.error.issues };
  return {
    definition: toDefinition(inOrderOf<CheckedFile>(plain, checked.data)),
    issues: undefined,
  };
}

/** Whether a sweep file runs a trainer that is not ours. */
export function isForeign(plain: unknown): boolean {
  return typeof plain === 'object' && plain !== null && 'command' in plain;
}

type CheckedFile = Omit<z.output<typeof sweepSchema>, 'trainer'> & {
  trainer?: 'cyclegan';
  command?: string[];
};

function toDefinition({ command, repeat, early_stop, ...file }: CheckedFile): Definition {
  const seeds = Array.isArray(file.seeds) ? file.seeds : Array.from({ length: file.seeds }, (_, i) => i + 1);
  const names = command === undefined ? OWN_NAMES : FREE_NAMES;
  const grid = [file.grid].flat() as Record<string, unknown>[];
  return {
    ...file,
    trainer: command === undefined ? 'cyclegan' : { command },
    fixed: toSetting(file.fixed, names),
    grid: grid.map((block) => toBlock(block, names)),
    exclude: file.exclude.map((entry) => toCondition(entry as Setting, names)),
    when: Object.entries(file.when as Record<string, Setting>).map(([key, condition]) => {
      return { name: names.nameOf(key)!, condition: toCondition(condition, names) };
    }),
    include: file.include.map((entry) => toIncluded(entry as Setting, names)),
    compare: toClaims(file.compare, names),
    ...(early_stop === undefined ? {} : { early_stop: toEarlyStop(early_stop) }),
    checkpoints: { keep: [...new Set(file.checkpoints.keep)].sort((a, b) => a - b) },
    seeds: repeat === undefined ? seeds : firstSeeds(seeds, repeat),
    budget: Object.fromEntries(Object.entries(file.budget)) as Budget,
  };
}

/** A checked value with its keys in the order in which they were written: the first parameter of a grid changes slowest. */
function inOrderOf<T>(written: unknown, checked: T): T {
  if (Array.isArray(checked)) {
    // A list that is not written is a default.
    if (!Array.isArray(written)) return checked;
    return checked.map((item, at): unknown => inOrderOf(written[at], item)) as T;
  }
  if (typeof checked !== 'object' || checked === null || typeof written !== 'object' || written === null) {
    return checked;
  }
  const keys = [...new Set([...Object.keys(written), ...Object.keys(checked)])].filter(
    (key) => key in checked,
  );
  const from = written as Record<string, unknown>;
  return Object.fromEntries(
    keys.map((key) => [key, inOrderOf(from[key], (checked as Record<string, unknown>)[key])]),
  ) as T;
}

function whole(error: string, min: number) {
  return z.int({ error }).min(min, { error });
}

function seedNumber(error: string) {
  return z.int({ error }).min(0, { error }).max(LARGEST_SEED, { error });
}

function withSuffix(text: string): number {
  const factor = { k: 1e3, M: 1e6, G: 1e9 }[text.at(-1) as 'k' | 'M' | 'G'];
  const product = Number(text.slice(0, -1)) * factor;
  return Math.abs(product - Math.round(product)) < 1e-6 ? Math.round(product) : product;
}

function hasGroup(pattern: string): boolean {
  try {
    return new RegExp(`${pattern}|`).exec('')!.length > 1;
  } catch {
    return false;
  }
}
