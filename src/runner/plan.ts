/** @file From a checked sweep file to trials with keys: the data is found (or drawn) and fingerprinted here. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Definition } from '../definition/schema.js';
import { expandTrials } from '../definition/expand.js';
import { trialKey } from '../definition/key.js';
import { findPairs, fingerprintFolder, listImages, type ImageFile } from '../imaging/folder.js';
import { ensurePhantom } from '../imaging/phantom-cache.js';
import { splitImages } from '../imaging/split.js';
import { trainingSet } from '../imaging/subset.js';
import { NUMERICS_VERSION, type TrialConfig, type TrialData } from '../protocol.js';

export interface Plan {
  trials: TrialConfig[];
  /** Parameters that differ between trials, in the file's order. */
  varied: (keyof TrialConfig['parameters'])[];
  warnings: string[];
}

/**
 * Makes the list of trials. Draws the phantom first where the sweep asks for it and it is not there.
 * @param folder absolute folder of the sweep file, which relative data paths start from
 * @throws DataError if the data cannot be used
 */
export async function planSweep(
  definition: Definition,
  folder: string,
  say: (message: string) => void,
): Promise<Plan> {
  const { trials, varied, warnings } = expandTrials(definition);
  const { data, fingerprint, warnings: dataWarnings, lists } = await findData(definition, folder, say);
  const { split, pairing, patient, range, mask } = data;
  const { budget, engine, resources } = definition;
  // What would fail in a trial fails here, before any is started.
  const pairs = await findPairs(...lists, pairing);
  const parts = splitImages(...lists, split, { patient, pairs });
  for (const { parameters } of trials) trainingSet(...lists, parts, pairs, parameters);
  const configs = trials.map(({ parameters, seed }): TrialConfig => {
    const key = trialKey({
      parameters,
      seed,
      budget,
      dataFingerprint: fingerprint,
      split,
      pairing: typeof pairing === 'string' ? pairing : 'by-index',
      patient,
      range,
      mask,
    });
    return {
      key,
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
    };
  });
  return { trials: configs, varied, warnings: [...warnings, ...dataWarnings] };
}

interface FoundData {
  data: TrialData;
  /** Hash of the content of all images, and of the index file where there is one. */
  fingerprint: string;
  warnings: string[];
  /** Files of X and of Y. */
  lists: [ImageFile[], ImageFile[]];
}

async function findData(
  { data }: Definition,
  folder: string,
  say: (message: string) => void,
): Promise<FoundData> {
  if ('phantom' in data) {
    const { count, size, seed, split } = data;
    const drawn = await ensurePhantom({ count, size, seed }, say);
    const found: TrialData = {
      x: drawn.x,
      y: drawn.y,
      pairing: 'by-name',
      range: 'auto',
      mask: 'auto',
      split,
    };
    const lists: FoundData['lists'] = [(await listImages(drawn.x)).files, (await listImages(drawn.y)).files];
    return { data: found, fingerprint: drawn.fingerprint, warnings: [], lists };
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
