/** @file Augmentation of training patches: mirroring and a change of intensity. Held-out images are never augmented. */
import type { Random } from '../imaging/dataset.js';
import type { TrialParameters } from '../protocol.js';

/** What is done to one patch; partners get the same. */
export interface Change {
  mirror: boolean;
  /** v → clamp(scale · v + shift) for intensities in [-1, 1]. */
  scale: number;
  shift: number;
}

/**
 * Draws a change. `flip` mirrors left to right half of the time; `jitter` j draws scale from [1 - j, 1 + j] and shift from [-j, j],
 * of intensities in [-1, 1]. What is off draws no random number.
 */
export function drawChange(
  random: Random,
  { flip, jitter }: Pick<TrialParameters, 'flip' | 'jitter'>,
): Change {
  const mirror = flip && random.int(0, 1) === 1;
  const scale = jitter === 0 ? 1 : 1 + jitter * (2 * random.float() - 1);
  const shift = jitter === 0 ? 0 : jitter * (2 * random.float() - 1);
  return { mirror, scale, shift };
}

/** Changes a patch in place. `values`: patch² intensities in [-1, 1], row-major. */
export function applyChange(values: Float32Array, patch: number, { mirror, scale, shift }: Change): void {
  if (mirror) for (let row = 0; row < patch; row++) values.subarray(row * patch, (row + 1) * patch).reverse();
  if (scale === 1 && shift === 0) return;
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.min(1, Math.max(-1, scale * values[i]! + shift));
  }
}
