/** @file Tests of subsets: nested, the same for partners, and refused where there is too little. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageFile } from './folder.js';
import { DataError } from './image.js';
import type { DomainSplit } from './split.js';
import { trainingSet } from './subset.js';

function files(count: number, prefix: string): ImageFile[] {
  return Array.from({ length: count }, (_, i) => {
    const stem = `${prefix}${i}`;
    return { path: `folder/${stem}.png`, name: `${stem}.png`, stem };
  });
}

const ALL = { images: 'all', pairs: 'all', paired: 1, anatomy: 'same' } as const;
const indices = (count: number) => Array.from({ length: count }, (_, i) => i);
const splitOf = (count: number): DomainSplit => ({
  train: [indices(count), indices(count)],
  validation: [[], []],
  test: [[], []],
});

describe('trainingSet', () => {
  const COUNT = 12;
  const [x, y] = [files(COUNT, 'x'), files(COUNT, 'y')];
  const known = indices(COUNT).map((i): [number, number] => [i, COUNT - 1 - i]);
  const draw = (images: number | 'all', pairs: number | 'all' = 'all') =>
    trainingSet(x, y, splitOf(COUNT), known, { ...ALL, images, pairs });

  it('nests: fewer images are among more, and partners come together', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: COUNT }), fc.integer({ min: 1, max: COUNT }), (a, b) => {
        const [few, many] = [draw(Math.min(a, b)), draw(Math.max(a, b))];
        expect(few.x).toHaveLength(Math.min(a, b));
        for (const domain of ['x', 'y'] as const) {
          expect(few[domain].every((index) => many[domain].includes(index))).toBe(true);
        }
        expect(few.pairs).toHaveLength(Math.min(a, b));
        for (const [atX, atY] of few.pairs) expect(few.y[atY]).toBe(COUNT - 1 - few.x[atX]!);
      }),
    );
  });

  it('takes the first pairs, nested too', () => {
    const names = (pairs: number) => draw('all', pairs).pairs.map(String);
    expect(names(5)).toHaveLength(5);
    expect(names(5)).toEqual(expect.arrayContaining(names(3)));
    expect(draw('all').x).toEqual(indices(COUNT));
    expect(trainingSet(x, y, splitOf(COUNT), known, { ...ALL, paired: 0 }).pairs).toEqual([]);
  });

  it('parts partners where their anatomy is to be disjoint, nested too', () => {
    const draw = (images: number | 'all') =>
      trainingSet(x, y, splitOf(COUNT), known, { ...ALL, images, paired: 0, anatomy: 'disjoint' });
    const all = draw('all');
    expect(all.x.length + all.y.length).toBe(COUNT);
    expect(all.y.some((ofY) => all.x.includes(COUNT - 1 - ofY))).toBe(false);
    const few = draw(2);
    expect([few.x.length, few.y.length]).toEqual([2, 2]);
    expect(all.x).toEqual(expect.arrayContaining(few.x));
    expect(all.y).toEqual(expect.arrayContaining(few.y));
    expect(() => draw(COUNT)).toThrow(/than anatomy disjoint leaves for training: \d+/);
    const unpaired = trainingSet(x, y, splitOf(COUNT), [], { ...ALL, paired: 0, anatomy: 'disjoint' });
    expect(unpaired).toMatchObject({ x: indices(COUNT), y: indices(COUNT) });
  });

  it('parts no image from a partner that does not train', () => {
    const disjoint = { ...ALL, paired: 0, anatomy: 'disjoint' } as const;
    const [even, odd] = [
      indices(COUNT).filter((i) => i % 2 === 0),
      indices(COUNT).filter((i) => i % 2 === 1),
    ];
    const sameIndex = indices(COUNT).map((i): [number, number] => [i, i]);
    // Of the pairs of even index X trains, of the others Y; the partners are tested on.
    const apart: DomainSplit = { train: [even, odd], validation: [[], []], test: [odd, even] };
    expect(trainingSet(x, y, apart, sameIndex, disjoint)).toMatchObject({ x: even, y: odd });
    const onePair: DomainSplit = { ...apart, train: [even, [0, ...odd]] };
    const { x: usedX, y: usedY } = trainingSet(x, y, onePair, sameIndex, disjoint);
    expect(usedX.includes(0)).toBe(!usedY.includes(0));
    expect([...usedX, ...usedY]).toHaveLength(COUNT);
  });

  it('says why a domain is left without images, and only where the anatomy was to be disjoint', () => {
    const draw = (anatomy: 'same' | 'disjoint', [ofX, ofY]: [number[], number[]]) =>
      trainingSet(x, y, { ...splitOf(0), train: [ofX, ofY] }, [[0, 0]], { ...ALL, images: 1, paired: 0, anatomy }); // prettier-ignore
    expect(() => draw('disjoint', [[0], [0]])).toThrow(/anatomy disjoint leaves [XY] no training image/);
    expect(() => draw('same', [[0], []])).toThrow(/more images of Y than there are for training: 0/);
  });

  it('refuses to use more than there is', () => {
    expect(() => draw(13)).toThrow(/images: 13 asks for more images of X than there are for training: 12/);
    expect(() => draw('all', 13)).toThrow(/pairs: 13 needs 13 pairs among the training images; there are 12/);
    expect(() => trainingSet(x, y, splitOf(COUNT), [], ALL)).toThrow(DataError);
  });
});
