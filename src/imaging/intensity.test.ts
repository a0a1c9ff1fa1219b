import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrialData } from '../protocol.js';
import {
  fromNetwork,
  networkToUnit,
  resolveRange,
  toNetwork,
  toUnit,
  type ImageKind,
  type Range,
} from './intensity.js';

const never = () => Promise.reject(new Error('not asked for'));
const HU: ImageKind = { bits: 12, unit: 'HU', limits: [-1024, 3071] };

describe('resolveRange', () => {
  it('takes the full range of the stored depth, the window of a CT, or what is given', async () => {
    expect(await resolveRange('auto', [{ bits: 8 }], never)).toEqual([0, 255]);
    expect(await resolveRange('auto', [{ bits: 16 }, { bits: 16 }], never)).toEqual([0, 65535]);
    expect(await resolveRange('auto', [{ bits: 12, limits: [0, 4095] }], never)).toEqual([0, 4095]);
    expect(await resolveRange([0, 4095], [{ bits: 16 }], never)).toEqual([0, 4095]);
    const signed: ImageKind = { bits: 16, unit: 'HU', limits: [-32768, 32767] };
    expect(await resolveRange('auto', [HU, signed], never)).toEqual([-1024, 3071]);
    expect(await resolveRange([-160, 240], [HU], never)).toEqual([-160, 240]);
  });

  it('takes percentiles over both domains: from the lower low to the higher high', async () => {
    const ends: Record<number, number[]> = { 1: [10, -20], 99: [300, 250] };
    const percentileOf = (percent: number) => Promise.resolve(ends[percent]!);
    expect(await resolveRange({ percentiles: [1, 99] }, [{ bits: 16 }], percentileOf)).toEqual([-20, 300]);
    const one = () => Promise.resolve([7, 7]);
    await expect(resolveRange({ percentiles: [1, 99] }, [{ bits: 16 }], one)).rejects.toThrow(
      /one value \(7\)/,
    );
  });

  it('refuses what cannot mean the same, empty ranges, and auto where there is no full range', async () => {
    const refused = (range: TrialData['range'], kinds: ImageKind[]) =>
      expect(resolveRange(range, kinds, never)).rejects;
    await refused('auto', [{ bits: 8 }, { bits: 16 }]).toThrow(/8 bits and some 16 bits/);
    await refused([0, 1], [{ bits: 8 }, { bits: 16 }]).toThrow(/8 bits and some 16 bits/);
    await refused([0, 1], [HU, { bits: 12, limits: [0, 4095] }]).toThrow(/Hounsfield units and some 12 bits/);
    await refused([5, 5], [{ bits: 8 }]).toThrow(/empty/);
    await refused('auto', [
      { bits: 12, limits: [0, 10] },
      { bits: 12, limits: [0, 11] },
    ]).toThrow(/percentiles/);
    await refused('auto', [{ bits: 32, limits: [-Infinity, Infinity] }]).toThrow(
      /real numbers have no full range/,
    );
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
    const signed = { bits: 12, limits: [-1024, 3071] as Range, data: new Int16Array(0) };
    expect([...fromNetwork([-2, -0.5, 2], [-2000, 4000], signed)]).toEqual([-1024, -500, 3071]);
    const real = { bits: 32, limits: [-Infinity, Infinity] as Range, data: new Float32Array(0) };
    expect([...fromNetwork([-1, 0.25], [0, 1], real)]).toEqual([0, 0.625]);
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
