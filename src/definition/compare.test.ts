/** @file The claims of a sweep file: what may be compared with what, what is refused and where, and what becomes of a contrast. */
import { describe, expect, it } from 'vitest';
import type { Contrast } from './compare.js';
import { resolveContrast, type Weights } from './contrast.js';
import { expandTrials } from './expand.js';
import { readClaims, readDefinition } from './read.js';

const HEAD = 'name: a\nbudget: { updates: 10 }\ndata: { phantom: radiograph }\nseeds: 8\n';
const CROSSED = `${HEAD}grid: { patch: [64, 128], batch: [2, 16] }\n`;
const claim = (more: string) =>
  `compare:\n  - { claim: It helps, outcome: exam/psnr, expect: higher, ${more} }\n`;
const read = (text: string) => readDefinition(text, 'a.yaml');
const resolve = (contrast: Contrast, grid: string) => {
  const { settings, varied } = expandTrials(read(`${HEAD}grid: ${grid}`));
  return { settings, resolved: resolveContrast(contrast, settings, varied) };
};
const weights = (contrast: Contrast, grid: string) => resolve(contrast, grid).resolved as Weights;

describe('compare', () => {
  it('is optional; a claim has a margin by its outcome and is exploratory unless it says so', () => {
    expect(read(CROSSED).compare).toEqual([]);
    expect(read(CROSSED + claim('contrast: { factor: patch_size }')).compare).toEqual([
      {
        claim: 'It helps',
        outcome: 'exam/psnr',
        contrast: { kind: 'factor', name: 'patch' },
        expect: 'higher',
        margin: { absolute: 0.5 },
        primary: false,
      },
    ]);
  });

  it.each([
    ['exam/psnr_body_tiles', { absolute: 0.5 }],
    ['exam/ssim_yx', { absolute: 0.01 }],
    ['loss/D', { share: 0.1 }],
    ['exam/kid', { share: 0.1 }],
  ])('takes %s to matter from a margin that is stated', (outcome, margin) => {
    const text = claim('contrast: { factor: patch }').replace('exam/psnr', outcome);
    expect(read(CROSSED + text).compare[0]!.margin).toEqual(margin);
  });

  it('takes a margin in the unit or as a share', () => {
    const margin = (written: string) =>
      read(CROSSED + claim(`contrast: patch-against-batch, margin: ${written}`)).compare[0]!.margin;
    expect(margin('0.3')).toEqual({ absolute: 0.3 });
    expect(margin('5%')).toEqual({ share: 0.05 });
    expect(() => margin('0%')).toThrow('a.yaml:7:');
    expect(() => margin('-1')).toThrow('margin cannot be -1');
  });

  it('changes no key and is read again from the text that results keep', () => {
    const text = CROSSED + claim('contrast: { a: { patch: 64, batch: 2 }, b: { patch: 128, batch: 2 } }');
    expect(readClaims(text)).toEqual(read(text).compare);
    expect(readClaims(CROSSED)).toEqual([]);
    expect(readClaims('compare: [')).toEqual([]);
    expect(expandTrials(read(text)).trials).toEqual(expandTrials(read(CROSSED)).trials);
  });

  it('of a trainer that is not ours has metrics and parameters of its own', () => {
    const text = `name: a\nbudget: { updates: 10 }\ndata: { phantom: radiograph }\ncommand: [train, '{size}']\ngrid: { size: [1, 2] }\n`;
    const own = claim('contrast: { factor: size }').replace('exam/psnr', 'val/error');
    expect(read(text + own).compare[0]!.contrast).toEqual({ kind: 'factor', name: 'size' });
  });

  it('warns where a primary claim has too few seeds for a verdict', () => {
    const warned = (seeds: number, primary: boolean) =>
      expandTrials(
        read(
          CROSSED.replace('seeds: 8', `seeds: ${seeds}`) +
            claim(`contrast: { factor: patch }, primary: ${primary}`),
        ),
      ).warnings.some((warning) => warning.includes('verdicts need 8 seeds'));
    expect([warned(5, true), warned(8, true), warned(5, false)]).toEqual([true, false, false]);
  });
});

describe('what is refused', () => {
  it.each([
    ['contrast: { factor: gamma }', '7:70: gamma does not vary in this sweep', 'one of patch, batch'],
    ['contrast: { factor: ptach }', 'factor cannot be', 'the name of a parameter'],
    ['contrast: { factor: patch, to: 96 }', 'patch is never 96', 'one of 64, 128'],
    [
      'contrast: { a: { patch: 64 }, b: { patch: 128, batch: 2 } }',
      'a, {patch: 64}, is 2 settings',
      'name batch too',
    ],
    [
      'contrast: { a: { patch: 64, batch: 4 }, b: { patch: 128, batch: 2 } }',
      'is no setting',
      '{patch: 64, batch: 2}',
    ],
    ['contrast: { a: { patch: 64, batch: 2 } }', 'a has nothing to be compared with', 'patch-against-batch'],
    [
      'contrast: { a: { patch: 64, bacth: 2 }, b: { patch: 128, batch: 2 } }',
      "unknown key 'bacth'",
      'did you mean',
    ],
    ['contrast: {}', 'a contrast of nothing', '{factor: patch}'],
    ['contrast: patch', "contrast cannot be 'patch'", 'patch-against-batch'],
    ['contrast: { factor: patch }, wins: true', "unknown key 'wins'", 'one of claim, outcome, contrast'],
  ])('%s', (more, message, expected) => {
    const told = () => read(CROSSED + claim(more));
    expect(told).toThrow(/^a\.yaml:7:\d+: /);
    expect(told).toThrow(message);
    expect(told).toThrow(expected);
  });

  it('is an outcome that trials do not have', () => {
    const told =
      (outcome: string, head = CROSSED) =>
      () =>
        read(head + claim('contrast: { factor: patch }').replace('exam/psnr', outcome));
    expect(told('exam/psrn')).toThrow('no metric is called exam/psrn');
    expect(told('exam/psnr_linear')).toThrow('without a network (linear filter)');
    expect(told('exam/psnr', CROSSED.replace('{ phantom: radiograph }', '{ x: a, y: b }'))).toThrow(
      'data.pairing is none',
    );
  });
});

describe('a contrast in settings', () => {
  const FACTORIAL = '{ patch: [64, 128], batch: [2, 16] }'; // 64/2, 64/16, 128/2, 128/16

  it('of two settings is the second minus the first, and says what else differs', () => {
    const pair: Contrast = { kind: 'pair', a: { patch: 64, batch: 16 }, b: { patch: 128, batch: 2 } };
    const seed = weights(pair, '[{ patch: 64, batch: 16 }, { patch: 128, batch: 2 }]');
    expect(seed.weights).toEqual([-1, 1]);
    expect(seed.confounded).toEqual(['patch', 'batch']);
    expect(seed.grid).toBe('{patch: [64, 128], batch: [2, 16]}');
    // Where the grid crosses them, nothing more is to be asked for.
    expect(weights(pair, FACTORIAL).weights).toEqual([0, -1, 1, 0]);
    expect(weights(pair, FACTORIAL)).not.toHaveProperty('grid');
  });

  it('of two settings tells what the claim names of them, also where it is the same', () => {
    const grid = '{ patch: [64, 128], batch: [2, 16], lambda: [5, 10] }';
    const a = { patch: 64, batch: 2, lambda: 5 };
    expect(weights({ kind: 'pair', a, b: { ...a, batch: 16 } }, grid)).toMatchObject({
      a: 'patch 64, batch 2, lambda 5',
      b: 'patch 64, batch 16, lambda 5',
      confounded: [],
    });
  });

  it('counts the number of pairs as no difference to a setting without a loss on them', () => {
    const pair: Contrast = { kind: 'pair', a: { paired: 0 }, b: { pairs: 1 } };
    const one = weights(pair, '[{ paired: 0 }, { paired: 10, pairs: [1, all] }]');
    expect(one).toMatchObject({
      weights: [-1, 1, 0],
      a: 'paired 0',
      b: 'paired 10, pairs 1',
      confounded: [],
    });
  });

  it('of a factor is averaged over the other parameters, and over what is there of them', () => {
    const factor: Contrast = { kind: 'factor', name: 'patch' };
    expect(weights(factor, FACTORIAL).weights).toEqual([-0.5, -0.5, 0.5, 0.5]);
    const more = '[{ patch: [64, 128], batch: [2, 16] }, { patch: 64, batch: 8 }]';
    expect(weights(factor, more).weights).toEqual([-0.5, -0.5, 0.5, 0.5, 0]);
    expect(weights({ kind: 'factor', name: 'lambda' }, '{ lambda: [10, 2.5, 5] }').weights).toEqual([
      1, -1, 0,
    ]);
    expect(weights({ kind: 'factor', name: 'images' }, '{ images: [all, 8, 40] }').weights).toEqual([
      1, -1, 0,
    ]);
  });

  it('of a factor that changes with another compares the two settings and says so', () => {
    const two = weights({ kind: 'factor', name: 'patch' }, '{ zip: { patch: [64, 128], batch: [16, 2] } }');
    expect(two).toMatchObject({
      weights: [-1, 1],
      confounded: ['batch'],
      grid: '{patch: [64, 128], batch: [2, 16]}',
    });
    const { resolved } = resolve(
      { kind: 'factor', name: 'patch' },
      '[{ patch: 64, batch: [16, 8] }, { patch: 128, batch: [2, 4] }]',
    );
    expect(resolved).toMatchObject({ problem: 'no two settings differ in patch alone, 64 against 128' });
  });

  it('of the patch against the batch is the gain per doubling of the pixels of an update', () => {
    const { settings, resolved } = resolve({ kind: 'patch-against-batch' }, FACTORIAL);
    const { weights, interaction } = resolved as Weights;
    // An outcome that gains 0.7 per doubling of pixels by the patch and 0.2 by the batch, and 0.3 more by the patch per doubling at the larger batch.
    const outcome = settings.map(({ patch, batch }) => {
      const [byPatch, byBatch] = [2 * Math.log2(Number(patch) / 64), Math.log2(Number(batch) / 2)];
      return 20 + 0.7 * byPatch + 0.2 * byBatch + (batch === 16 ? 0.3 * byPatch : 0);
    });
    const sum = (of: number[]) => of.reduce((total, weight, at) => total + weight * outcome[at]!, 0);
    // Half of what the patch gains more at batch 16 counts as its own; the batch's gain has the mean of 0 and 0.6 over 3 doublings.
    expect(sum(weights)).toBeCloseTo(0.7 + 0.15 - (0.2 + 0.3 / 3), 12);
    expect(sum(interaction!)).toBeCloseTo(0.3, 12);
    expect(
      resolve({ kind: 'patch-against-batch' }, '[{ patch: 64, batch: 16 }, { patch: 128, batch: 2 }]')
        .resolved,
    ).toMatchObject({ expected: 'settings that cross them: grid: {patch: [64, 128], batch: [2, 16]}' });
  });
});
