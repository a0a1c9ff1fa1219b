/** @file When a sweep is stopped since nothing works, and when not. */
import { describe, expect, it } from 'vitest';
import type { ForeignTrialConfig } from '../protocol.js';
import type { FailureClass } from './failures.js';
import { openGuard } from './guard.js';
import type { Verdict } from './outcome.js';

const trials = (...lrs: number[]) =>
  lrs.map((lr) => ({ parameters: { lr } }) as unknown as ForeignTrialConfig);
const failed = (failure: FailureClass): Verdict => {
  return { outcome: 'failed', reason: 'it failed', class: failure, exitCode: 1, signal: null };
};
const done: Verdict = { ...failed('fault'), outcome: 'done', class: null };

/** How many trials end before the guard stops the sweep; undefined if it never does. */
function stopsAfter(lrs: number[], verdicts: Verdict[], environment = {}): number | undefined {
  const queue = trials(...lrs);
  const guard = openGuard(queue, environment);
  const at = verdicts.findIndex((verdict, index) => guard.saw(queue[index]!, verdict) !== undefined);
  return at === -1 ? undefined : at + 1;
}

describe('the guard', () => {
  const data = Array.from({ length: 5 }, () => failed('data'));

  it('stops a sweep whose first three trials, of three settings, fail the same way', () => {
    expect(stopsAfter([1, 2, 3, 4, 5], data)).toBe(3);
  });

  it('waits until as many settings have failed as there are, up to three: one may be beyond this machine', () => {
    expect(stopsAfter([1, 1, 1, 2, 2], data)).toBe(4);
    expect(stopsAfter([1, 1, 1, 1, 1], data)).toBe(3);
    expect(stopsAfter([1, 1, 2, 2, 3, 3], [...data, failed('data')])).toBe(5);
  });

  it('leaves a sweep alone in which anything went another way', () => {
    expect(stopsAfter([1, 2, 3, 4, 5], [done, ...data.slice(1)])).toBeUndefined();
    expect(stopsAfter([1, 2, 3, 4, 5], [failed('fault'), ...data.slice(1)])).toBeUndefined();
    const diverged = Array.from({ length: 5 }, () => failed('diverged'));
    expect(stopsAfter([1, 2, 3, 4, 5], diverged)).toBeUndefined();
  });

  it('has nothing to spare where no trial is left', () => {
    expect(stopsAfter([1, 2, 3], data.slice(0, 3))).toBeUndefined();
  });

  it('names the variable that turns it off', () => {
    const guard = openGuard(trials(1, 2, 3, 4), {});
    const said = trials(1, 2, 3).map((trial) => guard.saw(trial, failed('data')));
    expect(said[2]).toMatch(/first 3 trials all failed the same way.*other 1 .*SWEEP_GUARD=off/);
    expect(stopsAfter([1, 2, 3, 4, 5], data, { SWEEP_GUARD: 'off' })).toBeUndefined();
  });
});
