/** @file Tests of how much room a sweep needs, and of what is said where there is less. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diskNeed, judgeSpace, spaceLow } from './disk-need.js';

const GB = 1e9;

it('counts the last, the best and those asked for, and the new one beside the old of those that run', () => {
  const need = diskNeed([GB, 2 * GB, 0.5 * GB], 1, 2);
  expect(need.all).toBeCloseTo(3 * 3.5 * GB + 3 * 4e6 + 3 * GB, -3);
  expect(need.atOnce).toBeCloseTo(4 * 3 * GB + 2 * 4e6 + 64e6, -3);
  expect(need.floor).toBeCloseTo(3 * GB + 64e6, -3);
});

it('refuses what cannot even begin, warns of what may not end, and is silent where there is room', () => {
  const need = diskNeed(Array<number>(10).fill(0.34 * GB), 0, 2);
  expect(judgeSpace(need, 1 * GB)).toMatchObject({ refuse: true });
  expect(judgeSpace(need, 1 * GB)!.message).toContain('takes up to 7.5 GB (10 trials with checkpoints of up to 340 MB), and 1.0 GB are free'); // prettier-ignore
  expect(judgeSpace(need, 5 * GB)).toMatchObject({ refuse: false });
  expect(judgeSpace(need, 5 * GB)!.message).toContain('with less than 744 MB free it stops');
  expect(judgeSpace(need, 9 * GB)).toBeUndefined();
  expect(judgeSpace(need, undefined)).toBeUndefined();
});

it('stops a sweep only where a trial that runs might not be able to save', () => {
  const bytes = fc.integer({ min: 0, max: 1e9 });
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 4 }), bytes, (sizes, most, free) => {
      const need = diskNeed(sizes, 0, most);
      const largest = [...sizes].sort((a, b) => b - a).slice(0, most).reduce((sum, one) => sum + one, 0); // prettier-ignore
      if (spaceLow(need, free) === undefined) expect(free).toBeGreaterThanOrEqual(largest);
      // What may start is not stopped at once.
      if (judgeSpace(need, free)?.refuse !== true && free >= need.atOnce) expect(spaceLow(need, free)).toBeUndefined();
    }),
  ); // prettier-ignore
});
