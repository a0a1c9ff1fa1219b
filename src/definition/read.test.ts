/** @file Tests of reading a sweep file: what it becomes, and what its author is told. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { namesOf, type Block } from './grid.js';
import { meets } from './conditions.js';
import { expandTrials } from './expand.js';
import { readDefinition, readOnly } from './read.js';
import { DefinitionError } from './problem.js';

const HEAD = 'name: a\ndata: { phantom: radiograph }\nbudget: { pixels: 40M }\n';

function messageOf(text: string, set: string[] = []): string {
  try {
    readDefinition(text, 'a.yaml', { set });
  } catch (error) {
    if (error instanceof DefinitionError) return error.message;
    throw error;
  }
  throw new Error('the text was read without an error');
}

/** What each block of a grid gives, where it is no more than crossed values. */
function crossedValues(grid: Block[]): Record<string, unknown[]>[] {
  return grid.map(({ factors }) =>
    Object.fromEntries(
      factors.map((factor) => {
        const [name] = namesOf(factor) as [string];
        return [name, 'settings' in factor ? factor.settings.map((setting) => setting[name]) : []];
      }),
    ),
  );
}

describe('a right file', () => {
  it('has every default spelled out', () => {
    expect(readDefinition(`${HEAD}grid: { patch: [64, 128] }`, 'a.yaml')).toEqual({
      name: 'a',
      question: '',
      trainer: 'cyclegan',
      data: {
        phantom: 'radiograph',
        count: 24,
        size: 1024,
        seed: 1,
        nodules: 0,
        split: { train: 0.7, validation: 0.15, test: 0.15 },
      },
      fixed: {},
      grid: [{ factors: [{ names: ['patch'], settings: [{ patch: 64 }, { patch: 128 }] }] }],
      exclude: [],
      when: [],
      include: [],
      seeds: [1],
      budget: { pixels: 40_000_000 },
      compare: [],
      exam: { at: [1], extent: 'core', critic: 200 },
      checkpoints: { keep: [] },
      retry: { limit: 2, hang: 'auto' },
      resources: {
        time: 'off',
        trials: 'auto',
        threads: 'auto',
        trials_per_gpu: 'auto',
        micro_batch: 'auto',
        memory: 'auto',
        winograd: 'auto',
      },
      engine: 'auto',
      device: 'auto',
    });
  });

  it('may set one part of the exam and leave the others', () => {
    const exam = (text: string) => readDefinition(`${HEAD}grid: { patch: 64 }\nexam: ${text}`, 'a.yaml').exam;
    expect(exam('{ extent: full }')).toEqual({ at: [1], extent: 'full', critic: 200 });
    expect(exam('{ critic: off }')).toEqual({ at: [1], extent: 'core', critic: 'off' });
    expect(exam('{ at: [0.5], critic: 400 }')).toEqual({ at: [0.5], extent: 'core', critic: 400 });
    expect(() => exam('{ critic: none }')).toThrow('off, or the updates that the critic learns for');
  });

  it('may name folders, patients and an intensity range', () => {
    const text =
      "name: b\ndata: { x: a, y: ../b, pairing: by-name, patient: '^(\\d+)_', range: [0, 4095], " +
      'split: { train: 0.5, validation: 0.25, test: 0.25 } }\nbudget: { updates: 10k }\ngrid: { patch: 64 }';
    const { data, budget } = readDefinition(text, 'a.yaml');
    expect(data).toEqual({
      axis: 'axial',
      skip_bad: false,
      voi: 'ignore',
      x: 'a',
      y: '../b',
      pairing: 'by-name',
      patient: '^(\\d+)_',
      range: [0, 4095],
      mask: 'auto',
      split: { train: 0.5, validation: 0.25, test: 0.25 },
    });
    expect(budget).toEqual({ updates: 10_000 });
  });

  it.each([
    ['40M', 40e6],
    ['1.5G', 1.5e9],
    ['4.1k', 4100],
    ['6e6', 6e6],
    ['40000000', 4e7],
  ])('reads a budget of %s', (written, pixels) => {
    const text = `name: a\ndata: { phantom: radiograph }\nbudget: { pixels: ${written} }\ngrid: { patch: 64 }`;
    expect(readDefinition(text, 'a.yaml').budget).toEqual({ pixels });
  });

  it('may use the names of the study that is repeated, anchors, aliases and merge keys', () => {
    const text = `${HEAD}fixed: { L1_lambda: 5 }\ngrid:\n  - &base { patch_size: 64, batch: 16 }\n  - { <<: *base, batch: 2 }\nseeds: [3, 5]`;
    const definition = readDefinition(text, 'a.yaml');
    expect(definition.fixed).toEqual({ lambda: 5 });
    expect(crossedValues(definition.grid)).toEqual([
      { patch: [64], batch: [16] },
      { patch: [64], batch: [2] },
    ]);
    expect(definition.seeds).toEqual([3, 5]);
  });
});

describe('an error', () => {
  it('says where, shows the line, what was expected and what was likely meant', () => {
    expect(messageOf(`${HEAD}grid:\n  patch: [64, 65]\nfixed: { lamda: 5 }`)).toBe(
      [
        'a.yaml:5:15: patch cannot be 65',
        '  5 |   patch: [64, 65]',
        '    |               ^^',
        '  expected: a whole number, a multiple of 4 and at least 16: a resnet halves the patch twice and doubles it back',
        '',
        "a.yaml:6:10: unknown key 'lamda' in fixed",
        '  6 | fixed: { lamda: 5 }',
        '    |          ^^^^^',
        '  expected: one of patch, batch, lambda, gamma, paired, pairs, adversarial, generator, filters, blocks, norm, upsample, disc_filters, disc_layers, gan_loss, pool, lr, schedule, beta1, beta2, images, anatomy, crop, flip, jitter',
        "  did you mean 'lambda'?",
      ].join('\n'),
    );
  });

  it('is one that the command line prints alone, with exit code 2', () => {
    const read = () => readDefinition('', 'a.yaml');
    expect(read).toThrow(UserError);
    expect(read).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  // [what, text after the head, beginning of the message, something else it holds]
  it.each([
    ['an empty grid', 'grid: {}', 'a.yaml:4:7: grid cannot be an empty mapping', '[64, 128]'],
    ['an empty list of settings', 'grid: []', 'a.yaml:4:7: grid cannot be an empty list', ''],
    ['an empty list of values', 'grid: { patch: [] }', 'a.yaml:4:16: patch cannot be an empty list', ''],
    ['a missing space', 'grid: {patch:64}', 'a.yaml:4:8: a space is missing after the colon', 'patch: 64'],
    ['no grid', 'seeds: 3', 'a.yaml:1:1: grid is missing', ''],
    ['a key twice', 'grid: { patch: 64, patch: 128 }', 'a.yaml:4:20: the key patch stands twice', ''],
    [
      'two names of one',
      'grid: { patch: 64, patch_size: 32 }',
      'a.yaml:4:20: patch and patch_size are two names',
      '',
    ],
    [
      'fixed and varied',
      'fixed: { batch_size: 2 }\ngrid: { batch: [2, 4] }',
      'a.yaml:5:9: batch is varied here and fixed in line 4',
      '',
    ],
    [
      'a planned parameter',
      'grid: { winograd: [off, auto] }',
      'a.yaml:4:9: winograd is not supported yet',
      '',
    ],
    [
      'a rule without a metric',
      'grid: { patch: 64 }\nearly_stop: { method: asha }',
      'a.yaml:5:1: metric is missing from early_stop',
      'val/ssim',
    ],
    [
      'a rule that looks at the exam',
      'grid: { patch: 64 }\nearly_stop: { method: asha, metric: exam/ssim }',
      'a.yaml:5:37: exam/ssim is of the exam, by which nothing may be chosen',
      'val/ssim',
    ],
    [
      'a rule that looks at nothing',
      'grid: { patch: 64 }\nearly_stop: { method: median, metric: val/sim }',
      'a.yaml:5:39: no metric is called val/sim',
      'val/ssim',
    ],
    [
      'a rule that prefers worse images',
      'grid: { patch: 64 }\nearly_stop: { method: asha, metric: val/ssim, mode: min }',
      'a.yaml:5:53: val/ssim is better when it is higher',
      'mode: max',
    ],
    [
      'a rule that does not say what is better',
      'grid: { patch: 64 }\nearly_stop: { method: asha, metric: loss/G }',
      'a.yaml:5:37: nothing says whether a larger loss/G is better',
      'max',
    ],
    [
      "one rule with the other's key",
      'grid: { patch: 64 }\nearly_stop: { method: median, metric: val/ssim, reduction: 3 }',
      'a.yaml:5:60: median has no reduction',
      'min_trials',
    ],
    [
      'a checkpoint at the end',
      'grid: { patch: 64 }\ncheckpoints: { keep: [1] }',
      'a.yaml:5:23: keep cannot be 1',
      '[0.25, 0.5]',
    ],
    [
      'a parameter at the top',
      'grid: { patch: 64 }\nbatch: 3',
      "a.yaml:5:1: unknown key 'batch'",
      'under fixed or grid',
    ],
    [
      'a top key in the grid',
      'grid: { patch: 64, seeds: 3 }',
      "a.yaml:4:20: unknown key 'seeds' in grid",
      'top of the file',
    ],
    [
      'a micro-batch among the parameters',
      'grid: { micro_batch: [1, 2] }',
      "a.yaml:4:9: unknown key 'micro_batch' in grid",
      'it belongs under resources',
    ],
    [
      'a micro-batch with batch norm',
      'grid: { batch: 16 }\nfixed: { generator: fullres }\nresources: { micro_batch: 4 }',
      'a.yaml:6:27: micro_batch 4 would part a batch of 16, over the whole of which fullres with norm batch takes its statistics',
      'auto or 16; or norm instance or none',
    ],
    [
      'a micro-batch that does not divide the batch',
      'grid: { batch: [2, 16] }\nresources: { micro_batch: 4 }',
      'a.yaml:5:27: micro_batch 4 does not divide a batch of 2',
      'divides the batch of every trial',
    ],
    [
      'five discriminator layers at patch 64',
      'grid: { patch: [64, 128] }\nfixed: { disc_layers: 5 }',
      'a.yaml:5:23: disc_layers 5 leaves nothing of a patch of 64 pixels: 64 → 32 → 16 → 8 → 4 → 2 → 1 → 0',
      'the smallest patch is 96',
    ],
    [
      'more levels of a unet than the patch stands',
      'grid: { blocks: [5, 6], patch: 96 }\nfixed: { generator: unet }',
      'a.yaml:4:21: a unet of 6 blocks halves the side 6 times',
      'patch a multiple of 2^6 = 64, or blocks up to 5',
    ],
    [
      'a flag as text',
      'fixed: { flip: yes }\ngrid: { patch: 64 }',
      "a.yaml:4:16: flip cannot be 'yes'",
      'only true and false',
    ],
    ['text for a number', "grid: { patch: '64' }", "a.yaml:4:16: patch cannot be '64'", 'without them'],
    ['no for a number', 'grid: { batch: no }', "a.yaml:4:16: batch cannot be 'no'", 'only true and false'],
    [
      'a list without brackets',
      'grid:\n  patch: 64, 128',
      "a.yaml:5:10: patch cannot be '64, 128'",
      '[64, 128]',
    ],
    ['a gap in a number', 'grid: { batch: 1_000 }', "a.yaml:4:16: batch cannot be '1_000'", '1000'],
    ['a leading zero', 'grid: { batch: 08 }', 'a.yaml:4:16: 08 starts with a zero', "'08' in quotes"],
    ['a value left out', 'grid:', 'a.yaml:4:1: grid has no value', ''],
    [
      'a list for one setting',
      'grid: { patch: 64 }\ninclude: [{ batch: [2] }]',
      'a.yaml:5:20: batch cannot be [2]',
      '',
    ],
    [
      'a patch beyond the image',
      'grid: { patch: [64, 2048] }',
      'a.yaml:4:21: a patch of 2048 pixels does not fit',
      '1024',
    ],
    [
      'a discriminator too deep',
      'grid: { patch: 32 }\nfixed: { disc_layers: 4 }',
      'a.yaml:5:23: disc_layers 4 leaves nothing',
      '48',
    ],
    [
      'all excluded',
      'grid: { patch: 64 }\nexclude: [{ patch: 64 }]',
      'a.yaml:5:1: exclude leaves no setting',
      '',
    ],
    [
      'a grid without end',
      `grid: {${['patch', 'batch', 'lambda'].map((n) => ` ${n}: [${Array.from({ length: 50 }, (_, i) => 16 + 4 * i).join(', ')}]`).join(',')} }`,
      'a.yaml:4:1: the grid gives 125,000 settings',
      '100,000',
    ],
    [
      'a range that leaves what is allowed',
      'grid: { patch: {from: 64, to: 256, step: 65} }',
      'a.yaml:4:16: this range holds 129',
      'a multiple of 4',
    ],
    [
      'a range without a step',
      'grid: { lr: {from: 1, to: 2} }',
      'a.yaml:4:13: this range has neither step nor count',
      '',
    ],
    [
      'a range downwards',
      'grid: { lr: {from: 2, to: 1, count: 3} }',
      'a.yaml:4:27: to cannot be 1',
      'above 2',
    ],
    [
      'equal ratios from zero',
      'grid: { lr: {from: 0, to: 1, log: true, count: 3} }',
      'a.yaml:4:20: from cannot be 0',
      'equal ratios have no zero',
    ],
    [
      'a key of a range',
      'grid: { lr: {from: 1, to: 2, cout: 3} }',
      "a.yaml:4:30: unknown key 'cout' in grid.lr",
      "'count'",
    ],
    [
      'a draw of too few keys',
      'grid: { draw: {count: 3} }',
      'a.yaml:4:9: space is missing from grid.draw',
      'e.g. {method: sobol',
    ],
    [
      'a name within a draw',
      'grid: { draw: {count: 3, space: {bath: [1, 2]}} }',
      "a.yaml:4:34: unknown key 'bath' in grid",
      "'batch'",
    ],
    [
      'a name within groups',
      'grid: { groups: [{ patch: 64, bach: 2 }] }',
      "a.yaml:4:31: unknown key 'bach' in grid",
      "'batch'",
    ],
    [
      'mappings under a name of their own',
      'grid: { sizes: [{ patch: 64, batch: 2 }] }',
      "a.yaml:4:9: unknown key 'sizes' in grid",
      'stand under groups',
    ],
    [
      'a parameter in groups and beside them',
      'grid: { groups: [{ patch: 64 }], patch: [32] }',
      'a.yaml:4:20: patch is given twice in what is crossed',
      '',
    ],
    [
      'zipped lists of two lengths',
      'grid: { zip: { patch: [64, 128], batch: [1, 2, 3] } }',
      'a.yaml:4:14: zip holds lists of 2 and 3 values',
      '64 with 16',
    ],
    [
      'a condition on what is no parameter',
      'grid: { patch: 64 }\nwhen: { upsample: { genrator: unet } }',
      "a.yaml:5:21: unknown key 'genrator' in when",
      "'generator'",
    ],
    [
      'conditions in a circle',
      'grid: { patch: 64 }\nwhen: { lambda: { gamma: 0 }, gamma: { lambda: 0 } }',
      'a.yaml:5:1: the conditions of lambda, gamma hang on each other',
      '',
    ],
    [
      'a comparison with a word',
      "grid: { patch: 64 }\nexclude: [{ patch: '> all' }]",
      "a.yaml:5:20: patch cannot be '> all'",
      '>= 128',
    ],
    [
      'a command in one piece',
      'grid: { lr: 1 }\ncommand: python3 train.py',
      "a.yaml:5:10: command cannot be 'python3 train.py'",
      '[python3, train.py',
    ],
    [
      'a placeholder of nothing',
      "grid: { lr: 1 }\ncommand: [python3, train.py, '{lt}']",
      'a.yaml:5:30: no parameter is called lt',
      "'{lr}'",
    ],
    [
      'a placeholder that some trials lack',
      "grid: [{ lr: 1 }, { depth: 3 }]\ncommand: [python3, train.py, '{lr}']",
      'a.yaml:5:30: {lr} has no value in some of the trials',
      '',
    ],
    ['a second document', 'grid: { patch: 64 }\n---\nname: b', 'a.yaml:5:1: a second document', ''],
    ['a tab', 'grid:\n\tpatch: 64', 'a.yaml:5:1: a tab stands where the line is indented', 'spaces'],
    ['an open bracket', 'grid: { patch: [64, 128 }', 'a.yaml:4:25: a ] is missing', ''],
    ['an open bracket at the end', 'grid: { patch: 64\n\n', 'a.yaml:4:17: a } is missing', ''],
    ['an alias of nothing', 'grid: { patch: &p 64, batch: *q }', 'a.yaml:4:30: no anchor &q', '*p'],
    [
      'a mapping for a key',
      'grid: { { patch }: 64 }',
      'a.yaml:4:9: a list or a mapping stands where a key should',
      '',
    ],
    [
      'a colon in a text',
      'grid: { patch: 64 }\nquestion: what: this',
      'a.yaml:5:11: a second colon in one line',
      'quotes',
    ],
    [
      'an apostrophe',
      "grid: { patch: 64 }\nquestion: 'it's it",
      'a.yaml:5:15: this is more than YAML expects',
      "'it''s'",
    ],
    ['a reserved sign', 'grid: { patch: @x }', 'a.yaml:4:16: a value cannot start with @', 'quotes'],
    ['a line without a colon', 'grid\nseeds: 3', 'a.yaml:4:1: this line does not fit', 'key: value'],
    ['a negative seed', 'grid: { patch: 64 }\nseeds: [1, -1]', 'a.yaml:5:12: seeds cannot be -1', ''],
    [
      'a bad engine',
      'grid: { patch: 64 }\nengine: gpu',
      "a.yaml:5:9: engine cannot be 'gpu'",
      'auto, onnx, tensorflow, wasm or cpu',
    ],
    [
      'a bad device',
      'grid: { patch: 64 }\ndevice: gpu:0',
      "a.yaml:5:9: device cannot be 'gpu:0'",
      'one GPU by its number: cuda:0, webgpu:1',
    ],
  ])('tells %s', (_, text, beginning, more) => {
    const message = messageOf(`${HEAD}${text}`);
    expect(message.slice(0, beginning.length)).toBe(beginning);
    expect(message).toContain(more);
    expect(message.match(/^a\.yaml:/gm)).toHaveLength(1);
  });

  it.each([
    ['', 'a.yaml:1:1: the file is empty'],
    ['# nothing\n', 'a.yaml:1:1: the file holds nothing but comments'],
    ['- a\n- b', 'a.yaml:1:1: the file is a list'],
    ['hello', 'a.yaml:1:1: the file is a single value'],
  ])('tells that the file is no mapping: %j', (text, beginning) => {
    expect(messageOf(text)).toMatch(new RegExp(`^${beginning}`));
  });

  it.each([
    ['data: {}', 'data cannot be an empty mapping'],
    ['data: { x: a }', 'y is missing from data'],
    ['data: { x: a, y: b, phantom: radiograph }', 'data names folders and a phantom'],
    ['data: { phantom: radiograph, cont: 3 }', "unknown key 'cont' in data"],
    ['data: { phantom: radiograph, count: 2 }', 'count cannot be 2'],
    ['data: { x: a, y: b, pairing: pairs.png }', "pairing cannot be 'pairs.png'"],
    ["data: { x: a, y: b, patient: '\\d+' }", "patient cannot be '\\d+'"],
    ["data: { x: a, y: b, patient: '(' }", "patient cannot be '('"],
    ['data: { x: a, y: b, range: [5, 1] }', 'range cannot be [5, 1]'],
    ['data: { x: a, y: b, split: { train: 0.7, validation: 0.2, test: 0.2 } }', 'the shares add up to 1.1'],
    ['data: { x: a, y: b, split: { train: 1, validation: 0, test: 0 } }', 'train cannot be 1'],
  ])('tells what is wrong with %s', (data, what) => {
    expect(messageOf(`${data}\nname: a\nbudget: { pixels: 40M }\ngrid: { patch: 64 }`)).toContain(
      `: ${what}`,
    );
  });

  it.each([
    ['{ pixels: 40M, updates: 3 }', 'the budget names pixels and updates'],
    ['{}', 'the budget names nothing'],
    ['40M', "budget cannot be '40M'"],
    ['{ pixels: 40X }', "pixels cannot be '40X'"],
    ['{ pixels: 0 }', 'pixels cannot be 0'],
    ['{ updates: 1.5 }', 'updates cannot be 1.5'],
    ['{ epochs: 3, minutes: 5 }', 'the budget names epochs and minutes'],
    ['{ pixels: 1k }', 'a budget of 1000 pixels is less than one update of patch 64, batch 1'],
  ])('tells what is wrong with a budget of %s', (budget, what) => {
    expect(
      messageOf(`name: a\ndata: { phantom: radiograph }\nbudget: ${budget}\ngrid: { patch: 64 }`),
    ).toMatch(new RegExp(`^a.yaml:3:\\d+: ${what}`));
  });

  it('points at the right place in a file with Windows line ends', () => {
    const message = messageOf(`${HEAD}grid: { patch: 65 }\n`.replaceAll('\n', '\r\n'));
    expect(message).toContain(
      'a.yaml:4:16: patch cannot be 65\n  4 | grid: { patch: 65 }\n    |                ^^\n',
    );
  });

  it('is always a DefinitionError with a place, whatever a slip of the pen does to the file', () => {
    const right = `${HEAD}fixed: &f { lambda: 10 }\ngrid:\n  - { patch: 64, batch: 16 }\n  - patch: [128, 256]\n    batch: 2\nseeds: 3\n`;
    const slip = fc.constantFrom(
      '',
      ' ',
      '\t',
      '\n',
      ':',
      '-',
      '[',
      '}',
      '"',
      "'",
      '*f',
      '&',
      '#',
      '0',
      'x',
      '|',
      '? ',
      '<<: *f',
      '!!set',
      '---\n',
      '%',
    );
    fc.assert(
      fc.property(fc.nat(right.length), fc.nat(3), slip, (at, gone, put) => {
        try {
          readDefinition(right.slice(0, at) + put + right.slice(at + gone), 'a.yaml');
        } catch (error) {
          expect(error).toBeInstanceOf(DefinitionError);
          for (const part of (error as Error).message.split('\n\n'))
            expect(part).toMatch(/^a\.yaml:\d+:\d+: \S/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('parameters with other values than numbers and words', () => {
  it('may be crossed as well', () => {
    const text = `${HEAD}grid: { flip: [true, false], pairs: [5, all] }\nfixed: { paired: 10 }\nresources: { micro_batch: 1 }`;
    const { grid, resources } = readDefinition(text, 'a.yaml');
    expect(crossedValues(grid)).toEqual([{ flip: [true, false], pairs: [5, 'all'] }]);
    expect(resources.micro_batch).toBe(1);
  });

  it('ask for pairs where the paired term wants them', () => {
    const text = 'name: a\ndata: { x: a, y: b }\nbudget: { updates: 3 }\ngrid: { paired: [0, 10] }';
    expect(messageOf(text)).toMatch(/a.yaml:4:21: paired 10 needs to know .*data.pairing is none/);
  });
});

describe('--set', () => {
  const crossed = `${HEAD}fixed: { lambda: 10 }\ngrid: { patch: [64, 128], batch_size: [2, 16] }\ninclude: [{ batch: 32 }]`;
  const listed = `${HEAD}grid:\n  - &a { patch: 64, batch: 16 }\n  - { patch: 128, batch: 2 }\n  - *a`;
  const read = (text: string, ...set: string[]) => readDefinition(text, 'a.yaml', { set });
  const gridOf = (text: string, ...set: string[]) => crossedValues(read(text, ...set).grid);

  it('puts a bare parameter under fixed where the grid does not vary it', () => {
    expect(read(crossed, 'lambda=5', 'filters=8').fixed).toEqual({ lambda: 5, filters: 8 });
    expect(read(listed, 'L1_gamma=0').fixed).toEqual({ gamma: 0 });
  });

  it('puts a bare parameter in the place of the values that the grid and include give it', () => {
    const { grid, include, fixed } = read(crossed, 'batch=4');
    expect(crossedValues(grid)).toEqual([{ patch: [64, 128], batch: [4] }]);
    expect(include).toEqual([{ setting: { batch: 4 } }]);
    expect(fixed).toEqual({ lambda: 10 });
    expect(gridOf(crossed, 'patch=32,64')).toEqual([{ patch: [32, 64], batch: [2, 16] }]);
    expect(gridOf(listed, 'patch=32').map((block) => block.patch)).toEqual([[32], [32], [32]]);
  });

  it('takes a path, through lists by number', () => {
    expect(gridOf(crossed, 'grid.patch=256')[0]?.patch).toEqual([256]);
    expect(gridOf(listed, 'grid.1.patch=128,256')[1]).toEqual({ patch: [128, 256], batch: [2] });
    expect(gridOf(listed, 'grid.2.patch=32').map((block) => block.patch)).toEqual([[64], [128], [32]]);
    expect(gridOf(listed, 'grid={patch: [64, 128]}')).toEqual([{ patch: [64, 128] }]);
    expect(read(crossed, 'fixed.filters=8', 'seeds=1,5', 'resources.trials=2', 'engine=cpu')).toMatchObject({
      fixed: { lambda: 10, filters: 8 },
      seeds: [1, 5],
      resources: { trials: 2, threads: 'auto', micro_batch: 'auto' },
      engine: 'cpu',
    });
  });

  it('replaces one form of the budget by the other', () => {
    expect(read(crossed, 'budget.updates=10').budget).toEqual({ updates: 10 });
    expect(read(crossed, 'budget.updates=10', 'budget.pixels=8M').budget).toEqual({ pixels: 8_000_000 });
  });

  it('lets the last of two flags hold', () => {
    expect(read(crossed, 'lambda=1', 'lambda=2').fixed.lambda).toBe(2);
  });

  it.each([
    ['patch=65', 'patch cannot be 65', '            ^^'],
    ['lamda=4', "unknown key 'lamda'", '      ^^^^^'],
    ['fixed.bath=4', "unknown key 'bath' in fixed", '            ^^^^'],
    ['batch', 'a flag without a value', '      ^^^^^'],
    ['blocks=', 'a flag without a value', '      ^^^^^^^'],
    ['lambda=1,2', 'lambda has several values, but the grid does not vary it', '             ^^^'],
    ['seeds.x=3', 'seeds cannot be a mapping', ''],
    ['grid.0=3', "unknown key '0' in grid", '           ^'],
    ['winograd=off', 'winograd is not supported yet', '      ^^^^^^^^'],
    ['data.size=[3', 'the value is not YAML', '                ^^'],
    ['budget.pixels=1k', 'a budget of 1000 pixels', ''],
  ])('names the flag in the error: %s', (flag, what, caret) => {
    const message = messageOf(crossed, [flag]);
    expect(message).toContain(`--set ${flag}: ${what}`);
    expect(message).toContain(`  --set ${flag}\n  ${caret}`);
  });

  it('tells how to set a parameter of a grid that is a list', () => {
    const message = messageOf(listed, ['grid.patch=64,128']);
    expect(message).toContain('--set grid.patch=64,128: grid is a list here, and patch is none of its items');
    expect(message).toContain("--set 'grid={patch: [64,128]}'");
  });

  it('conflicts with the grid when it says fixed', () => {
    const message = messageOf(crossed, ['fixed.patch=64']);
    expect(message).toMatch(/^a.yaml:5:9: patch is varied here and fixed by --set fixed.patch=64/);
    expect(message).toContain('--set patch=VALUE');
  });
});

describe('--set in a grid of groups, zipped lists and draws', () => {
  it('changes a parameter where it stands, however deep', () => {
    const text = `${HEAD}grid:\n  groups: [{ patch: 64, batch: 16 }, { patch: 128, groups: { a: [{ batch: 2 }, { batch: 4 }] } }]\n  gamma: [0, 5]`;
    const settings = (...set: string[]) =>
      expandTrials(readDefinition(text, 'a.yaml', { set })).settings.map(({ patch, batch, gamma }) => [
        patch,
        batch,
        gamma,
      ]);
    expect(settings('gamma=5')).toEqual([
      [64, 16, 5],
      [128, 2, 5],
      [128, 4, 5],
    ]);
    expect(settings('batch=1')).toEqual([
      [64, 1, 0],
      [64, 1, 5],
      [128, 1, 0],
      [128, 1, 5],
    ]);
    expect(settings('grid.groups.0.batch=8', 'gamma=0').at(0)).toEqual([64, 8, 0]);
    const zipped = readDefinition(`${HEAD}grid: { zip: { patch: [64, 128], batch: [16, 4] } }`, 'a.yaml', {
      set: ['batch=2'],
    });
    expect(expandTrials(zipped).settings.map(({ batch }) => batch)).toEqual([2, 2]);
    const drawn = readDefinition(
      `${HEAD}grid: { draw: { count: 2, space: { lr: { from: 1, to: 2 }, batch: [1, 2] } } }`,
      'a.yaml',
      {
        set: ['grid.draw.count=5', 'grid.draw.space.batch=4'],
      },
    );
    expect(expandTrials(drawn).settings.map(({ batch }) => batch)).toEqual([4, 4, 4, 4, 4]);
  });

  it("changes another trainer's parameters by their names", () => {
    const text = `${HEAD}command: [train, '{lr}']\ngrid: { lr: [1, 2] }`;
    const { fixed, grid } = readDefinition(text, 'a.yaml', { set: ['lr=3', 'depth=7', 'seeds=2'] });
    expect(fixed).toEqual({ depth: 7 });
    expect(crossedValues(grid)).toEqual([{ lr: [3] }]);
  });
});

describe('--only', () => {
  const definition = readDefinition(
    `${HEAD}grid: { patch: [64, 128, 256], batch: [1, 4], generator: [resnet, unet] }\nseeds: 2`,
    'a.yaml',
  );
  const left = (...flags: string[]) => {
    const only = readOnly(flags, definition);
    return expandTrials(definition).trials.filter(({ parameters, seed }) =>
      meets({ ...parameters, seed }, only),
    ).length;
  };

  it.each([
    ['patch=64', 8],
    ['patch>=128', 16],
    ['patch=64,128', 16],
    ['patch_size != 64', 16],
    ['patch=64,batch=4', 4],
    ['patch = 64, 128 and batch = 4 && seed<2', 4],
    ['generator=unet, seed=2', 6],
    ['generator!=unet,resnet', 0],
  ])('%s leaves %i of 24 trials', (flag, count) => {
    expect(left(flag)).toBe(count);
  });

  it('may be given several times: all must hold', () => {
    expect(left('patch>64', 'batch=1', 'seed==1')).toBe(4);
  });

  it.each([
    ['ptch=3', 'no parameter is called ptch', '      ^^^^', "did you mean 'patch'?"],
    ['patch>>3', '>> compares nothing', '           ^^', 'e.g.'],
    ['patch=', 'a value is missing after =', '           ^', ''],
    ['64', "'64' compares nothing", '      ^^', ''],
    ['patch>wide', 'wide is no number', '            ^^^^', ''],
    ['patch=64,', 'nothing stands after ,', '', ''],
  ])('tells what is wrong with %s', (flag, what, caret, hint) => {
    let message = '';
    try {
      readOnly([flag], definition);
    } catch (error) {
      expect(error).toBeInstanceOf(DefinitionError);
      message = (error as Error).message;
    }
    expect(message).toContain(`--only ${flag}: ${what}`);
    expect(message).toContain(caret);
    expect(message).toContain(hint);
  });
});
