/** @file `sweep run --extend` on real trials: a finished sweep goes on with a larger budget, to the numbers of one that never ended. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listTrials, readEvents, smallSweep, sweep, temporaryFolder, writeImages } from './support.js';

const folder = temporaryFolder();
const results = path.join(folder, 'results');
/** The finished sweep again, for what is not to be extended. */
const refused = path.join(folder, 'refused');
const SHORT = ['--set', 'budget.updates=8'];
const LONG = ['--set', 'budget.updates=21'];
/** All that a training carries from update to update: moments, past fakes, random states. */
const MORE = 'checkpoints: {keep: [0.5]}\nengine: onnx\ndevice: cpu\nresources: {micro_batch: 1}\n';

beforeAll(async () => {
  await writeImages(folder);
  const file = smallSweep(MORE)
    .replace('blocks: 1}', 'blocks: 1, pool: 3, flip: true, jitter: 0.1}')
    .replace('seeds: 2', 'seeds: 1');
  fs.writeFileSync(path.join(folder, 'small.yaml'), file);
  const run = await sweep(folder, 'run', 'small.yaml', ...SHORT);
  expect(run.all).toContain('2 done, 0 failed, 0 left');
  fs.cpSync(results, refused, { recursive: true });
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const checkpoint = (where: string, key: string, name: string) =>
  fs.readFileSync(path.join(where, 'trials', key, 'checkpoints', name, 'weights.safetensors'));

describe('a finished sweep with a larger budget', () => {
  test('goes on from its checkpoints to the weights of an uninterrupted training, byte for byte', async () => {
    const whole = path.join(folder, 'whole');
    const uninterrupted = await sweep(folder, 'run', 'small.yaml', ...LONG, '--results', whole);
    expect(uninterrupted.exitCode, uninterrupted.all).toBe(0);
    const before = listTrials(results);

    const extended = await sweep(folder, 'run', 'small.yaml', ...LONG, '--extend');
    expect(extended.exitCode, extended.all).toBe(0);
    expect(extended.all).toContain('2 go on from finished trials of a smaller budget');
    expect(listTrials(whole)).toHaveLength(2);
    for (const key of listTrials(whole)) {
      const [events] = readEvents(results, key);
      expect(events!.find(({ t }) => t === 'start')).toMatchObject({ from: 8, updates: 21 });
      const steps = events!.flatMap((event) => (event.t === 'metric' ? [event.step] : []));
      expect(steps).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
      for (const name of ['step-21', 'asked-step-11'])
        expect(checkpoint(results, key, name).equals(checkpoint(whole, key, name)), name).toBe(true);
      const journal = fs.readFileSync(path.join(results, 'trials', key, 'runner.ndjson'), 'utf8');
      const [first] = journal.split('\n');
      expect(JSON.parse(first!)).toMatchObject({ t: 'extended', step: 8 });
      expect(before).toContain((JSON.parse(first!) as { from: string }).from);
    }
    // Those of the smaller budget are still there, and still done.
    expect(before.map((key) => fs.existsSync(path.join(results, 'trials', key, 'checkpoints', 'step-8')))).toEqual(
      before.map(() => true),
    ); // prettier-ignore

    const again = await sweep(folder, 'run', 'small.yaml', ...LONG, '--extend');
    expect(again.all).toContain('2 done before, 0 to run');
    expect((await sweep(folder, 'report')).exitCode).toBe(0);
    expect(fs.readFileSync(path.join(results, 'report.html'), 'utf8')).toContain('from update 8 of');
  });

  test.for([
    [
      'a linear schedule',
      [...LONG, '--set', 'fixed.schedule=linear'],
      'its learning rate follows the budget',
    ],
    [
      'a budget that is not larger',
      ['--set', 'budget.updates=7'],
      'is not smaller than a budget of 7 updates',
    ],
    [
      'another kind of budget',
      ['--set', 'budget.epochs=100'],
      'counts in updates and the new budget in epochs',
    ],
    ['another split', [...LONG, '--set', 'data.split={train: 0.6, validation: 0.2, test: 0.2}'], 'its split'],
    ['a setting that is new', [...LONG, '--set', 'fixed.lambda=3'], 'no trial of this setting and seed'],
    ['a seed that is new', [...LONG, '--set', 'seeds=2'], 'no trial of this setting and seed'],
  ] as const)('is refused where there is %s, with the reason', async ([, flags, reason]) => {
    const run = await sweep(folder, 'run', 'small.yaml', ...flags, '--extend', '--results', refused);
    expect(run.exitCode).toBe(2);
    expect(run.all).toContain('--extend:');
    expect(run.all).toContain(reason);
    expect(listTrials(refused)).toHaveLength(2);
  });

  test('is refused where a checkpoint is gone', async () => {
    const [gone] = listTrials(refused);
    fs.rmSync(path.join(refused, 'trials', gone!, 'checkpoints'), { recursive: true });
    const run = await sweep(folder, 'run', 'small.yaml', ...LONG, '--extend', '--results', refused);
    expect(run.exitCode).toBe(2);
    expect(run.all).toContain(`the checkpoint of the finished trial ${gone} (a budget of 8 updates) is gone`);
    expect(run.all).toContain('1 of 2 trials');
  });
});
