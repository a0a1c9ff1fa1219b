/** @file Benchmarks as a user runs them, on little work. How fast anything is decides nothing here. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';

const bench = (args: string[], name = 'engines') =>
  execa(process.execPath, [fileURLToPath(new URL(`../bench/${name}.mjs`, import.meta.url)), ...args], {
    env: { BENCH_PYTHON: 'no-such-python' },
    reject: false,
  });

it('says that PyTorch is missing, prints our own figures, and no goal that needs PyTorch', async () => {
  const { exitCode, stdout } = await bench(['--quick', '--threads', '1', '64,1,2,1']);
  expect(stdout).toContain('PyTorch does not work');
  expect(stdout).toMatch(/^64,1,2,1 +1 +[\d.]+ +winograd +- +-/m);
  expect(stdout).not.toMatch(/^goal /m);
  expect(exitCode).toBe(0);
});

it('names what a cell is where it is given a wrong one', async () => {
  const { exitCode, stderr } = await bench(['64,1']);
  expect(stderr).toContain('64,1: expected patch,batch,filters,blocks, e.g. 64,16,16,3');
  expect(exitCode).toBe(1);
});

it('reads and translates images without the readers that it compares with, and prints no goal', async () => {
  const { exitCode, stdout, stderr } = await bench(['--quick'], 'images');
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('pydicom, GDCM and Pillow are not there');
  expect(stdout).toMatch(/^DICOM.* CycleSweep .* +\d+ +-$/m);
  expect(stdout).toMatch(/^strips of 64 rows +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$/m);
  expect(stdout).not.toMatch(/^goal /m);
});

it('measures the parts of the runner that are asked for, beside a peer, and says whether goals were reached', async () => {
  const { exitCode, stdout, stderr } = await bench(['--quick', 'list', 'ingest'], 'runner');
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/^bare loop +\d+ +[\d.]+/m);
  const goals = stdout.split('\n').filter((line) => line.startsWith('goal '));
  expect(goals.map((line) => line.split(' ')[1])).toEqual([
    'runner_list_10k_trials',
    'runner_ingest_vs_bare_loop',
    'runner_commit_p99',
  ]);
  for (const line of goals) expect(line).toMatch(/^goal \w+ [\d.]+ \w+ [<>]= [\d.]+ (ok|short)$/);
});
