/** @file What makes losses incomparable, on made-up sweeps of known geometry. */
import { expect, test } from 'vitest';
import { syntheticSweep, unthinned } from '../../../test/fixtures/sweep-record.js';
import { cellsOf } from '../cells.js';
import { factsInWords, factsTable } from './incomparable.js';

function sweepWith(blank: [number, number]) {
  const sweep = syntheticSweep({ seeds: [1, 2] });
  sweep.trials.forEach((trial, at) => {
    const value = [0.9, blank[at < 2 ? 0 : 1]];
    trial.series['data/blank_share'] = unthinned({ step: [1, 2], pixels: [1, 2], seconds: [1, 2], value });
  });
  return sweep;
}

test('geometry, amounts and blank patches stand beside each other', () => {
  const sweep = sweepWith([0.21, 0.014]);
  const rows = factsTable(cellsOf(sweep))!.rows.map(({ head, cells }) => [head, ...cells.map(({ text }) => text)]); // prettier-ignore
  expect(Object.fromEntries(rows.map(([head, ...texts]) => [head, texts]))).toMatchObject({
    'Receptive field of a discriminator output, pixels': ['70', '70'],
    'Output map of the discriminator': ['6×6', '14×14'],
    'Discriminator outputs that touch padding': ['100\u00a0%', '67\u00a0%'],
    // The generator of 6 blocks looks at 121 pixels: at 64 all of its outputs see padding, at 128 hardly one does not.
    'Generator outputs that touch padding': ['100\u00a0%', '99\u00a0%'],
    'Blank patches, of all drawn': ['21\u00a0%', '1.4\u00a0%'],
    'Pixels of each domain in one update': ['65\u202f536', '32\u202f768'],
    // 48 training images of each domain.
    'Updates an epoch': ['3', '24'],
    'Updates in the budget': ['611 (1/2 of the most)', '1221'],
    'Epochs in the budget': ['204', '50.9'],
  });
});

test('words say where patch and content change together', () => {
  const words = (sweep: ReturnType<typeof sweepWith>) => factsInWords(sweep, cellsOf(sweep)).join(' ');
  expect(words(sweepWith([0.21, 0.014]))).toContain('21\u00a0% of the patches of 64×64, batch 16 are blank, 1.4\u00a0% of those of 128×128, batch 2'); // prettier-ignore
  expect(words(sweepWith([0.03, 0.014]))).not.toContain('are blank');
  expect(words(sweepWith([0.21, 0.2]))).not.toContain('are blank');
  expect(words(sweepWith([0, 0]))).toContain('At patch 64×64 a discriminator output looks at 70 pixels a side'); // prettier-ignore
});
