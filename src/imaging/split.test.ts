import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Split } from '../protocol.js';
import type { ImageFile } from './folder.js';
import { DataError } from './image.js';
import { splitImages, type DomainSplit } from './split.js';

const PARTS = ['train', 'validation', 'test'] as const;
const SHARES: Split = { train: 0.8, validation: 0.1, test: 0.1 };

function files(stems: string[]): ImageFile[] {
  return stems.map((stem) => ({ path: `folder/${stem}.png`, name: `${stem}.png`, stem }));
}

function numbered(count: number, prefix = ''): ImageFile[] {
  return files(Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`));
}

/** Names instead of indices, to compare splits of differently ordered lists. */
function named(split: DomainSplit, x: ImageFile[], y: ImageFile[]): Record<string, string[][]> {
  const names = (part: (typeof PARTS)[number]) =>
    [x, y].map((list, domain) => split[part][domain]!.map((index) => list[index]!.name).sort());
  return Object.fromEntries(PARTS.map((part) => [part, names(part)]));
}

const arbitraryShares = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .map(([a, b, c]): Split => ({
    train: a / (a + b + c),
    validation: b / (a + b + c),
    test: c / (a + b + c),
  }));

/** Images named patient_number, of up to 12 patients. */
const arbitraryImages = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 11 }), fc.integer({ min: 0, max: 4 })), {
    selector: String,
    minLength: 1,
    maxLength: 40,
  })
  .map((list) => files(list.map(([patient, number]) => `${patient}_${number}`)));

describe('splitImages', () => {
  it('uses every image once and never a patient in two parts, over both domains', () => {
    fc.assert(
      fc.property(arbitraryImages, arbitraryImages, arbitraryShares, (x, y, shares) => {
        let split: DomainSplit;
        try {
          split = splitImages(x, y, shares, { patient: '^(\\d+)_' });
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          return;
        }
        const partOf = new Map<string, string>();
        [x, y].forEach((list, domain) => {
          const used = PARTS.flatMap((part) => split[part][domain]!);
          expect([...used].sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
          for (const part of PARTS) {
            expect(split[part][domain]!.length).toBeGreaterThan(0);
            for (const index of split[part][domain]!) {
              const patient = list[index]!.stem.split('_')[0]!;
              expect(partOf.get(patient) ?? part).toBe(part);
              partOf.set(patient, part);
            }
          }
        });
      }),
    );
  });

  it('does not depend on the order of the lists', () => {
    const shuffled = (list: ImageFile[]) => fc.shuffledSubarray(list, { minLength: list.length });
    const x = numbered(13, 'a');
    const y = [...numbered(9, 'b'), ...x.slice(4, 8)];
    const expected = named(splitImages(x, y, SHARES), x, y);
    fc.assert(
      fc.property(shuffled(x), shuffled(y), (x2, y2) => {
        expect(named(splitImages(x2, y2, SHARES), x2, y2)).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('finds a split whenever each domain has enough patients of its own', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 30 }),
        fc.integer({ min: 3, max: 30 }),
        arbitraryShares,
        (nx, ny, shares) => {
          const x = numbered(nx, 'x');
          const y = numbered(ny, 'y');
          expect(splitImages(x, y, shares).train[0].length).toBeGreaterThan(0);
          expect(splitImages(x, x, shares).train).toBeDefined();
        },
      ),
    );
  });

  it('keeps to the shares, with partners in the same part', () => {
    const x = numbered(100);
    const split = splitImages(x, numbered(100), SHARES);
    for (const part of PARTS) {
      expect(split[part][0].length).toBe(100 * SHARES[part]);
      expect(split[part][1]).toEqual(split[part][0]);
    }
    const unpaired = splitImages(numbered(40, 'x'), numbered(60, 'y'), {
      train: 0.5,
      validation: 0.25,
      test: 0.25,
    });
    expect(PARTS.map((part) => unpaired[part].map((indices) => indices.length))).toEqual([
      [20, 30],
      [10, 15],
      [10, 15],
    ]);
  });

  it('moves few images when one is added', () => {
    const before = splitImages(numbered(100), numbered(100), SHARES);
    const after = splitImages(numbered(101), numbered(101), SHARES);
    const moved = before.train[0].filter((index) => !after.train[0].includes(index));
    expect(moved.length).toBeLessThanOrEqual(2);
  });

  it('leaves a part empty whose share is 0', () => {
    const split = splitImages(numbered(4), numbered(4), { train: 0.5, validation: 0.5, test: 0 });
    expect(split.test).toEqual([[], []]);
    expect(split.train[0].length).toBe(2);
  });

  it('takes patients from folders if the expression says so', () => {
    const x = files(['p1/1', 'p1/2', 'p2/1', 'p3/1', 'p4/1']);
    const split = splitImages(x, x, SHARES, { patient: '^([^/]+)/' });
    expect(PARTS.filter((part) => split[part][0].includes(0) || split[part][0].includes(1))).toHaveLength(1);
  });

  it('says how many images there are and are needed', () => {
    expect(() => splitImages(numbered(2), numbered(9), SHARES)).toThrow(
      /X has 2 of 2 patients, Y has 9 of 9.*at least 3/,
    );
    expect(() =>
      splitImages(files(['7_1', '7_2', '7_3', '8_1']), numbered(9, '9_'), SHARES, { patient: '^(\\d+)_' }),
    ).toThrow(/X has 4 of 2/);
  });

  it('refuses a name whose patient is not known', () => {
    expect(() => splitImages(numbered(5), numbered(5), SHARES, { patient: '^(\\d+)_' })).toThrow(
      /0000\.png: its name does not match patient/,
    );
    expect(() => splitImages(numbered(5), numbered(5), SHARES, { patient: '^\\d+' })).toThrow(
      /no first group/,
    );
  });
});

describe('a split by lists', () => {
  const stems = (domain: number, split: DomainSplit, part: (typeof PARTS)[number], list: ImageFile[]) =>
    split[part][domain]!.map((index) => list[index]!.stem);
  const slices = files([1, 2, 3, 4, 9, 10, 11, 12].map((n) => `slice${String(n).padStart(3, '0')}`));

  it('takes stems, ranges and patterns, and leaves out what no list names', () => {
    const split = splitImages(slices, slices, {
      train: ['slice001..slice004'],
      validation: ['slice009'],
      test: ['*12', 'slice010'],
    });
    for (const domain of [0, 1]) {
      expect(stems(domain, split, 'train', slices)).toEqual(['slice001', 'slice002', 'slice003', 'slice004']);
      expect(stems(domain, split, 'validation', slices)).toEqual(['slice009']);
      expect(stems(domain, split, 'test', slices)).toEqual(['slice010', 'slice012']);
    }
  });

  it('takes patients, with all of their images, and an empty validation', () => {
    const list = files(['7_a', '7_b', '8_a', '9_a']);
    const lists = { train: ['7', '8'], validation: [], test: ['9_a'] };
    const split = splitImages(list, list, lists, { patient: '^(\\d+)_' });
    expect(stems(0, split, 'train', list)).toEqual(['7_a', '7_b', '8_a']);
    expect(stems(1, split, 'test', list)).toEqual(['9_a']);
  });

  it.each([
    [{ train: ['slice001'], test: ['slice099'] }, /'slice099' under test names no image of X or Y/],
    [
      { train: ['slice00*'], test: ['slice009'] },
      /train \('slice00\*'\) and test \('slice009'\) share a patient/,
    ],
  ])('refuses %j', (lists, message) => {
    expect(() => splitImages(slices, slices, { validation: [], ...lists })).toThrow(message);
  });

  it('refuses two parts for one patient, and for partners of an index file', () => {
    const list = files(['7_a', '7_b', '8_a']);
    const lists = { train: ['7_a', '8_a'], validation: [], test: ['7_b'] };
    expect(() => splitImages(list, list, lists, { patient: '^(\\d+)_' })).toThrow(
      /share a patient or a pair/,
    );
    const [x, y] = [files(['a', 'b']), files(['c', 'd'])];
    const apart = { train: ['a', 'c'], validation: [], test: ['b', 'd'] };
    expect(splitImages(x, y, apart, { pairs: [[0, 0], [1, 1]] }).test).toEqual([[1], [1]]); // prettier-ignore
    expect(() => splitImages(x, y, apart, { pairs: [[0, 1]] })).toThrow(/share a patient or a pair/);
  });
});

describe('pairs of different names', () => {
  it('stay in one part', () => {
    const [x, y] = [numbered(30, 'x'), numbered(30, 'y')];
    const pairs = x.map((_, index): [number, number] => [index, 29 - index]);
    const split = splitImages(x, y, SHARES, { pairs });
    for (const part of PARTS) {
      expect(split[part][1]).toEqual(split[part][0].map((index) => 29 - index).sort((a, b) => a - b));
    }
  });
});
