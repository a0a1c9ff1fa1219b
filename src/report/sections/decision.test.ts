/** @file The decision box on made-up sweeps, whose numbers can be reckoned by hand. */
import { describe, expect, test } from 'vitest';
import { syntheticSweep, unthinned } from '../../../test/fixtures/sweep-record.js';
import type { MetricValues } from '../../protocol.js';
import type { SweepRecord } from '../../store/queries.js';
import { cellsOf } from '../cells.js';
import { decisionOf } from './decision.js';

/** Two settings of as many trials as scores; scores of X→Y, then what else an exam holds. */
function sweepOf(scores: [number[], number[]], more: MetricValues = {}): SweepRecord {
  const seeds = scores[0].map((_, at) => at + 1);
  const sweep = syntheticSweep({ seeds });
  sweep.trials.forEach((trial, at) => {
    const value = scores[at < seeds.length ? 0 : 1][at % seeds.length]!;
    trial.exam = {
      step: trial.step,
      values: { 'exam/psnr': value, ...more },
      images: [0, 1, 2].map((index) => ({
        index,
        v: { 'exam/psnr': value + index - 1, 'exam/mae': 10 * (index + 1) },
      })),
    };
    trial.exams = [trial.exam];
  });
  return sweep;
}

const decide = (sweep: SweepRecord) => decisionOf(sweep, cellsOf(sweep))!;
const [SMALL, LARGE] = ['A: 64×64, batch 16', 'B: 128×128, batch 2'];

describe('the decision box', () => {
  test('gives the mean, one new model, the worst seed and the worst image of each setting', () => {
    const { tables } = decide(sweepOf([[29, 30, 31], [30, 32, 34]])); // prettier-ignore
    expect(tables).toHaveLength(1); // nothing is known of Y→X
    const [small, large] = tables[0]!.rows.map(({ head, cells }) => [head, ...cells.map(({ text }) => text)]);
    // s = 1, t = 4.303: 30 ± 4.303 / √3, and 30 ± 4.303 · √(4/3). The error's 95th percentile of 10, 20, 30 is 29.
    expect(small).toEqual([SMALL, '3 of 3', '30.00', '27.52 to 32.48', '25.03 to 34.97', '29.00 (seed 1)', '28.00 (image 0, seed 1)', '29.0']); // prettier-ignore
    expect(large!.slice(0, 3)).toEqual([LARGE, '3 of 3', '32.00']);
    expect(large![5]).toBe('30.00 (seed 1)');
  });

  test('shows both directions apart', () => {
    const { tables, lead } = decide(sweepOf([[29, 30], [31, 32]], { 'exam/psnr_yx': 25 })); // prettier-ignore
    expect(tables.map(({ caption }) => caption)).toEqual(['G: X→Y, PSNR, whole image (dB)', 'F: Y→X, PSNR, whole image (dB)']); // prettier-ignore
    expect(lead.map((text) => text.slice(0, 3))).toEqual(['X→Y', 'Y→X']);
  });

  test('counts failed and collapsed trials as the worst', () => {
    const sweep = sweepOf([[29, 30, 31], [30, 32, 34]]); // prettier-ignore
    sweep.trials[4]!.status = 'failed';
    const row = decide(sweep).tables[0]!.rows[1]!.cells.map(({ text }) => text);
    expect(row[0]).toBe('2 of 3');
    expect(row[4]).toBe('failed (seed 2)');
    sweep.trials[1]!.messages = [{ type: 'health', step: 1, code: 'g-collapsed', text: '' }];
    expect(decide(sweep).tables[0]!.rows[0]!.cells[4]!.text).toBe('collapsed (seed 2)');
    expect(decide(sweep).costs.rows.map(({ cells }) => cells.at(-1)!.text)).toEqual(['1', '1']);
  });

  test('calls nothing better with one seed, nor where the seeds do not tell settings apart', () => {
    expect(decide(sweepOf([[29], [31]])).lead).toEqual(['X→Y: 64×64, batch 16 29.00\u00a0dB and 128×128, batch 2 31.00\u00a0dB. One seed each: which is better cannot be told.']); // prettier-ignore
    const [close] = decide(sweepOf([[29, 31, 30], [30, 30, 30.5]])).lead; // prettier-ignore
    expect(close).toContain('these seeds do not tell the two apart');
    const [clear] = decide(sweepOf([[29, 29.1, 29], [31, 31, 31.1]])).lead; // prettier-ignore
    expect(clear).toContain('128×128, batch 2 has the highest mean, 31.03\u00a0dB over three seeds');
    expect(clear).toContain('the verdicts hold, not this');
  });

  test('says to use neither where no network is better than all of them', () => {
    const scores: [number[], number[]] = [
      [29, 30],
      [31, 32],
    ];
    expect(decide(sweepOf(scores, { 'exam/psnr_linear': 46.94, 'exam/psnr_untranslated': 38 })).neither).toEqual([
      'X→Y: use neither. A fitted linear filter scores 46.94\u00a0dB, the mean of the best setting is 31.50\u00a0dB, and it needs no training.',
    ]); // prettier-ignore
    expect(decide(sweepOf(scores, { 'exam/psnr_linear': 31.4 })).neither).toEqual([]);
  });

  test('finds alternatives of equal memory, and names those that the sweep lacks', () => {
    const sweep = sweepOf([[29, 30], [31, 32]]); // prettier-ignore
    const peaks = [1000, 1000, 1050, 1050];
    sweep.trials.forEach((trial, at) => (trial.attempts[0]!.peakMemory = peaks[at]! * 2 ** 20));
    const { memory } = decide(sweep);
    expect(memory!.table.rows.map(({ cells }) => cells[2]!.text)).toEqual([
      '128×128, batch 2 (1.03 GiB; 31.50\u00a0dB)',
      '64×64, batch 16 (1000 MiB; 29.50\u00a0dB)',
    ]);
    expect(memory!.words).toContain('128×128, batch 4 (as many pixels at once as 64×64, batch 16)');
    sweep.trials.slice(2).forEach((trial) => (trial.attempts[0]!.peakMemory = 1200 * 2 ** 20));
    expect(decide(sweep).memory!.table.rows[0]!.cells[2]!.text).toBe('none in this sweep');
  });

  test('draws quality against memory, time and, where it is known, energy', () => {
    const sweep = sweepOf([[29, 30], [31, 32]], { 'exam/psnr_untranslated': 28.5, 'exam/psnr_linear': 60 }); // prettier-ignore
    expect(decide(sweep).figures.map(({ cost }) => cost)).toEqual(['memory', 'time']);
    sweep.trials.forEach((trial, at) => {
      trial.system = { samples: 9, cpu: null, memory: null, gpu: null, gpuMemory: null, power: null, temperature: null, energy: 1000 * (at + 1) }; // prettier-ignore
    });
    const { figures } = decide(sweep);
    expect(figures.map(({ cost }) => cost)).toEqual(['memory', 'time', 'energy']);
    const { size, panels } = figures[2]!;
    expect(panels[0]!.points.map(({ letter, seeds }) => [letter, seeds.length])).toEqual([['A', 2], ['B', 2]]); // prettier-ignore
    // What lies far beyond is no line in the picture, or settings would lie on top of each other.
    expect(panels[0]!.lines.map(({ text }) => text)).toEqual(['untranslated']);
    for (const { x, y, seeds } of panels[0]!.points) {
      for (const point of [{ x, y }, ...seeds]) {
        expect(point.x).toBeGreaterThan(size.left);
        expect(point.x).toBeLessThan(size.right);
        expect(point.y).toBeGreaterThan(size.top);
        expect(point.y).toBeLessThan(size.bottom);
      }
    }
    expect(panels[0]!.points[1]!.y).toBeLessThan(panels[0]!.points[0]!.y);
  });

  test('tells blank patches', () => {
    const sweep = sweepOf([[29, 30], [31, 32]]); // prettier-ignore
    for (const trial of sweep.trials) {
      const value = trial.parameters.patch === 64 ? [0.5, 0.21] : [0.4, 0.014];
      trial.series['data/blank_share'] = unthinned({ step: [1, 2], pixels: [1, 2], seconds: [1, 2], value });
    }
    const { columns, rows } = decide(sweep).costs;
    const at = columns.findIndex(({ text }) => text === 'Blank patches') - 1;
    expect(rows.map(({ cells }) => cells[at]!.text)).toEqual(['21\u00a0%', '1.4\u00a0%']);
  });

  test('is not there without an exam', () => {
    const sweep = syntheticSweep();
    for (const trial of sweep.trials) trial.exam = null;
    expect(decisionOf(sweep, cellsOf(sweep))).toBeNull();
  });
});
