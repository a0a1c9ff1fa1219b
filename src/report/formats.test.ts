import { describe, expect, test } from 'vitest';
import type { TrialParameters } from '../protocol.js';
import { syntheticSweep, troubledSweep } from '../../test/fixtures/sweep-record.js';
import { reportCsv, reportJson, reportMarkdown } from './formats.js';

describe('a report for programs', () => {
  test('as CSV has a row a trial, with what was varied, its means and its exam', () => {
    const sweep = troubledSweep();
    const [head, ...rows] = reportCsv([sweep])
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    expect(head!.slice(0, 10)).toEqual([
      'sweep',
      'trial',
      'patch',
      'batch',
      'seed',
      'status',
      'step',
      'updates',
      'attempts',
      'seconds',
    ]);
    expect(rows).toHaveLength(6);
    expect(rows.every((row) => row.length === head!.length)).toBe(true);
    const column = (name: string) => rows.map((row) => row[head!.indexOf(name)]);
    expect(column('status')).toEqual(['done', 'failed', 'done', 'done', 'done', 'pending']);
    expect(Number(column('loss/D')[0])).toBe(sweep.trials[0]!.tail['loss/D']);
    expect(column('loss/D')[5]).toBe('');
    expect(Number(column('exam/psnr')[0])).toBe(sweep.trials[0]!.exam!.values['exam/psnr']);
  });

  test('as JSON has verdicts, settings and trials of every sweep, and no number that JSON does not know', () => {
    const { sweeps } = JSON.parse(reportJson([troubledSweep(), syntheticSweep({ name: 'other' })])) as {
      sweeps: {
        name: string;
        verdicts: { kind: string }[];
        discriminator: { rho: number; n: number } | null;
        settings: { label: string; done: number; metrics: Record<string, { n: number; mean: number }> }[];
        trials: { status: string; metrics: Record<string, number | null> }[];
      }[];
    };
    expect(sweeps.map(({ name }) => name)).toEqual(['patch-size', 'other']);
    const [first, second] = sweeps;
    expect(first!.settings.map(({ label, done }) => [label, done])).toEqual([
      ['64×64, batch 16', 2],
      ['128×128, batch 2', 2],
    ]);
    expect(second!.settings[0]!.metrics['loss/D']!.n).toBe(3);
    expect(second!.verdicts.length).toBeGreaterThan(0);
    expect(second!.discriminator).toMatchObject({ n: 6, rho: expect.any(Number) as number });
    expect(first!.trials[5]).toMatchObject({ status: 'pending', metrics: {} });
  });

  test('as Markdown opens with the question and leaves text of users without a meaning', () => {
    const text = reportMarkdown([syntheticSweep({ name: 'a|b', question: '<img src=x> *why*?' })]);
    expect(text).toMatch(/^# a\\\|b\n\n\\<img src=x\\> \\\*why\\\*\?\n/);
    expect(text).toContain('| Discriminator loss | 0.208 ± 0.006 | 0.332 ± 0.010 |');
    expect(text).toContain('Is too small a discriminator loss bad? Within two settings, over six trials,');
    expect(text).toContain('not for diagnosis');
  });

  test.each([reportCsv, reportJson, reportMarkdown])('tells no folder', (write) => {
    const sweep = troubledSweep();
    sweep.question = 'see /home/someone/notes';
    sweep.varied = ['start' as keyof TrialParameters];
    sweep.trials.forEach((trial, at) =>
      Object.assign(trial.parameters, { start: `/home/someone/weights-${at < 3 ? 'a' : 'b'}.bin` }),
    );
    sweep.source = `command: [trainer]
compare:
  - claim: Better than in /home/someone/paper.pdf
    outcome: loss/D
    contrast: { a: { start: /home/someone/weights-a.bin }, b: { start: /home/someone/weights-b.bin } }
    expect: higher
`;
    const told = write([sweep]);
    expect(told).toMatch(/path 1 left out/);
    expect(told).not.toMatch(/\/home\//);
  });
});
