/** @file Tests of the key: equal for equal work, different for any other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandTrials } from './expand.js';
import { canonicalJson, foreignTrialKey, trialKey } from './key.js';
import type { ForeignKeyIngredients, KeyIngredients } from './key.js';
import { PARAMETERS, PARAMETER_NAMES, resolveParameters } from './parameters.js';
import { readDefinition } from './read.js';

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

  // Keys that results folders hold: they must never change. A new one is added with each version of the numerics.
  it.each([
    [1, '889a7a1beb5e'],
    [2, 'a3dcada973fe'],
    [3, 'c7e24b01914b'],
  ])('of numerics version %i stays what it was', (numerics, key) => {
    expect(trialKey({ ...BASE, parameters: {}, numerics })).toBe(key);
  });

  it('is the same however a sweep file is written: order of keys, spelling of numbers, defaults spelled out or not', () => {
    const keysOf = (text: string) =>
      expandTrials(readDefinition(text, 'a.yaml')).trials.map(({ parameters, seed }) =>
        trialKey({ ...BASE, parameters: parameters, seed }),
      );
    const number = fc.constantFrom(
      ['10', '1e1', '10.0', '+10', '0x0a', '1.0e+1'],
      ['0.5', '5e-1', '.5', '0.50'],
    );
    const spelled = number.chain((spellings) =>
      fc.tuple(fc.constantFrom(...spellings), fc.constantFrom(...spellings)),
    );
    const defaults = fc.subarray([
      'gamma: 5',
      'batch: 1',
      'generator: resnet',
      'blocks: 9',
      'pool: 0',
      'lr: 0.0002',
      'flip: false',
      'L1_gamma: 5.0',
    ]);
    fc.assert(
      fc.property(
        spelled,
        defaults,
        fc.boolean(),
        fc.constantFrom('40M', '40000000', '4e7'),
        ([a, b], spelledOut, turned, pixels) => {
          const more = spelledOut.some((line) => line.startsWith('L1'))
            ? spelledOut.filter((line) => !line.startsWith('gamma'))
            : spelledOut;
          const head = 'name: a\ndata: { phantom: radiograph }\n';
          const plain = `${head}grid: { patch: [64, 128] }\nfixed: { lambda: ${a} }\nbudget: { pixels: 40M }`;
          const fixed = [`L1_lambda: ${b}`, ...more];
          const other = `${head}budget: { pixels: ${pixels} }\nfixed: { ${(turned ? fixed.reverse() : fixed).join(', ')} }\ngrid: [{ patch_size: 64.0 }, { patch: 0x80 }]`;
          expect(keysOf(other)).toEqual(keysOf(plain));
        },
      ),
    );
  });

  it('does not change with a default: the trial that had the old value keeps its key, and what names none gets another', () => {
    const given = { ...BASE, parameters: { patch: 64 } };
    const before = trialKey(given);
    const resolved = resolveParameters(given.parameters);
    const row = PARAMETERS.gamma;
    const old = row.default;
    try {
      row.default = 7;
      expect(trialKey({ ...BASE, parameters: { ...given.parameters, gamma: 5 } })).toBe(before);
      expect(trialKey({ ...BASE, parameters: resolved })).toBe(before);
      expect(trialKey(given)).not.toBe(before);
    } finally {
      row.default = old;
    }
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

describe('the key of a trainer that is not ours', () => {
  const foreign = {
    ...BASE,
    parameters: { lr: 0.1, model: 'big' },
    command: ['python3', 'train.py', '{lr}'],
  };

  it('hangs on its command, parameters, seed, budget and data, and on nothing of ours', () => {
    const key = foreignTrialKey(foreign);
    expect(key).toMatchInlineSnapshot(`"04d7b31d9fab"`);
    expect(foreignTrialKey({ ...foreign, parameters: { model: 'big', lr: 1e-1 } })).toBe(key);
    const changes: Partial<ForeignKeyIngredients>[] = [
      { command: ['python3', 'other.py', '{lr}'] },
      { parameters: { lr: 0.1, model: 'small' } },
      { parameters: { lr: 0.1 } },
      { seed: 2 },
      { budget: { updates: 3 } },
      { dataFingerprint: 'c0ffef' },
    ];
    const keys = changes.map((change) => foreignTrialKey({ ...foreign, ...change }));
    expect(new Set([key, ...keys]).size).toBe(changes.length + 1);
    expect(foreignTrialKey({ ...foreign, ...{ numerics: 7 } })).toBe(key);
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
