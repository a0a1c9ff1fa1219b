/** @file A trial's key: a hash of all that decides its result, and of nothing else. */
import { createHash } from 'node:crypto';
import { NUMERICS_VERSION } from '../protocol.js';
import type { Budget, ParameterValues, Split, SplitLists, TrialData, TrialParameters } from '../protocol.js';
import { resolveParameters } from './parameters.js';

/** Digits of a key: 48 bits, so that among a million trials the chance of any two alike is 1 in 560. */
const KEY_LENGTH = 12;

/** What decides a trial's result. Engine, device, threads, names and paths do not belong here. */
export interface KeyIngredients {
  /** Defaults may be spelled out or not. */
  parameters: Partial<TrialParameters>;
  seed: number;
  budget: Budget;
  /** Hash of the data's content. */
  dataFingerprint: string;
  split: Split;
  /** `by-index`: what the index file says is part of the data's fingerprint. */
  pairing: 'none' | 'by-name' | 'by-position' | 'by-index';
  patient?: string;
  range: TrialData['range'];
  mask?: TrialData['mask'];
  voi?: TrialData['voi'];
  axis?: TrialData['axis'];
  numerics?: number;
}

/** Parameters that came later, with what trials did before: left out of the key where they have this value, so that old trials keep theirs. */
export const LATER_PARAMETERS: Partial<TrialParameters> = { adversarial: 1, anatomy: 'same' };

/** Twelve lower-case hexadecimal digits that two trials share if and only if they are the same work. */
export function trialKey(ingredients: KeyIngredients): string {
  return digest({
    ...common(ingredients),
    parameters: withoutLaterUnchanged(resolveParameters(ingredients.parameters)),
    numerics: ingredients.numerics ?? NUMERICS_VERSION,
  });
}

function withoutLaterUnchanged(parameters: TrialParameters): Record<string, unknown> {
  const before: Record<string, unknown> = LATER_PARAMETERS;
  return Object.fromEntries(Object.entries(parameters).filter(([name, value]) => before[name] !== value));
}

/** What decides the result whoever trains. */
function common(ingredients: Omit<KeyIngredients, 'parameters' | 'numerics'>): Record<string, unknown> {
  const { seed, budget, dataFingerprint, split, pairing, patient, range, mask, voi, axis } = ingredients;
  return {
    seed,
    budget,
    dataFingerprint,
    split: canonicalSplit(split),
    pairing,
    patient: patient ?? null,
    range,
    mask: mask === 'auto' ? undefined : mask,
    voi,
    axis,
  };
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, KEY_LENGTH);
}

/** The same of a trainer that is not ours: its command decides the result, and our numerics do not. */
export interface ForeignKeyIngredients extends Omit<KeyIngredients, 'parameters' | 'numerics'> {
  parameters: ParameterValues;
  /** As the sweep file has it, with its placeholders: how it is filled in follows from the rest. */
  command: readonly string[];
}

export function foreignTrialKey(ingredients: ForeignKeyIngredients): string {
  const { parameters, command } = ingredients;
  return digest({ ...common(ingredients), parameters, command });
}

/** Shares as they are; lists as one hash, whatever their order. */
function canonicalSplit(split: Split): unknown {
  if (typeof split.train === 'number') return split;
  const sorted = Object.entries<string[]>({ ...(split as SplitLists) }).map(([part, names]) => [
    part,
    [...new Set(names)].sort(),
  ]);
  const text = canonicalJson(Object.fromEntries(sorted));
  return { lists: createHash('sha256').update(text).digest('hex') };
}

/** JSON with sorted keys and one spelling of every number (1e1 is 10, -0 is 0); throws TypeError for what JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
    const entries = value as Record<string, unknown>;
    let text = '';
    for (const key of Object.keys(entries).sort()) {
      const entry = entries[key];
      if (entry === undefined) continue;
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(entry)}`;
    }
    return `{${text}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${value} has no canonical form`);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a ${typeof value} has no canonical form`);
  return text;
}
