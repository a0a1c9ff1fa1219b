/** @file A verdict's picture: its interval against the margin of relevance, with the effects of single seeds. Drawn here, so that it needs no script. */
import { NONE } from '../format.js';
import { effectText, marginText } from '../verdict-words.js';
import type { Verdict } from '../verdicts.js';

/** Positions in the units of the picture's view box. */
export interface Forest {
  width: number;
  height: number;
  /** The band inside of which a difference does not matter. */
  band: { x: number; width: number };
  zero: number;
  interval: { low: number; high: number } | null;
  effect: number;
  seeds: number[];
  margin: string;
  /** What a reader who cannot see it is told. */
  text: string;
}

const SIZE = { width: 300, height: 47, edge: 10 };

/** Null without an effect. */
export function forestOf(verdict: Verdict): Forest | null {
  const { effect, interval, differences, margin } = verdict;
  if (effect === null) return null;
  const values = [effect, ...differences, ...(interval === null ? [] : [interval.low, interval.high])];
  const reach = 1.1 * Math.max(1.3 * margin, ...values.map(Math.abs), 1e-12);
  const half = SIZE.width / 2;
  const x = (value: number) => Math.round(10 * (half + (value / reach) * (half - SIZE.edge))) / 10;
  return {
    width: SIZE.width,
    height: SIZE.height,
    band: { x: x(-margin), width: Math.round(10 * (x(margin) - x(-margin))) / 10 },
    zero: x(0),
    interval: interval === null ? null : { low: x(interval.low), high: x(interval.high) },
    effect: x(effect),
    seeds: differences.map(x),
    margin: marginText(verdict),
    text: `Effect ${interval === null ? NONE : effectText(effect, interval, verdict)}, drawn against no difference and a margin of ${marginText(verdict)} on both sides.`,
  };
}
