/** @file A trained generator of a results folder: which trial is meant, its parameters, its intensity range, its weights. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, UserError } from '../errors.js';
import type { Range } from '../imaging/intensity.js';
import { NUMERICS_VERSION, type AnyTrialConfig, type TrialConfig, type TrialEvent } from '../protocol.js';
import { findTrial } from './trial/find.js';
import { eventsFile, listAttempts, trialDirectory } from '../runner/layout.js';
import type { TrialState } from '../train/checkpoint.js';
import { readSafetensors, type NamedTensor } from '../train/safetensors.js';

export type Direction = 'x2y' | 'y2x';

export interface TrainedGenerator {
  key: string;
  config: TrialConfig;
  direction: Direction;
  /** G translates X to Y, F the other way. */
  network: 'G' | 'F';
  /** By name, e.g. `G/in/filter`. */
  weights: Record<string, NamedTensor>;
  /** Stored values that the network's -1 and 1 stand for. */
  range: Range;
  /** Updates done when it was saved. */
  step: number;
  /** What of the trial's checkpoints it is. */
  checkpoint: 'best' | 'last' | 'asked';
  /** First 12 hexadecimal digits of the SHA-256 over names, shapes and values of its weights. */
  hash: string;
}

export const generatorOptions = {
  direction: {
    choices: ['x2y', 'y2x'] as const,
    default: 'x2y' as const,
    describe: 'From the style of X to that of Y, or back',
  },
  checkpoint: {
    type: 'string',
    requiresArg: true,
    describe:
      'best (on validation), last, or the number of an update  [default: best where there is one, else last]',
  },
} as const;

/** @throws UserError if there is no such trial or checkpoint, or it cannot be used */
export function loadGenerator(
  results: string,
  { trial, direction, checkpoint }: { trial: string; direction: Direction; checkpoint?: string | undefined },
): TrainedGenerator {
  const { key } = findTrial(results, trial);
  const folder = trialDirectory(results, key);
  const config = readConfig(path.join(folder, 'config.json'), key);
  const chosen = chooseCheckpoint(path.join(folder, 'checkpoints'), key, checkpoint);
  const network = direction === 'x2y' ? 'G' : 'F';
  const prefix = `${network}/`;
  try {
    const state = JSON.parse(fs.readFileSync(path.join(chosen.folder, 'state.json'), 'utf8')) as TrialState;
    if (state.numerics !== NUMERICS_VERSION)
      throw new Error(`made by numerics version ${state.numerics}, this is ${NUMERICS_VERSION}`);
    const isWeight = (name: string): boolean => name.startsWith(prefix) && !/\.[mv]$/.test(name);
    const weights = readSafetensors(path.join(chosen.folder, 'weights.safetensors'), isWeight);
    return {
      key,
      config,
      direction,
      network,
      weights,
      range: rangeOf(results, key),
      step: state.step,
      checkpoint: chosen.kind,
      hash: hashOf(weights),
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`The checkpoint ${chosen.folder} cannot be used: ${messageOf(error)}`, 2, {
      cause: error,
    });
  }
}

function readConfig(file: string, key: string): TrialConfig {
  let config: AnyTrialConfig;
  try {
    config = JSON.parse(fs.readFileSync(file, 'utf8')) as AnyTrialConfig;
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`, 2, { cause: error });
  }
  if (!('command' in config)) return config;
  throw new UserError(
    `Trial ${key} was trained by a command of your own (${config.command[0] ?? ''}): only that knows its networks.`,
  );
}

/** Folders are `step-N` and, for the best on validation, `best-step-N`. */
function chooseCheckpoint(
  folder: string,
  key: string,
  wanted: string | undefined,
): { folder: string; kind: TrainedGenerator['checkpoint'] } {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const steps = (pattern: RegExp): { step: number; folder: string }[] =>
    names
      .flatMap((name) => {
        const step = pattern.exec(name)?.[1];
        return step === undefined ? [] : [{ step: Number(step), folder: path.join(folder, name) }];
      })
      .sort((a, b) => a.step - b.step);
  const [plain, best] = [steps(/^step-(\d+)$/), steps(/^best-step-(\d+)$/)];
  if (plain.length + best.length === 0)
    throw new UserError(
      `Trial ${key} has no checkpoint. If it is not finished, sweep run goes on with it; if sweep gc removed them, sweep rm and sweep run train it anew.`,
    );
  const kinds = [...(best.length > 0 ? ['best'] : []), ...(plain.length > 0 ? ['last'] : [])];
  const choice = wanted ?? kinds[0]!;
  if (choice === 'best' && best.length > 0) return { folder: best.at(-1)!.folder, kind: 'best' };
  if (choice === 'last' && plain.length > 0) return { folder: plain.at(-1)!.folder, kind: 'last' };
  const asked = [...plain, ...best].find(({ step }) => String(step) === choice);
  if (asked !== undefined) return { folder: asked.folder, kind: 'asked' };
  const kept = [...new Set([...plain, ...best].map(({ step }) => step))].sort((a, b) => a - b);
  throw new UserError(
    `Trial ${key} has no checkpoint '${choice}'. There are: ${[...kinds, ...kept].join(', ')}` +
      (choice === 'best' ? '. A best one is kept where there are validation images with partners.' : ''),
  );
}

/** As the trial itself wrote it into its log when it started. */
function rangeOf(results: string, key: string): Range {
  for (const attempt of listAttempts(results, key).reverse()) {
    const file = eventsFile(results, key, attempt);
    if (!fs.existsSync(file)) continue;
    const line = fs.readFileSync(file, 'utf8').split('\n').find((each) => each.startsWith('{"t":"start"')); // prettier-ignore
    if (line === undefined) continue;
    const { facts } = JSON.parse(line) as Extract<TrialEvent, { t: 'start' }>;
    return facts.range;
  }
  throw new UserError(`Trial ${key} has no log that says which intensity range it was trained on.`);
}

function hashOf(weights: Record<string, NamedTensor>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(weights).sort()) {
    const { shape, values } = weights[name]!;
    hash.update(`${name} ${shape.join()}\n`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex').slice(0, 12);
}
