/** @file Tests of the parameter table: defaults, limits, and values that clash. */
import { describe, expect, it } from 'vitest';
import {
  PARAMETERS,
  PARAMETER_NAMES,
  UNSUPPORTED_PARAMETERS,
  findClashes,
  parameterName,
  resolveParameters,
} from './parameters.js';

describe('defaults', () => {
  it('are those of the literature', () => {
    expect(resolveParameters({})).toEqual({
      patch: 64,
      batch: 1,
      lambda: 10,
      gamma: 5,
      paired: 0,
      pairs: 'all',
      generator: 'resnet',
      filters: 64,
      blocks: 9,
      norm: 'instance',
      upsample: 'transposed',
      disc_filters: 64,
      disc_layers: 3,
      gan_loss: 'least-squares',
      pool: 0,
      lr: 2e-4,
      schedule: 'constant',
      beta1: 0.5,
      beta2: 0.999,
      adversarial: 1,
      images: 'all',
      anatomy: 'same',
      crop: 'random',
      flip: false,
      jitter: 0,
    });
  });

  it('of norm and blocks follow from the generator: fullres is the 6 modules with batch norm of the study that is repeated', () => {
    expect(resolveParameters({ generator: 'fullres' })).toMatchObject({ norm: 'batch', blocks: 6 });
    expect(resolveParameters({ generator: 'unet' })).toMatchObject({ norm: 'instance', blocks: 5 });
    expect(resolveParameters({ generator: 'fullres', norm: 'none', blocks: 1 })).toMatchObject({
      norm: 'none',
      blocks: 1,
    });
  });

  it('give the discriminator as many filters as the generator', () => {
    expect(resolveParameters({ filters: 8 }).disc_filters).toBe(8);
    expect(resolveParameters({ filters: 8, disc_filters: 16 }).disc_filters).toBe(16);
  });

  it('leave a zero as it is', () => {
    expect(resolveParameters({ gamma: 0, beta1: 0 })).toMatchObject({ gamma: 0, beta1: 0 });
  });

  it('pass their own checks', () => {
    for (const generator of ['resnet', 'unet', 'fullres'] as const) {
      const parameters = resolveParameters({ generator });
      for (const name of PARAMETER_NAMES)
        expect(PARAMETERS[name].schema.safeParse(parameters[name]).success, name).toBe(true);
      expect(findClashes(parameters)).toEqual([]);
    }
  });
});

describe('limits', () => {
  const allowed = (name: keyof typeof PARAMETERS, value: unknown) =>
    PARAMETERS[name].schema.safeParse(value).success;

  it.each([
    ['patch', [16, 20, 64, 1024], [12, 0, -64, 65, 66, 64.5, '64', null]],
    ['batch', [1, 16], [0, -1, 1.5, '1']],
    ['lambda', [0, 0.5, 10], [-1, NaN, Infinity, '10']],
    ['gamma', [0, 5], [-0.1]],
    ['paired', [0, 10], [-1]],
    ['pairs', ['all', 1, 70], [0, 1.5, 'none']],
    ['generator', ['resnet', 'unet', 'fullres'], ['vit', 1]],
    ['norm', ['instance', 'batch', 'none'], ['layer', false]],
    ['upsample', ['transposed', 'resize'], ['bilinear']],
    ['gan_loss', ['least-squares', 'cross-entropy', 'hinge'], ['lsgan']],
    ['pool', [0, 50], [-1, 51, 2.5]],
    ['schedule', ['constant', 'linear'], ['cosine']],
    ['images', ['all', 1, 500], [0, 'some']],
    ['adversarial', [0, 1, 0.5], [-1, 'off']],
    ['anatomy', ['same', 'disjoint'], ['other']],
    ['crop', ['random', 'inside-mask', 'fixed-per-run'], ['centre']],
    ['flip', [true, false], ['yes', 1]],
    ['jitter', [0, 0.1, 0.5], [-0.1, 0.6]],
    ['filters', [1, 64], [0, 1.5]],
    ['blocks', [1, 9], [0, 2.5]],
    ['disc_filters', [1], [0]],
    ['disc_layers', [1, 2, 3, 4, 5], [0, 6, 2.5]],
    ['lr', [1e-9, 2e-4], [0, -1]],
    ['beta1', [0, 0.999], [1, -0.1]],
    ['beta2', [0, 0.999], [1]],
  ] as const)('%s', (name, right, wrong) => {
    for (const value of right) expect(allowed(name, value), String(value)).toBe(true);
    for (const value of wrong) expect(allowed(name, value), String(value)).toBe(false);
  });
});

describe('names', () => {
  it('include those of the study that is repeated', () => {
    expect(['patch_size', 'batch_size', 'L1_lambda', 'L1_gamma'].map(parameterName)).toEqual([
      'patch',
      'batch',
      'lambda',
      'gamma',
    ]);
    expect(parameterName('toString')).toBeUndefined();
  });

  it('do not overlap with those that are only planned', () => {
    expect(UNSUPPORTED_PARAMETERS.filter((name) => parameterName(name) !== undefined)).toEqual([]);
  });
});

describe('values that clash', () => {
  const clashOf = (given: Parameters<typeof resolveParameters>[0]) =>
    findClashes(resolveParameters(given))[0];

  it('a discriminator that shrinks the patch to nothing; the error shows the sum', () => {
    const clash = clashOf({ patch: 32, disc_layers: 4 });
    expect(clash?.message).toBe(
      'disc_layers 4 leaves nothing of a patch of 32 pixels: 32 → 16 → 8 → 4 → 2 → 1 → 0',
    );
    expect(clash?.expected).toContain('the smallest patch is 48');
    expect(clashOf({ patch: 48, disc_layers: 4 })).toBeUndefined();
    expect(clashOf({ patch: 64, disc_layers: 5 })?.message).toBe(
      'disc_layers 5 leaves nothing of a patch of 64 pixels: 64 → 32 → 16 → 8 → 4 → 2 → 1 → 0',
    );
  });

  it('a unet that cannot halve the patch as often as it has levels; the error shows the sum', () => {
    const clash = clashOf({ generator: 'unet', blocks: 6, patch: 96 });
    expect(clash?.message).toBe(
      'a unet of 6 blocks halves the side 6 times, which a patch of 96 pixels does not stand: 96 → 48 → 24 → 12 → 6 → 3 → 1.5',
    );
    expect(clash?.expected).toBe('patch a multiple of 2^6 = 64, or blocks up to 5');
    expect(clashOf({ generator: 'unet', blocks: 5, patch: 96 })).toBeUndefined();
  });

  it('options without effect', () => {
    expect(clashOf({ generator: 'fullres', upsample: 'resize' })?.names).toContain('upsample');
    expect(clashOf({ pairs: 5 })?.message).toBe('pairs 5 has no effect while paired is 0');
    expect(clashOf({ pairs: 5, paired: 10 })).toBeUndefined();
  });

  it('generators that have nothing to learn: the identity term alone asks for no change', () => {
    for (const gamma of [0, 5]) {
      const clash = clashOf({ adversarial: 0, lambda: 0, paired: 0, gamma });
      expect(clash?.names).toEqual(['adversarial', 'lambda', 'paired']);
      expect(clash?.message).toContain('the generators would learn at most to change nothing');
    }
    for (const term of ['adversarial', 'lambda', 'paired'] as const)
      expect(clashOf({ adversarial: 0, lambda: 0, paired: 0, [term]: 1 })).toBeUndefined();
  });
});
