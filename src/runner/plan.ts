/** @file From a checked sweep file to trials with keys: the data is found (or drawn) and fingerprinted here. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { fillCommand } from '../definition/command.js';
import type { Definition, FolderData } from '../definition/schema.js';
import { expandTrials } from '../definition/expand.js';
import { foreignTrialKey, trialKey } from '../definition/key.js';
import {
  findUnreadable,
  fingerprintFolder,
  listImages,
  type ImageFile,
  type ImageFolder,
  type RefusedFile,
} from '../imaging/folder.js';
import { DataError } from '../imaging/image.js';
import { findPairs, readIndex } from '../imaging/pairs.js';
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
  const { split, pairing, patient, range, mask, voi, axis } = data;
  const { budget, checkpoints, engine, exam, resources, trainer } = definition;
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
    voi,
    axis,
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
    exam,
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
    const { images, pairs: wanted, paired, anatomy } = trial.parameters;
    const identity = JSON.stringify([images, wanted, paired, anatomy]);
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
    const { count, size, seed, nodules, split } = data;
    const options = { count, size, seed, nodules };
    const { x, y, fingerprint } = draw ? await ensurePhantom(options, say) : phantomPlace(options);
    const found: TrialData = { x, y, pairing: 'by-name', range: 'auto', mask: 'auto', split };
    return {
      data: found,
      fingerprint,
      warnings: [],
      lists: [phantomFiles(x, count), phantomFiles(y, count)],
    };
  }
  const { voi, axis, skip_bad, ...given } = data;
  const [x, y] = [path.resolve(folder, data.x), path.resolve(folder, data.y)];
  const [listX, listY] = [await listed(x, data), await listed(y, data)];
  const lists: FoundData['lists'] = [listX.files, listY.files];
  const hash = createHash('sha256').update(
    `${await fingerprintFolder(listX)} ${await fingerprintFolder(listY)}`,
  );
  let pairing: TrialData['pairing'];
  let split = data.split;
  if (data.pairing === 'none' || data.pairing === 'by-name' || data.pairing === 'by-position') {
    pairing = data.pairing;
  } else {
    pairing = { index: path.resolve(folder, data.pairing) };
    const index = await readIndex(...lists, pairing.index);
    hash.update(JSON.stringify(index.pairs));
    if (split === 'index') {
      if (index.split === undefined) {
        throw new DataError(
          `split: index, but ${pairing.index} has no column split. Add it, or give shares or lists of names.`,
        );
      }
      split = index.split;
    }
  }
  if (split === 'index')
    throw new DataError('split: index needs pairing: FILE, an index with a column split.');
  const skip = { x: listX.refused, y: listY.refused };
  return {
    data: {
      ...given,
      x,
      y,
      pairing,
      split,
      ...(voi === 'apply' ? { voi } : {}),
      ...(axis === 'axial' ? {} : { axis }),
      ...(skip_bad && skip.x.length + skip.y.length > 0 ? { skip } : {}),
    },
    fingerprint: hash.digest('hex'),
    warnings: [...listX.warnings, ...listY.warnings],
    lists,
  };
}

/** The images of a folder; with `skip_bad` every file is decoded once, and those that cannot be used are left out and told. */
async function listed(
  folder: string,
  { axis, skip_bad }: Pick<FolderData, 'axis' | 'skip_bad'>,
): Promise<ImageFolder & { refused: string[] }> {
  if (!skip_bad) return { ...(await listImages(folder, { axis })), refused: [] };
  const refused: RefusedFile[] = [];
  let list = await listImages(folder, { axis, refuse: (file) => refused.push(file) });
  refused.push(...(await findUnreadable(list)));
  const names = refused.map(({ name }) => name);
  if (names.length > 0) list = await listImages(folder, { axis, skip: names });
  const warnings = [...list.warnings, ...refused.map(({ reason }) => `left out ${reason}`)];
  return { ...list, warnings, refused: names };
}
