/** @file Tests of the image pool against the rule of Zhu et al.'s code, and of its checkpoint. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openPool } from './pool.js';
import { randomFromSeed, randomFromState } from './random.js';

const fakes = (...values: number[]) => Float32Array.from(values); // patches of one pixel

describe('an image pool', () => {
  it('of size 0 passes fakes through and draws nothing', () => {
    const random = randomFromSeed(1, 'pool');
    const before = random.state();
    const given = fakes(1, 2, 3);
    expect(openPool(0, 1).show(random, given)).toBe(given);
    expect(random.state()).toEqual(before);
  });

  it('shows new fakes while it fills, then half of the time an old one, which the new one replaces', () => {
    const pool = openPool(4, 1);
    const random = randomFromSeed(1, 'pool');
    expect(pool.show(random, fakes(0, 1, 2, 3))).toEqual(fakes(0, 1, 2, 3));
    const held = new Set([0, 1, 2, 3]);
    let old = 0;
    for (let value = 4; value < 2004; value++) {
      const [shown] = pool.show(random, fakes(value));
      if (shown === value) continue;
      old++;
      expect(held.delete(shown!)).toBe(true);
      held.add(value);
    }
    expect(old).toBeGreaterThan(900);
    expect(old).toBeLessThan(1100);
    expect(new Set(pool.save().values)).toEqual(held);
  });

  it('goes on from a checkpoint as if it had not stopped', () => {
    const batch = fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }),
        fc.array(batch, { maxLength: 20 }),
        fc.nat(20),
        (size, all, at) => {
          const random = randomFromSeed(7, 'pool');
          const pool = openPool(size, 1);
          const [begun, rest] = [all.slice(0, at), all.slice(at)];
          begun.forEach((values) => pool.show(random, fakes(...values)));
          const again = { pool: openPool(size, 1, pool.save()), random: randomFromState(random.state()) };
          for (const values of rest) {
            const shown = pool.show(random, fakes(...values));
            expect(again.pool.show(again.random, fakes(...values))).toEqual(shown);
          }
        },
      ),
    );
  });
});
