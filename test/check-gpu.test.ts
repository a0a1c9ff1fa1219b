/** @file `npm run check:gpu`, in its smallest form, on the processor: that every section of it works. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from './support.js';

const SCRIPT = fileURLToPath(new URL('../scripts/check-gpu.mjs', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function check(...flags: string[]) {
  const env = {
    CYCLESWEEP_CACHE: path.join(folder, 'cache'),
    CYCLESWEEP_STATE: path.join(folder, 'state'), // waits for no run but its own
    VK_DRIVER_FILES: path.join(folder, 'none.json'),
  };
  return execa(process.execPath, [SCRIPT, ...flags], {
    cwd: folder,
    env,
    reject: false,
    all: true,
    stdin: 'ignore',
  });
}

test('writes gradients, trials, the end of memory and speeds into one file', async () => {
  const { exitCode, all } = await check('--on', 'onnx/cpu', '--small', '--out', 'check.md');
  expect([exitCode, all]).toEqual([0, expect.stringContaining(path.join(folder, 'check.md'))]);
  const page = fs.readFileSync(path.join(folder, 'check.md'), 'utf8');
  expect(page).toContain('No real GPU was checked');
  expect(page).toMatch(/\| \d+ \| 71 \| \d+ \| {2}\| {2}\| Out of memory: /);
  expect(page).toMatch(/updates\/s together/);
  expect(page).toContain('All is well.');
  expect(page).not.toContain('FAILED');
}, 1_200_000);

test('fails for an engine that is not there, and says so', async () => {
  const { exitCode, all } = await check('--on', 'onnx/cuda:99', '--small', '--out', 'none.md');
  expect([exitCode, all]).toEqual([1, expect.stringContaining('onnx on cuda:99 is not here')]);
}, 1_200_000);

test('refuses what it does not understand', async () => {
  const { exitCode, all } = await check('--on', 'gpu');
  expect([exitCode, all]).toEqual([2, expect.stringContaining('expected ENGINE/DEVICE')]);
});
