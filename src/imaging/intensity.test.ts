import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromNetwork, networkToUnit, resolveRange, toNetwork, toUnit } from './intensity.js';

describe('resolveRange', () => {
  it('takes the full range of the stored depth, or what is given', () => {
    expect(resolveRange('auto', [{ bits: 8 }])).toEqual([0, 255]);
    expect(resolveRange('auto', [{ bits: 16 }, { bits: 16 }])).toEqual([0, 65535]);
    expect(resolveRange([0, 4095], [{ bits: 16 }])).toEqual([0, 4095]);
  });

  it('refuses mixed depths and empty ranges', () => {
    expect(() => resolveRange('auto', [{ bits: 8 }, { bits: 16 }])).toThrow(/8 bits and some 16/);
    expect(() => resolveRange([0, 1], [{ bits: 8 }, { bits: 16 }])).toThrow(/8 bits and some 16/);
    expect(() => resolveRange([5, 5], [{ bits: 8 }])).toThrow(/empty/);
  });
});

describe('mapping', () => {
  it('brings every stored value back', () => {
    for (const [range, bits] of [
      [[0, 255], 8],
      [[0, 65535], 16],
      [[100, 4095], 16],
    ] as const) {
      const stored = Uint16Array.from({ length: range[1] - range[0] + 1 }, (_, i) => range[0] + i);
      const back = fromNetwork(toNetwork(stored, [...range]), [...range], { bits, data: stored });
      expect(back.every((value, i) => value === stored[i])).toBe(true);
    }
  });

  it('maps the ends of the range to -1 and 1, or 0 and 1, and clamps beyond', () => {
    expect([...toNetwork([0, 100, 200, 300, 400], [100, 300])]).toEqual([-1, -1, 0, 1, 1]);
    expect([...toUnit([0, 100, 200, 300, 400], [100, 300])]).toEqual([0, 0, 0.5, 1, 1]);
    expect([...networkToUnit([-2, -1, 0, 1, 2])]).toEqual([0, 0, 0.5, 1, 1]);
    const like = { bits: 8, data: new Uint8Array(0) };
    expect([...fromNetwork([-2, 0.001, 2], [-50, 300], like)]).toEqual([0, 125, 255]);
  });

  it('never depends on the other values of an image', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.array(fc.integer({ min: 0, max: 255 })),
        (value, others) => {
          expect(toNetwork([value, ...others], [0, 255])[0]).toBe(toNetwork([value], [0, 255])[0]);
        },
      ),
    );
  });
});
