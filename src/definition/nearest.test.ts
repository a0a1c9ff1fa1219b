/** @file Tests of the nearest known word. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from './nearest.js';

describe('nearest', () => {
  const words = ['patch', 'batch', 'lambda', 'gamma', 'lr'];
  it.each([
    ['lamda', 'lambda'],
    ['Lambda', 'lambda'],
    ['pacth', 'patch'],
    ['gama', 'gamma'],
    ['l', 'lr'],
    ['zzz', undefined],
    ['temperature', undefined],
  ])('%s → %s', (word, meant) => expect(nearest(word, words)).toBe(meant));
});

describe('editDistance', () => {
  const word = fc.string({ maxLength: 8 });
  it('is 0 for equal words only, symmetric, and at most the longer length', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
