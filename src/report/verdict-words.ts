/** @file Verdicts in words. */
import type { Claim } from '../definition/compare.js';
import type { Weights } from '../definition/contrast.js';
import type { SweepRecord } from '../store/queries.js';
import { factorsOf, type Cell } from './cells.js';
import { count, exact, fixed, list, signed } from './format.js';
import type { Range, Verdict } from './verdicts.js';

/** Between which settings, e.g. `with patch 128 than with patch 64, averaged over batch 2 and 16`. */
export function contrastWords(
  { contrast }: Claim,
  { a, b }: Weights,
  used: readonly Cell[],
  sweep: SweepRecord,
): string {
  if (contrast.kind === 'patch-against-batch') return `by the ${b} than by the ${a}`;
  const others = factorsOf(used, sweep).filter(
    ({ name }) => contrast.kind === 'factor' && name !== contrast.name,
  );
  const averaged = used.length > 2 ? others.map(({ name, levels }) => `${name} ${list([...new Set(levels)].map(String))}`) : []; // prettier-ignore
  return `with ${b} than with ${a}${averaged.length > 0 ? `, averaged over ${list(averaged)}` : ''}`;
}

export function sentenceOf(
  draft: Omit<Verdict, 'claim' | 'kind' | 'sentence' | 'holm' | 'primary'> & { claim: Claim },
  contrast: string,
): string {
  const { claim, effect, interval, n, outcome, outcomeLabel, unit } = draft;
  if (effect === null) return '';
  const places = placesFor(draft);
  const size = `${fixed(Math.abs(effect), places)}${unit === '' ? '' : `\u00a0${unit}`}`;
  const name = `${outcomeLabel}${outcome.startsWith('exam/') ? '' : ' over the last tenth of the budget'}`;
  const says =
    claim.contrast.kind === 'patch-against-batch'
      ? `Per doubling of the pixels of an update, ${name} rises ${size} ${effect < 0 ? 'less' : 'more'}`
      : `${name} is ${size} ${effect < 0 ? 'lower' : 'higher'}`;
  const range =
    interval === null
      ? 'one seed, so no interval'
      : `95\u00a0% interval ${signed(interval.low, places)} to ${signed(interval.high, places)}, ${count(n, 'seed')}`;
  return `${says} ${contrast} (${range}).`;
}

/** Places after the point by which effect and margin can be told apart. */
export function placesFor({ margin, unit }: Pick<Verdict, 'margin' | 'unit'>): number {
  if (unit === 'dB') return 2;
  if (!(margin > 0)) return 3;
  return Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(margin))));
}

export function marginText(verdict: Pick<Verdict, 'margin' | 'unit'>): string {
  const { margin, unit } = verdict;
  return `${exact(Number(margin.toPrecision(2)))}${unit === '' ? '' : `\u00a0${unit}`}`;
}

export function effectText(
  effect: number,
  { low, high }: Range,
  verdict: Pick<Verdict, 'margin' | 'unit'>,
): string {
  const places = placesFor(verdict);
  return `${signed(effect, places)} (${signed(low, places)} to ${signed(high, places)})`;
}

export function pText(p: number): string {
  return p < 0.001 ? 'below 0.001' : p.toFixed(3);
}
