/** @file The grid as the rest of the program knows it: blocks side by side, in each of them factors that are crossed. */
import type { ParameterValues } from '../protocol.js';

/** Some parameters and a value each. */
export type Setting = ParameterValues;

/** What one factor of a block offers, one at a time: settings as they are, each of the parameters named, or those of nested blocks. */
export type Factor = { names: string[]; settings: Setting[]; drawn?: true } | { blocks: Block[] };

/** All combinations of its factors' settings. */
export interface Block {
  factors: Factor[];
  /** Runs of each setting, instead of the sweep's `seeds`. */
  repeat?: number;
}

/** A setting that stands beside the grid. */
export interface Included {
  setting: Setting;
  repeat?: number;
}

/** How many settings a block gives: what to look at before crossing it. */
export function countSettings({ factors }: Block): number {
  return factors.reduce((product, factor) => product * countFactor(factor), 1);
}

export function countFactor(factor: Factor): number {
  if ('settings' in factor) return factor.settings.length;
  return factor.blocks.reduce((sum, block) => sum + countSettings(block), 0);
}

/** All combinations; the factor that stands first changes slowest. */
export function cross({ factors }: Block): Setting[] {
  let settings: Setting[] = [{}];
  for (const factor of factors) {
    const offered = 'settings' in factor ? factor.settings : factor.blocks.flatMap(cross);
    settings = settings.flatMap((setting) => offered.map((other) => ({ ...setting, ...other })));
  }
  return settings;
}

/** Names of a factor's parameters, in the order of the file. */
export function namesOf(factor: Factor): string[] {
  if ('names' in factor) return factor.names;
  return [...new Set(factor.blocks.flatMap((block) => block.factors.flatMap(namesOf)))];
}

/** Names of the parameters that a factor draws. */
export function drawnNames(factor: Factor): string[] {
  if ('blocks' in factor) return factor.blocks.flatMap((block) => block.factors.flatMap(drawnNames));
  return factor.drawn ? factor.names : [];
}

/** So many seeds: the first of those given and, where they are too few, the numbers after the largest. */
export function firstSeeds(seeds: readonly number[], count: number): number[] {
  const largest = Math.max(...seeds);
  return Array.from({ length: count }, (_, at) => seeds[at] ?? largest + 1 + at - seeds.length);
}
