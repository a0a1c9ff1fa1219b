/** @file Tests of patches: every position can come, masks are what brute force says, and values are those of the image. */
import fc from 'fast-check';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import type { Random } from './dataset.js';
import type { GreyImage } from './image.js';
import { countCentres, cutPatch, otsu, positionInside, randomPosition } from './patches.js';

function randomFrom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  return { int: (lo, hi) => uniformInt(generator, lo, hi), float: () => uniformFloat64(generator) };
}

const arbitraryImage = fc
  .tuple(fc.integer({ min: 4, max: 12 }), fc.integer({ min: 4, max: 12 }), fc.infiniteStream(fc.nat(9)))
  .map(([width, height, values]): GreyImage => {
    const data = Uint8Array.from({ length: width * height }, () => values.next().value as number);
    return { width, height, bits: 8, data };
  });

describe('cutPatch', () => {
  it('gives the values of the image, clamped to the range, and counts those inside the body', () => {
    fc.assert(
      fc.property(arbitraryImage, fc.nat(), fc.integer({ min: 0, max: 9 }), (image, seed, threshold) => {
        const position = randomPosition(randomFrom(seed), image, 4);
        const out = new Float32Array(16);
        const inside = cutPatch(image, position, 4, [2, 7], threshold, out);
        let expected = 0;
        for (let i = 0; i < 16; i++) {
          const stored = image.data[(position.top + (i >> 2)) * image.width + position.left + (i & 3)]!;
          expect(out[i]).toBeCloseTo((2 * (Math.min(7, Math.max(2, stored)) - 2)) / 5 - 1, 6);
          if (stored > threshold) expected++;
        }
        expect(inside).toBe(expected);
      }),
    );
  });
});

describe('positions', () => {
  it('by chance reach every place of an image', () => {
    const seen = new Set<string>();
    const random = randomFrom(1);
    for (let i = 0; i < 200; i++)
      seen.add(JSON.stringify(randomPosition(random, { width: 6, height: 5 }, 4)));
    expect(seen.size).toBe(3 * 2);
  });

  it('inside the mask are those whose centre is above the threshold: all of them, and as often as each other', () => {
    fc.assert(
      fc.property(arbitraryImage, fc.nat(), fc.integer({ min: -1, max: 9 }), (image, seed, threshold) => {
        const allowed: string[] = [];
        for (let top = 0; top <= image.height - 4; top++) {
          for (let left = 0; left <= image.width - 4; left++) {
            const centre = image.data[(top + 2) * image.width + left + 2]!;
            if (centre > threshold) allowed.push(JSON.stringify({ left, top }));
          }
        }
        const counts = countCentres(image, 4, threshold);
        expect(counts.at(-1)).toBe(allowed.length);
        // Every number that can be drawn gives another position, in order.
        const given = allowed.map((_, n) => {
          const random: Random = { int: () => n, float: () => 0 };
          return JSON.stringify(positionInside(random, image, 4, threshold, counts));
        });
        expect(given).toEqual(allowed);
        // An image without any gives any position.
        const { left, top } = positionInside(randomFrom(seed), image, 4, threshold, counts);
        expect(left).toBeLessThanOrEqual(image.width - 4);
        expect(top).toBeLessThanOrEqual(image.height - 4);
      }),
    );
  });
});

describe('otsu', () => {
  it('parts two classes where brute force does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 2, maxLength: 12 }), (histogram) => {
        const part = (from: number, to: number) => {
          let [n, sum] = [0, 0];
          for (let v = from; v < to; v++) [n, sum] = [n + histogram[v]!, sum + v * histogram[v]!];
          return { n, mean: sum / n };
        };
        const between = histogram.map((_, v) => {
          const [a, b] = [part(0, v + 1), part(v + 1, histogram.length)];
          return a.n === 0 || b.n === 0 ? 0 : a.n * b.n * (a.mean - b.mean) ** 2;
        });
        const threshold = otsu(histogram);
        const best = Math.max(...between);
        if (best === 0) expect(threshold).toBe(-1);
        else expect(between[threshold]).toBeCloseTo(best, 8);
      }),
    );
  });

  it('takes everything as inside where there is one value only', () => {
    expect(otsu([0, 0, 7, 0])).toBe(-1);
    expect(otsu([])).toBe(-1);
  });
});
