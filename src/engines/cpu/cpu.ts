/** @file The reference engine: tfjs' plain JavaScript backend, eagerly. Slow. */
import type { Engine } from '../engine.js';
import { eagerEngine } from '../eager/eager.js';

export function openCpuEngine(): Engine {
  return eagerEngine({ name: 'cpu', backend: 'cpu', device: 'cpu', threads: 1 });
}
