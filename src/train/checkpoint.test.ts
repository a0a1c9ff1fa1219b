/** @file Tests of checkpoint folders: the last and the best are kept, the rest goes, and nothing is ever half. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NUMERICS_VERSION } from '../protocol.js';
import { loadCheckpoint, saveCheckpoint, type TrialState } from './checkpoint.js';
import { newHealth } from './health.js';

let folder: string;
beforeAll(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-'))));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const stateOf = (step: number, best: TrialState['best']): TrialState => ({
  numerics: NUMERICS_VERSION,
  step,
  seconds: 1.5,
  random: { patches: [1, 2, 3, 4], pool: [5, 6, 7, 8] },
  pending: { sums: { 'loss/D': 1 }, counts: { 'loss/D': 2 } },
  microBatch: 4,
  patches: { drawn: 8, blank: 1 },
  health: newHealth(),
  best,
});
const tensors = (value: number) => ({ w: { shape: [2], values: Float32Array.of(value, -value) } });
const kept = () => fs.readdirSync(path.join(folder, 'checkpoints')).sort();

it('keeps the last and the best, of which the best may be older', () => {
  const best = { step: 2, score: 0.5 };
  expect(
    saveCheckpoint(folder, stateOf(1, { step: 1, score: 0.4 }), tensors(1)).map(({ kind }) => kind),
  ).toEqual(['last', 'best']);
  expect(kept()).toEqual(['best-step-1', 'step-1']);
  saveCheckpoint(folder, stateOf(2, best), tensors(2));
  expect(kept()).toEqual(['best-step-2', 'step-2']);
  expect(saveCheckpoint(folder, stateOf(3, best), tensors(3)).map(({ kind }) => kind)).toEqual(['last']);
  expect(kept()).toEqual(['best-step-2', 'step-3']);
  expect(loadCheckpoint(path.join(folder, 'checkpoints/step-3'))).toEqual({
    state: stateOf(3, best),
    tensors: tensors(3),
  });
  expect(loadCheckpoint(path.join(folder, 'checkpoints/best-step-2')).tensors).toEqual(tensors(2));
});

it('makes again what a crash between the two left undone', () => {
  const best = { step: 4, score: 0.6 };
  fs.mkdirSync(path.join(folder, 'checkpoints/.step-4.1.tmp'), { recursive: true });
  fs.cpSync(path.join(folder, 'checkpoints/step-3'), path.join(folder, 'checkpoints/best-step-4'), {
    recursive: true,
  });
  saveCheckpoint(folder, stateOf(4, best), tensors(4));
  expect(kept()).toEqual(['best-step-4', 'step-4']);
});
