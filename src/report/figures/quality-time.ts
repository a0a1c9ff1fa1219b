/** @file Quality against time. */
import type { Cell } from '../cells.js';
import { COSTS, type Quality } from '../quality.js';
import { scatterOf, type Scatter } from './scatter.js';

export function qualityTime(cells: readonly Cell[], quality: Quality): Scatter | null {
  return scatterOf(cells, quality, COSTS.time, (most) => {
    if (most < 120) return { name: 'seconds', divisor: 1 };
    return most < 7200 ? { name: 'minutes', divisor: 60 } : { name: 'hours', divisor: 3600 };
  });
}
