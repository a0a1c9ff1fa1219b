/** @file What a sweep would do: its trials, which are done, what the others will take. Changes nothing. */
import fs from 'node:fs';
import path from 'node:path';
import type { Condition } from '../../definition/conditions.js';
import type { Definition } from '../../definition/schema.js';
import { UserError } from '../../errors.js';
import type { AnyTrialConfig, ParameterValues } from '../../protocol.js';
import { readJournal } from '../../runner/journal.js';
import { listAttempts } from '../../runner/layout.js';
import { planSweep } from '../../runner/plan.js';
import { isAsked, sharesInWords } from '../../runner/run-sweep.js';
import { shareOut } from '../../runner/share.js';
import { isEarlyStopped } from '../../runner/steering.js';
import { availableCores, hostHash } from '../../machine.js';
import { databasePath, openExistingStore } from '../../store/open.js';
import { readPeaks, readTimings } from '../../store/queries.js';
import { shortest } from '../options.js';
import { placeTrials } from '../sweep-file.js';
import { memoryFacts } from './facts.js';
import { predict, type Known, type Predictions } from './predict.js';

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
  /** Seconds of the trials that are left, one after another and as they run side by side; null where one is not known. */
  left: { trials: number; wall: number } | null;
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
  const left = states.filter(isLeft).length;
  const placement = await placeTrials(definition, devices);
  const shares = shareOut(definition.resources, placement.devices, Math.max(1, left), availableCores());
  const { most, threads } = shares;
  const device = placement.devices[0]!;
  const memory = await memoryFacts(definition, plan, placement, shares, given);
  const testImages = plan.images.parts.test[0].length;
  const machine = { placement: { engine: placement.engine, device, threads }, memory, testImages };
  const predictions = predict(trials, plan.images, machine, known(results));
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
    predictions,
    left: timeLeft(predictions, states, most),
    placement: `${placement.reason}; ${sharesInWords(shares)}`,
    slots: most,
    freeMemory: process.availableMemory(),
    results: shortest(results),
  };
}

/** A trial that is done takes no more time. */
export function isLeft(state: TrialState): boolean {
  return state !== 'done' && state !== 'early-stopped';
}

function timeLeft({ trials }: Predictions, states: TrialState[], slots: number): SweepPlan['left'] {
  const times = trials.filter((_, at) => isLeft(states[at]!)).map(({ seconds }) => seconds);
  const known = times.filter((seconds) => seconds !== null);
  if (known.length < times.length) return null;
  const all = known.reduce((sum, seconds) => sum + seconds, 0);
  return { trials: all, wall: Math.max(all / slots, ...known) };
}

/** What the results folder says of each trial. It is read, never made or mended: that is for `sweep run`. */
function statesOf(results: string, definition: Definition, trials: AnyTrialConfig[]): TrialState[] {
  const folder = path.join(results, 'trials');
  const there = new Set(fs.existsSync(folder) ? fs.readdirSync(folder) : []);
  return trials.map(({ key }) => {
    if (!there.has(key)) return 'new';
    const journal = readJournal(results, key);
    const end = journal.findLast(({ t }) => t === 'end' || t === 'attempt' || t === 'retry');
    if (end?.t === 'end' && end.outcome === 'done') return 'done';
    if (isEarlyStopped(journal, definition)) return 'early-stopped';
    if (end?.t === 'end' && end.outcome === 'failed') return 'failed';
    return listAttempts(results, key).length > 0 ? 'started' : 'new';
  });
}

function known(results: string): Known {
  if (!fs.existsSync(databasePath(results))) return { timings: [], peaks: [] };
  const store = openExistingStore(results);
  try {
    return { timings: readTimings(store), peaks: readPeaks(store, hostHash()) };
  } finally {
    store.close();
  }
}
