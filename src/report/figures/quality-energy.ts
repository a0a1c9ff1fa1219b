/** @file Quality against energy: of the GPU, whose power is all that is measured. */
import type { Cell } from '../cells.js';
import { COSTS, type Quality } from '../quality.js';
import { scatterOf, type Scatter } from './scatter.js';

export function qualityEnergy(cells: readonly Cell[], quality: Quality): Scatter | null {
  return scatterOf(cells, quality, COSTS.energy, () => ({ name: 'kJ', divisor: 1000 }));
}
