/** @file What a trial is called where people read it. */
import type { ParameterValues } from '../protocol.js';

/** e.g. `patch 64 batch 16 seed 2`: what a trial differs in from the others of its sweep. */
export function trialLabel(
  varied: readonly string[],
  { parameters, seed }: { parameters: ParameterValues; seed: number },
): string {
  return [...varied.map((name) => `${name} ${parameters[name] ?? '-'}`), `seed ${seed}`].join(' ');
}
