/** @file Tests of the parameter table: defaults, limits, and values that clash. */
import { describe, expect, it } from 'vitest';
import {
  PARAMETERS,
  PARAMETER_NAMES,
  UNSUPPORTED_PARAMETERS,
  discriminatorReceptiveField,
  discriminatorSides,
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
      generator: 'resnet',
      filters: 64,
      blocks: 9,
      disc_filters: 64,
      disc_layers: 3,
      lr: 2e-4,
      beta1: 0.5,
      beta2: 0.999,
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
    const parameters = resolveParameters({});
    for (const name of PARAMETER_NAMES)
      expect(PARAMETERS[name].schema.safeParse(parameters[name]).success).toBe(true);
    expect(findClashes(parameters)).toEqual([]);
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
    ['generator', ['resnet'], ['unet', 'fullres', 1]],
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

describe('discriminator', () => {
  it.each([
    [64, 6],
    [128, 14],
    [256, 30],
    [1024, 126],
  ])('of 3 layers turns a patch of %i into a map of %i', (patch, side) => {
    expect(discriminatorSides(patch, 3).at(-1)).toBe(side);
  });

  it('sees 70 pixels with 3 layers', () => {
    expect([1, 2, 3, 4, 5].map(discriminatorReceptiveField)).toEqual([16, 34, 70, 142, 286]);
  });

  it('must not shrink the patch to nothing; the error shows the sum', () => {
    const [clash] = findClashes(resolveParameters({ patch: 32, disc_layers: 4 }));
    expect(clash?.message).toBe(
      'disc_layers 4 leaves nothing of a patch of 32 pixels: 32 → 16 → 8 → 4 → 2 → 1 → 0',
    );
    expect(clash?.expected).toContain('the smallest patch is 48');
    expect(findClashes(resolveParameters({ patch: 48, disc_layers: 4 }))).toEqual([]);
  });
});
