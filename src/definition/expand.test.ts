/** @file Tests of the expansion: against a brute-force reference, and of what it warns of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ParameterValue, ParameterValues } from '../protocol.js';
import { expandTrials } from './expand.js';
import type { TrialSpec } from './expand.js';
import { resolveParameters } from './parameters.js';
import { checkFile } from './schema.js';

/** A definition from what a sweep file holds, as YAML gives it. */
function define(parts: object) {
  const file = { name: 'test', data: { phantom: 'radiograph', count: 3 }, budget: { updates: 1 }, ...parts };
  const { definition, issues } = checkFile(file);
  if (definition === undefined) throw new Error(JSON.stringify(issues));
  return definition;
}

const pick = ({ trials }: { trials: TrialSpec[] }, ...names: string[]) =>
  trials.map(({ parameters, seed }) => [...names.map((name) => parameters[name]), seed]);

describe('order', () => {
  it('crosses with the first parameter slowest and the seeds innermost', () => {
    const expansion = expandTrials(define({ grid: { patch: [64, 128], batch: [2, 16] }, seeds: 2 }));
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
          { patch: 128, batch: 2 },
          { patch: 64, batch: [8, 16] },
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
    const { varied } = expandTrials(define({ grid: { filters: [8, 16], patch: [64, 128], batch: 2 } }));
    expect(varied).toEqual(['filters', 'patch']);
  });
});

describe('a block', () => {
  it('crosses groups, whose mappings are taken one at a time, with the rest, however deep they are nested', () => {
    const grid = {
      groups: [
        { patch: 64, batch: 16 },
        { patch: 128, groups: [{ batch: 2 }, { batch: 4, pool: 50 }] },
      ],
      gamma: [0, 5],
    };
    expect(pick(expandTrials(define({ grid })), 'patch', 'batch', 'pool', 'gamma')).toEqual([
      [64, 16, 0, 0, 1],
      [64, 16, 0, 5, 1],
      [128, 2, 0, 0, 1],
      [128, 2, 0, 5, 1],
      [128, 4, 50, 0, 1],
      [128, 4, 50, 5, 1],
    ]);
  });

  it('crosses groups of several names with each other', () => {
    const grid = {
      groups: { sizes: [{ patch: 64 }, { patch: 128 }], losses: [{ lambda: 5 }, { lambda: 20, gamma: 0 }] },
    };
    expect(pick(expandTrials(define({ grid })), 'patch', 'lambda', 'gamma')).toEqual([
      [64, 5, 5, 1],
      [64, 20, 0, 1],
      [128, 5, 5, 1],
      [128, 20, 0, 1],
    ]);
  });

  it('takes zipped lists together, first with first', () => {
    const grid = { zip: { patch: [64, 128, 256], batch: [16, 4, 1], pool: 10 } };
    expect(pick(expandTrials(define({ grid })), 'patch', 'batch', 'pool')).toEqual([
      [64, 16, 10, 1],
      [128, 4, 10, 1],
      [256, 1, 10, 1],
    ]);
  });

  it('may be run more often than the others', () => {
    const grid = [{ patch: 64, repeat: 4 }, { patch: 128 }];
    expect(
      pick(expandTrials(define({ grid, seeds: [7, 3], include: [{ patch: 256, repeat: 1 }] })), 'patch'),
    ).toEqual([
      [64, 7],
      [64, 3],
      [64, 8],
      [64, 9],
      [128, 7],
      [128, 3],
      [256, 7],
    ]);
    expect(pick(expandTrials(define({ grid: { patch: 64 }, repeat: 3 })), 'patch')).toEqual([
      [64, 1],
      [64, 2],
      [64, 3],
    ]);
  });
});

describe('when', () => {
  it('lets a parameter go where its condition does not hold, and runs once what is then the same', () => {
    const grid = { generator: ['resnet', 'fullres'], upsample: ['transposed', 'resize'] };
    const when = { upsample: { generator: ['resnet', 'unet'] } };
    const expansion = expandTrials(define({ grid, when, seeds: 3 }));
    expect(pick(expansion, 'generator', 'upsample').filter(([, , seed]) => seed === 1)).toEqual([
      ['resnet', 'transposed', 1],
      ['resnet', 'resize', 1],
      ['fullres', 'transposed', 1],
    ]);
    expect(expansion.warnings.filter((warning) => warning.includes('more than once'))).toEqual([]);
  });

  it('judges a condition after those that it hangs on, in whatever order they stand', () => {
    const grid = { paired: [0, 10], pairs: [5, 'all'], pool: [0, 50] };
    const when = { pool: { pairs: 5 }, pairs: { paired: '> 0' } };
    expect(pick(expandTrials(define({ grid, when })), 'paired', 'pairs', 'pool')).toEqual([
      [0, 'all', 0, 1],
      [10, 5, 0, 1],
      [10, 5, 50, 1],
      [10, 'all', 0, 1],
    ]);
  });
});

describe('exclude', () => {
  it('takes values, lists and comparisons', () => {
    const grid = { patch: [64, 128, 256], batch: [1, 4, 16] };
    const exclude = [
      { patch: 64, batch: [1, 4] },
      { patch: '>= 128', batch: '>4' },
    ];
    const left = expandTrials(define({ grid, exclude }));
    expect(pick(left, 'patch', 'batch')).toEqual([
      [64, 16, 1],
      [128, 1, 1],
      [128, 4, 1],
      [256, 1, 1],
      [256, 4, 1],
    ]);
  });
});

describe('a trainer that is not ours', () => {
  it('has the parameters that the file names, and no defaults', () => {
    const grid = { lr: { from: 0.01, to: 1, log: true, count: 3 }, model: ['big', 'small'], dropout: [true] };
    const { trials } = expandTrials(
      define({
        command: ['python3', 'train.py'],
        grid,
        fixed: { depth: 3 },
        when: { dropout: { model: 'big' } },
      }),
    );
    expect(trials.slice(0, 2).map(({ parameters }) => parameters)).toEqual([
      { depth: 3, lr: 0.01, model: 'big', dropout: true },
      { depth: 3, lr: 0.01, model: 'small' },
    ]);
  });
});

describe('the arithmetic', () => {
  const lines = (parts: object) => expandTrials(define(parts)).arithmetic;

  it('says how the number of trials comes about', () => {
    expect(
      lines({
        grid: [
          { patch: [64, 128, 256], batch: [2, 16] },
          { groups: [{ patch: 32 }, { patch: 16, lambda: [1, 2] }], pool: [0, 50] },
        ],
        exclude: [{ patch: 256, batch: 16 }],
        include: [{ patch: 512 }, { patch: 64, batch: 2 }],
        seeds: 3,
      }),
    ).toEqual([
      'grid, item 1: patch (3) x batch (2) = 6',
      'grid, item 2: patch + lambda (3) x pool (2) = 6',
      'exclude takes 1 away',
      'include adds 2',
      '1 are the same as another',
      '12 settings x 3 seeds = 36 trials',
    ]);
    expect(
      lines({
        grid: [
          { patch: 64, batch: 16 },
          { patch: 128, batch: 2 },
        ],
      }),
    ).toEqual(['grid: 2 settings listed', '2 settings x 1 seed = 2 trials']);
  });
});

describe('warnings', () => {
  const warnings = (parts: object) =>
    expandTrials(define({ fixed: { blocks: 1 }, seeds: 3, ...parts })).warnings;

  it('tell confounded factors and the grid that would part them', () => {
    expect(
      warnings({
        grid: [
          { patch: 128, batch: 16 },
          { patch: 256, batch: 2 },
        ],
      }),
    ).toEqual([
      'patch and batch change together: their effects cannot be told apart; to tell them apart, cross them: grid: {patch: [128, 256], batch: [2, 16]}',
    ]);
  });

  it('tell a factor that another one sets', () => {
    const grid = [
      { patch: 128, batch: 4 },
      { patch: 256, batch: 4 },
      { patch: 512, batch: 2 },
    ];
    expect(warnings({ grid })).toEqual([
      'batch is set by patch in every setting: its own effect cannot be told; to tell it, cross them: grid: {patch: [128, 256, 512], batch: [2, 4]}',
    ]);
  });

  it('say nothing of a crossed grid, nor of a draw, where every setting is a point of its own', () => {
    expect(warnings({ grid: { patch: [128, 256], batch: [2, 16] } })).toEqual([]);
    const draw = { count: 9, space: { lr: { from: 0.001, to: 0.1 }, lambda: { from: 1, to: 9 } } };
    expect(warnings({ fixed: { patch: 128, blocks: 1 }, grid: { draw } })).toEqual([]);
  });

  it('tell a network that sees more than the patch, in one line each', () => {
    expect(warnings({ fixed: { blocks: 3 }, grid: { patch: [32, 64, 128] } })).toEqual([
      "the discriminator's receptive field, 70 pixels, is larger than patch 32 and 64: every output sees padding there",
      "the generator's receptive field, 73 pixels, is larger than patch 32 and 64: it trains on less context than it has on a whole image",
    ]);
  });

  it('tell an exclude that matches nothing, repeated settings and repeated seeds', () => {
    const grid = [{ patch: [128, 128] }, { patch: 256 }];
    expect(warnings({ grid, exclude: [{ patch: 512, batch: 2 }], seeds: [1, 1, 2] })).toEqual([
      'exclude: entry 1, patch = 512 and batch = 2, matches no setting of the grid',
      'the setting {patch: 128} stands more than once; it is run once',
      'seed 1 stands more than once; it is run once',
    ]);
  });

  it('tell that one seed shows no spread', () => {
    expect(warnings({ grid: { patch: [128, 256] }, seeds: [7] }).join()).toMatch(/^one seed/);
  });
});

/**
 * The reference knows no order and builds no settings: it goes through every partial assignment of a small universe and asks
 * of each whether the file produces it.
 */
describe('expandTrials', () => {
  const VALUES: Record<string, ParameterValue[]> = {
    patch: [16, 32, 64],
    batch: [1, 2, 3],
    gamma: [0, 5],
    upsample: ['transposed', 'resize'],
  };
  const NAMES = Object.keys(VALUES);
  const PARTIALS = NAMES.reduce<ParameterValues[]>(
    (partials, name) =>
      partials.flatMap((partial) => [
        partial,
        ...VALUES[name]!.map((value) => ({ ...partial, [name]: value })),
      ]),
    [{}],
  );

  interface BlockFile {
    zip?: Record<string, ParameterValue[]>;
    groups?: BlockFile[];
    [name: string]: unknown;
  }

  /** Names that a block may give. */
  function namesIn(block: BlockFile): string[] {
    return Object.entries(block).flatMap(([key, value]) => {
      if (key === 'zip') return Object.keys(value as object);
      if (key === 'groups') return (value as BlockFile[]).flatMap(namesIn);
      return key === 'repeat' ? [] : [key];
    });
  }

  function only(partial: ParameterValues, names: string[]): ParameterValues {
    return Object.fromEntries(Object.entries(partial).filter(([name]) => names.includes(name)));
  }

  function produces(block: BlockFile, partial: ParameterValues): boolean {
    if (Object.keys(partial).some((name) => !namesIn(block).includes(name))) return false;
    return Object.entries(block).every(([key, value]) => {
      if (key === 'repeat') return true;
      if (key === 'groups') {
        const inner = only(partial, (value as BlockFile[]).flatMap(namesIn));
        return (value as BlockFile[]).some((one) => produces(one, inner));
      }
      if (key === 'zip') {
        const lists = Object.entries(value as Record<string, ParameterValue[]>);
        return lists[0]![1].some((_, at) => lists.every(([name, list]) => partial[name] === list[at]));
      }
      return ([value].flat() as ParameterValue[]).includes(partial[key]!);
    });
  }

  type ConditionFile = Record<string, ParameterValue | ParameterValue[]>;

  function fits(parameters: ParameterValues, condition: ConditionFile): boolean {
    return Object.entries(condition).every(([name, wanted]) => {
      const value = parameters[name]!;
      if (typeof wanted === 'string' && wanted.startsWith('>='))
        return Number(value) >= Number(wanted.slice(2));
      if (typeof wanted === 'string' && wanted.startsWith('!=')) return String(value) !== wanted.slice(3);
      return [wanted].flat().includes(value);
    });
  }

  const listOf = (name: string) => fc.subarray(VALUES[name]!, { minLength: 1 });
  /** A block over some of the names, each of them given by one factor. */
  const blockOver = (names: string[], depth: number): fc.Arbitrary<BlockFile> =>
    fc
      .record({
        crossed: fc.subarray(names),
        zipped: fc.subarray(names),
        length: fc.integer({ min: 1, max: 3 }),
        pick: fc.infiniteStream(fc.nat(5)),
        lists: fc.record(
          Object.fromEntries(names.map((name) => [name, listOf(name)])) as Record<
            string,
            fc.Arbitrary<ParameterValue[]>
          >,
        ),
      })
      .chain(({ crossed, zipped, length, pick, lists }) => {
        const zipNames = zipped.filter((name) => !crossed.includes(name));
        const rest = names.filter((name) => !crossed.includes(name) && !zipNames.includes(name));
        const block: BlockFile = {};
        for (const name of crossed) block[name] = lists[name]!.length === 1 ? lists[name]![0]! : lists[name]!;
        if (zipNames.length > 0) {
          const draw = (name: string) => VALUES[name]![pick.next().value! % VALUES[name]!.length]!;
          block.zip = Object.fromEntries(
            zipNames.map((name) => [name, Array.from({ length }, () => draw(name))]),
          );
        }
        const filled = Object.keys(block).length > 0;
        if (rest.length === 0 || (depth === 0 && filled)) return fc.constant(block);
        if (depth === 0) return fc.constant({ [rest[0]!]: lists[rest[0]!]! });
        const groups = fc.array(blockOver(rest, depth - 1), { minLength: 1, maxLength: 2 });
        return filled
          ? fc.option(groups, { nil: undefined }).map((some) => (some ? { ...block, groups: some } : block))
          : groups.map((some) => ({ ...block, groups: some }));
      });
  const tested = (name: string): fc.Arbitrary<ParameterValue | ParameterValue[]> => {
    const values = VALUES[name]!;
    const plain = fc.oneof(listOf(name), fc.constantFrom(...values));
    return typeof values[0] === 'number'
      ? fc.oneof(plain, fc.constantFrom(...values.map((value) => `>=${value}`)))
      : fc.oneof(plain, fc.constantFrom(...values.map((value) => `!= ${value}`)));
  };
  const conditionOver = (names: string[]): fc.Arbitrary<ConditionFile> =>
    fc
      .subarray(names, { minLength: 1 })
      .chain((some) => fc.record(Object.fromEntries(some.map((name) => [name, tested(name)]))));
  const repeat = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
  const withRepeat = <T extends object>(block: T, times: number | undefined) =>
    times === undefined ? block : { ...block, repeat: times };
  const file = fc.record({
    grid: fc.array(
      fc.tuple(blockOver(NAMES, 2), repeat).map(([block, times]) => withRepeat(block, times)),
      { minLength: 1, maxLength: 3 },
    ),
    exclude: fc.array(conditionOver(NAMES), { maxLength: 2 }),
    include: fc.array(
      fc.tuple(fc.constantFrom(...PARTIALS), repeat).map(([setting, times]) => withRepeat(setting, times)),
      { maxLength: 2 },
    ),
    // gamma hangs on upsample, which hangs on the others: a chain.
    when: fc.record(
      { gamma: conditionOver(['upsample', 'patch']), upsample: conditionOver(['patch', 'batch']) },
      { requiredKeys: [] },
    ),
    seeds: fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 3 }),
  });

  it('holds exactly what a brute-force search through all settings finds, for 10,000 random definitions', () => {
    fc.assert(
      fc.property(file, (parts) => {
        const { grid, exclude, include, when, seeds } = parts;
        const complete = (partial: ParameterValues): ParameterValues => ({ ...resolveParameters(partial) });
        const prune = (partial: ParameterValues) => {
          const left = { ...partial };
          if (when.upsample && !fits(complete(left), when.upsample)) delete left.upsample;
          if (when.gamma && !fits(complete(left), when.gamma)) delete left.gamma;
          return complete(left);
        };
        const counted = (times: number | undefined) => {
          if (times === undefined) return seeds;
          const largest = Math.max(...seeds);
          return [...seeds, ...[1, 2, 3, 4].map((more) => largest + more)].slice(0, times);
        };
        const expected = new Set<string>();
        const add = (parameters: ParameterValues, times: number | undefined) => {
          const shown = NAMES.map((name) => parameters[name]);
          for (const seed of counted(times)) expected.add(JSON.stringify([...shown, seed]));
        };
        for (const block of grid as (BlockFile & { repeat?: number })[]) {
          for (const partial of PARTIALS.filter((one) => produces(block, one))) {
            const parameters = prune(partial);
            if (!exclude.some((entry) => fits(parameters, entry))) add(parameters, block.repeat);
          }
        }
        for (const { repeat: times, ...setting } of include as ({ repeat?: number } & ParameterValues)[]) {
          add(prune(setting), times);
        }
        const found = expandTrials(define(parts)).trials.map(({ parameters, seed }) =>
          JSON.stringify([...NAMES.map((name) => parameters[name]), seed]),
        );
        // Both in one comparison: nothing twice, nothing missing, nothing more.
        const [a, b] = [found.sort(), [...expected].sort()];
        if (a.join() !== b.join()) expect(a).toEqual(b);
      }),
      { numRuns: 10_000 },
    );
  });

  it('names as varied exactly what differs', () => {
    fc.assert(
      fc.property(file, (parts) => {
        const { trials, varied } = expandTrials(define(parts));
        const differs = NAMES.filter(
          (name) => new Set(trials.map(({ parameters }) => parameters[name])).size > 1,
        );
        expect([...varied].sort()).toEqual([...differs].sort());
      }),
    );
  });
});
