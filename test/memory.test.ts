/** @file Out of memory: a limit on a sweep, a real failed allocation of the engine, and what a long training holds. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as Forecast from '../src/commands/plan/forecast.js';
import type * as Read from '../src/definition/read.js';
import { findInstall } from '../src/engines/tensorflow/installed.js';
import type * as Plan from '../src/runner/plan.js';
import { listTrials, readEvents, smallSweep, sweep, temporaryFolder, writeImages } from './support.js';

let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  await writeImages(folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const dist = (file: string) => fileURLToPath(new URL(`../dist/${file}`, import.meta.url));

/** Runs JavaScript in a process of its own and gives what it prints. `built(file)` there imports from dist/. */
async function script(body: string): Promise<string> {
  const file = path.join(folder, 'script.mjs');
  const built = `const built = (file) => import(${JSON.stringify(dist(''))} + file);\n`;
  fs.writeFileSync(file, built + body);
  const { all } = await execa(process.execPath, ['--expose-gc', file], { all: true, reject: false });
  return all;
}

describe('a sweep with --memory-limit', () => {
  test('ends trials that need more as out of memory, with what was asked for and what was there', async () => {
    fs.writeFileSync(path.join(folder, 'a.yaml'), smallSweep().replace('seeds: 2', 'seeds: 1'));
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--memory-limit', '100M');
    expect(exitCode, all).toBe(1);
    expect(all).toMatch(/ran out of memory.*exit code 71/);
    expect(all).toMatch(/micro_batch 1, .* needs about 0\.\d+ GB, the limit is 0\.10 GB/);
  });

  test('trains those that need less, and says what they held', async () => {
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--memory-limit', '4G', '--retry-failed');
    expect(exitCode, all).toBe(0);
    const results = path.join(folder, 'results');
    for (const key of listTrials(results)) {
      const events = readEvents(results, key).flat();
      const memory = events.findLast(({ t }) => t === 'memory');
      expect(memory).toMatchObject({ peak: expect.any(Number) as number });
    }
  });

  test('refuses an amount that is none', async () => {
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--memory-limit', 'much');
    expect(exitCode).toBe(2);
    expect(all).toMatch(/--memory-limit much: expected an amount of memory such as 4G/);
  });
});

test('where memory decides how many trials run at once, a probe measures a network of which nothing is known', async () => {
  const load = async <T>(file: string) => (await import(dist(file))) as T;
  const { forecaster } = await load<typeof Forecast>('commands/plan/forecast.js');
  const { readDefinition } = await load<typeof Read>('definition/read.js');
  const { planSweep } = await load<typeof Plan>('runner/plan.js');
  const definition = readDefinition(smallSweep(), 'a.yaml');
  const plan = await planSweep(definition, { folder, say: () => undefined, draw: false });
  const asked = {
    plan,
    placement: { engine: 'onnx' as const, devices: ['cpu'], reason: '' },
    wanted: Array.from({ length: 20_000 }, () => plan.trials[0]!), // far more than any machine holds at once
    peaks: [],
  };
  const said: string[] = [];
  const expected = async (most: number) => {
    const shares = { most, threads: 1, perDevice: Infinity };
    const forecast = await forecaster(definition, { ...asked, shares }, undefined, (line) => said.push(line));
    return forecast([])(plan.trials[0]!);
  };
  const few = await expected(1);
  expect(said).toEqual([]);
  const many = await expected(20_000);
  expect(said).toEqual(['Memory decides how many trials run at once: measuring 1 of their networks']);
  expect(many.host! / few.host!).toBeGreaterThan(0.9);
  expect(many.host! / few.host!).toBeLessThan(1.5);
  expect(many.counts!.host).toBeLessThan(few.counts!.host! / 1e4);
});

const limits = (() => {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

// Only where a process can be forbidden to have more address space (prlimit of util-linux).
test.runIf(limits)('a failed allocation of onnxruntime is told from other faults', async () => {
  const said = await script(`
    import { readFileSync } from 'node:fs';
    import { execFileSync } from 'node:child_process';
    const { openEngine } = await built('engines/open.js');
    const { resolveParameters } = await built('definition/parameters.js');
    const { bankShapes } = await built('train/bank.js');
    const { compileStep } = await built('train/step.js');
    const parameters = resolveParameters({ patch: 256, batch: 4, filters: 16, blocks: 1, disc_filters: 4 });
    const engine = await openEngine('onnx', { threads: 1 });
    const bank = engine.createBank(bankShapes(parameters));
    const step = await compileStep(engine, bank, parameters, { microBatch: 4 });
    const images = () => new Float32Array(4 * 256 * 256);
    const held = Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (held + 100e6)]);
    try {
      await step.run(bank, { X: images(), Y: images(), update: 1 });
      console.log('there was enough');
    } catch (error) {
      console.log(error.kind + ': ' + error.message);
    }
    process.exit(0);`);
  expect(said).toMatch(/^out-of-memory: Out of memory: a step with patch 256, batch 4, micro_batch 4/m);
  expect(said).toMatch(/needs about \d+\.\d+ GB; this process holds .* GB.*address space is limited to/);
});

/** Resident memory settles by the second of these updates: until then the young heap grows. */
const LONG = [
  { engine: 'onnx', at: [10, 200, 1000] },
  { engine: 'tensorflow', at: [10, 30, 60] }, // whose dispatch takes ten times as long
] as const;

test.for(LONG)('a long training on $engine holds what it held early', async ({ engine, at }, { skip }) => {
  if (engine === 'tensorflow') skip(findInstall('cpu') === undefined, 'TensorFlow is not installed');
  const said = await script(`
    const tf = await import(${JSON.stringify(import.meta.resolve('@tensorflow/tfjs'))});
    const { openEngine } = await built('engines/open.js');
    const { resolveParameters } = await built('definition/parameters.js');
    const { bankShapes, initialBank } = await built('train/bank.js');
    const { compileStep } = await built('train/step.js');
    const parameters = resolveParameters({ patch: 16, batch: 2, filters: 2, blocks: 1, disc_filters: 2, disc_layers: 1 });
    const engine = await openEngine('${engine}', { threads: 1 });
    const bank = engine.createBank(bankShapes(parameters));
    let state = 7;
    const noise = () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
    for (const [name, values] of Object.entries(initialBank(parameters, noise))) bank.write(name, values);
    const step = await compileStep(engine, bank, parameters, { microBatch: 1 });
    const images = () => Float32Array.from({ length: 2 * 16 * 16 }, noise);
    // Of its own: pages of files come and go as the system likes.
    const { readFileSync } = await import('node:fs');
    const resident = () => process.platform === 'linux'
      ? 1024 * Number(/RssAnon:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      : process.memoryUsage.rss();
    const seen = {};
    for (let update = 1; update <= ${at[2]}; update++) {
      await step.run(bank, { X: images(), Y: images(), update });
      if ([${at.join()}].includes(update)) {
        gc();
        seen[update] = { tensors: tf.memory().numTensors, resident: resident() };
      }
    }
    console.log(JSON.stringify(seen));
    process.exit(0);`);
  // A library may have said something before.
  const last = said.trim().split('\n').at(-1)!;
  const seen = JSON.parse(last) as Record<number, Held>;
  const [early, settled, late] = at.map((update) => seen[update]!) as [Held, Held, Held];
  expect(late.tensors).toBe(early.tensors);
  expect(late.resident - settled.resident, said).toBeLessThan(16e6);
});

interface Held {
  tensors: number;
  /** Bytes. */
  resident: number;
}
