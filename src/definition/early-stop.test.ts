/** @file What a sweep file may say about early stopping, and what it is told about it. */
import { describe, expect, it } from 'vitest';
import { ruleText } from './early-stop.js';
import { expandTrials } from './expand.js';
import { readDefinition } from './read.js';

const file = (rule: string, more = 'data: { phantom: radiograph }\nbudget: { updates: 10 }') =>
  readDefinition(`name: a\ngrid: { patch: [64, 128] }\n${more}\nearly_stop: ${rule}`, 'a.yaml');

const warnings = (rule: string) =>
  expandTrials(file(rule)).warnings.filter((text) => text.startsWith('early_stop'));

describe('early_stop', () => {
  it('is optional, and has a default for all but method and metric', () => {
    expect(file('{ method: asha, metric: val/ssim }').early_stop).toEqual({
      method: 'asha',
      metric: 'val/ssim',
      mode: 'max',
      grace: 0.1,
      reduction: 3,
    });
    expect(file('{ method: median, metric: data/wait_share }').early_stop).toEqual({
      method: 'median',
      metric: 'data/wait_share',
      mode: 'min',
      grace: 0.1,
      min_trials: 3,
    });
  });

  it('takes any metric of a trainer that is not ours, if it says what is better', () => {
    const command =
      'command: [python3, train.py]\ndata: { phantom: radiograph }\nbudget: { updates: 10 }\nseeds: 3';
    expect(file('{ method: asha, metric: val/error, mode: min }', command).early_stop?.mode).toBe('min');
    expect(() => file('{ method: asha, metric: val/error }', command)).toThrow(
      'nothing says whether a larger val/error is better',
    );
    expect(() => file('{ method: asha, metric: exam/error, mode: min }', command)).toThrow(
      'by which nothing may be chosen',
    );
  });

  it('is refused where no two trials could ever be compared', () => {
    const rule = '{ method: asha, metric: val/ssim }';
    expect(() => file(rule, 'data: { phantom: radiograph }\nbudget: { minutes: 5 }')).toThrow(
      'early_stop compares trials at shares of their budget',
    );
    expect(() => file(rule, 'data: { x: a, y: b }\nbudget: { updates: 5 }')).toThrow('data.pairing is none');
  });

  it.each([
    ['loss/G', 'how the two sides of a GAN stand against each other'],
    ['loss/D', 'how the two sides of a GAN stand against each other'],
    ['loss/cycle', 'smallest for generators that change nothing'],
    ['loss/paired', 'says nothing of held-out images'],
  ])('by %s is warned of, with the reason', (metric, why) => {
    const [warning] = warnings(`{ method: asha, metric: ${metric}, mode: min }`);
    expect(warning).toContain(`early_stop looks at ${metric}, which misleads`);
    expect(warning).toContain(why);
    expect(warning).toContain('val/ssim');
  });

  it('by a metric of validation images is not warned of', () => {
    expect(warnings('{ method: asha, metric: val/psnr }')).toEqual([]);
  });

  it('binds by what it says, not by how it is written', () => {
    const text = (rule: string) => ruleText(file(rule).early_stop!);
    expect(text('{ method: asha, metric: val/ssim }')).toBe(
      text('{ reduction: 3, mode: max, metric: val/ssim, method: asha, grace: 0.10 }'),
    );
    expect(text('{ method: asha, metric: val/ssim, reduction: 4 }')).not.toBe(
      text('{ method: asha, metric: val/ssim }'),
    );
  });
});

describe('checkpoints', () => {
  it('that are kept beside the last and the best are shares of the budget, in order and each once', () => {
    const text = 'name: a\ngrid: { patch: 64 }\ndata: { phantom: radiograph }\nbudget: { updates: 10 }\n';
    expect(readDefinition(text, 'a.yaml').checkpoints.keep).toEqual([]);
    expect(
      readDefinition(`${text}checkpoints: { keep: [0.5, 0.25, 0.5] }`, 'a.yaml').checkpoints.keep,
    ).toEqual([0.25, 0.5]);
  });
});
