/**
 * @file The image pool: discriminators are shown past fakes as well as new ones (Shrivastava et al. 2017,
 * https://arxiv.org/abs/1612.07828; as in Zhu et al.'s code: half of the time an old one, which the new one replaces).
 */
import type { Random } from '../imaging/dataset.js';
import type { NamedTensor } from './safetensors.js';

/** Past fakes of one domain. */
export interface ImagePool {
  /**
   * Takes new fakes in, gives those to show, both [batch, patch, patch, 1]. While the pool fills, each is kept and shown; then, with
   * probability 1/2, one of the pool, drawn by chance, is shown and replaced.
   */
  show(random: Random, fakes: Float32Array): Float32Array;
  /** What the pool holds, [held, patch, patch, 1]: for a checkpoint. */
  save(): NamedTensor;
}

/**
 * @param size patches that it holds at most; 0: the fakes pass through, and no random number is drawn
 * @param saved what `save` gave
 */
export function openPool(size: number, patch: number, saved?: NamedTensor): ImagePool {
  const pixels = patch * patch;
  const images: Float32Array[] = [];
  for (let at = 0; at < (saved?.values.length ?? 0); at += pixels) {
    images.push(saved!.values.slice(at, at + pixels));
  }
  return {
    show(random, fakes) {
      if (size === 0) return fakes;
      const shown = fakes.slice();
      for (let at = 0; at < fakes.length; at += pixels) {
        const fake = fakes.slice(at, at + pixels);
        if (images.length < size) {
          images.push(fake);
        } else if (random.int(0, 1) === 1) {
          const chosen = random.int(0, size - 1);
          shown.set(images[chosen]!, at);
          images[chosen] = fake;
        }
      }
      return shown;
    },
    save() {
      const values = new Float32Array(images.length * pixels);
      images.forEach((image, at) => values.set(image, at * pixels));
      return { shape: [images.length, patch, patch, 1], values };
    },
  };
}
