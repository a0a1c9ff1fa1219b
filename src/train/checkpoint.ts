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
  kind: 'last' | 'best' | 'asked';
  path: string;
  bytes: number;
}

/**
 * Writes `checkpoints/step-N`, the last, and the same files under a second name where N is the best step on validation
 * (`best-step-N`) or one that the sweep file asks for (`asked-step-N`). Only once all of that is on the disk do older ones go, but
 * for the best and those asked for: a crash at any instant leaves the newest `step-N` whole.
 * @throws the system's error, e.g. where the disk is full; what was there before is untouched then
 */
export function saveCheckpoint(
  trialDirectory: string,
  state: TrialState,
  tensors: Record<string, NamedTensor>,
  asked = false,
): Saved[] {
  const folder = path.join(trialDirectory, 'checkpoints');
  const name = `step-${state.step}`;
  const best = state.best === null ? undefined : `best-step-${state.best.step}`;
  const temporary = path.join(folder, `.${name}.${process.pid}.tmp`);
  const parts = { 'weights.safetensors': encodeSafetensors(tensors), 'state.json': [Buffer.from(JSON.stringify(state))] }; // prettier-ignore
  const bytes = Object.values(parts)
    .flat()
    .reduce((sum, part) => sum + part.byteLength, 0);
  const seconds: Saved[] = [];
  if (state.best?.step === state.step)
    seconds.push({ kind: 'best', path: `checkpoints/best-${name}`, bytes });
  if (asked) seconds.push({ kind: 'asked', path: `checkpoints/asked-${name}`, bytes });
  try {
    makeEmpty(temporary);
    for (const [file, content] of Object.entries(parts)) writeDurably(path.join(temporary, file), content);
    flushFolder(temporary);
    // Second names first: a crash in between leaves one too many, which the next attempt makes again.
    for (const second of seconds) {
      const unfinished = `${temporary}-${second.kind}`;
      makeEmpty(unfinished);
      for (const file of Object.keys(parts)) link(path.join(temporary, file), path.join(unfinished, file));
      flushFolder(unfinished);
      put(unfinished, path.join(trialDirectory, second.path));
    }
    put(temporary, path.join(folder, name));
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true }); // the room may be all that is missing
    throw error;
  }
  flushFolder(folder);
  for (const other of fs.readdirSync(folder)) {
    if (other !== name && other !== best && !other.startsWith('asked-'))
      fs.rmSync(path.join(folder, other), { recursive: true, force: true });
  }
  return [{ kind: 'last', path: `checkpoints/${name}`, bytes }, ...seconds];
}

function makeEmpty(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
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

/** More at once than a write may take on some systems. */
const LARGEST_WRITE = 2 ** 30;

/** A file that a crash of the machine after the rename cannot empty. A write may take less than it was given. */
function writeDurably(file: string, parts: readonly Uint8Array[]): void {
  const descriptor = fs.openSync(file, 'w');
  try {
    for (const part of parts) {
      for (let at = 0; at < part.byteLength;)
        at += fs.writeSync(descriptor, part, at, Math.min(LARGEST_WRITE, part.byteLength - at));
    }
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** What was made and renamed in a folder is on the disk, too, after this; where the system has no such thing (Windows), it is not. */
function flushFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
