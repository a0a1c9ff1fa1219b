import { describe, expect, test } from 'vitest';
import { syntheticSweep, troubledSweep } from '../../test/fixtures/sweep-record.js';
import { cellsOf } from './cells.js';
import { heatMaps } from './figures/heat-map.js';
import { parallelFigure } from './figures/parallel.js';
import { outcomesOf } from './outcomes.js';
import { quantitiesOf } from './quantities.js';
import { failures } from './sections/failures.js';
import { trials } from './sections/trials.js';

const CELLS = [64, 128].flatMap((patch) => [2, 16].map((batch) => ({ patch, batch })));
const inputOf = (sweep: ReturnType<typeof syntheticSweep>) => ({
  sweep,
  sweeps: [sweep],
  cells: cellsOf(sweep),
  images: false,
  pictureBytes: 0,
  readFile: () => new Uint8Array(),
});

describe('quantities of trials', () => {
  test('begin with the parameters that vary, and hold tails, exam and cost', () => {
    const quantities = quantitiesOf(syntheticSweep());
    const ids = quantities.map(({ id }) => id);
    expect(ids.slice(0, 2)).toEqual(['patch', 'batch']);
    expect(ids).toEqual(expect.arrayContaining(['generator', 'seed', 'loss/D', 'exam/ssim', 'seconds', 'peak_memory'])); // prettier-ignore
    expect(quantities.find(({ id }) => id === 'exam/psnr')!.label).toBe('PSNR, whole image (dB)');
    for (const { values } of quantities) expect(values).toHaveLength(6);
  });

  test('have none where a trial has none, and are left out where no trial has any', () => {
    const sweep = troubledSweep();
    const quantities = quantitiesOf(sweep);
    const exam = quantities.find(({ id }) => id === 'exam/psnr')!.values;
    expect(exam.map((value) => value === null)).toEqual([false, true, false, false, false, true]);
    expect(quantities.map(({ id }) => id)).not.toContain('energy');
    expect(quantities.find(({ id }) => id === 'seconds')!.values[5]).toBeNull();
  });

  test('tell no folder', () => {
    const sweep = syntheticSweep();
    (sweep.trials[0]!.parameters as unknown as Record<string, unknown>).init = '/home/anna/weights';
    expect(quantitiesOf(sweep).find(({ id }) => id === 'init')!.values[0]).toBe('[path left out]');
  });
});

test('the table of trials shows what differs, and once what does not', () => {
  const view = trials.view(inputOf(syntheticSweep())) as unknown as {
    columns: { label: string }[];
    same: { label: string; text: string }[];
    data: { quantities: { id: string; values: unknown[] }[] };
  };
  const labels = view.columns.map(({ label }) => label);
  expect(labels).toEqual(expect.arrayContaining(['Patch', 'Batch', 'Seed', 'Discriminator loss']));
  expect(labels).not.toContain('Generator');
  expect(view.same).toContainEqual({ label: 'Generator', text: 'resnet' });
  expect(view.data.quantities.find(({ id }) => id === 'generator')!.values).toEqual(['resnet']);
});

describe('failures', () => {
  test('are not there where nothing failed', () => {
    expect(failures.view(inputOf(syntheticSweep()))).toBeNull();
  });

  test('are told from those that a later attempt made good', () => {
    const sweep = troubledSweep();
    const [first] = sweep.trials;
    const [done] = first!.attempts;
    first!.attempts = [{ ...done!, outcome: 'failed', class: 'killed', reason: 'it was killed (SIGKILL)', lastLines: null }, { ...done!, attempt: 2, from: 60 }]; // prettier-ignore
    const view = failures.view(inputOf(sweep)) as unknown as {
      summary: string;
      classes: { name: string }[];
      trials: { label: string; end: string; attempts: { title: string; lines: string }[] }[];
    };
    expect(view.summary).toBe(
      'One trial failed and is in no mean; one trial failed at first and was done by a later attempt.',
    );
    expect(view.classes.map(({ name }) => name)).toEqual(['killed', 'out of memory']);
    expect(view.trials.map(({ label, end }) => `${label}: ${end}`)).toEqual([
      '64×64, batch 16, seed 2: failed',
      '64×64, batch 16, seed 1: made good: done in the end',
    ]);
    expect(view.trials[1]!.attempts.map(({ title }) => title)).toEqual(['Attempt 1 of 2']);
  });
});

describe('a heat map', () => {
  test('has the mean and the number of trials at each pair of values', () => {
    const sweep = syntheticSweep({ cells: CELLS });
    sweep.trials[0]!.status = 'failed';
    const value = (trial: (typeof sweep.trials)[number]) => trial.parameters.patch + trial.seed;
    const [map] = heatMaps(sweep, [{ name: 'a', label: 'A', unit: '', direction: 'lower', value }]);
    expect(map).toMatchObject({ down: 'Patch', across: 'Batch', columns: ['2', '16'] });
    expect(map!.rows.map(({ head, cells }) => [head, ...cells.map(({ text, n }) => `${text} ${n}`)])).toEqual(
      [
        ['64', '66.5 n 2 of 3', '66.0 n 3'],
        ['128', '130 n 3', '130 n 3'],
      ],
    );
    expect(map!.rows.flatMap(({ cells }) => cells.map(({ heat }) => heat))).toEqual([1, 0, 100, 100]);
  });

  test('is not drawn of parameters that change together', () => {
    const sweep = syntheticSweep();
    expect(heatMaps(sweep, outcomesOf(sweep.trials))).toEqual([]);
  });
});

test('parallel coordinates hold a line for each finished trial through its values', () => {
  const sweep = syntheticSweep({ cells: CELLS });
  sweep.trials[0]!.status = 'failed';
  const figure = parallelFigure(sweep, cellsOf(sweep), outcomesOf(sweep.trials))!;
  expect(figure.lines.map(({ row }) => row)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
  expect(figure.axes.map(({ title }) => title[0])).toEqual(['Patch', 'Batch', 'SSIM', 'PSNR (dB)', 'Discriminator loss', 'Generator loss']); // prettier-ignore
  expect(figure.axes[0]!.ticks.map(({ text }) => text)).toEqual(['64', '128']);
  for (const { points } of figure.lines) expect(points.split(' ')).toHaveLength(6);
  expect(figure.left).toBe(1);
  expect(parallelFigure(syntheticSweep(), cellsOf(syntheticSweep()), [])).toBeNull();
});

test('outcomes are scores of whole images and losses; of other trainers what they report, validation first', () => {
  const sweep = syntheticSweep();
  expect(outcomesOf(sweep.trials).map(({ name }) => name)).toEqual(['exam/ssim', 'exam/psnr', 'loss/D', 'loss/G']); // prettier-ignore
  const foreign = sweep.trials.map((trial) => ({ ...trial, exam: null, tail: { 'train/error': 1, 'val/error': 2 } })); // prettier-ignore
  expect(outcomesOf(foreign).map(({ name }) => name)).toEqual(['val/error', 'train/error']);
});
