/** @file The sample images of a sweep, copied beside its tables. */
import fs from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../files.js';
import type { Store } from '../store/open.js';
import { readSamples, type StoredSample, type StoredSweep, type StoredTrial } from '../store/stream.js';

export interface ExportedImage extends Pick<StoredSample, 'step' | 'attempt' | 'name' | 'role'> {
  /** Relative to the export's folder, with `/`; null where the picture is gone. */
  file: string | null;
}

/**
 * Copies every sample picture to `images/TRIAL/STEP-NAME-ROLE.png` below `folder`.
 * @returns them by trial, in the sweep's order
 * @throws the system's error if one cannot be written
 */
export function copyImages(
  store: Pick<Store, 'db' | 'results'>,
  sweep: StoredSweep,
  folder: string,
): Map<StoredTrial, ExportedImage[]> {
  return new Map(
    sweep.trials.map((trial) => [
      trial,
      readSamples(store, trial.id).map((sample) => {
        const { step, attempt, name, role } = sample;
        const source = pictureFile(store.results, trial.key, sample);
        if (source === undefined) return { step, attempt, name, role, file: null };
        const file = path.posix.join('images', trial.key, pictureName(sample));
        makeFolder(path.join(folder, path.dirname(file)));
        fs.copyFileSync(source, path.join(folder, file));
        return { step, attempt, name, role, file };
      }),
    ]),
  );
}

/** Where a sample's picture lies; undefined where it is gone, or is no PNG below the trial's folder. */
export function pictureFile(results: string, key: string, sample: StoredSample): string | undefined {
  const trial = path.join(results, 'trials', key);
  const file = path.resolve(trial, sample.path);
  const inside = file.startsWith(trial + path.sep) && path.extname(file) === '.png';
  return inside && fs.existsSync(file) ? file : undefined;
}

/** Names and roles of a trainer that is not ours may hold anything. */
export function pictureName({ step, name, role }: Pick<StoredSample, 'step' | 'name' | 'role'>): string {
  return `${step}-${plain(name)}-${plain(role)}.png`;
}

function plain(text: string): string {
  return text.replace(/[^\w.-]+/g, '_');
}
