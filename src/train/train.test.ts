/** @file Whole trainings in process, tiny: schedules, budgets, pools, and going on after a stop as if there had been none. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import { writePng } from '../imaging/png.js';
import { NUMERICS_VERSION, type TrialConfig, type TrialEvent, type TrialParameters } from '../protocol.js';
import { train, TrainingDiverged } from './train.js';

let folder: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'train-'));
  for (let at = 1; at <= 9; at++) {
    const [x, y] = [new Uint8Array(40 * 36), new Uint8Array(40 * 36)];
    for (let i = 0; i < x.length; i++) {
      const value = (1 + Math.sin((i % 40) / (2 + at) + at) * Math.cos(i / 40 / (1 + at))) / 2;
      x[i] = Math.round(255 * value);
      y[i] = Math.round(255 * value ** 2);
    }
    for (const [domain, data] of Object.entries({ x, y })) {
      fs.mkdirSync(path.join(folder, domain), { recursive: true });
      await writePng(path.join(folder, domain, `${at}.png`), { width: 40, height: 36, bits: 8, data });
    }
  }
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const TINY = { patch: 16, batch: 2, filters: 2, blocks: 1, disc_layers: 1, disc_filters: 2 };

/** Every option of the loop and of the data side at once. */
const EVERYTHING: Partial<TrialParameters> = {
  ...TINY,
  pool: 3,
  schedule: 'linear',
  paired: 2,
  pairs: 3,
  images: 5,
  crop: 'inside-mask',
  flip: true,
  jitter: 0.1,
};

function configOf(parameters: Partial<TrialParameters>, rest: Partial<TrialConfig> = {}): TrialConfig {
  return {
    key: 'test',
    seed: 1,
    numerics: NUMERICS_VERSION,
    parameters: resolveParameters(parameters),
    budget: { updates: 8 },
    data: {
      x: path.join(folder, 'x'),
      y: path.join(folder, 'y'),
      pairing: 'by-name',
      range: 'auto',
      mask: 'auto',
      split: { train: 0.6, validation: 0.2, test: 0.2 },
    },
    dataFingerprint: '',
    engine: 'onnx',
    microBatch: 'auto',
    ...rest,
  };
}

interface Run {
  events: TrialEvent[];
  directory: string;
}

/** Trains in a folder of its own; `stopAt` asks it to stop before that update. */
async function run(
  config: TrialConfig,
  { resume, stopAt = Infinity, ...rest }: { resume?: string; stopAt?: number; imageMemory?: number } = {},
): Promise<Run> {
  const directory = fs.mkdtempSync(path.join(folder, 'trial-'));
  const events: TrialEvent[] = [];
  let asked = 0;
  await train(config, {
    emit: (event) => events.push(event),
    stopRequested: () => ++asked >= stopAt,
    trialDirectory: directory,
    resume,
    threads: 1,
    device: 'cpu',
    ...rest,
  });
  return { events, directory };
}

function last({ directory }: Run): string {
  const folders = fs.readdirSync(path.join(directory, 'checkpoints')).filter((name) => /^step-/.test(name));
  expect(folders.length).toBe(1);
  return path.join(directory, 'checkpoints', folders[0]!);
}

const weights = (run: Run) => fs.readFileSync(path.join(last(run), 'weights.safetensors'));

/** All of the state but what time it took. */
function stateOf(run: Run): unknown {
  const state = JSON.parse(fs.readFileSync(path.join(last(run), 'state.json'), 'utf8')) as {
    seconds: number;
  };
  expect(state.seconds).toBeGreaterThan(0);
  return { ...state, seconds: 0 };
}

function metrics({ events }: Run): { step: number; v: Record<string, number> }[] {
  return events.flatMap((event) => {
    if (event.t !== 'metric') return [];
    const v = { ...event.v };
    delete v['data/wait_share'];
    return [{ step: event.step, v }];
  });
}

describe('a resume', () => {
  it('with every option on gives the weights, moments, past fakes and metrics of a training that never stopped', async () => {
    const config = configOf(EVERYTHING);
    const whole = await run(config);
    const half = await run(config, { stopAt: 6 });
    expect(half.events.at(-1)).toMatchObject({ t: 'stopped', step: 5 });
    const rest = await run(config, { resume: last(half) });
    expect(weights(rest).equals(weights(whole))).toBe(true);
    expect(stateOf(rest)).toEqual(stateOf(whole));
    expect([...metrics(half), ...metrics(rest)]).toEqual(metrics(whole));
    expect(metrics(whole)[0]!.v).toHaveProperty('loss/paired');
  });

  it('gives the same where images do not fit into memory', async () => {
    const [some, none] = [
      await run(configOf(EVERYTHING)),
      await run(configOf(EVERYTHING), { imageMemory: 0 }),
    ];
    expect(weights(none).equals(weights(some))).toBe(true);
  });

  it('keeps the last checkpoint and the best on validation', async () => {
    const trained = await run(configOf(TINY));
    const state = stateOf(trained) as { best: { step: number; score: number } };
    const folders = fs.readdirSync(path.join(trained.directory, 'checkpoints')).sort();
    expect(folders).toEqual([`best-step-${state.best.step}`, 'step-8']);
    const scores = metrics(trained).map(({ v }) => v['val/ssim']!);
    expect(Math.max(...scores)).toBe(state.best.score);
  });
});

describe('samples', () => {
  const crop = ({ events }: Run) =>
    events.flatMap((event) => (event.t === 'sample' && event.name.endsWith(', crop') ? [event] : []));

  it('show one held-out crop at every fifth of the budget, there and back, beside its partner', async () => {
    const trained = await run(configOf(TINY, { budget: { updates: 10 } }));
    const samples = crop(trained);
    expect(samples.map(({ step, role }) => `${step} ${role}`)).toEqual(
      [2, 4, 6, 8, 10].flatMap((step) => ['x', 'gx', 'fgx', 'y'].map((role) => `${step} ${role}`)),
    );
    expect(new Set(samples.map(({ name }) => name)).size).toBe(1);
    const files = samples.filter(({ role }) => role === 'gx').map(({ path: file }) => file);
    const pictures = files.map((file) =>
      fs.readFileSync(path.join(trained.directory, file)).toString('base64'),
    );
    expect(new Set(pictures).size).toBe(5); // training goes on
  });

  it('show the same pixels, whatever the generator halves', async () => {
    const pixels = async (parameters: Partial<TrialParameters>) => {
      const trained = await run(configOf({ ...TINY, ...parameters }, { budget: { updates: 1 } }));
      const { path: file } = crop(trained).find(({ role }) => role === 'x')!;
      return fs.readFileSync(path.join(trained.directory, file)).toString('base64');
    };
    const resnet = await pixels({});
    expect(await pixels({ generator: 'unet', blocks: 3 })).toBe(resnet);
    expect(await pixels({ generator: 'fullres', norm: 'batch' })).toBe(resnet);
  });

  it('show another anatomy of Y where no partner is known, and say so', async () => {
    const config = configOf(TINY, { budget: { updates: 1 } });
    const trained = await run({ ...config, data: { ...config.data, pairing: 'none' } });
    expect(crop(trained).map(({ role }) => role)).toEqual(['x', 'gx', 'fgx', 'y-other']);
  });
});

describe('a budget', () => {
  const ended = async (budget: TrialConfig['budget'], stopAt?: number) => {
    const config = configOf(TINY, { budget });
    const first = await run(config, { stopAt });
    if (stopAt === undefined) return first.events.at(-1);
    expect(first.events.at(-1)).toMatchObject({ t: 'stopped', step: stopAt - 1 });
    return (await run(config, { resume: last(first) })).events.at(-1);
  };
  it.each([
    [{ updates: 5 }, 5],
    [{ pixels: 4 * 2 * 16 * 16 }, 4],
    // 5 training images of each domain at batch 2 are 3 updates an epoch.
    [{ epochs: 2 }, 6],
  ])('of %j is honoured exactly, also across a resume', async (budget, updates) => {
    expect(await ended(budget)).toMatchObject({ t: 'done', step: updates });
    expect(await ended(budget, 3)).toMatchObject({ t: 'done', step: updates });
  });

  it('of minutes counts training time over all attempts', async () => {
    // A clock that goes on by 10 ms a look: what is measured follows from the updates, not from the machine.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 10));
    try {
      const config = configOf(TINY, { budget: { minutes: 1.5 / 60 } });
      const seconds = (run: Run) =>
        (JSON.parse(fs.readFileSync(path.join(last(run), 'state.json'), 'utf8')) as { seconds: number })
          .seconds;
      const whole = await run(config);
      const first = await run(config, { stopAt: 5 });
      const rest = await run(config, { resume: last(first) });
      expect(first.events.at(-1)).toMatchObject({ t: 'stopped', step: 4 });
      expect(rest.events[0]).toMatchObject({ t: 'start', updates: null, from: 4 });
      expect(rest.events.at(-1)).toEqual(whole.events.at(-1));
      expect(rest.events.at(-1)).toMatchObject({ t: 'done' });
      expect(seconds(first)).toBeGreaterThan(0);
      expect(seconds(rest)).toBeGreaterThanOrEqual(1.5);
      // It ended with the update in which they ran out.
      expect(seconds(rest)).toBeLessThan(1.5 + seconds(first) / 2);
      expect(seconds(rest)).toBeCloseTo(seconds(whole));
      expect(rest.events.filter(({ t }) => t === 'checkpoint').length).toBeGreaterThan(5);
    } finally {
      clock.mockRestore();
    }
  });
});

describe('options', () => {
  it('each change the result: pool, schedule, crop, flip, jitter', async () => {
    const plain = weights(await run(configOf(TINY)));
    const options: Partial<TrialParameters>[] = [
      { schedule: 'linear' },
      { crop: 'inside-mask' },
      { crop: 'fixed-per-run' },
      { flip: true },
      { jitter: 0.2 },
      { pool: 2 },
    ];
    for (const option of options) {
      const values = weights(await run(configOf({ ...TINY, ...option })));
      expect(values.equals(plain), JSON.stringify(option)).toBe(false);
    }
    expect(weights(await run(configOf(TINY))).equals(plain)).toBe(true);
  });

  it('record the share of blank patches and of waiting for data', async () => {
    const { events } = await run(configOf(TINY));
    for (const event of events.filter((event) => event.t === 'metric')) {
      expect(event.v['data/blank_share']).toBeGreaterThanOrEqual(0);
      expect(event.v['data/wait_share']).toBeGreaterThanOrEqual(0);
      expect(event.v['data/wait_share']).toBeLessThan(1);
    }
  });
});

describe('losses that explode', () => {
  it('stop the trial, say what was seen and when, and leave the last good checkpoint', async () => {
    const config = configOf({ ...TINY, lr: 1e30 });
    const directory = fs.mkdtempSync(path.join(folder, 'trial-'));
    const events: TrialEvent[] = [];
    const io = { emit: (event: TrialEvent) => void events.push(event), stopRequested: () => false };
    const training = train(config, {
      ...io,
      trialDirectory: directory,
      resume: undefined,
      threads: 1,
      device: 'cpu',
    });
    await expect(training).rejects.toThrow(TrainingDiverged);
    const end = events.at(-1);
    expect(end).toMatchObject({ t: 'health', code: 'diverged' });
    expect((end as TrialEvent & { t: 'health' }).message).toMatch(
      /update \d+: .* is (no number|infinite); the checkpoint of update \d+ is kept/,
    );
  });
});
