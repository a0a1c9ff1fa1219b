/** @file What a trial is ended for: a hang, told from a long step, and its time. Seconds are made up. */
import { describe, expect, it } from 'vitest';
import type { TrialEvent } from '../protocol.js';
import { hangLimit, openWatch } from './watch.js';

const alive = (progress?: number): TrialEvent => ({ t: 'alive', wall: 0, ...(progress === undefined ? {} : { progress }) }); // prettier-ignore
const metric: TrialEvent = { t: 'metric', step: 1, wall: 0, pixels: 0, v: {} };

describe('a hang', () => {
  const limits = { hang: 60, time: null };

  it('is silence for the set time, told once', () => {
    const watch = openWatch(limits, 100);
    expect(watch.overdue(160)).toBeUndefined();
    expect(watch.overdue(161)).toBe('hang');
    expect(watch.overdue(170)).toBeUndefined();
  });

  it('is not where events come', () => {
    const watch = openWatch(limits, 0);
    for (let now = 50; now < 500; now += 50) {
      watch.saw([metric], now);
      expect(watch.overdue(now + 10)).toBeUndefined();
    }
  });

  it('is a trial that lives and counts no further: its worker is stuck', () => {
    const watch = openWatch(limits, 0);
    watch.saw([alive(7)], 5);
    for (let now = 10; now <= 65; now += 5) watch.saw([alive(7)], now);
    expect(watch.overdue(65)).toBeUndefined();
    expect(watch.overdue(66)).toBe('hang');
  });

  it('is not where the count goes on, however long between two events', () => {
    const watch = openWatch(limits, 0);
    for (let now = 5; now <= 500; now += 5) watch.saw([alive(now)], now);
    expect(watch.overdue(510)).toBeUndefined();
  });

  it('is not where another trainer says alive without a count', () => {
    const watch = openWatch(limits, 0);
    for (let now = 5; now <= 500; now += 5) watch.saw([alive()], now);
    expect(watch.overdue(510)).toBeUndefined();
  });

  it('is looked for in our trials, in those of another trainer only where the sweep file says so', () => {
    expect(hangLimit('auto', false)).toBe(1800);
    expect(hangLimit('auto', true)).toBeNull();
    expect(hangLimit(90, true)).toBe(90);
    expect(hangLimit('off', false)).toBeNull();
  });
});

describe('a time limit', () => {
  it('is that of the trial, whatever it says', () => {
    const watch = openWatch({ hang: null, time: 100 }, 0);
    watch.saw([metric], 99);
    expect(watch.overdue(100)).toBeUndefined();
    expect(watch.overdue(101)).toBe('time-limit');
  });
});
