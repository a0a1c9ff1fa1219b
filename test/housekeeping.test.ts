/** @file `sweep ls`, `diff`, `rm` and `gc` on two sweeps that share a trial; what is removed leaves a folder in order, also when killed half-way. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { usedBy } from '../src/runner/disk-use.js';
import { checkResults } from '../src/runner/fsck/check.js';
import type { TrialProgress } from '../src/runner/status.js';
import { listTrials, sweepIn } from './support.js';
import { toldSweep, writeTold } from './told.js';

/** Sweep `told` holds a, b and bad, sweep `other` b and c. */
const told = toldSweep(['a', 'b', 'bad:64']);
const { folder, results } = told;
const whole = path.join(folder, 'whole');
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  writeTold(folder, 'other', ['b', 'c']);
  told.let('go');
  expect((await told.run('--results', 'whole')).exitCode).toBe(1);
  expect((await told.sweep('run', 'other.yaml', '--results', 'whole')).exitCode).toBe(0);
});

beforeEach(() => {
  fs.rmSync(results, { recursive: true, force: true });
  fs.cpSync(whole, results, { recursive: true });
});

/** Keys by the trial's `name`. */
async function keys(): Promise<Record<string, string>> {
  const listed = await Promise.all(
    ['told', 'other'].map((name) => told.json<{ trials: TrialProgress[] }>('ls', name, '--results', 'whole')),
  );
  return Object.fromEntries(listed.flatMap(({ trials }) => trials.map(({ key, parameters }) => [String(parameters.name), key]))); // prettier-ignore
}

const found = () => checkResults(results).findings.map(({ level, code }) => `${level} ${code}`);
const sweeps = async () =>
  (await told.json<{ sweeps: { name: string }[] }>('ls')).sweeps.map(({ name }) => name);
const checkpoints = (key: string) => fs.readdirSync(path.join(results, 'trials', key, 'checkpoints')).sort();

test('ls lists sweeps, the latest first, and the trials of one', async () => {
  const { sweeps: listed, disk } = await told.json<{ sweeps: Record<string, unknown>[]; disk: number }>('ls');
  expect(listed).toMatchObject([
    { name: 'other', running: false, counts: { trials: 2, done: 2 } },
    { name: 'told', counts: { trials: 3, done: 2, failed: 1 } },
  ]);
  expect(disk).toBe(usedBy([path.join(results, 'trials')]));
  const { trials } = await told.json<{ trials: (TrialProgress & { disk: number })[] }>('ls', 'told');
  expect(trials).toMatchObject([{ state: 'done', step: 8 }, { state: 'done' }, { state: 'failed', step: 4 }]);
  expect(trials[0]!.disk).toBe(usedBy([path.join(results, 'trials', trials[0]!.key)]));
  const { stdout } = await told.sweep('ls');
  expect(stdout).toMatch(/^sweep +trials +done +failed +open +last run +disk\nother +2 +2 +0 +0 +\d{4}-/);
});

test('diff of trials tells parameters, results and surroundings; of sweeps, the cells that only one holds', async () => {
  const { a, bad } = await keys();
  const trials = await told.json<Record<string, unknown>>('diff', a!, bad!);
  expect(trials).toMatchObject({
    parameters: { name: { a: 'a', b: 'bad' }, end: { a: 'done', b: 64 } },
    results: {
      'loss/D': { a: 0.125, b: 0.25, change: 0.125 },
      'exam/psnr': { a: 28, b: null, change: null },
    },
    environment: {},
  });
  expect(await told.json('diff', 'told', 'other')).toEqual({
    ...{ a: 'told', b: 'other', fixed: {}, shared: 1 },
    onlyA: [
      { parameters: { name: 'a', end: 'done' }, seeds: [1] },
      { parameters: { name: 'bad', end: 64 }, seeds: [1] },
    ],
    onlyB: [{ parameters: { name: 'c', end: 'done' }, seeds: [1] }],
  });
  const { stdout } = await told.sweep('diff', a!, bad!);
  expect(stdout).toMatch(/loss\/D +0\.125 +0\.250 +\+0\.125/);
});

describe('rm', () => {
  test('says what it frees, removes a sweep with its trials, and leaves one that another sweep holds', async () => {
    const { a, b, c, bad } = (await keys()) as Record<'a' | 'b' | 'c' | 'bad', string>;
    const size = usedBy([a, bad].map((key) => path.join(results, 'trials', key)));
    const dry = await told.json('rm', 'told', '--dry-run');
    expect(dry).toMatchObject({
      sweep: 'told',
      trials: [a, bad],
      kept: [{ key: b }],
      bytes: size,
      removed: false,
    });
    const asked = await told.sweep('rm', 'told');
    expect(asked.exitCode).toBe(2);
    expect(asked.all).toContain('Nobody can be asked here');
    expect(await sweeps()).toEqual(['other', 'told']);

    const { stdout, exitCode } = await told.sweep('rm', 'told', '--yes');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('sweep other holds it, too');
    expect(listTrials(results)).toEqual([b, c].sort());
    expect(await sweeps()).toEqual(['other']);
    expect(found()).toEqual([]);
    // It can be run again, and trains what was removed.
    expect((await told.run()).all).toContain('1 done before, 2 to run');
  });

  test('removes one trial, which the next run of its sweep trains anew', async () => {
    const { a, b } = (await keys()) as Record<'a' | 'b', string>;
    expect((await told.sweep('rm', b, '--yes')).all).toContain('other and told will lack it');
    expect(listTrials(results)).not.toContain(b);
    expect(found()).toEqual([]);
    expect((await told.sweep('rm', 'name=c', '--yes')).exitCode).toBe(0);
    const run = await told.sweep('run', 'other.yaml');
    expect(run.all).toContain('0 done before, 2 to run');
    expect(listTrials(results)).toContain(a);
    expect(found()).toEqual([]);
  });

  test('is refused while a runner works in the folder', async () => {
    const busy = toldSweep(['a']);
    const running = busy.run();
    await busy.untilStatus(({ counts }) => counts.running === 1, 'the trial runs');
    for (const command of ['rm told --yes', 'gc --yes']) {
      const { exitCode, all } = await busy.sweep(...command.split(' '));
      expect([exitCode, all]).toEqual([
        2,
        expect.stringContaining(`Another sweep run (process ${running.pid})`),
      ]);
    }
    busy.let('go');
    expect((await running).exitCode).toBe(0);
    fs.rmSync(busy.folder, { recursive: true, force: true });
  });
});

describe('gc', () => {
  test('removes what the policy does not keep, and says what that frees', async () => {
    const { a, bad } = (await keys()) as Record<'a' | 'bad', string>;
    expect(checkpoints(a)).toEqual(['best-step-4', 'step-4', 'step-8']);
    const dry = await told.json<{ trials: { key: string }[]; bytes: number }>('gc', '--dry-run');
    expect(dry.trials.find(({ key }) => key === a)).toMatchObject({ group: 'done', remove: ['step-4'], keep: ['best-step-4', 'step-8'] }); // prettier-ignore
    const before = usedBy([path.join(results, 'trials')]);
    expect((await told.sweep('gc', '--yes')).exitCode).toBe(0);
    expect(checkpoints(a)).toEqual(['best-step-4', 'step-8']);
    // The journals have a line more of it.
    expect(before - usedBy([path.join(results, 'trials')])).toBeGreaterThan(0.99 * dry.bytes);
    expect(found()).toEqual([]);
    expect((await told.sweep('gc', '--yes')).all).toContain('There is nothing to remove');

    expect((await told.sweep('gc', '--keep', 'none', '--of', 'failed', '--yes')).exitCode).toBe(0);
    expect([checkpoints(bad), checkpoints(a)]).toEqual([[], ['best-step-4', 'step-8']]);
    expect(found()).toEqual([]);
    expect((await told.sweep('why', bad)).all).toContain(
      'sweep gc removes checkpoints/best-step-4, checkpoints/step-4',
    );
    const wrong = await told.sweep('gc', '--keep', 'lats');
    expect([wrong.exitCode, wrong.all]).toEqual([
      2,
      expect.stringContaining('lats is none of last, best, asked'),
    ]);
  });

  test('keeps what an unfinished trial goes on from, whatever the policy', async () => {
    const busy = toldSweep(['a']);
    const running = busy.run();
    await busy.untilStatus(({ counts }) => counts.running === 1, 'the trial runs');
    running.kill('SIGINT');
    expect((await running).exitCode).toBe(3);
    expect((await busy.sweep('gc', '--keep', 'none', '--yes')).exitCode).toBe(0);
    const key = listTrials(busy.results)[0]!;
    expect(fs.readdirSync(path.join(busy.results, 'trials', key, 'checkpoints'))).toEqual(['step-4']);
    expect(checkResults(busy.results).findings).toEqual([]);
    fs.rmSync(busy.folder, { recursive: true, force: true });
  });
});

describe('killed half-way', () => {
  const HOOK = pathToFileURL(fileURLToPath(new URL('../scripts/chaos/hook.mjs', import.meta.url))).href;
  const INSTANTS = ['transaction', 'commit', 'before-journal', 'torn-journal', 'after-journal', 'before-rename', 'after-rename']; // prettier-ignore

  test.for([
    ['rm', 'told', '--yes'],
    ['gc', '--keep', 'none', '--of', 'failed', '--yes'],
  ])(
    'sweep %s leaves a folder in order at every instant, and goes on when it is run again',
    async (command) => {
      let kills = 0;
      for (const instant of INSTANTS) {
        for (let nth = 1; ; nth++) {
          fs.rmSync(results, { recursive: true, force: true });
          fs.cpSync(whole, results, { recursive: true });
          const environment = { NODE_OPTIONS: `--import ${HOOK}`, CHAOS_CRASH: `${instant}:${nth}` };
          const { signal, exitCode } = await sweepIn(environment, folder, ...command);
          if (signal === undefined) {
            expect(exitCode).toBe(0);
            break;
          }
          kills++;
          expect(
            found().filter((finding) => finding.startsWith('damaged')),
            `${instant}:${nth}`,
          ).toEqual([]);
          const again = await told.sweep(...command);
          expect(again.exitCode, again.all).toBe(0);
          expect(
            found().filter((finding) => finding !== 'note journal-torn'),
            `${instant}:${nth}`,
          ).toEqual([]);
          if (command[0] === 'rm') expect(listTrials(results)).toHaveLength(2);
        }
      }
      expect(kills).toBeGreaterThan(5);
    },
  );
});
