/** @file How a runner shares the machine out: how many of its trials run at once, with how many threads, how many on one device. Pure. */
import type { Definition } from '../definition/schema.js';

export interface Shares {
  /** Trials that this runner runs at once, at most. */
  most: number;
  /** Threads of each. */
  threads: number;
  /** Trials on one device, whoever runs them; `auto`: as many as its memory holds. */
  perDevice: number | 'auto';
}

/** Where memory alone decides, so many share a GPU at most: more take each other's time and finish no sooner. */
export const MOST_PER_GPU = 4;

/**
 * On the processor as many trials as the sweep asks for, or as there are cores; on GPUs as many as `trials_per_gpu` and
 * `trials` allow. The cores are shared out among them.
 */
export function shareOut(
  { trials, threads, trials_per_gpu }: Pick<Definition['resources'], 'trials' | 'threads' | 'trials_per_gpu'>,
  devices: readonly string[],
  wanted: number,
  cores: number,
): Shares {
  const count = devices.length;
  let perDevice: Shares['perDevice'];
  let most: number;
  if (devices[0] === 'cpu') {
    most = trials === 'auto' ? Math.max(1, Math.min(cores, wanted)) : trials;
    perDevice = Infinity;
  } else {
    perDevice = trials_per_gpu;
    const fits = devices[0]?.startsWith('webgpu') ? 1 : Math.min(MOST_PER_GPU, Math.floor(cores / count)); // WebGPU tells no memory
    const each = perDevice === 'auto' ? Math.max(1, fits) : perDevice;
    most = trials === 'auto' ? Math.max(1, Math.min(each * count, wanted)) : trials;
  }
  return { most, threads: threads === 'auto' ? Math.max(1, Math.floor(cores / most)) : threads, perDevice };
}
