/** @file Tests of what a trial is predicted to take from trials that have finished. */
import { describe, expect, it } from 'vitest';
import { trialConfig } from '../../../test/fixtures/trial-config.js';
import { hostHash } from '../../machine.js';
import type { Timing } from '../../store/queries.js';
import { predict, type Machine } from './predict.js';

const TRIAL = trialConfig(
  { patch: 64, batch: 2, filters: 8, blocks: 3 },
  { budget: { updates: 100 }, dataFingerprint: 'small' },
);
const MACHINE: Machine = {
  placement: { engine: 'onnx', device: 'cpu', threads: 1 },
  memory: { engine: 'onnx', device: 'cpu', threads: 1, limit: { bytes: 64e9, strict: false }, deviceLimit: undefined, imagePixels: 0, imageBytes: 0 }, // prettier-ignore
  testImages: 0,
};
const finished = (dataFingerprint: string, beside: number): Timing => ({
  parameters: { ...TRIAL.parameters },
  budget: { updates: 100 },
  dataFingerprint,
  host: hostHash(),
  engine: 'onnx',
  device: 'cpu',
  threads: 1,
  updates: 100,
  updateSeconds: 0.1,
  seconds: 10 + beside,
  peakMemory: null,
});
const secondsAfter = (...timings: Timing[]) =>
  predict([TRIAL], { lists: [[], []], parts: { train: [[], []], validation: [[], []], test: [[], []] }, trainedBy: () => 1 }, MACHINE, { timings, peaks: [] }).trials[0]!.seconds; // prettier-ignore

describe('the time of a trial', () => {
  it('is that of its updates, as trials of the same networks took them, and what trials of the same data took beside', () => {
    expect(secondsAfter(finished('small', 3), finished('large', 40), finished('large', 60))).toBeCloseTo(13);
  });

  it('takes nothing beside the updates from other data, whose images may be larger', () => {
    expect(secondsAfter(finished('large', 40))).toBeCloseTo(10 + 8);
  });
});
