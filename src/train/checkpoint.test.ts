/** @file Tests of checkpoint folders: the last, the best and those asked for are kept, the rest goes, and nothing is ever half. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
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

it('keeps what the sweep file asks for, as it was then', () => {
  const trial = fs.mkdtempSync(path.join(folder, 'trial-'));
  const there = () => fs.readdirSync(path.join(trial, 'checkpoints')).sort();
  saveCheckpoint(trial, stateOf(1, null), tensors(1));
  expect(saveCheckpoint(trial, stateOf(2, null), tensors(2), true)).toMatchObject([
    { kind: 'last', path: 'checkpoints/step-2' },
    { kind: 'asked', path: 'checkpoints/asked-step-2' },
  ]);
  saveCheckpoint(trial, stateOf(3, { step: 3, score: 1 }), tensors(3), true);
  saveCheckpoint(trial, stateOf(4, { step: 3, score: 1 }), tensors(4));
  expect(there()).toEqual(['asked-step-2', 'asked-step-3', 'best-step-3', 'step-4']);
  expect(loadCheckpoint(path.join(trial, 'checkpoints/asked-step-2')).tensors).toEqual(tensors(2));
});

/** Every call by which a checkpoint comes and goes, and the state of the folder that a crash there would leave. */
const CALLS = ['openSync', 'writeSync', 'fsyncSync', 'closeSync', 'linkSync', 'renameSync', 'mkdirSync', 'rmSync'] as const; // prettier-ignore

/** Saves two checkpoints, and crashes at the `at`th call of the second: it and all later ones fail. Returns whether it got so far. */
function crash(trial: string, at: number, half: boolean): boolean {
  const before = { step: 1, score: 0.5 };
  saveCheckpoint(trial, stateOf(1, before), tensors(1));
  let calls = 0;
  const spies = CALLS.map((name) => {
    const original = fs[name] as (...args: unknown[]) => unknown;
    return vi.spyOn(fs, name).mockImplementation((...args: unknown[]) => {
      calls++;
      // What is written when the machine goes down may be there in part.
      if (calls === at && half && name === 'writeSync') original(args[0], args[1], 0, 1);
      if (calls >= at) throw Object.assign(new Error('crash'), { code: 'ENOSPC' });
      return original(...args);
    });
  });
  try {
    saveCheckpoint(trial, stateOf(2, { step: 2, score: 0.6 }), tensors(2), true);
    return false;
  } catch {
    return true;
  } finally {
    spies.forEach((spy) => spy.mockRestore());
  }
}

it.each([false, true])('leaves the newest whole wherever it crashes (writes torn: %s)', (half) => {
  let at = 1;
  for (let crashed = true; crashed; at++) {
    const trial = fs.mkdtempSync(path.join(folder, 'trial-'));
    crashed = crash(trial, at, half);
    const steps = fs.readdirSync(path.join(trial, 'checkpoints')).filter((name) => /^step-\d+$/.test(name));
    const newest = Math.max(...steps.map((name) => Number(name.slice(5))));
    expect(loadCheckpoint(path.join(trial, `checkpoints/step-${newest}`)).tensors).toEqual(tensors(newest));
    // The next attempt goes on as if nothing had been.
    saveCheckpoint(trial, stateOf(3, { step: 3, score: 0.7 }), tensors(3));
    expect(fs.readdirSync(path.join(trial, 'checkpoints')).filter((name) => !name.startsWith('asked-')).sort()).toEqual(['best-step-3', 'step-3']); // prettier-ignore
  }
  expect(at).toBeGreaterThan(25); // so many calls there are
});

it('goes on with a write that took only a part', () => {
  const trial = fs.mkdtempSync(path.join(folder, 'trial-'));
  const original = fs.writeSync as (...args: unknown[]) => number;
  const spy = vi.spyOn(fs, 'writeSync').mockImplementation(((file: number, part: Uint8Array, at: number, length: number) =>
    original(file, part, at, Math.min(3, length))) as never); // prettier-ignore
  saveCheckpoint(trial, stateOf(1, null), tensors(1));
  spy.mockRestore();
  expect(loadCheckpoint(path.join(trial, 'checkpoints/step-1')).tensors).toEqual(tensors(1));
});
