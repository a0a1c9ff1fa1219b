/** @file Images of other programs, as a user brings them: a sweep on DICOM, bad files, an index, and `sweep data inspect`. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { smallSweep, sweep, temporaryFolder, writeImages } from './support.js';

const FIXTURES = path.resolve(import.meta.dirname, 'fixtures/images');
const CT = [
  'explicit-u12',
  'implicit-u12',
  'big-endian-u12',
  'deflated-u12',
  'rle-u12',
  'jpeg2000-u12',
  'jpeg-lossless-u12',
];

const folders: string[] = [];
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  folders.push(folder);
});
afterAll(() => folders.forEach((each) => fs.rmSync(each, { recursive: true, force: true })));

const put = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);

function fixture(name: string, as: string): void {
  fs.mkdirSync(path.dirname(path.join(folder, as)), { recursive: true });
  fs.copyFileSync(path.join(FIXTURES, name), path.join(folder, as));
}

/** Both domains as DICOM of many codings; the trial is over in seconds. */
function dicomSweep(data: string): void {
  for (const name of CT) for (const domain of ['x', 'y']) fixture(`${name}.dcm`, `${domain}/${name}.dcm`);
  put(
    'a.yaml',
    `name: dicom\ndata: { x: x, y: y, ${data} }\nfixed: { filters: 2, blocks: 1, disc_layers: 1, batch: 1 }\n` +
      'grid: { patch: [16] }\nbudget: { updates: 3 }\n',
  );
}

interface Trial {
  key: string;
  events: string;
  config: string;
}

function trials(): Trial[] {
  const root = path.join(folder, 'results/trials');
  return fs.readdirSync(root).map((key) => {
    const read = (name: string) => fs.readFileSync(path.join(root, key, name), 'utf8');
    return { key, events: read('attempts/1/events.ndjson'), config: read('config.json') };
  });
}

describe('a sweep on DICOM', () => {
  test('trains in Hounsfield units on files of every coding, and writes down no name and no patient', async () => {
    dicomSweep("pairing: by-name, patient: '(.+)'");
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(0);
    const [{ events }] = trials() as [Trial];
    expect(events).toContain('"range":[-1024,3071]');
    expect(events).toContain('"exam/psnr"');
    expect(events).not.toMatch(/u12|drawn|Nobody/);
  });

  test('is refused where headers say that all is of one patient, with what to do', async () => {
    dicomSweep('pairing: none');
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode).toBe(2);
    expect(all).toContain('X has 7 of 1 patients');
    expect(all).toContain("patient: '(.+)'");
  });

  test('goes on without bad files with --skip-bad, as the same trial as if they were not there', async () => {
    dicomSweep("pairing: by-name, patient: '(.+)'");
    const keyOf = async () => {
      const { stdout } = await sweep(folder, 'plan', 'a.yaml', '--json');
      return (JSON.parse(String(stdout)) as { trials: { key: string }[] }).trials[0]!.key;
    };
    const key = await keyOf();
    fixture('bad-colour.dcm', 'x/7.dcm');
    fixture('bad-truncated-rle.dcm', 'y/8.dcm');
    const refused = await sweep(folder, 'run', 'a.yaml');
    expect(refused.exitCode).toBe(2);
    expect(refused.all).toContain(`${path.join(folder, 'x/7.dcm')}: a colour image`);

    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--skip-bad');
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/Note: left out .*7\.dcm: a colour image/);
    expect(all).toMatch(/Note: left out .*8\.dcm: the DICOM file is truncated or broken/);
    const [trial] = trials() as [Trial];
    expect(trial.key).toBe(key);
    expect(trial.config).toContain('7.dcm');
    expect(trial.events).not.toContain('.dcm');
  });
});

describe('an index', () => {
  const sweepWith = (data: string) => smallSweep().replace('pairing: by-name', data);

  test('pairs and splits', async () => {
    await writeImages(folder);
    put(
      'index.json',
      JSON.stringify([
        { x: '01', y: '01.png', split: 'train' },
        { x: '02', split: 'train' },
        { x: '03', y: '03', split: 'validation' },
        { x: '04', y: '04', split: 'test' },
      ]),
    );
    put('a.yaml', sweepWith('pairing: index.json, split: index'));
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--set', 'seeds=1', '--only', 'patch=16');
    expect(exitCode, all).toBe(0);
    const [{ config, events }] = trials() as [Trial];
    expect((JSON.parse(config) as { data: { split: object } }).data.split).toEqual({
      train: ['01', '02'],
      validation: ['03'],
      test: ['04'],
    });
    expect(events).toContain('"images":{"train":[2,2],"validation":[1,1],"test":[1,1]}');
  });

  test.each([
    ['x,y,split\n01,01,train\n09,02,test\n', "index.csv:3: '09' is no image of X"],
    ['x,y,split\n01,01,train\n01,02,test\n', "index.csv:3: '01' of X stands in"],
    ['x,y,split\n01,01,trian\n', "index.csv:2: split 'trian' names nothing"],
    ['x,y\n01,01\n', 'has no column split'],
    ['x,y,split\n01,01,train\n', 'index.csv: its column split has no image for test'],
  ])('%j is refused', async (text, message) => {
    await writeImages(folder);
    put('index.csv', text);
    put('a.yaml', sweepWith('pairing: index.csv, split: index'));
    const { exitCode, all } = await sweep(folder, 'plan', 'a.yaml');
    expect(exitCode, all).toBe(2);
    expect(all).toContain(message);
    expect(all).not.toMatch(/^\s+at .*:\d+:\d+/m);
  });

  test('is needed for split: index', async () => {
    put('a.yaml', sweepWith('pairing: none, split: index'));
    const { exitCode, all } = await sweep(folder, 'plan', 'a.yaml');
    expect(exitCode).toBe(2);
    expect(all).toMatch(/a\.yaml:3:\d+: split: index, but pairing is none/);
  });
});

describe('sweep data inspect', () => {
  test('tells what both domains hold, in text, for programs and as a page that names no file', async () => {
    for (const name of CT) fixture(`${name}.dcm`, `x/${name}.dcm`);
    fixture('mono1-u12.dcm', 'y/Jane Doe.dcm');
    fixture('bad-frames.dcm', 'y/John Doe.dcm');
    const { exitCode, all } = await sweep(folder, 'data', 'inspect', 'x', 'y', '--out', 'page.html');
    expect(exitCode, all).toBe(0);
    for (const words of [
      'images       7, DICOM',
      'values       Hounsfield units, -1024 to 3071 possible (12 bits)',
      'scanner      Drawn, kernel SOFT',
      'spacing      0.5 x 0.25 mm',
      'MONOCHROME1  1 images, inverted once',
      'patients     1, by the DICOM header',
      'y/John Doe.dcm: holds 2 frames',
      'Some images hold Hounsfield units and some 12 bits',
      'pairs            none, neither by name nor by position',
      'patients in both 1;',
    ]) {
      expect(all).toContain(words);
    }
    const page = fs.readFileSync(path.join(folder, 'page.html'), 'utf8');
    expect(page).toContain("default-src 'none'; script-src ;");
    expect(page).toContain('holds 2 frames');
    expect(page).not.toMatch(/Doe|\.dcm|<script|https?:\/\//);
    expect(page).not.toContain(folder);

    const { stdout } = await sweep(folder, 'data', 'inspect', 'x', '--json');
    const { domains, range } = JSON.parse(String(stdout)) as {
      domains: { histogram: number[]; spectrum: number[]; patients: number }[];
      range: number[];
    };
    expect(range).toEqual([-1024, 3071]);
    expect(domains[0]!.histogram.reduce((sum, share) => sum + share)).toBeCloseTo(1, 1);
    expect(domains[0]!.spectrum.every(Number.isFinite)).toBe(true);
  });

  test.each([
    ['a folder that is missing', 'gone', 'no such file or folder'],
    ['an empty folder', 'empty', 'empty: no images'],
    ['a file', 'file', 'not a folder'],
    ['a folder of bad files alone', 'bad', 'all were refused'],
    ['a folder of several formats', 'mixed', 'several formats (1 DICOM and 1 TIFF)'],
  ])('refuses %s', async (_, name, message) => {
    fs.mkdirSync(path.join(folder, 'empty'));
    put('file', '');
    fixture('bad-colour.dcm', 'bad/a.dcm');
    fixture('explicit-u12.dcm', 'mixed/a.dcm');
    fixture('tiff-u8.tif', 'mixed/b.tif');
    const { exitCode, all } = await sweep(folder, 'data', 'inspect', name);
    expect(exitCode).toBe(2);
    expect(all).toContain(message);
    expect(all).not.toMatch(/^\s+at .*:\d+:\d+/m);
  });
});
