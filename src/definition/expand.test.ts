/** @file Tests of the expansion: against a brute-force reference, and of what it warns of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandTrials } from './expand.js';
import type { TrialSpec } from './expand.js';
import { resolveParameters } from './parameters.js';
import type { ParameterName } from './parameters.js';
import type { Definition, GridBlock } from './schema.js';

function define(parts: Partial<Definition>): Definition {
  return {
    name: 'test',
    question: '',
    trainer: 'cyclegan',
    data: {
      phantom: 'radiograph',
      count: 3,
      size: 1024,
      seed: 1,
      split: { train: 0.7, validation: 0.15, test: 0.15 },
    },
    fixed: {},
    grid: [{}],
    exclude: [],
    include: [],
    seeds: [1],
    budget: { updates: 1 },
    retry: { limit: 2 },
    resources: { trials: 'auto', threads: 'auto', micro_batch: 'auto', memory: 'auto', winograd: 'auto' },
    engine: 'auto',
    device: 'auto',
    ...parts,
  };
}

const pick = ({ trials }: { trials: TrialSpec[] }, ...names: ParameterName[]) =>
  trials.map(({ parameters, seed }) => [...names.map((name) => parameters[name]), seed]);

describe('order', () => {
  it('crosses with the first parameter slowest and the seeds innermost', () => {
    const expansion = expandTrials(define({ grid: [{ patch: [64, 128], batch: [2, 16] }], seeds: [1, 2] }));
    expect(pick(expansion, 'patch', 'batch')).toEqual([
      [64, 2, 1],
      [64, 2, 2],
      [64, 16, 1],
      [64, 16, 2],
      [128, 2, 1],
      [128, 2, 2],
      [128, 16, 1],
      [128, 16, 2],
    ]);
    expect(expansion.varied).toEqual(['patch', 'batch']);
  });

  it('takes the items of a list one after the other, each crossed within itself, then what is included', () => {
    const expansion = expandTrials(
      define({
        fixed: { filters: 8 },
        grid: [
          { patch: [128], batch: [2] },
          { patch: [64], batch: [8, 16] },
        ],
        include: [{ patch: 256 }],
      }),
    );
    expect(pick(expansion, 'patch', 'batch', 'filters')).toEqual([
      [128, 2, 8, 1],
      [64, 8, 8, 1],
      [64, 16, 8, 1],
      [256, 1, 8, 1],
    ]);
  });

  it('names what varies in the order of the file, and not what merely follows', () => {
    const { varied } = expandTrials(define({ grid: [{ filters: [8, 16], patch: [64, 128], batch: [2] }] }));
    expect(varied).toEqual(['filters', 'patch']);
  });
});

describe('warnings', () => {
  const warnings = (parts: Partial<Definition>) =>
    expandTrials(define({ seeds: [1, 2, 3], ...parts })).warnings;

  it('tell confounded factors and the grid that would part them', () => {
    expect(
      warnings({
        grid: [
          { patch: [128], batch: [16] },
          { patch: [256], batch: [2] },
        ],
      }),
    ).toEqual([
      'patch and batch change together: their effects cannot be told apart; ' +
        'to tell them apart, cross them: grid: {patch: [128, 256], batch: [2, 16]}',
    ]);
  });

  it('tell a factor that another one sets', () => {
    expect(
      warnings({
        grid: [
          { patch: [128, 256], batch: [4] },
          { patch: [512], batch: [2] },
        ],
      }).join(),
    ).toMatch(/^batch is set by patch in every setting/);
  });

  it('say nothing of a crossed grid', () => {
    expect(warnings({ grid: [{ patch: [128, 256], batch: [2, 16], lambda: [5, 10] }] })).toEqual([]);
  });

  it('tell a discriminator that sees more than the patch, in one line', () => {
    expect(warnings({ grid: [{ patch: [32, 64, 128], batch: [2, 16] }] })).toEqual([
      "the discriminator's receptive field, 70 pixels, is larger than patch 32 and 64: every output sees padding there",
    ]);
  });

  it('tell an exclude that matches nothing, repeated settings and repeated seeds', () => {
    const grid: GridBlock[] = [{ patch: [128, 128] }, { patch: [256] }];
    expect(warnings({ grid, exclude: [{ patch: [512], batch: [2] }], seeds: [1, 1, 2] })).toEqual([
      'exclude: entry 1, {patch: 512, batch: 2}, matches no setting of the grid',
      'the setting {patch: 128} stands more than once; it is run once',
      'seed 1 stands more than once; it is run once',
    ]);
  });

  it('tell that one seed shows no spread', () => {
    expect(warnings({ grid: [{ patch: [128, 256] }], seeds: [7] }).join()).toMatch(/^one seed/);
  });
});

describe('expandTrials', () => {
  const values = { patch: [16, 32, 64], batch: [1, 2, 3], gamma: [0, 5] } as const;
  const names = Object.keys(values) as (keyof typeof values)[];
  const some = (minLength: number) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [name, fc.subarray([...values[name]], { minLength })]),
      ) as unknown as { [N in keyof typeof values]: fc.Arbitrary<number[]> },
      { requiredKeys: [] },
    );
  const one = fc.record(
    { patch: fc.constantFrom(...values.patch), batch: fc.constantFrom(...values.batch) },
    { requiredKeys: [] },
  );

  it('holds exactly what a brute-force search through all settings finds', () => {
    fc.assert(
      fc.property(
        fc.array(some(1), { minLength: 1, maxLength: 3 }),
        fc.array(some(1), { maxLength: 2 }),
        fc.array(one, { maxLength: 2 }),
        fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }),
        (grid, exclude, include, seeds) => {
          const expected = new Set<string>();
          for (const patch of values.patch) {
            for (const batch of values.batch) {
              for (const gamma of values.gamma) {
                const all = { patch, batch, gamma };
                const fits = (block: GridBlock, orElse: (name: (typeof names)[number]) => boolean) =>
                  names.every((name) => block[name]?.includes(all[name]) ?? orElse(name));
                const defaults = resolveParameters({});
                const inGrid =
                  grid.some((block) => fits(block, (name) => all[name] === defaults[name])) &&
                  !exclude.some((entry) => fits(entry, () => true));
                const included = include.some((setting) =>
                  names.every((name) => ({ ...defaults, ...setting })[name] === all[name]),
                );
                if (inGrid || included) {
                  for (const seed of seeds) expected.add(JSON.stringify({ ...resolveParameters(all), seed }));
                }
              }
            }
          }
          const { trials } = expandTrials(define({ grid, exclude, include, seeds }));
          const found = trials.map(({ parameters, seed }) => JSON.stringify({ ...parameters, seed }));
          expect(found.length).toBe(new Set(found).size);
          expect(new Set(found)).toEqual(expected);
        },
      ),
    );
  });

  it('names as varied exactly what differs', () => {
    fc.assert(
      fc.property(fc.array(some(1), { minLength: 1, maxLength: 3 }), (grid) => {
        const { trials, varied } = expandTrials(define({ grid }));
        const differs = names.filter(
          (name) => new Set(trials.map(({ parameters }) => parameters[name])).size > 1,
        );
        expect([...varied].sort()).toEqual([...differs].sort());
      }),
    );
  });
});
