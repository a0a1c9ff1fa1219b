/** @file Random numbers of a trial: seeded, in separate streams, with a state that a checkpoint holds. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { Random } from '../imaging/dataset.js';

/** A random source that can be put away and taken up again. */
export interface SavedRandom extends Random {
  state(): number[];
}

/** Streams are 2^64 numbers apart, so that trials of one seed share initial weights whatever their patches. */
const STREAMS = { weights: 0, patches: 1, crop: 2, pool: 3, critic: 4 } as const;

export function randomFromSeed(seed: number, stream: keyof typeof STREAMS): SavedRandom {
  const generator = xoroshiro128plus(seed);
  for (let jumps = STREAMS[stream]; jumps > 0; jumps--) generator.jump();
  return wrap(generator);
}

export function randomFromState(state: readonly number[]): SavedRandom {
  return wrap(xoroshiro128plusFromState(state));
}

function wrap(generator: ReturnType<typeof xoroshiro128plus>): SavedRandom {
  return {
    int: (lo, hi) => uniformInt(generator, lo, hi),
    float: () => uniformFloat64(generator),
    state: () => [...generator.getState()],
  };
}

/** Draws from the standard normal distribution (Box and Muller 1958), two uniform numbers a draw. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}
