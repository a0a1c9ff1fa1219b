/** @file Tests of a plan in words: it fits the terminal, and says what is known and what is not. */
import { describe, expect, it } from 'vitest';
import type { SweepPlan } from './plan.js';
import { planText } from './text.js';

function planOf(changes: Partial<SweepPlan> = {}): SweepPlan {
  const trials: SweepPlan['trials'] = [64, 128].map((patch, at) => ({
    key: `00000000000${at}`,
    seed: 1,
    params: { patch, batch: 16 },
    state: at === 0 ? 'done' : 'new',
  }));
  return {
    name: 'test',
    trials,
    leftOut: 0,
    varied: ['patch'],
    arithmetic: ['grid: patch (2)', '2 settings x 1 seed = 2 trials'],
    warnings: [
      'a warning of so many words that no narrow terminal could ever hold them all in one of its lines',
    ],
    predictions: {
      trials: trials.map(() => ({
        seconds: 7200,
        memoryBytes: 2.5e9,
        microBatch: 16,
        deviceBytes: null,
        learntFrom: 0,
      })),
      time: { from: 'two finished trials', factor: 2 },
      memory: { from: 'the layers', factor: 1.3 },
    },
    placement: 'onnx on cpu: the fastest that works here',
    left: { trials: 7200, wall: 7200 },
    slots: 1,
    freeMemory: 8e9,
    results: 'results',
    ...changes,
  };
}

describe('planText', () => {
  it('says how many and why, what is done, how long, how much, and from what', () => {
    expect(planText(planOf(), undefined)).toBe(
      [
        'Sweep test: 2 trials',
        '  grid: patch (2)',
        '  2 settings x 1 seed = 2 trials',
        '',
        'key           patch  seed  state   time   memory  micro-batch',
        '000000000000     64     1  done   2.0 h  2.50 GB           16',
        '000000000001    128     1  new    2.0 h  2.50 GB           16',
        '',
        'Where: onnx on cpu: the fastest that works here',
        'In results: 1 done, 1 to start',
        'Time for what is left: about 2.0 h (60 min to 4.0 h), 1 at once; 2.0 h of trials in all',
        '  from two finished trials',
        'Memory: up to 2.50 GB a trial, 2.50 GB at once, within a factor of 1.3; 8.00 GB are free',
        '  from the layers',
        '',
        'Note: a warning of so many words that no narrow terminal could ever hold them all in one of its lines',
      ].join('\n'),
    );
  });

  it.each([120, 80, 50, 40])('fits %i columns', (width) => {
    const text = planText(planOf(), width);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
    expect(text).toMatch(/patch +seed/);
    expect(text).toContain('128');
  });

  it('does not pretend to know what it does not', () => {
    const unknown = planOf().trials.map(() => ({
      seconds: null,
      memoryBytes: null,
      microBatch: null,
      deviceBytes: null,
      learntFrom: 0,
    }));
    const predictions = {
      ...planOf().predictions,
      trials: unknown,
      time: { from: 'nothing: none has finished', factor: NaN },
    };
    const text = planText(planOf({ predictions, left: null }), undefined);
    expect(text).toContain('Time: not known; from nothing: none has finished');
    expect(text).not.toContain('Memory:');
    expect(text).not.toMatch(/NaN|null|undefined|micro-batch/);
  });

  it('has nothing left to predict where all is done', () => {
    const done = planOf().trials.map((trial) => ({ ...trial, state: 'done' as const }));
    expect(planText(planOf({ trials: done }), undefined)).toContain('Time: none, all is done');
  });

  it('shows the first of very many, and says that there are more', () => {
    const [one] = planOf().trials;
    const many = Array.from({ length: 1000 }, () => one!);
    const [prediction] = planOf().predictions.trials;
    const predictions = { ...planOf().predictions, trials: many.map(() => prediction!) };
    expect(planText(planOf({ trials: many, predictions }), undefined)).toContain(
      '... and 940 more; --json lists all',
    );
  });
});
