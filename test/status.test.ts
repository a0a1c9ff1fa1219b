/** @file `sweep status` and `sweep top`, beside a real sweep and after it. */
import fs from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import type { SweepStatus } from '../src/runner/status.js';
import { CLI, requirePython } from './support.js';
import { inTerminal, toldSweep, twoRun } from './told.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

const states = ({ trials }: SweepStatus) =>
  Object.fromEntries(trials.map(({ parameters, state }) => [String(parameters.name), state]));

test('tells beside the running sweep what runs, waits and failed, and afterwards what came of it', async () => {
  const told = toldSweep(['a', 'bad:64', 'c', 'd']);
  folders.push(told.folder);
  const running = told.run();
  const early = await told.untilStatus(twoRun, 'two trials run');
  expect(early).toMatchObject({
    ...{
      sweep: 'told',
      question: 'Does it do as it is told?',
      share: 0.25,
      cores: expect.any(Number) as number,
    },
    runner: { pid: running.pid, most: 2 },
    counts: { trials: 4, running: 2, waiting: 2, done: 0, failed: 0 },
    devices: [{ device: 'cpu', trials: early.trials.slice(0, 2).map(({ key }) => key), others: 0, cores: 2 }],
  });
  const [a, , c, d] = early.trials;
  expect(a).toMatchObject({
    step: 4,
    updates: 8,
    share: 0.5,
    engine: 'told',
    device: 'cpu',
    metrics: { 'loss/D': 0.25 },
  });
  // Its clock says two seconds an update: four are left, and each of those that wait takes eight and what it takes to start.
  expect(a!.rate).toBeCloseTo(0.5, 1);
  expect(a!.secondsLeft).toBeCloseTo(8, 0);
  expect(early.secondsLeft).toBeGreaterThan(16);
  expect([c!.reason, d!.reason]).toEqual(['waits for one of the 2 trials that run to end', '1 before it']);

  told.let('bad');
  const later = await told.untilStatus(
    ({ counts }) => counts.failed === 1 && counts.running === 2,
    'one failed',
  );
  expect(states(later)).toEqual({ a: 'running', bad: 'failed', c: 'running', d: 'waiting' });
  expect(later.trials[1]).toMatchObject({
    class: 'configuration',
    reason: 'its configuration is wrong (exit code 64)',
  });

  told.let('go');
  expect((await running).exitCode).toBe(1);
  const after = await told.json<SweepStatus>('status', 'told');
  expect(after).toMatchObject({
    runner: null,
    rate: null,
    secondsLeft: null,
    devices: [],
    counts: { done: 3, failed: 1 },
  });
  const { stdout } = await told.sweep('status');
  expect(stdout).toContain('3 of 4 done, 1 failed');
  expect(stdout).toMatch(/name bad end 64 seed 1 {2}configuration: its configuration is wrong/);
  const unknown = await told.sweep('status', 'tolt');
  expect(unknown.exitCode).toBe(2);
  expect(unknown.all).toContain('There is no sweep tolt');
});

test('knows trials that a killed runner left from those that run, and those that would be gone on with', async () => {
  const told = toldSweep(['a', 'b', 'c']);
  folders.push(told.folder);
  const running = told.run();
  await told.untilStatus(twoRun, 'two trials run');
  running.kill('SIGKILL');
  await running;
  // They save and leave by themselves; nobody writes down how they ended.
  const left = await told.untilStatus(({ counts }) => counts.interrupted === 2, 'both have left');
  expect(left).toMatchObject({ runner: null, counts: { running: 0, pending: 1 }, devices: [] });
  const { stdout } = await told.sweep('status');
  expect(stdout).toContain('no runner works on it');
});

test('top draws in a terminal, follows its size, and leaves with q', async ({ skip }) => {
  requirePython(skip);
  const told = toldSweep(['a', 'b', 'c', 'd']);
  folders.push(told.folder);
  const running = told.run();
  await told.untilStatus(twoRun, 'two trials run');
  const top = (...steps: unknown[]) =>
    inTerminal(told.folder, [24, 120], steps, [CLI, 'top', '--every', '0.1']);
  const { drawings, written, exitCode } = await top(
    ['until', 'Waiting (2)'],
    ['size', 12, 60],
    ['until', 'q leaves'],
    ['key', 'q'],
  );
  expect(exitCode).toBe(0);
  const [large, small] = drawings as [string[], string[]];
  expect(large.length).toBeLessThanOrEqual(24);
  expect(large.join('\n')).toMatch(/name a seed 1 .* 4\/8 .* updates\/s .* cpu {2}D 0\.250 {2}G 0\.500/);
  expect(small.length).toBeLessThanOrEqual(12);
  expect(Math.max(...small.map((line) => line.length))).toBe(60);
  // The other screen, and back from it with the cursor shown.
  expect(written.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
  expect(written.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);

  const control = await top(['until', 'Running (2)'], ['key', '\x03']);
  expect(control).toMatchObject({ exitCode: 0 });
  expect((await told.json<SweepStatus>('status')).counts.running).toBe(2); // it stops nothing

  const piped = told.sweep('top', '--json', '--every', '0.1');
  const plain = told.sweep('top', '--every', '0.1');
  told.let('go');
  const pages = (await piped).stdout.split('\n').map((line) => JSON.parse(line) as SweepStatus);
  expect(pages.at(-1)!.counts).toMatchObject({ done: 4, running: 0 });
  const { stdout } = await plain;
  expect(stdout).toContain('4 of 4 done');
  expect(stdout).not.toContain('\x1b');
  expect((await running).exitCode).toBe(0);
});
