/** @file What a sweep would do: its trials, which are done, what the others will take. Changes nothing. */
import fs from 'node:fs';
import path from 'node:path';
import type { Condition } from '../../definition/conditions.js';
import type { Definition } from '../../definition/schema.js';
import { UserError } from '../../errors.js';
import { DataError } from '../../imaging/image.js';
import { readImage } from '../../imaging/read.js';
import type { AnyTrialConfig, ParameterValues } from '../../protocol.js';
import { readJournal } from '../../runner/journal.js';
import { listAttempts } from '../../runner/layout.js';
import { planSweep, type Plan } from '../../runner/plan.js';
import { isAsked, sharesInWords } from '../../runner/run-sweep.js';
import { shareOut } from '../../runner/share.js';
import { isEarlyStopped } from '../../runner/steering.js';
import { availableCores } from '../../machine.js';
import { databasePath, openExistingStore } from '../../store/open.js';
import { readTimings, type Timing } from '../../store/queries.js';
import { memoryLimit } from '../../train/memory.js';
import { placeTrials } from '../sweep-file.js';
import { predict, type Predictions } from './predict.js';

export interface PlanRequest {
  definition: Definition;
  /** Absolute path of the sweep file. */
  file: string;
  /** Absolute results folder. */
  results: string;
  only: Condition;
  memoryLimit: number | undefined;
  devices?: string[] | undefined;
}

export type TrialState = 'done' | 'failed' | 'early-stopped' | 'started' | 'new';

export interface SweepPlan {
  name: string;
  trials: { key: string; seed: number; params: ParameterValues; state: TrialState }[];
  /** Trials that `--only` leaves out. */
  leftOut: number;
  varied: string[];
  arithmetic: string[];
  warnings: string[];
  predictions: Predictions;
  /** Where and by what the trials would be computed, in words. */
  placement: string;
  /** Trials at once. */
  slots: number;
  freeMemory: number;
  /** As the user would write it. */
  results: string;
}

/** @throws UserError, DataError */
export async function makePlan({
  definition,
  file,
  results,
  only,
  memoryLimit: given,
  devices,
}: PlanRequest): Promise<SweepPlan> {
  const plan = await planSweep(definition, { folder: path.dirname(file), say: () => undefined, draw: false });
  const trials = plan.trials.filter((trial) => isAsked(trial, only));
  if (trials.length === 0) {
    throw new UserError('--only: no trial of this sweep fits. Without it, sweep plan lists them all.');
  }
  const states = statesOf(results, definition, trials);
  const left = states.filter((state) => state !== 'done' && state !== 'early-stopped').length;
  const placement = await placeTrials(definition, devices);
  const shares = shareOut(definition.resources, placement.devices, Math.max(1, left), availableCores());
  const { most, threads } = shares;
  const device = placement.devices[0]!;
  const limit = given === undefined ? memoryLimit({}) : { bytes: given, strict: true };
  const images = await sizeOfImages(definition, plan);
  const machine = { placement: { engine: placement.engine, device, threads }, limit, ...images };
  return {
    name: definition.name,
    trials: trials.map(({ key, seed, parameters }, at) => ({
      key,
      seed,
      params: { ...parameters },
      state: states[at]!,
    })),
    leftOut: plan.trials.length - trials.length,
    varied: plan.varied,
    arithmetic: plan.arithmetic,
    warnings: plan.warnings,
    predictions: predict(trials, plan.images, machine, timings(results)),
    placement: `${placement.reason}; ${sharesInWords(shares)}`,
    slots: most,
    freeMemory: process.availableMemory(),
    results: shortest(results),
  };
}

/** What the results folder says of each trial. It is read, never made or mended: that is for `sweep run`. */
function statesOf(results: string, definition: Definition, trials: AnyTrialConfig[]): TrialState[] {
  const folder = path.join(results, 'trials');
  const there = new Set(fs.existsSync(folder) ? fs.readdirSync(folder) : []);
  return trials.map(({ key }) => {
    if (!there.has(key)) return 'new';
    const journal = readJournal(results, key);
    const end = journal.findLast((entry) => entry.t === 'end' || entry.t === 'attempt');
    if (end?.t === 'end' && end.outcome === 'done') return 'done';
    if (isEarlyStopped(journal, definition)) return 'early-stopped';
    if (end?.t === 'end' && end.outcome === 'failed') return 'failed';
    return listAttempts(results, key).length > 0 ? 'started' : 'new';
  });
}

function timings(results: string): Timing[] {
  if (!fs.existsSync(databasePath(results))) return [];
  const store = openExistingStore(results);
  try {
    return readTimings(store);
  } finally {
    store.close();
  }
}

/** Images of a data set are of one size, or nearly: the first stands for all. A trial holds them as far as it reads them. */
async function sizeOfImages({ data, trainer }: Definition, { images }: Plan) {
  const [x, y] = images.lists;
  const { train, validation, test } = images.parts;
  const held = [train, validation, test].reduce((sum, [ofX, ofY]) => sum + ofX.length + ofY.length, 0);
  let size = { pixels: 0, bytes: 0 };
  if ('phantom' in data) size = { pixels: data.size ** 2, bytes: 2 * data.size ** 2 };
  else if (trainer === 'cyclegan') {
    for (const file of [x[0], y[0]]) {
      if (file === undefined) throw new DataError('A domain holds no image.');
      const { width, height, data: pixels } = await readImage(file);
      size = { pixels: width * height, bytes: Math.max(size.bytes, pixels.byteLength) };
    }
  }
  return { testImages: test[0].length, imagePixels: size.pixels, imageBytes: held * size.bytes };
}

/** A path as a reader recognises it: from here where it lies below. */
function shortest(folder: string): string {
  const relative = path.relative('.', folder);
  return relative.startsWith('..') ? folder : relative || '.';
}
