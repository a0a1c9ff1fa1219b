/** @file What a reader of the results should know before the trials run: contrasts that the grid does not hold, and padding. */
import { discriminatorReceptiveField, generatorReceptiveField } from '../geometry.js';
import type { ParameterValues, TrialParameters } from '../protocol.js';

/**
 * Factors that a reader cannot tell apart: if one's value follows from another's in every setting,
 * a difference in the results may be due to either.
 * @param factors parameters that vary; not those that are drawn, where every setting is a point of its own
 */
export function withoutContrast(settings: ParameterValues[], factors: string[]): string[] {
  const follows = (effect: string, cause: string) => {
    const seen = new Map<unknown, unknown>();
    return settings.every((parameters) => {
      if (!seen.has(parameters[cause])) seen.set(parameters[cause], parameters[effect]);
      return seen.get(parameters[cause]) === parameters[effect];
    });
  };
  const warnings: string[] = [];
  const told = new Set<string>();
  for (const name of factors) {
    if (told.has(name)) continue;
    const together = factors.filter((other) => follows(other, name) && follows(name, other));
    together.forEach((other) => told.add(other));
    if (together.length > 1) {
      warnings.push(
        `${listWords(together)} change together: their effects cannot be told apart; ` +
          `to tell them apart, cross them: grid: ${crossingGrid(settings, together)}`,
      );
    }
    const led = factors.filter((other) => !told.has(other) && follows(other, name) && !follows(name, other));
    for (const other of led) {
      warnings.push(
        `${other} is set by ${name} in every setting: its own effect cannot be told; ` +
          `to tell it, cross them: grid: ${crossingGrid(settings, [name, other])}`,
      );
    }
  }
  return warnings;
}

/** A receptive field that is larger than the patch is a fact to know, not a mistake. */
export function receptiveFields(settings: TrialParameters[]): string[] {
  const discriminators = new Map<number, Set<number>>();
  const generators = new Map<number, Set<number>>();
  const add = (fields: Map<number, Set<number>>, field: number, patch: number) => {
    if (field > patch) fields.set(field, (fields.get(field) ?? new Set()).add(patch));
  };
  const known = new Map<string, number>();
  for (const parameters of settings) {
    const { patch, generator, blocks, upsample, disc_layers } = parameters;
    add(
      discriminators,
      fieldOf(`D ${disc_layers}`, () => discriminatorReceptiveField({ disc_layers })),
      patch,
    );
    const field = fieldOf(`G ${generator} ${blocks} ${upsample}`, () =>
      generatorReceptiveField({ generator, blocks, upsample, filters: 1, norm: 'none' }),
    );
    add(generators, field, patch);
  }
  const told = (fields: Map<number, Set<number>>, network: string, meaning: string) =>
    [...fields].map(
      ([field, sides]) =>
        `the ${network}'s receptive field, ${field} pixels, is larger than patch ${listWords([...sides].map(String))}: ${meaning}`,
    );
  return [
    ...told(discriminators, 'discriminator', 'every output sees padding there'),
    ...told(generators, 'generator', 'it trains on less context than it has on a whole image'),
  ];

  function fieldOf(network: string, compute: () => number): number {
    const field = known.get(network) ?? compute();
    known.set(network, field);
    return field;
  }
}

/** The values that parameters take, from small to large, as a file would cross them. */
export function crossingGrid(settings: ParameterValues[], names: string[]): string {
  const entries = names.map((name) => {
    const values = [...new Set(settings.flatMap((parameters) => parameters[name] ?? []))];
    return `${name}: [${values.sort((a, b) => (a < b ? -1 : 1)).join(', ')}]`;
  });
  return `{${entries.join(', ')}}`;
}

export function showSetting(parameters: ParameterValues, names: string[]): string {
  const given = names.filter((name) => parameters[name] !== undefined);
  return `{${given.map((name) => `${name}: ${parameters[name]}`).join(', ')}}`;
}

function listWords(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
