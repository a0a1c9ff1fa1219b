import { describe, expect, it } from 'vitest';
import { trialConfig } from '../../../test/fixtures/trial-config.js';
import type { TrialParameters } from '../../protocol.js';
import type { Peak } from '../../store/queries.js';
import { BASE, deviceMemory, stepMemory, wholeImageMemory } from '../../train/memory.js';
import { correct, memoryPredictor, type MemoryFacts, type Sample } from './memory.js';

const MB = 1e6;
/** The layers say 100 MB and 1 byte for each number of micro_batch · patch². */
const line = (size: number, exam = 0) => ({ size, step: 100 * MB + size, exam });
const seen = (size: number, peak: number, exam = 0): Sample => ({ ...line(size, exam), peak });

describe('the line of a network', () => {
  it('is that of the layers where nothing has been measured, and no less than the exam', () => {
    expect(correct(line(50 * MB), [])).toBe(150 * MB);
    expect(correct(line(50 * MB, 400 * MB), [])).toBe(400 * MB);
  });

  it('is moved by trials of one size', () => {
    const samples = [seen(20 * MB, 140 * MB), seen(20 * MB, 140 * MB)];
    expect(correct(line(20 * MB), samples)).toBe(140 * MB);
    expect(correct(line(60 * MB), samples)).toBe(180 * MB);
  });

  it('goes through trials of two sizes', () => {
    // a = 120 MB, b = 1.3
    const samples = [seen(20 * MB, 146 * MB), seen(60 * MB, 198 * MB)];
    for (const size of [20, 40, 60, 80]) expect(correct(line(size * MB), samples)).toBeCloseTo((120 + 1.3 * size) * MB, 0); // prettier-ignore
  });

  it('is not turned over by noise', () => {
    const samples = [seen(20 * MB, 130 * MB), seen(21 * MB, 90 * MB)];
    expect(correct(line(100 * MB), samples)).toBeGreaterThan(100 * MB);
  });

  it('learns what the exam holds from trials that it was the peak of', () => {
    const samples = [seen(20 * MB, 600 * MB, 500 * MB)];
    expect(correct(line(30 * MB, 500 * MB), samples)).toBeCloseTo(600 * MB, 0);
    expect(correct(line(900 * MB, 500 * MB), samples)).toBe(1000 * MB);
  });
});

const trial = (changes: Partial<TrialParameters>) => trialConfig({ filters: 16, blocks: 3, ...changes });
const FACTS: MemoryFacts = {
  engine: 'onnx',
  device: 'cpu',
  threads: 1,
  limit: { bytes: 64e9, strict: false },
  deviceLimit: undefined,
  imagePixels: 0,
  imageBytes: 0,
};

describe('a prediction', () => {
  const config = trial({ patch: 64, batch: 16 });
  const form = { winograd: true, memory: 'auto', lanes: 1 } as const;

  it('is that of the layers, corrected by what trials of the network held here', () => {
    const said = BASE + stepMemory(config.parameters, 16, form);
    expect(memoryPredictor(FACTS, [])(config)).toMatchObject({ memoryBytes: Math.round(said), microBatch: 16, learntFrom: 0, deviceBytes: null }); // prettier-ignore
    const smaller = trial({ patch: 64, batch: 4 }).parameters;
    const peak: Peak = { parameters: { ...smaller }, dataFingerprint: 'd', engine: 'onnx', device: 'cpu', form: 'winograd', microBatch: 4, peak: BASE + stepMemory(smaller, 4, form) + 50 * MB }; // prettier-ignore
    const predict = memoryPredictor(FACTS, [peak]);
    expect(predict(config)).toMatchObject({ memoryBytes: Math.round(said + 50 * MB), learntFrom: 1 });
    for (const other of [
      { engine: 'wasm' },
      { device: 'cuda:0' },
      { form: 'direct' },
      { dataFingerprint: 'e' },
      { parameters: { ...smaller, filters: 32 } },
    ])
      // prettier-ignore
      expect(memoryPredictor(FACTS, [{ ...peak, ...other }])(config).learntFrom).toBe(0);
  });

  it('takes the largest micro-batch that the share of a trial holds', () => {
    const bytes = BASE + stepMemory(config.parameters, 4, form);
    expect(memoryPredictor({ ...FACTS, limit: { bytes, strict: false } }, [])(config)).toMatchObject({ microBatch: 4 }); // prettier-ignore
  });

  it('on a GPU goes by the memory of the GPU', () => {
    const direct = { winograd: false, memory: 'auto', lanes: 1 } as const;
    const deviceLimit = deviceMemory(config.parameters, 8, 0, direct);
    const facts = { ...FACTS, device: 'cuda:0', deviceLimit, limit: { bytes: 8e9, strict: false }, imagePixels: 2 ** 20 }; // prettier-ignore
    const { microBatch, memoryBytes, deviceBytes } = memoryPredictor(facts, [])(config);
    expect(microBatch).toBe(8);
    expect(deviceBytes).toBeGreaterThan(wholeImageMemory(config.parameters, 2 ** 20));
    expect(memoryBytes).toBeGreaterThan(1e9);
  });
});
