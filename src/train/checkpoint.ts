/**
 * @file Checkpoints: a folder with `state.json` and `weights.safetensors`, made under another name and renamed when whole.
 * Going on from one gives the same numbers as never having stopped.
 */
import fs from 'node:fs';
import path from 'node:path';
import { NUMERICS_VERSION, type MetricValues } from '../protocol.js';
import type { HealthState } from './health.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from './safetensors.js';

/** All of a trial that changes from step to step, but for the weights and moments. */
export interface TrialState {
  numerics: number;
  /** Updates done. */
  step: number;
  /** Seconds spent on updates, over all attempts. */
  seconds: number;
  /** Patches computed at once: chosen by what memory was free, and kept, so that every attempt rounds alike. */
  microBatch: number;
  /** States of the streams that draw patches, and past fakes. */
  random: { patches: number[]; pool: number[] };
  /** Sums of the metrics since the last metric event, and over how many updates each. */
  pending: { sums: MetricValues; counts: MetricValues };
  /** Patches drawn so far, and how many of them were blank. */
  patches: { drawn: number; blank: number };
  health: HealthState;
  /** The best step on validation, if there was one; the higher the score the better. */
  best: { step: number; score: number } | null;
}

/** A checkpoint in its place: its path relative to the trial's folder, and its size. */
export interface Saved {
  kind: 'last' | 'best';
  path: string;
  bytes: number;
}

/**
 * Writes `checkpoints/step-N`, the last, and where N is the best step on validation `checkpoints/best-step-N` (the same files
 * under a second name), then removes the older ones: the last and the best are kept.
 */
export function saveCheckpoint(
  trialDirectory: string,
  state: TrialState,
  tensors: Record<string, NamedTensor>,
): Saved[] {
  const folder = path.join(trialDirectory, 'checkpoints');
  const name = `step-${state.step}`;
  const best = state.best === null ? undefined : `best-step-${state.best.step}`;
  const temporary = path.join(folder, `.${name}.${process.pid}.tmp`);
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary, { recursive: true });
  const json = JSON.stringify(state);
  const parts = encodeSafetensors(tensors);
  writeDurably(path.join(temporary, 'weights.safetensors'), parts);
  writeDurably(path.join(temporary, 'state.json'), [Buffer.from(json)]);
  const bytes = json.length + parts.reduce((sum, part) => sum + part.byteLength, 0);
  const saved: Saved[] = [{ kind: 'last', path: `checkpoints/${name}`, bytes }];
  // The best first: a crash between the two leaves a best one too many, which the next attempt makes again.
  if (state.best?.step === state.step) {
    const second = `${temporary}-best`;
    fs.rmSync(second, { recursive: true, force: true });
    fs.mkdirSync(second);
    for (const file of fs.readdirSync(temporary)) link(path.join(temporary, file), path.join(second, file));
    put(second, path.join(folder, best!));
    saved.push({ kind: 'best', path: `checkpoints/${best}`, bytes });
  }
  put(temporary, path.join(folder, name));
  for (const other of fs.readdirSync(folder)) {
    if (other !== name && other !== best)
      fs.rmSync(path.join(folder, other), { recursive: true, force: true });
  }
  return saved;
}

/** Renames a whole folder; where there is one of that name, the same step gave the same numbers. */
function put(temporary: string, whole: string): void {
  if (fs.existsSync(whole)) fs.rmSync(temporary, { recursive: true });
  else fs.renameSync(temporary, whole);
}

/** A second name for a file, or a copy where the file system has no such thing. */
function link(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch {
    fs.copyFileSync(from, to);
  }
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
