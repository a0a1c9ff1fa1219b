/** @file Tests of budgets and of the schedule that follows them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetMeter, learningRate } from './budget.js';

const updates = (budget: Parameters<typeof budgetMeter>[0], patch: number, batch: number, images = 500) =>
  budgetMeter(budget, { patch, batch }, images).updates;

describe('a budget', () => {
  it("of epochs is the seed's count: 500 images are 32 updates at batch 16 and 250 at batch 2", () => {
    expect(updates({ epochs: 1 }, 64, 16)).toBe(32);
    expect(updates({ epochs: 160 }, 128, 2)).toBe(160 * 250);
  });

  it('of pixels is the updates that the study names at 40 M', () => {
    const cells = [
      [64, 2, 4883],
      [64, 16, 610],
      [128, 2, 1221],
      [128, 16, 153],
    ] as const;
    for (const [patch, batch, expected] of cells) {
      expect(updates({ pixels: 40e6 }, patch, batch)).toBe(expected);
    }
    expect(updates({ pixels: 1 }, 64, 2)).toBe(1);
  });

  it('is passed part by part, each once, and used up at its end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 200 }), (total, parts) => {
        const meter = budgetMeter({ updates: total }, { patch: 64, batch: 1 }, 1);
        let passed = 0;
        for (let step = 1; step <= total; step++) {
          const at = { step, seconds: 0 };
          if (meter.part(at, parts) > meter.part({ step: step - 1, seconds: 0 }, parts)) passed++;
          expect(meter.share(at) < 1).toBe(step < total);
        }
        expect(passed).toBe(Math.min(parts, total));
        expect(meter.part({ step: total, seconds: 0 }, parts)).toBe(parts);
      }),
    );
  });

  it('of minutes counts seconds and knows no updates', () => {
    const meter = budgetMeter({ minutes: 2 }, { patch: 64, batch: 1 }, 1);
    expect(meter.updates).toBeNull();
    expect(meter.share({ step: 1000, seconds: 30 })).toBe(0.25);
    expect(meter.share({ step: 1, seconds: 121 })).toBe(1);
  });
});

describe('the learning rate', () => {
  it('is constant, or constant for the first half and then linear to 0', () => {
    const at = (share: number) => learningRate({ lr: 2e-4, schedule: 'linear' }, share);
    expect(learningRate({ lr: 2e-4, schedule: 'constant' }, 0.9)).toBe(2e-4);
    expect([at(0), at(0.5)]).toEqual([2e-4, 2e-4]);
    expect(at(0.75)).toBeCloseTo(1e-4, 12);
    expect(at(1)).toBe(0);
  });
});
