/** @file The critic: what it says of equal and of plainly different images, and that it says the same again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../engines/engine.js';
import { openEngine } from '../../engines/open.js';
import { randomFromSeed } from '../random.js';
import { askCritic, cropsOf, wilson, type ImageCrops } from './critic.js';

const SIDE = 96;

/** A texture of random waves, [-1, 1], with `change` done to every pixel. */
function crops(
  index: number,
  change: (value: number, noise: number) => number = (value) => value,
): ImageCrops {
  const random = randomFromSeed(index, 'pool');
  const waves = Array.from(
    { length: 5 },
    () => [random.float(), random.float(), 7 * random.float()] as const,
  );
  const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const value = waves.reduce((sum, [a, b, phase]) => sum + Math.sin(a * x + b * y + phase), 0) / 6;
    return change(value, random.float() - 0.5);
  });
  const stored = { width: SIDE, height: SIDE, bits: 8, data: new Uint8Array(SIDE * SIDE).fill(1) };
  return cropsOf(values, stored, 0, index);
}

const several = (from: number, count: number, change?: Parameters<typeof crops>[1]) =>
  Array.from({ length: count }, (_, at) => crops(from + at, change));

describe('the critic', () => {
  let engine: Engine;
  beforeAll(async () => (engine = await openEngine('onnx', { threads: 1 })));
  afterAll(() => engine.dispose());
  const ask = (change?: Parameters<typeof crops>[1], on = engine) =>
    askCritic(
      on,
      { fake: several(0, 8, change), real: several(100, 8) },
      { fake: several(200, 12, change), real: several(300, 12) },
      100,
    );

  it('guesses where translations and real images are of one kind', async () => {
    const { critic, critic_low, critic_high } = (await ask())!;
    expect(critic).toBeGreaterThan(0.35);
    expect(critic).toBeLessThan(0.65);
    expect(critic_low).toBeLessThan(0.5);
    expect(critic_high).toBeGreaterThan(0.5);
  });

  it.for([
    ['another tone', (value: number) => 0.6 * value + 0.3],
    ['noise', (value: number, noise: number) => value + 0.6 * noise],
  ] as const)('tells %s', async ([, change]) => {
    const { critic, critic_low } = (await ask(change))!;
    expect(critic).toBeGreaterThan(0.95);
    expect(critic_low).toBeGreaterThan(0.75);
  });

  it('says the same again, and on another number of threads the same but for rounding', async () => {
    const change = (value: number, noise: number) => value + 0.1 * noise;
    const first = (await ask(change))!;
    expect(await ask(change)).toEqual(first);
    const two = await openEngine('onnx', { threads: 2 });
    const other = (await ask(change, two))!;
    expect(Math.abs(other.critic! - first.critic!)).toBeLessThan(0.05);
    await two.dispose();
  });

  it('leaves when it is asked to', async () => {
    const kinds = { fake: several(0, 1), real: several(1, 1) };
    expect(await askCritic(engine, kinds, kinds, 100, () => true)).toBeUndefined();
  });
});

it('Wilson’s interval is that of the literature, also at the ends', () => {
  // Newcombe 1998, Statistics in Medicine 17, 857-872, table I: 81 of 263, 0 of 20, 29 of 29.
  const of = (share: number, n: number) => wilson(share, n).map((end) => Number(end.toFixed(4)));
  expect(of(81 / 263, 263)).toEqual([0.2553, 0.3662]);
  expect(of(0, 20)).toEqual([0, 0.1611]);
  expect(of(1, 29)).toEqual([0.883, 1]);
});
