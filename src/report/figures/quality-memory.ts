/** @file Quality against memory. */
import type { Cell } from '../cells.js';
import { COSTS, type Quality } from '../quality.js';
import { scatterOf, type Scatter } from './scatter.js';

export function qualityMemory(cells: readonly Cell[], quality: Quality): Scatter | null {
  return scatterOf(cells, quality, COSTS.memory, (most) =>
    most >= 2 * 2 ** 30 ? { name: 'GiB', divisor: 2 ** 30 } : { name: 'MiB', divisor: 2 ** 20 },
  );
}
