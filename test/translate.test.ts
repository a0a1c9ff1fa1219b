/** @file `sweep translate` and `sweep export model` as a user runs them, on a trial that was really trained; DICOM files also by other readers. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveDicom } from '../src/imaging/dicom/derive.js';
import { encodeNifti } from '../src/imaging/nifti.js';
import { readPng, writePng } from '../src/imaging/png.js';
import { readImage } from '../src/imaging/read.js';
import { readVolume } from '../src/imaging/volume.js';
import { listTrials, smallSweep, sweep, temporaryFolder, writeImages } from './support.js';

let folder: string;
let key: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);

/** 50 is no multiple of 4. */
const [WIDTH, HEIGHT] = [50, 44];
const DERIVATION = { direction: 'x2y', trial: 't', model: 'm', version: '1', range: [0, 255], mark: false, keepIdentity: true } as const; // prettier-ignore

function wave(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.round(127 * (1 + Math.sin(i / 9) * Math.cos(i / 700))));
}

beforeAll(async () => {
  folder = temporaryFolder();
  await writeImages(folder);
  fs.writeFileSync(
    at('small.yaml'),
    smallSweep().replace(/grid:[^]*seeds: 2/, 'grid: [ { patch: 16, batch: 2, disc_layers: 1 } ]'),
  );
  const run = await sweep(folder, 'run', 'small.yaml');
  expect(run.exitCode, run.all).toBe(0);
  key = listTrials(at('results'))[0]!;
  const image = { width: WIDTH, height: HEIGHT, bits: 8, data: wave(WIDTH * HEIGHT) };
  fs.mkdirSync(at('in', 'below'), { recursive: true });
  await writePng(at('in', 'a.png'), image);
  await writePng(at('in', 'below', 'b.png'), { ...image, data: image.data.toReversed() });
  fs.writeFileSync(at('slice.dcm'), deriveDicom({ ...image, width: 220, height: 60, data: wave(220 * 60) }, undefined, DERIVATION)); // prettier-ignore
  const geometry = {
    size: [24, 20, 3],
    spacing: [0.5, 0.75, 2],
    origin: [1, 2, 3],
    direction: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  };
  fs.writeFileSync(at('volume.nii'), encodeNifti(geometry, wave(24 * 20 * 3), 'a test'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const translate = (...args: string[]) => sweep(folder, 'translate', key.slice(0, 6), ...args);

describe('sweep translate', () => {
  it('translates a folder, sizes and names as they were, and writes over nothing unless told to', async () => {
    const first = await translate('in', 'out');
    expect(first.exitCode, first.all).toBe(0);
    expect(first.all).toContain('2 images translated');
    for (const name of ['a.png', 'below/b.png']) {
      const [before, after] = [await readPng(at('in', name)), await readPng(at('out', name))];
      expect([after.width, after.height, after.bits]).toEqual([before.width, before.height, before.bits]);
      expect(after.data).not.toEqual(before.data);
    }
    const second = await translate('in', 'out');
    expect([second.exitCode, second.all]).toEqual([2, expect.stringContaining('--force writes over them')]);
    expect((await translate('in', 'out', '--force')).exitCode).toBe(0);
    const onto = await translate('in', 'in', '--force');
    expect([onto.exitCode, onto.all]).toEqual([2, expect.stringContaining('Inputs are never written over')]);
  });

  it('strip by strip gives what the whole image gives', async () => {
    const whole = await translate('in/a.png', 'whole.png', '--tile', 'whole');
    const strips = await translate('in/a.png', 'strips.png', '--tile', '8', '--json');
    expect([whole.exitCode, strips.exitCode]).toEqual([0, 0]);
    expect(JSON.parse(strips.stdout)).toMatchObject({
      trial: key,
      range: [0, 255],
      images: [{ way: 'strips' }],
    });
    const [a, b] = [await readPng(at('whole.png')), await readPng(at('strips.png'))];
    expect(Math.max(...Array.from(a.data, (value, i) => Math.abs(value - b.data[i]!)))).toBeLessThanOrEqual(
      1,
    );
  });

  it('goes back from Y to X by another generator', async () => {
    expect((await translate('in/a.png', 'forth.png')).exitCode).toBe(0);
    expect((await translate('in/a.png', 'back.png', '--direction', 'y2x')).exitCode).toBe(0);
    expect((await readPng(at('back.png'))).data).not.toEqual((await readPng(at('forth.png'))).data);
  });

  it('counts what lies outside of the range', async () => {
    const { exitCode, all } = await translate('in/a.png', 'narrow.png', '--range=100,120');
    expect([exitCode, all]).toEqual([
      0,
      expect.stringMatching(/Values outside of 100 to 120.*taken for its ends/),
    ]);
  });

  it('leaves out what cannot be read with --skip-bad, and says so', async () => {
    fs.cpSync(at('in'), at('mixed'), { recursive: true });
    fs.writeFileSync(at('mixed', 'c.png'), 'no image');
    const strict = await translate('mixed', 'mixed-out');
    expect([strict.exitCode, strict.all]).toEqual([2, expect.stringContaining('c.png: not a PNG file')]);
    const skipping = await translate('mixed', 'mixed-out', '--skip-bad', '--force');
    expect(skipping.exitCode).toBe(1);
    expect(skipping.all).toMatch(/2 images translated[^]*Left out: .*c\.png: not a PNG file/);
  });

  it('writes other formats', async () => {
    for (const name of ['as.tif', 'as.dcm']) {
      const done = await translate('in/a.png', name, '--no-mark');
      expect(done.exitCode, done.all).toBe(0);
    }
    await translate('in/a.png', 'as.png');
    const png = await readPng(at('as.png'));
    for (const name of ['as.tif', 'as.dcm'])
      expect(Array.from((await readImage(at(name))).data)).toEqual(Array.from(png.data));
  });

  it('translates a volume slice by slice, where it lies', async () => {
    const done = await translate('volume.nii', 'translated.nii.gz');
    expect(done.exitCode, done.all).toBe(0);
    const [before, after] = [await readVolume(at('volume.nii')), await readVolume(at('translated.nii.gz'))];
    for (const part of ['size', 'spacing', 'origin', 'direction'] as const)
      expect(after[part]).toEqual(before[part]);
    expect(after.values).toBeInstanceOf(Uint8Array);
    expect(after.values).not.toEqual(before.values);
    expect((await translate('volume.nii', 'volume.png')).all).toContain(
      'is a volume, which is written as NIfTI',
    );
  });

  it('keeps identity only where somebody says yes', async () => {
    const asked = await translate('slice.dcm', 'kept.dcm', '--keep-identity');
    expect([asked.exitCode, asked.all]).toEqual([2, expect.stringContaining('add --yes if that is meant')]);
    expect(fs.existsSync(at('kept.dcm'))).toBe(false);
    expect((await translate('slice.dcm', 'kept.dcm', '--keep-identity', '--yes')).exitCode).toBe(0);
  });

  it('names the trials and checkpoints that there are', async () => {
    const trial = await sweep(folder, 'translate', 'nothing', 'in', 'elsewhere');
    expect([trial.exitCode, trial.all]).toEqual([2, expect.stringContaining(key.slice(0, 8))]);
    const checkpoint = await translate('in', 'elsewhere', '--checkpoint', '12345');
    expect([checkpoint.exitCode, checkpoint.all]).toEqual([
      2,
      expect.stringMatching(/no checkpoint '12345'. There are: .*last/),
    ]);
  });
});

describe('a translated DICOM file', () => {
  it('is read by pydicom and by dcmtk, which find the pixels that were written', async (context) => {
    requireReaders((why) => context.skip(why));
    expect((await translate('slice.dcm', 'marked.dcm')).exitCode).toBe(0);
    const { data } = await readImage(at('marked.dcm'));
    expect(execFileSync('dcmftest', [at('marked.dcm')], { encoding: 'utf8' })).toMatch(/^yes:/);
    const dump = execFileSync('dcmdump', [at('marked.dcm')], { encoding: 'utf8' });
    for (const part of ['[DERIVED\\SECONDARY', 'SYNTHETIC, research only', '[YES]', key])
      expect(dump).toContain(part);
    const script = `import sys, pydicom
d = pydicom.dcmread(sys.argv[1])
print(d.StudyInstanceUID, d.BurnedInAnnotation, d.Rows, d.Columns)
print(list(d.PixelData[:d.Rows * d.Columns]))`;
    const [head, values] = execFileSync('python3', ['-c', script, at('marked.dcm')], {
      encoding: 'utf8',
    }).split('\n');
    expect(head).toMatch(/^2\.25\.\d+ YES 60 220$/);
    expect(JSON.parse(values!)).toEqual(Array.from(data));
    execFileSync('dcm2pnm', ['--write-raw-pnm', at('marked.dcm'), at('marked.pgm')]);
    const picture = fs.readFileSync(at('marked.pgm'));
    expect(picture.subarray(picture.length - 220 * 60)).toEqual(Buffer.from(data as Uint8Array));
  });
});

/** pydicom and dcmtk; in CI they must be there. */
function requireReaders(skip: (note: string) => void): void {
  const missing = [
    ['python3', '-c', 'import pydicom'],
    ['dcmdump', '--version'],
    ['dcm2pnm', '--version'],
  ].filter(([command, ...args]) => spawnSync(command!, args).status !== 0);
  if (missing.length === 0) return;
  const what = `${missing.map((each) => each.join(' ')).join(', ')}: does not work here`;
  if (process.env.CI) throw new Error(`${what}; .ci/run installs pydicom and dcmtk.`);
  skip(what);
}

describe('sweep exam', () => {
  const exam = (...args: string[]) => sweep(folder, 'exam', key.slice(0, 6), ...args);

  it('scores a trial on other images, beside what needs no network, and keeps that apart from its own exam', async () => {
    const before = fs.readFileSync(at('results', 'trials', key, 'attempts', '1', 'events.ndjson'));
    const { exitCode, all, stdout } = await exam('--data', '.', '--json', '--checkpoint', 'last');
    expect(exitCode, all).toBe(0);
    const told = JSON.parse(stdout) as {
      file: string;
      checkpoint: string;
      v: Record<string, number>;
      images: { domain: string; v: Record<string, number> }[];
    };
    expect(told).toMatchObject({ trial: key, checkpoint: 'last', pairing: 'by-name', extent: 'core' });
    expect(JSON.parse(fs.readFileSync(told.file, 'utf8'))).toMatchObject({ v: told.v });
    const ofX = told.images.filter(({ domain }) => domain === 'x');
    expect(ofX).toHaveLength(fs.readdirSync(at('x')).length);
    const mean = ofX.reduce((sum, { v }) => sum + v['exam/psnr']! / ofX.length, 0);
    expect(told.v['exam/psnr']).toBeCloseTo(mean, 6);
    for (const variant of ['_untranslated', '_histogram', '_tiles', '_yx']) {
      expect(told.v[`exam/psnr${variant}`], variant).toBeTypeOf('number');
    }
    expect(fs.readFileSync(at('results', 'trials', key, 'attempts', '1', 'events.ndjson'))).toEqual(before);
  });

  it('says what is wrong with the data, and prints a table for a reader', async () => {
    const none = await exam('--data', 'in');
    expect([none.exitCode, none.all]).toEqual([2, expect.stringMatching(/holds no folder X/)]);
    const { exitCode, all } = await exam('--data', '.');
    expect([exitCode, all]).toEqual([
      0,
      expect.stringMatching(/G: X→Y[^]*PSNR[^]*F: Y→X[^]*Kept in results/),
    ]);
  });
});

describe('sweep export model', () => {
  it('writes a generator with a card beside it', async () => {
    const done = await sweep(folder, 'export', 'model', key, '--format', 'onnx', '--out', 'model');
    expect(done.exitCode, done.all).toBe(0);
    const session = await InferenceSession.create(at('model', 'model.onnx'));
    expect([session.inputNames, session.outputNames]).toEqual([['image'], ['translated']]);
    await session.release();
    const card = fs.readFileSync(at('model', 'README.md'), 'utf8');
    for (const part of ['not for diagnosis', key, '| range | 0 to 255 |', 'x2y'])
      expect(card).toContain(part);
    const again = await sweep(folder, 'export', 'model', key, '--format', 'onnx', '--out', 'model');
    expect([again.exitCode, again.all]).toEqual([2, expect.stringContaining('--force')]);
    const web = await sweep(folder, 'export', 'model', key, '--format', 'tfjs', '--out', 'web', '--json');
    expect(JSON.parse(web.stdout)).toMatchObject({
      trial: key,
      files: ['model.json', 'weights.bin', 'README.md'],
    });
  });
});
