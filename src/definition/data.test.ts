/** @file Tests of the keys under data and budget: splits by lists, index files, masks, and what of them enters a trial's key. */
import { describe, expect, it } from 'vitest';
import { trialKey, type KeyIngredients } from './key.js';
import { readDefinition } from './read.js';
import { withoutNames } from './redact.js';

const read = (data: string, budget = '{ updates: 10 }') =>
  readDefinition(`name: a\ndata: ${data}\nbudget: ${budget}\ngrid: { patch: 64 }`, 'a.yaml');

describe('the split', () => {
  it('may be lists of names; validation may be left out', () => {
    const { data } = read("{ x: a, y: b, split: { train: [s001..s099, '0042'], test: [s110] } }");
    expect(data.split).toEqual({ train: ['s001..s099', '0042'], validation: [], test: ['s110'] });
  });

  it.each([
    '{ train: [a] }',
    '{ train: [], test: [b] }',
    '{ train: [42], test: [b] }',
    '{ train: 0.5, test: [b] }',
  ])('cannot be %s', (split) => {
    expect(() => read(`{ x: a, y: b, split: ${split} }`)).toThrow(/a\.yaml:2/);
  });
});

describe('other keys of data and budget', () => {
  it('are an index file of pairs, and a mask', () => {
    expect(read('{ x: a, y: b, pairing: lists/pairs.csv, mask: 200 }').data).toMatchObject({
      pairing: 'lists/pairs.csv',
      mask: 200,
    });
    expect(read('{ x: a, y: b }').data).toMatchObject({ pairing: 'none', mask: 'auto' });
    expect(() => read('{ x: a, y: b, pairing: by-nam }')).toThrow(
      /none, by-name, by-position, or an index file that lists the pairs/,
    );
  });

  it.each([
    ['{ epochs: 160 }', { epochs: 160 }],
    ['{ epochs: 1k }', { epochs: 1000 }],
    ['{ minutes: 0.5 }', { minutes: 0.5 }],
  ])('are budgets of %s', (written, budget) => {
    expect(read('{ x: a, y: b }', written).budget).toEqual(budget);
  });

  it.each(['{ minutes: 0 }', '{ epochs: 1.5 }', '{ minutes: 5, updates: 1 }'])(
    'are none of %s',
    (written) => {
      expect(() => read('{ x: a, y: b }', written)).toThrow(/a\.yaml:3/);
    },
  );
});

describe('the key', () => {
  const BASE: KeyIngredients = {
    parameters: {},
    seed: 1,
    budget: { updates: 10 },
    dataFingerprint: 'c0ffee',
    split: { train: ['a', 'b'], validation: [], test: ['c'] },
    pairing: 'by-index',
    range: 'auto',
  };
  const key = (more: Partial<KeyIngredients>) => trialKey({ ...BASE, ...more });

  it('takes lists as sets', () => {
    expect(key({ split: { train: ['b', 'a', 'b'], validation: [], test: ['c'] } })).toBe(key({}));
  });

  it('differs with what a part holds, the mask and the kind of budget', () => {
    const keys = [
      key({}),
      key({ split: { train: ['a'], validation: ['b'], test: ['c'] } }),
      key({ split: { train: 0.5, validation: 0.25, test: 0.25 } }),
      key({ mask: 200 }),
      key({ pairing: 'none' }),
      key({ budget: { epochs: 10 } }),
      key({ budget: { minutes: 10 } }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(key({ mask: 'auto' })).toBe(key({}));
  });
});

describe('a sweep file in the results', () => {
  it('holds no names of a split', () => {
    const text = [
      'data:',
      '  x: a',
      '  split:',
      '    train: # these',
      '      - 00000376',
      '',
      '      # and this one',
      '      - "00000426"',
      '    test: [ 00000999,',
      '      00000998 ]',
      'grid: { patch: 64 }',
    ].join('\n');
    const kept = withoutNames(text);
    expect(kept).not.toMatch(/0000/);
    expect(kept).toContain('    train: [names left out]\n    test: [names left out]\ngrid: { patch: 64 }');
    const inline = "data: { x: a, split: { train: [p1, 'p2'], test: [p3] } }\nseeds: 3\n";
    expect(withoutNames(inline)).toBe(
      'data: { x: a, split: { train: [names left out], test: [names left out] } }\nseeds: 3\n',
    );
    const shares = 'split: { train: 0.7, validation: 0.2, test: 0.1 }\nseeds: [1, 2]\n';
    expect(withoutNames(shares)).toBe(shares);
  });
});
