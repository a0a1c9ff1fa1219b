/** @file The memory of a step: predicted against measured, chosen by a limit, refused beyond it. */
import { resolveParameters } from '../definition/parameters.js';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../engines/engine.js';
import type { TrialParameters } from '../protocol.js';
import {
  BASE,
  checkMemory,
  explainMemory,
  memoryLimit,
  peakMemory,
  planMemory,
  PREDICTION_ERROR,
  stepMemory,
} from './memory.js';
import { microBatches } from './step.js';
import { DIRECT } from './winograd.js';

const PARAMETERS = resolveParameters({ batch: 16, filters: 16, blocks: 3 });
const strict = (bytes: number) => ({ bytes, strict: true });

describe('the prediction', () => {
  // Peaks of fresh processes after an update on the onnx engine, one thread, onnxruntime-node 1.30.0, linux-x64, GB.
  it.each([
    [64, 16, 16, 3, 16, 0.405],
    [64, 16, 16, 3, 8, 0.308],
    [64, 16, 16, 3, 4, 0.265],
    [64, 16, 16, 3, 1, 0.239],
    [128, 2, 8, 3, 2, 0.245],
    [128, 2, 16, 3, 2, 0.299],
    [128, 4, 32, 6, 4, 0.787],
    [256, 1, 16, 6, 1, 0.475],
    [256, 1, 32, 9, 1, 0.902],
    [1024, 1, 16, 9, 1, 4.974],
    [64, 4, 32, 6, 4, 0.628, 'fullres'],
    [128, 1, 32, 6, 1, 0.626, 'fullres'],
    [64, 16, 16, 5, 16, 0.316, 'unet'],
    [256, 1, 32, 6, 1, 0.78, 'unet'],
  ])(
    'is near what was measured: patch %i, batch %i, filters %i, blocks %i, micro-batch %i',
    (patch, batch, filters, blocks, micro, peak, named?: string | number) => {
      const generator = (named ?? 'resnet') as TrialParameters['generator'];
      const predicted =
        BASE +
        stepMemory({ ...PARAMETERS, patch, batch, filters, blocks, generator, disc_filters: filters }, micro);
      expect(predicted / (1e9 * peak)).toBeGreaterThan(1 / PREDICTION_ERROR);
      expect(predicted / (1e9 * peak)).toBeLessThan(PREDICTION_ERROR);
    },
  );

  // The same in Winograd's form, and where residual blocks are computed again.
  it.each([
    [64, 16, 16, 3, 16, 0.46, 0.41],
    [64, 16, 16, 3, 4, 0.28, 0.27],
    [128, 2, 16, 3, 2, 0.35, 0.32],
    [128, 4, 32, 6, 4, 0.98, 0.75],
    [256, 1, 16, 6, 1, 0.56, 0.49],
    [256, 1, 32, 9, 1, 1.24, 0.88],
    [64, 4, 64, 9, 4, 1.87, 1.38],
    [64, 4, 64, 9, 1, 1.55, 1.34],
    [128, 1, 64, 9, 1, 1.81, 1.46],
  ])(
    'is near it in Winograd’s form: patch %i, batch %i, filters %i, blocks %i, micro-batch %i',
    (patch, batch, filters, blocks, micro, kept, recomputed) => {
      const parameters = { ...PARAMETERS, patch, batch, filters, blocks, disc_filters: filters };
      for (const [memory, peak] of [
        ['auto', kept],
        ['low', recomputed],
      ] as const) {
        const predicted = BASE + stepMemory(parameters, micro, { winograd: true, memory, lanes: 1 });
        expect(predicted / (1e9 * peak), memory).toBeGreaterThan(1 / PREDICTION_ERROR);
        expect(predicted / (1e9 * peak), memory).toBeLessThan(PREDICTION_ERROR);
      }
    },
  );

  it.each([
    [64, 16, 16, 3, 16, 0.84],
    [64, 16, 16, 3, 4, 0.5],
    [128, 2, 16, 3, 2, 0.61],
    [128, 4, 32, 6, 4, 1.9],
    [256, 1, 16, 6, 1, 1.03],
    [64, 16, 32, 9, 16, 2.32],
    [64, 16, 8, 3, 1, 0.34],
  ])(
    'is near it on two lanes: patch %i, batch %i, filters %i, blocks %i, micro-batch %i',
    (patch, batch, filters, blocks, micro, peak) => {
      const parameters = { ...PARAMETERS, patch, batch, filters, blocks, disc_filters: filters };
      const predicted = BASE + stepMemory(parameters, micro, { winograd: true, memory: 'auto', lanes: 2 });
      expect(predicted / (1e9 * peak)).toBeGreaterThan(1 / PREDICTION_ERROR);
      expect(predicted / (1e9 * peak)).toBeLessThan(PREDICTION_ERROR);
    },
  );

  it('falls in proportion to the micro-batch, but for weights and images', () => {
    const [one, two, four] = [1, 2, 4].map((micro) => stepMemory(PARAMETERS, micro)) as [
      number,
      number,
      number,
    ];
    expect(four - two).toBeCloseTo(2 * (two - one), 0);
    expect(one).toBeLessThan(0.25 * stepMemory(PARAMETERS, 16));
  });
});

describe('the micro-batch', () => {
  it('is the largest that fits', () => {
    const parameters = { ...PARAMETERS, patch: 256 };
    const needs = (micro: number) => BASE + stepMemory(parameters, micro);
    const choose = (bytes: number) =>
      planMemory(parameters, microBatches(16), DIRECT, strict(bytes), 0).microBatch;
    expect(choose(needs(16))).toBe(16);
    expect(choose(needs(16) - 1)).toBe(8);
    expect(choose(needs(3))).toBe(2);
    expect(choose(needs(1))).toBe(1);
  });

  it('is refused where a limit is set that not even the smallest keeps, with what it needs and what there is', () => {
    const plan = () => planMemory(PARAMETERS, [1], DIRECT, strict(1e8), 0);
    expect(plan).toThrow(EngineError);
    expect(plan).toThrow(
      /patch 64, batch 16, micro_batch 1, .* needs about 0\.\d+ GB, the limit is 0\.10 GB/,
    );
    expect(planMemory(PARAMETERS, [2, 1], DIRECT, { bytes: 1, strict: false }).microBatch).toBe(1);
  });

  it('divides the batch', () => {
    expect(microBatches(12)).toEqual([12, 6, 4, 3, 2, 1]);
  });
});

describe('the limit', () => {
  it('is what somebody set, else what is free', () => {
    expect(memoryLimit({ SWEEP_MEMORY_LIMIT: '4000000000' })).toEqual({ bytes: 4e9, strict: true });
    expect(memoryLimit({})).toMatchObject({ strict: false });
    expect(memoryLimit({}).bytes).toBeGreaterThan(process.memoryUsage.rss() / 2);
    expect(() => memoryLimit({ SWEEP_MEMORY_LIMIT: '4G' })).toThrow(/SWEEP_MEMORY_LIMIT is 4G/);
  });

  it('ends a trial that grew beyond it, if somebody set it', () => {
    const plan = planMemory(PARAMETERS, [1], DIRECT, strict(1e9), 0);
    expect(() => checkMemory(PARAMETERS, plan, 9e8)).not.toThrow();
    expect(() => checkMemory(PARAMETERS, plan, 2e9)).toThrow(/holds 2\.00 GB, the limit is 1\.00 GB/);
    const free = { ...plan, limit: { bytes: 1e9, strict: false } };
    expect(() => checkMemory(PARAMETERS, free, 2e9)).not.toThrow();
  });
});

it('a peak is that of this program, not of the runner that it was forked from', () => {
  expect(peakMemory(() => 'VmPeak:\t  900000 kB\nVmHWM:\t  120000 kB\nVmRSS:\t  100000 kB\n')).toBe(
    120000 * 1024,
  );
  const elsewhere = () => {
    throw new Error('no /proc here');
  };
  const before = process.resourceUsage().maxRSS * 1024;
  const peak = peakMemory(elsewhere);
  expect(peak).toBeGreaterThanOrEqual(before);
  expect(peak).toBeLessThanOrEqual(process.resourceUsage().maxRSS * 1024);
});

it('says of an engine out of memory what was asked for and what was there, and leaves other errors alone', () => {
  const plan = planMemory(PARAMETERS, [2], DIRECT, strict(1e12), 0);
  const lack = new EngineError('onnxruntime, generators of 2: std::bad_alloc', 'out-of-memory');
  const explained = explainMemory(lack, PARAMETERS, plan) as EngineError;
  expect(explained.kind).toBe('out-of-memory');
  expect(explained.message).toMatch(
    /micro_batch 2.* needs about .* GB; this process holds .* GB, .* GB are free.*bad_alloc/,
  );
  expect(explainMemory(explained, PARAMETERS, plan)).toBe(explained);
  const other = new EngineError('strange', 'fault');
  expect(explainMemory(other, PARAMETERS, plan)).toBe(other);
});
