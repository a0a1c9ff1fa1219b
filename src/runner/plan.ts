/** @file From a checked sweep file to trials with keys: the data is found (or drawn) and fingerprinted here. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { fillCommand } from '../definition/command.js';
import type { Definition } from '../definition/schema.js';
import { expandTrials } from '../definition/expand.js';
import { foreignTrialKey, trialKey } from '../definition/key.js';
import { findPairs, fingerprintFolder, listImages, type ImageFile } from '../imaging/folder.js';
import { ensurePhantom, phantomFiles, phantomPlace } from '../imaging/phantom-cache.js';
import { splitImages, type DomainSplit } from '../imaging/split.js';
import { trainingSet } from '../imaging/subset.js';
import {
  NUMERICS_VERSION,
  type AnyTrialConfig,
  type Budget,
  type ForeignTrialConfig,
  type TrialConfig,
  type TrialData,
  type TrialParameters,
} from '../protocol.js';

export interface Plan {
  trials: AnyTrialConfig[];
  /** Parameters that differ between trials, in the file's order. */
  varied: string[];
  /** How the number of trials comes about, a line each. */
  arithmetic: string[];
  warnings: string[];
  images: PlannedImages;
  /** Key of the same trial with another budget. */
  keyAt: (trial: TrialConfig, budget: Budget) => string;
}

/** The images as they are split, files of X and of Y. */
export interface PlannedImages {
  lists: [ImageFile[], ImageFile[]];
  parts: DomainSplit;
  /** Images of the larger domain that a trial trains on: what an epoch shows. */
  trainedBy: (trial: AnyTrialConfig) => number;
}

export interface PlanOptions {
  /** Absolute folder of the sweep file, which relative data paths start from. */
  folder: string;
  say: (message: string) => void;
  /** Whether a phantom that is not there is drawn; without it, the plan holds the paths that it would get. */
  draw: boolean;
}

/**
 * Makes the list of trials.
 * @throws DataError if the data cannot be used
 */
export async function planSweep(definition: Definition, options: PlanOptions): Promise<Plan> {
  const { trials, varied, arithmetic, warnings } = expandTrials(definition);
  const found = await findData(definition, options);
  const { data, fingerprint, lists } = found;
  const { split, pairing, patient, range, mask } = data;
  const { budget, engine, resources, trainer, checkpoints } = definition;
  // What would fail in a trial fails here, before any is started.
  const pairs = await findPairs(...lists, pairing);
  const parts = splitImages(...lists, split, { patient, pairs });
  const shared = {
    budget,
    dataFingerprint: fingerprint,
    split,
    pairing: typeof pairing === 'string' ? pairing : ('by-index' as const),
    patient,
    range,
    mask,
  };

  const ofOurs = (parameters: TrialParameters, seed: number): TrialConfig => ({
    key: trialKey({ ...shared, parameters, seed }),
    seed,
    numerics: NUMERICS_VERSION,
    parameters,
    budget,
    data,
    dataFingerprint: fingerprint,
    engine,
    microBatch: resources.micro_batch,
    winograd: resources.winograd,
    memory: resources.memory,
    keep: checkpoints.keep,
  });
  const ofAnother = (
    command: string[],
    parameters: ForeignTrialConfig['parameters'],
    seed: number,
  ): ForeignTrialConfig => ({
    key: foreignTrialKey({ ...shared, command, parameters, seed }),
    seed,
    parameters,
    command: fillCommand(command, { parameters, seed, budget }),
    workingDirectory: options.folder,
    keep: checkpoints.keep,
    budget,
    data,
    dataFingerprint: fingerprint,
  });

  /** By what decides which images are used: not found anew for each of thousands of trials. */
  const trained = new Map<string, number>();
  const trainedBy = (trial: AnyTrialConfig): number => {
    if (isForeignTrial(trial)) return Math.max(parts.train[0].length, parts.train[1].length);
    const { images, pairs: wanted, paired } = trial.parameters;
    const identity = JSON.stringify([images, wanted, paired]);
    const known = trained.get(identity);
    if (known !== undefined) return known;
    const { x, y } = trainingSet(...lists, parts, pairs, trial.parameters);
    trained.set(identity, Math.max(x.length, y.length));
    return Math.max(x.length, y.length);
  };
  const configs = trials.map(({ parameters, seed }) =>
    trainer === 'cyclegan'
      ? ofOurs(parameters as unknown as TrialParameters, seed)
      : ofAnother(trainer.command, parameters, seed),
  );
  configs.forEach(trainedBy);
  return {
    trials: configs,
    varied,
    arithmetic,
    warnings: [...warnings, ...found.warnings],
    images: { lists, parts, trainedBy },
    keyAt: ({ parameters, seed }, budget) => trialKey({ ...shared, budget, parameters, seed }),
  };
}

/** Whether a trial runs a program that is not ours. */
export function isForeignTrial(trial: AnyTrialConfig): trial is ForeignTrialConfig {
  return 'command' in trial;
}

interface FoundData {
  data: TrialData;
  /** Hash of the content of all images, and of the index file where there is one. */
  fingerprint: string;
  warnings: string[];
  /** Files of X and of Y. */
  lists: [ImageFile[], ImageFile[]];
}

async function findData({ data }: Definition, { folder, say, draw }: PlanOptions): Promise<FoundData> {
  if ('phantom' in data) {
    const { count, size, seed, split } = data;
    const options = { count, size, seed };
    const { x, y, fingerprint } = draw ? await ensurePhantom(options, say) : phantomPlace(options);
    const found: TrialData = { x, y, pairing: 'by-name', range: 'auto', mask: 'auto', split };
    return {
      data: found,
      fingerprint,
      warnings: [],
      lists: [phantomFiles(x, count), phantomFiles(y, count)],
    };
  }
  const [x, y] = [path.resolve(folder, data.x), path.resolve(folder, data.y)];
  const [listX, listY] = [await listImages(x), await listImages(y)];
  const pairing =
    data.pairing === 'none' || data.pairing === 'by-name'
      ? data.pairing
      : { index: path.resolve(folder, data.pairing) };
  const hash = createHash('sha256').update(`${await fingerprintFolder(x)} ${await fingerprintFolder(y)}`);
  const lists: FoundData['lists'] = [listX.files, listY.files];
  if (typeof pairing === 'object') hash.update(JSON.stringify(await findPairs(...lists, pairing)));
  return {
    data: { ...data, x, y, pairing },
    fingerprint: hash.digest('hex'),
    warnings: [...listX.warnings, ...listY.warnings],
    lists,
  };
}
