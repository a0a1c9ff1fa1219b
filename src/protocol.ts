/**
 * @file What a trial process is given and what it may say. The only file that runner and trainer share.
 *
 * The runner writes `config.json` and spawns the trial; the trial appends one JSON object a line to its events file.
 * DESIGN: an event log is the durable truth, the database a projection of it.
 */

/** Raised by hand when the numbers that a trial produces change: it is part of every trial's key. */
export const NUMERICS_VERSION = 3;

/** What may compute the training step; src/engines/ holds one folder of each. */
export const ENGINES = ['onnx', 'tensorflow', 'wasm', 'cpu'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Where each can compute it, fastest first. A device is one of these kinds and, for GPUs, a number: `cuda:0`. */
export type DeviceKind = 'cuda' | 'webgpu' | 'cpu';
export const DEVICES_OF: Readonly<Record<EngineName, readonly DeviceKind[]>> = {
  onnx: ['cuda', 'webgpu', 'cpu'],
  tensorflow: ['cuda', 'cpu'],
  wasm: ['cpu'],
  cpu: ['cpu'],
};

/**
 * What the process that is to compute on a device has in its environment, beside the device's name. CUDA then shows it that GPU
 * alone, as number 0, and counts as nvidia-smi does.
 * @param id `GPU-…` or `MIG-…`, which stays that of the device when the numbers of others change; an instance has no other
 */
export function deviceEnvironment(device: string, id?: string): Record<string, string> {
  const [kind, index] = device.split(':');
  if (kind !== 'cuda' || index === undefined) return {};
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: id ?? index };
}

/** Names of the environment variables through which a trial is told its work. */
export const ENVIRONMENT = {
  /** Folder that holds `config.json`, `checkpoints/`, `samples/`, `attempts/`. */
  trialDirectory: 'SWEEP_TRIAL_DIR',
  /** File to append events to, one JSON object a line. */
  events: 'SWEEP_EVENTS',
  /** Checkpoint folder to go on from, or unset. */
  resume: 'SWEEP_RESUME',
  /** Number of this attempt, from 1. */
  attempt: 'SWEEP_ATTEMPT',
  /** `cpu`, `cuda:0`, `webgpu:1`. */
  device: 'SWEEP_DEVICE',
  /** Threads that one training step may use. */
  threads: 'SWEEP_THREADS',
  /** `stdin`: standard input is a pipe whose end means that the runner is gone. */
  lifeline: 'SWEEP_LIFELINE',
  /** Bytes of resident memory that the trial may have, or unset: as much as is free. */
  memoryLimit: 'SWEEP_MEMORY_LIMIT',
  /** Bytes that the trial is planned to hold at most, or unset: what it chooses its micro-batch by, and no limit. */
  memoryPlan: 'SWEEP_MEMORY_PLAN',
  /** What the runner predicts that it will hold, bytes: for its `memory` event. */
  memoryPredicted: 'SWEEP_MEMORY_PREDICTED',
  /** The same of the GPU's memory: what the micro-batch is chosen by. */
  deviceMemory: 'SWEEP_DEVICE_MEMORY',
  /** `slurm`: a job of a cluster's scheduler, which outlives the runner; unset for a child of the runner. */
  scheduler: 'SWEEP_SCHEDULER',
} as const;

/** Exit codes of a trial process (DESIGN section 5). */
export const EXIT = {
  done: 0,
  configurationWrong: 64,
  dataWrong: 65,
  deviceMissing: 69,
  fault: 70,
  outOfMemory: 71,
  diskFull: 74,
  tryAgain: 75,
} as const;

/** A trial's parameters, resolved: every default is spelled out. Names follow the literature. */
export interface TrialParameters {
  /** Side of the square training patch, in pixels; a multiple of 4. */
  patch: number;
  /** Patches of each domain in one update. */
  batch: number;
  /** Weight of the cycle-consistency loss (L1_lambda), on intensities in [-1, 1]. */
  lambda: number;
  /** Weight of the identity loss (L1_gamma), on intensities in [-1, 1]. */
  gamma: number;
  /**
   * Weight of the L1 distance to the true partner at the same crop; 0 leaves the term out. As lambda and gamma, it weighs
   * distances of intensities in [-1, 1], which are twice those in [0, 1].
   */
  paired: number;
  /** Known pairs that the paired term may use. */
  pairs: 'all' | number;
  /** Weight of the adversarial loss of the generators; 0 leaves the term out, and the discriminators learn as onlookers. */
  adversarial: number;
  /** Generator architecture; `fullres` is the seed's own. src/geometry.ts holds the layers of each. */
  generator: 'resnet' | 'unet' | 'fullres';
  /** Channels after the generator's first layer. */
  filters: number;
  /** resnet: residual blocks; unet: levels, each halving the side; fullres: modules of three convolutions. */
  blocks: number;
  /** Normalisation in generators and discriminators, without scale and shift. */
  norm: 'instance' | 'batch' | 'none';
  /** How resnet and unet double the side: a transposed convolution, or nearest-neighbour resizing and a 3x3 convolution. */
  upsample: 'transposed' | 'resize';
  /** Channels after the discriminator's first layer. */
  disc_filters: number;
  /** Strided layers of the PatchGAN discriminator; 3 is the 70x70 PatchGAN. */
  disc_layers: number;
  /** What a discriminator's verdict is worth: `least-squares` (LSGAN), `cross-entropy` (the first GAN) or `hinge`. */
  gan_loss: 'least-squares' | 'cross-entropy' | 'hinge';
  /** Past generated images of each domain that the discriminators may be shown instead of new ones; 0: none. */
  pool: number;
  /** Adam's step size, before the schedule. */
  lr: number;
  /** `linear`: constant for the first half of the budget, then falling linearly to 0. */
  schedule: 'constant' | 'linear';
  /** Adam's decay of the first moment. */
  beta1: number;
  /** Adam's decay of the second moment. */
  beta2: number;
  /** Training images used of each domain. */
  images: 'all' | number;
  /** Whether training images of X and Y, where pairs are known, are partners, or none is. */
  anatomy: 'same' | 'disjoint';
  /** Where patches are cut. */
  crop: 'random' | 'inside-mask' | 'fixed-per-run';
  /** Whether patches are mirrored left to right at random. */
  flip: boolean;
  /** Largest random change of a patch's intensities, as a share of their range; 0: none. */
  jitter: number;
}

/** What a parameter of a sweep file may be, whoever reads it. */
export type ParameterValue = string | number | boolean;

/** Parameters by name. A trainer that is not ours is given those that the sweep file names, as they stand there. */
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/**
 * When a trial ends, the same for every trial of a sweep. Exactly one is set: `pixels` seen of each domain, `updates` of the
 * weights, `epochs` (an epoch: every training image of the larger domain shown once on average) or `minutes` of training.
 */
export type Budget = { pixels: number } | { updates: number } | { epochs: number } | { minutes: number };

/** Shares of the images (by patient or file stem, never by patch) that train, validate and test. They add up to 1. */
export interface SplitShares {
  train: number;
  validation: number;
  test: number;
}

/**
 * What each part holds, by file stem or patient, `*` for any text, or `first..last` for numbered names. What no list names is
 * left out. Names can identify a patient: they stand in `config.json` alone.
 */
export interface SplitLists {
  train: string[];
  validation: string[];
  test: string[];
}

export type Split = SplitShares | SplitLists;

/**
 * How likely a phantom has one to three nodules, 0 (as a rule) to 1: in both pictures of a pair, or in each on its own. With
 * nodules in one domain only, partners differ in them.
 */
export type Prevalence = number | { x: number; y: number };

/** Where a trial's images are, as it stands in `config.json`: absolute folders, the only place that holds paths. */
export interface TrialData {
  /** Absolute folder of domain X. */
  x: string;
  /** Absolute folder of domain Y. */
  y: string;
  /**
   * Which image of X and which of Y show the same anatomy: those of the same file stem, those at the same place of one frame of reference (DICOM),
   * or those that an index file names (its absolute path; columns x and y).
   */
  pairing: 'none' | 'by-name' | 'by-position' | { index: string };
  /**
   * Fixed intensity range of the data set; `auto`: -1024 to 3071 Hounsfield units for a CT, else the full range of the stored bit depth; or
   * percentiles of all training images of both domains, 0 to 100.
   */
  range: 'auto' | [number, number] | { percentiles: [number, number] };
  /** `apply`: values as the window or VOI LUT of each DICOM file shows them; missing: as rescaled. */
  voi?: 'apply';
  /** Axis along which volumes are cut into slices; missing: axial. */
  axis?: 'coronal' | 'sagittal';
  /** Files that cannot be read and were left out when that was asked for, by name below their folder. */
  skip?: { x: string[]; y: string[] };
  /** Stored value above which a pixel belongs to the body; `auto`: Otsu's threshold of the domain's training images. */
  mask: 'auto' | number;
  split: Split;
  /**
   * Regular expression whose first group takes the patient from a file name; without it a DICOM header's patient, a slice's volume, or else the file stem.
   */
  patient?: string;
}

/** `config.json`: all that decides a trial's result, and where its data lies. */
export interface TrialConfig {
  key: string;
  /** Seeds initial weights, patch positions and the order of images. */
  seed: number;
  numerics: number;
  parameters: TrialParameters;
  budget: Budget;
  data: TrialData;
  /** Hash of the data's content. */
  dataFingerprint: string;
  /** Engine to use; `auto` takes the fastest that works here. Not part of the key, and neither is the device. */
  engine: 'auto' | EngineName;
  /** Why this engine and device: for the `start` event. Missing where nobody has chosen yet. */
  engineReason?: string;
  /** Patches of each domain computed at once; their gradients add up to those of the batch. Not part of the key. */
  microBatch: 'auto' | number;
  /** Whether residual blocks may take Winograd's form, where that is faster. Not part of the key. */
  winograd?: 'auto' | 'off';
  /** `low`: compute again what residual blocks would keep for the backward pass. Not part of the key. */
  memory?: 'auto' | 'low';
  /** Shares of the budget at which a checkpoint is kept, beside the last and the best. Not part of the key. */
  keep?: readonly number[];
  /** When the exam is sat, and how much of it. Not part of the key. */
  exam?: ExamSettings;
}

/** The exam on whole test images. It decides nothing of the training. */
export interface ExamSettings {
  /** Shares of the budget after which it is sat, above 0 and at most 1; the end always is one. */
  at: number[];
  /** `full`: cycle and identity errors, and on a phantom labels and nodules, of all test images and not of two alone. */
  extent: 'core' | 'full';
  /** Updates that a fresh critic learns for, which is then asked to tell translations of test images from real ones; missing: off. */
  critic?: 'off' | number;
}

/** The same for a trainer that is not ours: it is told all that ours is told, and by what it was started. */
export interface ForeignTrialConfig extends Omit<
  TrialConfig,
  'parameters' | 'numerics' | 'engine' | 'microBatch'
> {
  parameters: ParameterValues;
  /** Program and arguments, their placeholders filled in. */
  command: string[];
  /** Absolute folder of the sweep file, where the command is started. */
  workingDirectory: string;
}

export type AnyTrialConfig = TrialConfig | ForeignTrialConfig;

/** A column of numbers by metric name, e.g. `{"loss/D": 0.41}`. Names: src/metrics.ts. */
export type MetricValues = Record<string, number>;

interface EventTypes {
  start: {
    engine: string;
    engineReason: string;
    device: string;
    threads: number;
    /** Of what computes, by name; `commit`: of the trainer's code, with `-dirty` where that was changed since. */
    versions: Record<string, string>;
    pid: number;
    /** Hash of the machine's name: tells machines apart without naming them. */
    host: string;
    /** e.g. `2 x AMD EPYC 7B13`. */
    cpu: string;
    /** Updates that the budget allows; null where that is not known before the end (minutes). */
    updates: number | null;
    /** Update that this attempt starts from; 0 without a checkpoint. */
    from: number;
    /** Weights of each network, facts of geometry: see TrialFacts. */
    facts: TrialFacts;
    /** How residual blocks are computed: `direct` or `winograd`, with `, recomputed` where memory is to be saved. */
    form?: string;
  };
  metric: { step: number; wall: number; pixels: number; v: MetricValues };
  checkpoint: { step: number; path: string; bytes: number; kind: 'last' | 'best' | 'asked' };
  /** `y` is the partner of `x`; `y-other` is an image of Y of other anatomy, where no partner is known. */
  sample: {
    step: number;
    name: string;
    path: string;
    role: 'x' | 'gx' | 'fgx' | 'y' | 'y-other' | 'diff';
  };
  exam: {
    step: number;
    split: 'validation' | 'test';
    v: MetricValues;
    /** One entry an image: its place among the files of its domain, in the order of their names. */
    images: { index: number; domain?: 'x' | 'y'; v: MetricValues }[];
  };
  /** Bytes: resident memory at its highest, and what was predicted for it; patches of each domain that were computed at once. */
  memory: { peak: number; predicted?: number; micro_batch?: number };
  health: { step: number; code: string; message: string };
  warning: { step: number; code: string; message: string };
  /** `progress` counts what the worker has computed: a trial that lives but counts no further hangs. */
  alive: { wall: number; progress?: number };
  done: { step: number; reason: string };
  stopped: { step: number; reason: string };
}

/** What a reader should know beside the curves: computed, not measured. */
export interface TrialFacts {
  generatorWeights: number;
  discriminatorWeights: number;
  /** Receptive field of one generator output, pixels. */
  generatorReceptiveField: number;
  /** Receptive field of one discriminator output, pixels. */
  discriminatorReceptiveField: number;
  /** Side of the discriminator's output map at the training patch. */
  discriminatorMap: number;
  /** Share of discriminator outputs whose receptive field touches padding at the training patch, 0 to 1. */
  discriminatorPaddingShare: number;
  images: { train: [number, number]; validation: [number, number]; test: [number, number] };
  /** Intensities that the network's -1 and 1 stand for. */
  range: [number, number];
}

/** One line of an events file. Unknown types are kept, never an error. */
export type TrialEvent = { [T in keyof EventTypes]: { t: T } & EventTypes[T] }[keyof EventTypes];
export type TrialEventType = keyof EventTypes;
