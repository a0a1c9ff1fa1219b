/** @file Wrong input: one clear message with its place, the right exit code, no stack trace. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { smallSweep, sweep, temporaryFolder, writeImages } from './support.js';

const folders: string[] = [];
let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  folders.push(folder);
});
afterAll(() => folders.forEach((each) => fs.rmSync(each, { recursive: true, force: true })));

const put = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);

/** Runs and checks what holds for every wrong input. */
async function refused(...args: string[]): Promise<string> {
  const { exitCode, all } = await sweep(folder, ...args);
  expect(exitCode, all).toBe(2);
  expect(all).not.toMatch(/^\s+at .*:\d+:\d+/m);
  return all;
}

describe('the sweep file', () => {
  test('is not there', async () => {
    expect(await refused('run', 'none.yaml')).toContain('none.yaml: there is no such file');
  });

  test('has an unknown key', async () => {
    put('a.yaml', smallSweep().replace('seeds:', 'sedes:'));
    expect(await refused('run', 'a.yaml')).toMatch(/^a\.yaml:8:1: [^]*seeds/m);
  });

  test('has a wrong type', async () => {
    put('a.yaml', smallSweep().replace('batch: 4', 'batch: four'));
    expect(await refused('run', 'a.yaml')).toMatch(/^a\.yaml:6:\d+: /m);
  });

  test('has several faults: all are told at once', async () => {
    put('a.yaml', smallSweep().replace('seeds:', 'sedes:').replace('batch: 4', 'batch: four'));
    const message = await refused('run', 'a.yaml');
    expect(message).toMatch(/^a\.yaml:8:1: /m);
    expect(message).toMatch(/^a\.yaml:6:\d+: /m);
  });
});

describe('the data', () => {
  test('is an empty folder', async () => {
    put('a.yaml', smallSweep());
    fs.mkdirSync(path.join(folder, 'x'));
    fs.mkdirSync(path.join(folder, 'y'));
    expect(await refused('run', 'a.yaml')).toContain(path.join(folder, 'x'));
  });

  test('is no folder', async () => {
    put('a.yaml', smallSweep());
    expect(await refused('run', 'a.yaml')).toContain(path.join(folder, 'x'));
  });

  test('holds a file that is no image', async () => {
    await writeImages(folder);
    put('a.yaml', smallSweep());
    put('x/03.png', 'this is no picture');
    expect(await refused('run', 'a.yaml')).toContain('03.png');
  });

  test('holds images smaller than the patch', async () => {
    await writeImages(folder, 6, 24);
    put('a.yaml', smallSweep());
    // The smaller patch fits: that half of the sweep is trained, the other half says why not.
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode).toBe(1);
    expect(all).toContain('24 x 24 pixels are too few for a patch of 32 x 32');
    expect(all).toContain('2 done, 2 failed, 0 left');
  });

  test('is 16 bits deep: that is fine', async () => {
    await writeImages(folder, 6, 48, 16);
    put('a.yaml', smallSweep());
    const { exitCode } = await sweep(folder, 'run', 'a.yaml', '--set', 'seeds=1');
    expect(exitCode).toBe(0);
  });
});

describe('the results folder', () => {
  test('cannot be made', async () => {
    await writeImages(folder);
    put('a.yaml', smallSweep());
    put('results', 'a file where a folder should be');
    expect(await refused('run', 'a.yaml')).toContain(
      `The results folder ${path.join(folder, 'results')} cannot be written`,
    );
  });

  test.skipIf(!fs.existsSync('/proc'))('is where nothing can be made', async () => {
    await writeImages(folder);
    put('a.yaml', smallSweep());
    expect(await refused('run', 'a.yaml', '--results', '/proc/results')).toContain('cannot be written');
    expect(
      await refused('data', 'phantom', '--out', '/proc/phantom', '--count', '3', '--size', '64'),
    ).toContain('cannot be made');
  });

  test('holds a damaged database: exit 4, and what to do', async () => {
    await writeImages(folder);
    put('a.yaml', smallSweep());
    fs.mkdirSync(path.join(folder, 'results'));
    put('results/sweep.db', 'this is no database'.repeat(1000));
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode).toBe(4);
    expect(all).toContain('is damaged');
    expect(all).not.toMatch(/^\s+at .*:\d+:\d+/m);
  });

  test('holds no results yet: the report says so', async () => {
    expect(await refused('report')).toContain('Run a sweep first');
  });
});

describe('the command line', () => {
  test('has an unknown command or flag', async () => {
    expect(await refused('rum')).toContain('run');
    expect(await refused('report', '--ot', 'x')).toContain('ot');
  });

  test.each(['--help', 'run --help', 'report --help', 'data phantom --help', 'doctor --help'])(
    'explains itself: sweep %s',
    async (words) => {
      const { exitCode, all } = await sweep(folder, ...words.split(' '));
      expect(exitCode).toBe(0);
      expect(all).toContain('Examples:');
    },
  );
});
