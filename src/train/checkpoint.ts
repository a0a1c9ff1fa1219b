/**
 * @file Checkpoints: a folder with `state.json` and `weights.safetensors`, made under another name and renamed when whole.
 * Going on from one gives the same numbers as never having stopped.
 */
import fs from 'node:fs';
import path from 'node:path';
import { NUMERICS_VERSION, type MetricValues } from '../protocol.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from './safetensors.js';

/** All of a trial that changes from step to step, but for the weights and moments. */
export interface TrialState {
  numerics: number;
  /** Updates done. */
  step: number;
  /** State of the stream that draws patches. */
  random: number[];
  /** Sums of the metrics since the last metric event, and over how many updates. */
  pending: { sums: MetricValues; updates: number };
}

/** Writes `checkpoints/step-N`, then removes the older ones. Returns its path relative to the trial's folder, and its size. */
export function saveCheckpoint(
  trialDirectory: string,
  state: TrialState,
  tensors: Record<string, NamedTensor>,
): { path: string; bytes: number } {
  const folder = path.join(trialDirectory, 'checkpoints');
  const name = `step-${state.step}`;
  const temporary = path.join(folder, `.${name}.${process.pid}.tmp`);
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary, { recursive: true });
  const json = JSON.stringify(state);
  const parts = encodeSafetensors(tensors);
  writeDurably(path.join(temporary, 'weights.safetensors'), parts);
  writeDurably(path.join(temporary, 'state.json'), [Buffer.from(json)]);
  const whole = path.join(folder, name);
  if (fs.existsSync(whole))
    fs.rmSync(temporary, { recursive: true }); // the same step gives the same numbers
  else fs.renameSync(temporary, whole);
  for (const other of fs.readdirSync(folder)) {
    if (other !== name) fs.rmSync(path.join(folder, other), { recursive: true, force: true });
  }
  const bytes = json.length + parts.reduce((sum, part) => sum + part.byteLength, 0);
  return { path: `checkpoints/${name}`, bytes };
}

/** @throws Error that names the folder if it is no checkpoint of this version */
export function loadCheckpoint(folder: string): { state: TrialState; tensors: Record<string, NamedTensor> } {
  try {
    const state = JSON.parse(fs.readFileSync(path.join(folder, 'state.json'), 'utf8')) as TrialState;
    if (state.numerics !== NUMERICS_VERSION) {
      throw new Error(`made by numerics version ${state.numerics}, this is ${NUMERICS_VERSION}`);
    }
    return { state, tensors: decodeSafetensors(fs.readFileSync(path.join(folder, 'weights.safetensors'))) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The checkpoint ${folder} cannot be used: ${reason}`, { cause: error });
  }
}

/** A file that a crash of the machine after the rename cannot empty. */
function writeDurably(file: string, parts: readonly Uint8Array[]): void {
  const descriptor = fs.openSync(file, 'w');
  try {
    for (const part of parts) fs.writeSync(descriptor, part);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
