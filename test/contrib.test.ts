/** @file The Python file that keeps the contract of a trial: its own tests. Whole sweeps of it: studies.test.ts, steering.test.ts. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { requirePython } from './support.js';

const FOLDER = fileURLToPath(new URL('../contrib/python', import.meta.url));

it('contrib/python/sweep_trial.py passes its own tests', async ({ skip }) => {
  requirePython(skip);
  const file = path.join(FOLDER, 'test_sweep_trial.py');
  const { exitCode, all } = await execa('python3', ['-B', file], { all: true, reject: false });
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/Ran \d+ tests/);
});
