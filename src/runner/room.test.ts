import { describe, expect, it } from 'vitest';
import { deviceRoom, hostRoom } from './room.js';

describe('room in the memory of the host', () => {
  it('is what is free without what trials have yet to take', () => {
    expect(hostRoom(100, [])).toBe(100);
    expect(hostRoom(100, [{ predicted: 30, held: 10 }])).toBe(80);
    expect(hostRoom(100, [{ predicted: 30, held: 40 }])).toBe(100);
    expect(hostRoom(100, [{ predicted: 30, held: null }, { predicted: null, held: 5 }])).toBe(70); // prettier-ignore
  });
});

describe('room in the memory of a GPU', () => {
  const card = (used: number) => ({ whole: 80, used });
  it('is what is free without what trials have yet to take', () => {
    expect(deviceRoom(card(0), [], 0)).toBe(80);
    expect(deviceRoom(card(30), [], 30)).toBe(50);
    expect(deviceRoom(card(30), [{ predicted: 20, held: 10 }], 20)).toBe(40);
    expect(deviceRoom(card(30), [{ predicted: 20, held: 25 }], 5)).toBe(50);
  });

  it('is that also for a trial that has only begun beside another program', () => {
    expect(deviceRoom(card(30), [{ predicted: 20, held: null }], 30)).toBe(30);
  });

  it('puts what nobody is seen to hold, in a container, down to the trials', () => {
    expect(deviceRoom(card(20), [{ predicted: 20, held: null }], 0)).toBe(60);
    expect(deviceRoom(card(10), [{ predicted: 20, held: null }], 0)).toBe(60);
    expect(deviceRoom(card(30), [{ predicted: 20, held: null }], 0)).toBe(50);
  });

  it('is none beside a trial of which nothing is known', () => {
    expect(deviceRoom(card(5), [{ predicted: null, held: 5 }], 0)).toBeLessThanOrEqual(0);
    expect(deviceRoom(card(5), [{ predicted: null, held: null }], 0)).toBeLessThanOrEqual(0);
  });
});
