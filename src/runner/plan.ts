/** @file From a checked sweep file to trials with keys: the data is found (or drawn) and fingerprinted here. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Definition } from '../definition/schema.js';
import { expandTrials } from '../definition/expand.js';
import { trialKey } from '../definition/key.js';
import { fingerprintFolder, listImages, pairByName } from '../imaging/folder.js';
import { ensurePhantom } from '../imaging/phantom-cache.js';
import { splitImages } from '../imaging/split.js';
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
  const { data, fingerprint, warnings: dataWarnings } = await findData(definition, folder, say);
  const { split, pairing, patient, range } = data;
  const { budget, engine } = definition;
  const configs = trials.map(({ parameters, seed }): TrialConfig => {
    const key = trialKey({
      parameters,
      seed,
      budget,
      dataFingerprint: fingerprint,
      split,
      pairing,
      patient,
      range,
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
    };
  });
  return { trials: configs, varied, warnings: [...warnings, ...dataWarnings] };
}

async function findData(
  { data }: Definition,
  folder: string,
  say: (message: string) => void,
): Promise<{ data: TrialData; fingerprint: string; warnings: string[] }> {
  if ('phantom' in data) {
    const { count, size, seed, split } = data;
    const drawn = await ensurePhantom({ count, size, seed }, say);
    const found: TrialData = { x: drawn.x, y: drawn.y, pairing: 'by-name', range: 'auto', split };
    return { data: found, fingerprint: drawn.fingerprint, warnings: [] };
  }
  const [x, y] = [path.resolve(folder, data.x), path.resolve(folder, data.y)];
  const [listX, listY] = [await listImages(x), await listImages(y)];
  // What would fail in every trial fails here, before any is started.
  splitImages(listX.files, listY.files, data.split, data.patient);
  if (data.pairing === 'by-name') pairByName(listX.files, listY.files);
  const fingerprint = createHash('sha256')
    .update(`${await fingerprintFolder(x)} ${await fingerprintFolder(y)}`)
    .digest('hex');
  return { data: { ...data, x, y }, fingerprint, warnings: [...listX.warnings, ...listY.warnings] };
}
