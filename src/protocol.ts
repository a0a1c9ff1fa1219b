/**
 * @file What a trial process is given and what it may say. The only file that runner and trainer share.
 *
 * The runner writes `config.json` and spawns the trial; the trial appends one JSON object a line to its events file.
 * DESIGN: an event log is the durable truth, the database a projection of it.
 */

/** Raised by hand when the numbers that a trial produces change: it is part of every trial's key. */
export const NUMERICS_VERSION = 1;

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
} as const;

/** Exit codes of a trial process (DESIGN section 5). */
export const EXIT = {
  done: 0,
  configurationWrong: 64,
  dataWrong: 65,
  deviceMissing: 69,
  fault: 70,
  outOfMemory: 71,
  tryAgain: 75,
} as const;

/** A trial's parameters, resolved: every default is spelled out. Names follow the literature. */
export interface TrialParameters {
  /** Side of the square training patch, in pixels; a multiple of 4. */
  patch: number;
  /** Patches of each domain in one update. */
  batch: number;
  /** Weight of the cycle-consistency loss (L1_lambda). */
  lambda: number;
  /** Weight of the identity loss (L1_gamma). */
  gamma: number;
  /** Generator architecture. */
  generator: 'resnet';
  /** Channels after the generator's first layer. */
  filters: number;
  /** Residual blocks of the generator. */
  blocks: number;
  /** Channels after the discriminator's first layer. */
  disc_filters: number;
  /** Strided layers of the PatchGAN discriminator; 3 is the 70x70 PatchGAN. */
  disc_layers: number;
  /** Adam's step size. */
  lr: number;
  /** Adam's decay of the first moment. */
  beta1: number;
  /** Adam's decay of the second moment. */
  beta2: number;
}

/** The same budget for every trial of a sweep; exactly one of the two is set. */
export type Budget = { pixels: number } | { updates: number };

/** Shares of the images (by patient or file stem, never by patch) that train, validate and test. They add up to 1. */
export interface Split {
  train: number;
  validation: number;
  test: number;
}

/** Where a trial's images are, as it stands in `config.json`: absolute folders, the only place that holds paths. */
export interface TrialData {
  /** Absolute folder of domain X. */
  x: string;
  /** Absolute folder of domain Y. */
  y: string;
  /** Whether an image of X and one of Y with the same file stem show the same anatomy. */
  pairing: 'none' | 'by-name';
  /** Fixed intensity range of the data set, or `auto`: the full range of the stored bit depth. */
  range: 'auto' | [number, number];
  split: Split;
  /** Regular expression whose first group takes the patient from a file name; without it the file stem stands for the patient. */
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
  /** Engine to use; `auto` takes the fastest that works here. Not part of the key. */
  engine: 'auto' | 'onnx' | 'cpu';
}

/** A column of numbers by metric name, e.g. `{"loss/D": 0.41}`. Names: src/metrics.ts. */
export type MetricValues = Record<string, number>;

interface EventTypes {
  start: {
    engine: string;
    engineReason: string;
    device: string;
    threads: number;
    versions: Record<string, string>;
    pid: number;
    /** Hash of the machine's name: tells machines apart without naming them. */
    host: string;
    /** e.g. `2 x AMD EPYC 7B13`. */
    cpu: string;
    /** Updates that the budget allows. */
    updates: number;
    /** Update that this attempt starts from; 0 without a checkpoint. */
    from: number;
    /** Weights of each network, facts of geometry: see TrialFacts. */
    facts: TrialFacts;
  };
  metric: { step: number; wall: number; pixels: number; v: MetricValues };
  checkpoint: { step: number; path: string; bytes: number; kind: 'last' | 'best' | 'asked' };
  sample: { step: number; name: string; path: string; role: 'x' | 'gx' | 'fgx' | 'y' | 'diff' };
  exam: {
    step: number;
    split: 'validation' | 'test';
    v: MetricValues;
    images: { index: number; v: MetricValues }[];
  };
  memory: { peak: number };
  health: { step: number; code: string; message: string };
  warning: { step: number; code: string; message: string };
  alive: { wall: number };
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
