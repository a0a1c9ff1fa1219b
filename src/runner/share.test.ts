import { describe, expect, it } from 'vitest';
import { shareOut } from './share.js';

const AUTO = { trials: 'auto', threads: 'auto', trials_per_gpu: 'auto' } as const;
const GPUS = ['cuda:0', 'cuda:1'];

describe('on the processor', () => {
  it('runs a trial a core, or as many as are wanted, and shares the cores out', () => {
    expect(shareOut(AUTO, ['cpu'], 100, 8)).toEqual({ most: 8, threads: 1, perDevice: Infinity });
    expect(shareOut(AUTO, ['cpu'], 3, 8)).toMatchObject({ most: 3, threads: 2 });
    expect(shareOut({ ...AUTO, trials: 4 }, ['cpu'], 100, 8)).toMatchObject({ most: 4, threads: 2 });
    expect(shareOut({ ...AUTO, trials: 4, threads: 9 }, ['cpu'], 100, 8)).toMatchObject({
      most: 4,
      threads: 9,
    });
  });
});

describe('on GPUs', () => {
  it('lets memory decide how many share one, up to four and a core for each', () => {
    expect(shareOut(AUTO, GPUS, 100, 64)).toEqual({ most: 8, threads: 8, perDevice: 'auto' });
    expect(shareOut(AUTO, GPUS, 100, 4)).toMatchObject({ most: 4, threads: 1 });
    expect(shareOut(AUTO, GPUS, 100, 1)).toMatchObject({ most: 2, threads: 1 });
    expect(shareOut(AUTO, GPUS, 3, 64)).toMatchObject({ most: 3, threads: 21 });
  });

  it('runs one trial on each that WebGPU reaches, since nobody tells how much memory is free', () => {
    expect(shareOut(AUTO, ['webgpu:0'], 100, 16)).toEqual({ most: 1, threads: 16, perDevice: 'auto' });
    expect(shareOut({ ...AUTO, trials_per_gpu: 3 }, ['webgpu:0'], 100, 16)).toMatchObject({ most: 3 });
  });

  it('takes a number at its word', () => {
    expect(shareOut({ ...AUTO, trials_per_gpu: 3 }, GPUS, 100, 64)).toEqual({ most: 6, threads: 10, perDevice: 3 }); // prettier-ignore
    expect(shareOut({ ...AUTO, trials: 5 }, GPUS, 100, 64)).toMatchObject({ most: 5, perDevice: 'auto' });
  });
});
