/** @file The exam's tables and sentences on made-up sweeps. */
import { describe, expect, test } from 'vitest';
import { syntheticSweep } from '../../../test/fixtures/sweep-record.js';
import type { MetricValues } from '../../protocol.js';
import { cellsOf } from '../cells.js';
import { examView } from './exam.js';

/** Two settings of two seeds each, with these exams. */
function view(small: MetricValues[], large: MetricValues[]) {
  const sweep = syntheticSweep({ seeds: [1, 2] });
  sweep.trials.forEach((trial, at) => {
    trial.exam = { step: trial.step, values: [...small, ...large][at] ?? {}, images: [] };
    trial.exams = [trial.exam];
  });
  return examView(cellsOf(sweep))!;
}

const texts = ({ head, cells }: { head: string; cells: { text: string }[] }) => [
  head,
  ...cells.map(({ text }) => text),
];

describe('the exam', () => {
  test('gives every score with its interval and its number of seeds, tiles beside whole images', () => {
    const scores = (psnr: number): MetricValues => ({ 'exam/psnr': psnr, 'exam/psnr_tiles': psnr - 1, 'exam/psnr_linear': 28, 'exam/n': 4 }); // prettier-ignore
    const { tables } = view([scores(29), scores(31)], [scores(33), scores(33)]);
    // t = 12.706 with one degree of freedom, s = √2: half of the interval is 12.706.
    expect(tables[0]!.rows.map(texts)).toEqual([
      ['Linear filter', '—', '28.00'],
      ['64×64, batch 16', '2', '30.00 ± 12.71'],
      ['128×128, batch 2', '2', '33.00 ± 0.00'],
      ['64×64, batch 16, by tiles', '2', '29.00 ± 12.71'],
      ['128×128, batch 2, by tiles', '2', '32.00 ± 0.00'],
    ]);
    expect(tables[0]!.notes).toContain('Images: 4.');
  });

  test('says where whole images and tiles rank settings otherwise', () => {
    const scores = (whole: number, tiles: number) => ({ 'exam/psnr': whole, 'exam/psnr_tiles': tiles });
    const { verdicts } = view([scores(29, 28), scores(29, 28)], [scores(30, 27), scores(30, 27)]);
    expect(verdicts).toEqual([
      'X→Y: by PSNR, whole image 128×128, batch 2 is first on whole images and 64×64, batch 16 by tiles of the training patch. What flips between the two is not settled.',
    ]);
    expect(view([scores(29, 26), scores(29, 26)], [scores(30, 27), scores(30, 27)]).verdicts).toEqual([]);
  });

  test('sets the critic’s interval over images beside that over seeds', () => {
    const scores = (critic: number): MetricValues => ({
      'exam/critic': critic,
      'exam/critic_low': critic - 0.2,
      'exam/critic_high': 1,
      'exam/critic_untranslated': 0.98,
      'exam/critic_low_untranslated': 0.8,
      'exam/critic_high_untranslated': 1,
    });
    const { critic, verdicts } = view([scores(0.9), scores(0.9)], [scores(0.7), scores(0.8)]);
    expect(critic!.rows.map((row) => texts(row).slice(0, 3))).toEqual([
      ['Untranslated', '0.98', '0.80 to 1.00'],
      ['64×64, batch 16', '0.90 ± 0.00', '0.70 to 1.00'],
      ['128×128, batch 2', '0.75 ± 0.64', '0.55 to 1.00'],
    ]);
    expect(verdicts).toEqual([]);
    const worse = view([scores(0.99), scores(0.99)], [scores(0.7), scores(0.8)]).verdicts;
    expect(worse[0]).toContain(
      '64×64, batch 16: the untranslated image scores better than the model in Accuracy of a fresh critic (X→Y)',
    );
    expect(view([{ 'exam/psnr': 1 }, { 'exam/psnr': 2 }], []).critic).toBeNull();
  });
});
