/** @file Whole exams of tiny trials: in both directions, beside baselines, at chosen steps, without a trace in the training. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../../definition/parameters.js';
import { writePng } from '../../imaging/png.js';
import { drawPhantom } from '../../imaging/phantom.js';
import { NUMERICS_VERSION, type TrialConfig, type TrialEvent } from '../../protocol.js';
import { train } from '../train.js';

let folder: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'exam-'));
  process.env.CYCLESWEEP_CACHE = path.join(folder, 'cache');
  for (let at = 1; at <= 8; at++) {
    const [x, y] = [new Uint8Array(48 * 40), new Uint8Array(48 * 40)];
    for (let i = 0; i < x.length; i++) {
      const value = (1 + Math.sin((i % 48) / (2 + at) + at) * Math.cos(i / 48 / (1 + at))) / 2;
      x[i] = Math.round(255 * value);
      y[i] = Math.round(255 * value ** 2);
    }
    for (const [domain, data] of Object.entries({ x, y })) {
      fs.mkdirSync(path.join(folder, domain), { recursive: true });
      await writePng(path.join(folder, domain, `${at}.png`), { width: 48, height: 40, bits: 8, data });
    }
  }
});
afterAll(() => {
  delete process.env.CYCLESWEEP_CACHE;
  fs.rmSync(folder, { recursive: true });
});

function configOf(rest: Partial<TrialConfig>, data: Partial<TrialConfig['data']> = {}): TrialConfig {
  return {
    key: 'test',
    seed: 1,
    numerics: NUMERICS_VERSION,
    parameters: resolveParameters({
      patch: 16,
      batch: 1,
      filters: 2,
      blocks: 1,
      disc_layers: 1,
      disc_filters: 2,
    }),
    budget: { updates: 4 },
    data: {
      x: path.join(folder, 'x'),
      y: path.join(folder, 'y'),
      pairing: 'by-name',
      range: 'auto',
      mask: 'auto',
      split: { train: 0.5, validation: 0.25, test: 0.25 },
      ...data,
    },
    dataFingerprint: '',
    engine: 'onnx',
    microBatch: 'auto',
    ...rest,
  };
}

async function run(config: TrialConfig, stopRequested = () => false) {
  const directory = fs.mkdtempSync(path.join(folder, 'trial-'));
  const events: TrialEvent[] = [];
  await train(config, {
    emit: (event) => events.push(event),
    stopRequested,
    trialDirectory: directory,
    resume: undefined,
    threads: 1,
    device: 'cpu',
  });
  const exams = events.flatMap((event) => (event.t === 'exam' ? [event] : []));
  const last = fs.readdirSync(path.join(directory, 'checkpoints')).find((name) => name.startsWith('step-4'));
  const weights =
    last === undefined
      ? undefined
      : fs.readFileSync(path.join(directory, 'checkpoints', last, 'weights.safetensors'));
  return { events, exams, weights };
}

describe('the exam of pairs', () => {
  it('is sat at chosen steps and at the end, and leaves no trace in the weights', async () => {
    const plain = await run(configOf({}));
    const often = await run(configOf({ exam: { at: [0.5, 1], extent: 'full' } }));
    expect(plain.exams.map(({ step }) => step)).toEqual([4]);
    expect(often.exams.map(({ step }) => step)).toEqual([2, 4]);
    expect(often.weights!.equals(plain.weights!)).toBe(true);
    expect(often.exams[1]!.v).toMatchObject(plain.exams[0]!.v);
  });

  it('scores every image in both directions, whole and by tiles, beside three baselines', async () => {
    const [exam] = (await run(configOf({}))).exams;
    const { v, images } = exam!;
    for (const direction of ['', '_yx']) {
      for (const variant of ['', '_tiles', '_untranslated', '_histogram', '_linear']) {
        for (const metric of ['mae', 'psnr', 'ssim', 'ms_ssim', 'mae_body', 'psnr_body', 'ssim_body']) {
          expect(v[`exam/${metric}${variant}${direction}`], metric + variant + direction).toEqual(expect.any(Number)); // prettier-ignore
        }
      }
      expect(v[`exam/n${direction}`]).toBe(2);
    }
    // Y is a grey curve of X: what matching of histograms finds.
    expect(v['exam/psnr_histogram']).toBeGreaterThan(v['exam/psnr_untranslated']! + 10);
    expect(images.map(({ domain }) => domain)).toEqual(['x', 'x', 'y', 'y']);
    const psnrs = images.flatMap((image) => image.v['exam/psnr'] ?? []);
    expect(psnrs).toHaveLength(2);
    expect((psnrs[0]! + psnrs[1]!) / 2).toBeCloseTo(v['exam/psnr']!, 10);
  });

  it('keeps baselines for the next trial on the same data, to the same numbers', async () => {
    const first = await run(configOf({ dataFingerprint: 'abc' }));
    const kept = fs.readdirSync(path.join(folder, 'cache'));
    expect(kept).toEqual([expect.stringMatching(/^exam-baselines-[0-9a-f]{16}\.json$/)]);
    const second = await run(configOf({ dataFingerprint: 'abc' }));
    expect(second.exams).toEqual(first.exams);
    expect(fs.readdirSync(path.join(folder, 'cache'))).toEqual(kept);
    const file = path.join(folder, 'cache', kept[0]!);
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').slice(0, 100)); // a disk that was full
    expect((await run(configOf({ dataFingerprint: 'abc' }))).exams).toEqual(first.exams);
  });

  it('is left when the trial is asked to stop, which then is not done', async () => {
    let asked = 0;
    const { events, exams } = await run(configOf({}), () => ++asked > 5);
    expect(exams).toEqual([]);
    expect(events.at(-1)).toMatchObject({ t: 'stopped', step: 4 });
  });
});

describe('the exam without pairs', () => {
  it('compares styles, and chooses the best checkpoint by style on validation images', async () => {
    const { events, exams } = await run(configOf({}, { pairing: 'none' }));
    const { v } = exams[0]!;
    for (const metric of ['wasserstein', 'spectrum', 'kid', 'kid_low', 'kid_high', 'frechet']) {
      for (const variant of ['', '_tiles', '_untranslated', '_histogram'])
        expect(v[`exam/${metric}${variant}`], metric + variant).toEqual(expect.any(Number));
    }
    expect(Object.keys(v).filter((name) => /psnr|linear/.test(name))).toEqual([]);
    const measured = events.flatMap((event) => (event.t === 'metric' ? [event] : []));
    const best = measured.reduce((a, b) => (b.v['val/style']! < a.v['val/style']! ? b : a));
    const chosen = events.flatMap((event) =>
      event.t === 'checkpoint' && event.kind === 'best' ? [event.step] : [],
    );
    expect(chosen.at(-1)).toBe(best.step);
  });
});

describe('the exam of a phantom', () => {
  it('has labels and nodules, since it knows them', async () => {
    const phantom = path.join(folder, 'phantom');
    await drawPhantom({ count: 6, size: 256, seed: 1 }, phantom, undefined, 0);
    const data = { x: path.join(phantom, 'X'), y: path.join(phantom, 'Y'), split: { train: 0.5, validation: 0.25, test: 0.25 } }; // prettier-ignore
    const plain = await run(configOf({}, data));
    const { v } = plain.exams[0]!;
    expect(v['exam/dice_ceiling_yx']).toBeGreaterThan(v['exam/dice_untranslated_yx']!);
    expect(v['exam/dice_yx']).toBeLessThan(v['exam/dice_untranslated_yx']!); // four updates make a bad F
    for (const direction of ['', '_yx']) {
      expect(v[`exam/nodules${direction}`]).toBeGreaterThan(4);
      expect(v[`exam/nodule_contrast_untranslated${direction}`]).toBeGreaterThan(0.5);
      expect(v[`exam/nodules_missed${direction}`]).toBeGreaterThan(
        v[`exam/nodules_missed_untranslated${direction}`]!,
      );
    }
    // The critic is asked on top, and changes nothing else: neither scores nor weights.
    const judged = await run(configOf({ exam: { at: [0.5, 1], extent: 'core', critic: 20 } }, data));
    expect(judged.weights!.equals(plain.weights!)).toBe(true);
    expect(judged.exams[1]!.v).toMatchObject(v);
    const added = Object.keys(judged.exams[1]!.v).filter((name) => !(name in v));
    expect(added.sort()).toEqual(
      ['', '_high', '_low']
        .flatMap((end) =>
          ['', '_untranslated'].flatMap((what) => ['', '_yx'].map((way) => `exam/critic${end}${what}${way}`)),
        )
        .sort(),
    );
    // Four updates leave a blur that anybody tells from a radiograph.
    expect(judged.exams[1]!.v['exam/critic']).toBeGreaterThan(0.8);
  });
});
