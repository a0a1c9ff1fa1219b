import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pack, runPool, type Machine, type Need, type Place } from './pool.js';

const GB = 1e9;
const MACHINE: Machine = { trials: 100, cores: 100, memory: 1000 * GB, idle: true };
const onGpu = (gigabytes: number | null): Need => ({ cores: 0, host: null, device: gigabytes === null ? null : gigabytes * GB }); // prettier-ignore
const onCpu = (cores: number, gigabytes: number | null = null): Need => ({ cores, host: gigabytes === null ? null : gigabytes * GB, device: null }); // prettier-ignore
const card = (name: string, free: number, held = 0, trials = 9): Place => ({ name, held, trials, memory: { whole: 80 * GB, free: free * GB } }); // prettier-ignore
const CPU: Place = { name: 'cpu', held: 0, trials: Infinity, memory: null };

/** Which place each trial of the queue starts at; `-` waits. */
function started(needs: Need[], places: Place[], machine: Partial<Machine> = {}): string {
  const { starts } = pack(needs, places, { ...MACHINE, ...machine });
  return needs.map((_, at) => starts.find(({ item }) => item === at)?.place ?? '-').join(' ');
}

describe('packing', () => {
  it('deals trials out evenly before it puts two on one device', () => {
    expect(started([onGpu(1), onGpu(1), onGpu(1)], [card('a', 80), card('b', 80)])).toBe('0 1 0');
    expect(started([onGpu(1)], [card('a', 80, 2), card('b', 80, 1)])).toBe('1');
  });

  it('packs by memory, counts trials, and gives a trial of which nothing is known a device to itself', () => {
    expect(started([onGpu(50), onGpu(50)], [card('a', 80)])).toBe('0 -');
    expect(started([onGpu(1), onGpu(1)], [card('a', 80, 0, 1)])).toBe('0 -');
    expect(started([onGpu(null), onGpu(1)], [card('a', 80)])).toBe('0 -');
    expect(started([onGpu(null)], [card('a', 70, 1)])).toBe('-');
    expect(started([onGpu(null)], [card('a', 20)])).toBe('-');
  });

  it('gives a trial that needs more than there is all of an idle device', () => {
    expect(started([onGpu(500)], [card('a', 79)])).toBe('0');
    expect(started([onGpu(500)], [card('a', 60)])).toBe('-');
  });

  it('fills gaps from behind, but keeps free what the first that waits needs', () => {
    // 60 GB fit nowhere: the second device, where least is missing, is kept for them.
    const places = [card('a', 20, 1), card('b', 50, 1)];
    expect(started([onGpu(60), onGpu(15), onGpu(15)], places)).toBe('- 0 -');
    expect(pack([onGpu(60), onGpu(15)], places, MACHINE).waits).toEqual({
      item: 0,
      place: 1,
      lack: { what: 'device', needed: 60 * GB, there: 50 * GB },
    });
  });

  it('counts cores and the memory of the host, which the first on an idle machine may pass', () => {
    expect(started([onCpu(2), onCpu(2), onCpu(2)], [CPU], { cores: 5 })).toBe('0 0 -');
    expect(started([onCpu(1, 9), onCpu(1, 1)], [CPU], { memory: 5 * GB })).toBe('0 -');
    expect(started([onCpu(1, 9), onCpu(1, 1)], [CPU], { memory: 5 * GB, idle: false })).toBe('- -');
  });

  it('says what is short', () => {
    const lack = (needs: Need[], places: Place[], machine: Partial<Machine> = {}) =>
      pack(needs, places, { ...MACHINE, ...machine }).waits?.lack.what;
    expect(lack([onCpu(1), onCpu(1)], [CPU], { trials: 1 })).toBe('runner');
    expect(lack([onGpu(1)], [card('a', 80, 1, 0)])).toBe('trials');
    expect(lack([onCpu(3)], [CPU], { cores: 2 })).toBe('cores');
    expect(lack([onGpu(1)], [])).toBe('trials');
    expect(lack([onGpu(1)], [card('a', 80)])).toBeUndefined();
  });

  it('never gives more than there is, and never leaves a place for nobody', () => {
    const need = fc.record({ cores: fc.nat(3), host: fc.option(fc.nat(20)), device: fc.option(fc.nat(90)) });
    const place = fc.record({
      name: fc.constant('x'),
      held: fc.nat(2),
      trials: fc.integer({ min: -1, max: 3 }),
      memory: fc.option(fc.record({ whole: fc.constant(80), free: fc.integer({ min: -5, max: 80 }) })),
    });
    const machine = fc.record({ trials: fc.nat(6), cores: fc.nat(9), memory: fc.nat(60), idle: fc.constant(false) }); // prettier-ignore
    fc.assert(
      fc.property(fc.array(need, { maxLength: 8 }), fc.array(place, { maxLength: 4 }), machine, (needs, places, rest) => {
        const { starts, waits } = pack(needs, places, rest);
        expect(starts.length).toBeLessThanOrEqual(rest.trials);
        const sum = (of: (need: Need) => number, at = -1) =>
          starts.reduce((total, { item, place }) => total + (at < 0 || place === at ? of(needs[item]!) : 0), 0);
        expect(sum(({ cores }) => cores)).toBeLessThanOrEqual(Math.max(rest.cores, 0));
        expect(sum(({ host }) => host ?? 0)).toBeLessThanOrEqual(rest.memory);
        for (const [at, { trials, memory }] of places.entries()) {
          expect(sum(() => 1, at)).toBeLessThanOrEqual(Math.max(0, trials));
          if (memory === null) continue;
          const least = sum(({ device }) => Math.min(device ?? Infinity, 0.9 * memory.whole), at);
          expect(least).toBeLessThanOrEqual(Math.max(0, memory.free));
        }
        // All of the queue before the first that waits has started, and who waits is told.
        expect(starts.map(({ item }) => item).slice(0, waits?.item ?? needs.length)).toEqual(
          needs.slice(0, waits?.item ?? needs.length).map((_, at) => at),
        );
        if (starts.length < Math.min(needs.length, rest.trials)) expect(waits).toBeDefined();
      }),
    ); // prettier-ignore
  });
});

describe('the pool', () => {
  it('starts what it is offered, asks again when something ended, and stops when it may not start more', async () => {
    const begun: string[] = [];
    let free = 2;
    let asked = 0;
    await runPool(['a', 'b', 'c', 'd'], {
      offer: (waiting) => {
        asked++;
        const starts = waiting.slice(0, free).map((item) => ({ item, slot: item.toUpperCase() }));
        free -= starts.length;
        return Promise.resolve({ starts, askAgain: undefined });
      },
      work: async (item, slot) => {
        begun.push(item + slot);
        await Promise.resolve();
        free++;
      },
      mayStart: () => begun.length < 3,
    });
    expect(begun.slice(0, 3)).toEqual(['aA', 'bB', 'cC']);
    expect(asked).toBeGreaterThan(1);
  });

  it('asks again after a while where something else may make room', async () => {
    let looks = 0;
    await runPool(['a'], {
      offer: ([item]) => Promise.resolve(++looks < 3 ? { starts: [], askAgain: 1 } : { starts: [{ item: item!, slot: 0 }], askAgain: undefined }), // prettier-ignore
      work: () => Promise.resolve(),
      mayStart: () => true,
    });
    expect(looks).toBe(3);
  });
});
