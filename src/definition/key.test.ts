/** @file Tests of the key: equal for equal work, different for any other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, trialKey } from './key.js';
import type { KeyIngredients } from './key.js';
import { PARAMETER_NAMES, resolveParameters } from './parameters.js';

const BASE: KeyIngredients = {
  parameters: { patch: 64, batch: 16 },
  seed: 1,
  budget: { pixels: 6_000_000 },
  dataFingerprint: 'c0ffee',
  split: { train: 0.7, validation: 0.15, test: 0.15 },
  pairing: 'by-name',
  range: 'auto',
  numerics: 1,
};

const parameters = fc.record(
  {
    patch: fc.integer({ min: 4, max: 64 }).map((n) => 4 * n),
    batch: fc.integer({ min: 1, max: 32 }),
    lambda: fc.double({ min: 0, max: 20, noNaN: true }),
    gamma: fc.double({ min: 0, max: 20, noNaN: true }),
    filters: fc.integer({ min: 1, max: 128 }),
    lr: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  },
  { requiredKeys: [] },
);

/** The same value with the keys of every mapping in reverse. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, entry]) => [key, reversed(entry)]),
  );
}

describe('trialKey', () => {
  it('is twelve lower-case hexadecimal digits, and the same on every machine and in every version', () => {
    expect(trialKey(BASE)).toMatch(/^[0-9a-f]{12}$/);
    expect(trialKey(BASE)).toMatchInlineSnapshot(`"5bfb7e4210fc"`);
  });

  it('does not depend on the order of keys, nor on defaults being spelled out', () => {
    fc.assert(
      fc.property(parameters, fc.nat(), (given, seed) => {
        const key = trialKey({ ...BASE, parameters: given, seed });
        expect(trialKey({ ...BASE, parameters: resolveParameters(given), seed })).toBe(key);
        expect(trialKey(reversed({ ...BASE, parameters: given, seed }) as KeyIngredients)).toBe(key);
        expect(trialKey({ ...BASE, parameters: given, seed, patient: undefined })).toBe(key);
      }),
    );
  });

  it('does not depend on how a number is spelled', () => {
    const spelled = (lambda: string) => trialKey({ ...BASE, parameters: { lambda: Number(lambda) } });
    expect(new Set(['10', '1e1', '10.0', '+10', '0x0a'].map(spelled)).size).toBe(1);
    expect(spelled('0')).toBe(spelled('-0'));
  });

  it('differs for different parameters', () => {
    fc.assert(
      fc.property(parameters, parameters, (a, b) => {
        const same = canonicalJson(resolveParameters(a)) === canonicalJson(resolveParameters(b));
        expect(trialKey({ ...BASE, parameters: a }) === trialKey({ ...BASE, parameters: b })).toBe(same);
      }),
    );
  });

  it('changes with every single parameter', () => {
    const resolved = resolveParameters(BASE.parameters);
    const keys = PARAMETER_NAMES.map((name) => {
      const value = resolved[name];
      const other = typeof value === 'number' ? value + 4 : `${value}2`;
      return trialKey({ ...BASE, parameters: { ...resolved, [name]: other } });
    });
    expect(new Set([trialKey(BASE), ...keys]).size).toBe(PARAMETER_NAMES.length + 1);
  });

  it('changes with everything else that decides the result', () => {
    const changes: Partial<KeyIngredients>[] = [
      {},
      { seed: 2 },
      { budget: { pixels: 6_000_001 } },
      { budget: { updates: 6_000_000 } },
      { dataFingerprint: 'c0ffef' },
      { split: { train: 0.6, validation: 0.25, test: 0.15 } },
      { pairing: 'none' },
      { patient: '^(\\d+)_' },
      { range: [0, 4095] },
      { range: [0, 4096] },
      { numerics: 2 },
    ];
    const keys = changes.map((change) => trialKey({ ...BASE, ...change }));
    expect(new Set(keys).size).toBe(changes.length);
  });

  it('takes nothing else in, such as the engine or a path', () => {
    const more = { ...BASE, engine: 'cpu', device: 'cuda:0', threads: 4, name: 'a', x: '/data/x' };
    expect(trialKey(more)).toBe(trialKey(BASE));
  });
});

describe('canonicalJson', () => {
  it('reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it.each([NaN, Infinity, undefined, () => 1])('refuses %s', (value) => {
    expect(() => canonicalJson([value])).toThrow(TypeError);
  });
});
