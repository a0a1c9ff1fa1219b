/** @file Tests of a trial's images as files of other programs give them: ranges, slices, what is left out, and what a log may say. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import { DataError } from '../imaging/image.js';
import type { TrialConfig, TrialData } from '../protocol.js';
import { withoutFileNames } from '../imaging/file-names.js';
import { loadTrialImages } from './data.js';

const FIXTURES = path.resolve(import.meta.dirname, '../../test/fixtures/images');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trial-images-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A domain of fixtures, under their own names or others. */
async function domain(name: string, files: Record<string, string>): Promise<string> {
  await mkdir(path.join(folder, name), { recursive: true });
  for (const [as, fixture] of Object.entries(files)) {
    await copyFile(path.join(FIXTURES, fixture), path.join(folder, name, as));
  }
  return path.join(folder, name);
}

function configOf(data: Partial<TrialData> & Pick<TrialData, 'x' | 'y'>): TrialConfig {
  return {
    key: '',
    seed: 1,
    numerics: 0,
    parameters: resolveParameters({ patch: 8, disc_layers: 1 }),
    budget: { updates: 1 },
    data: {
      pairing: 'none',
      range: 'auto',
      mask: 'auto',
      split: { train: 0.4, validation: 0.3, test: 0.3 },
      patient: '(.+)',
      ...data,
    },
    dataFingerprint: '',
    engine: 'auto',
    microBatch: 'auto',
  };
}

const CT = { a: 'explicit-u12.dcm', b: 'rle-u12.dcm', c: 'jpeg2000-u12.dcm', d: 'deflated-u12.dcm' };

describe("a trial's images", () => {
  it('are Hounsfield units between the ends of the window, whatever the coding', async () => {
    const x = await domain('ct', CT);
    const { range, train } = await loadTrialImages(configOf({ x, y: x }));
    expect(range).toEqual([-1024, 3071]);
    expect(train.x.threshold).toBeGreaterThan(-1024);
    expect(train.x.threshold).toBeLessThan(3071);
    const { data } = await train.x.images.image(0);
    expect([Math.min(...data), Math.max(...data)]).toEqual([-1024, 3071]);
  });

  it('may be ranged by percentiles of all training images of both domains', async () => {
    const [x, y] = [await domain('ct', CT), await domain('other', { a: 'i13-in-16.dcm', b: 'i13-in-16.dcm', c: 'i13-in-16.dcm', d: 'i13-in-16.dcm' })]; // prettier-ignore
    const range = async (percentiles: [number, number]) =>
      (await loadTrialImages(configOf({ x, y, range: { percentiles } }))).range;
    expect(await range([0, 100])).toEqual([-4096, 4095]); // the ends that 13 bits with a sign have in Y
    const [lo, hi] = await range([5, 95]);
    expect(lo).toBeGreaterThan(-4096);
    expect(hi).toBeLessThan(4095);
  });

  it('may be as a display shows them', async () => {
    const x = await domain('dx', { a: 'window-linear.dcm', b: 'window-sigmoid.dcm', c: 'voi-lut.dcm' });
    expect((await loadTrialImages(configOf({ x, y: x }))).range).toEqual([0, 4095]);
    expect((await loadTrialImages(configOf({ x, y: x, voi: 'apply' }))).range).toEqual([0, 65535]);
  });

  it('may be slices of volumes of real numbers, whose range must be said', async () => {
    const files = { 'a.nii.gz': 'volume-scaled.nii.gz', 'b.nii.gz': 'volume-scaled.nii.gz', 'c.nii.gz': 'volume-scaled.nii.gz' }; // prettier-ignore
    const x = await domain('volumes', files);
    const data = { x, y: x, patient: undefined, axis: 'coronal' as const };
    await expect(loadTrialImages(configOf(data))).rejects.toThrow(/real numbers have no full range/);
    const { counts, range } = await loadTrialImages(configOf({ ...data, range: { percentiles: [0, 100] } }));
    expect(counts).toEqual({ train: [10, 10], validation: [10, 10], test: [10, 10] }); // a volume a part
    expect(range).toEqual([-498, 580.5]);
  });

  it('leave out the files that config.json names', async () => {
    const x = await domain('bad', { ...CT, 'IM 7, spare': 'bad-truncated-rle.dcm' });
    await expect(loadTrialImages(configOf({ x, y: x }))).rejects.toThrow(DataError);
    const { counts } = await loadTrialImages(
      configOf({ x, y: x, skip: { x: ['IM 7, spare'], y: ['IM 7, spare'] } }),
    );
    expect(Object.values(counts).reduce((sum, [ofX]) => sum + ofX, 0)).toBe(4);
  });

  it('are told apart from values that mean something else', async () => {
    const [x, y] = [await domain('ct', CT), await domain('dx', {})];
    await expect(loadTrialImages(configOf({ x, y }))).rejects.toThrow(/Hounsfield units and some 12 bits/);
  });
});

it('a message for a log names no file, whatever its name looks like', async () => {
  const x = await domain('log', { 'Doe^Jane 12, 1970.dcm': CT.a, '1.2.840.7': CT.b, '1.2.840.77': CT.b });
  const { data } = configOf({ x, y: path.join(folder, 'gone') });
  const hidden = (message: string) => withoutFileNames(message, data);
  expect(hidden(`${x}/Doe^Jane 12, 1970.dcm: has 8 bits, but ${x}/1.2.840.77 has 16.`)).toMatch(
    /^image [0-9a-f]{4} of X: has 8 bits, but image [0-9a-f]{4} of X has 16\.$/,
  );
  expect(hidden(`${data.y}/Doe Jane: cannot be read`)).toBe('an image of Y: cannot be read');
  expect(hidden(`${x}: no images`)).toBe('the folder of X: no images');
});
