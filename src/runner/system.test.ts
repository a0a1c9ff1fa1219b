/** @file Tests of what running trials take of the machine: real process groups, the words of ps, and sums over samples. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openStore } from '../store/open.js';
import { readSweep } from '../store/queries.js';
import { startAttempt, storeSweep, storeSystem } from '../store/writer.js';
import { parsePs, readGroups } from './system.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'system-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** A group of two: both hold memory, and the child has computed for a while before it says so. */
const PARENT = `
  const held = Buffer.alloc(60e6, 1);
  const child = require('child_process').spawn(process.execPath, ['-e', \`
    const held = Buffer.alloc(60e6, 1);
    while (process.cpuUsage().user < 3e5) {}
    console.log('computed');
    setInterval(() => held.length, 1e6);
  \`], { stdio: ['ignore', 'inherit', 'inherit'] });
  setInterval(() => held.length + child.pid, 1e6);
`;

it('counts the processor time and the memory of all processes of a group, and of no other', async () => {
  const parent = spawn(process.execPath, ['-e', PARENT], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(parent.stdout, 'data');
    const found = await readGroups(new Set([parent.pid!]));
    const { cpuSeconds, memory } = found!.get(parent.pid!)!;
    expect([...found!.keys()]).toEqual([parent.pid]);
    expect(cpuSeconds).toBeGreaterThanOrEqual(0.3);
    expect(memory).toBeGreaterThan(120e6);
  } finally {
    process.kill(-parent.pid!, 'SIGKILL');
    await once(parent, 'exit');
  }
  // The child was killed with its parent, and may take a moment longer.
  const left = async () => (await readGroups(new Set([parent.pid!])))!.size;
  await expect.poll(left, { timeout: 60_000 }).toBe(0);
});

it('reads what ps prints, where there is no /proc', () => {
  const text = '    1   1000  00:00:09\n  42  2048   0:01.50\n  42  1024 1-02:03:04\n 420 9999 00:00:01\n';
  expect(parsePs(text, new Set([42, 7]))).toEqual(
    new Map([[42, { cpuSeconds: 1.5 + 86400 + 2 * 3600 + 3 * 60 + 4, memory: 3 * 2 ** 20 }]]),
  );
});

it('sums samples up: mean, peak, and power over time as energy', () => {
  const store = openStore(path.join(folder, 'results'));
  const sweep = { name: 'a', question: '', source: '', varied: [], updated: 0 };
  const entry = { key: 'k', seed: 1, budget: { updates: 1 }, dataFingerprint: '', parameters: {} };
  storeSweep(store, sweep, [entry, { ...entry, key: 'short' }]);
  startAttempt(store, 'k', 1, 1000);
  startAttempt(store, 'k', 2, 2000);
  const at = (attempt: number, wall: number, cpu: number | null, power: number | null) => {
    return { key: 'k', attempt, wall, cpu, memory: 1e9, gpu: 0.5, gpuMemory: null, power, temperature: 40 };
  };
  const samples = [at(1, 1010, 1, 100), at(1, 1020, 3, 200), at(2, 2005, null, 400)];
  storeSystem(store, samples);
  storeSystem(store, samples); // as a runner that recovers does
  const [known, short] = readSweep(store, 'a').trials;
  store.close();
  expect(short!.system).toBeNull();
  expect(known!.system).toEqual({
    samples: 3,
    cpu: { mean: 2, peak: 3 },
    memory: { mean: 1e9, peak: 1e9 },
    gpu: { mean: 0.5, peak: 0.5 },
    gpuMemory: null,
    power: { mean: 700 / 3, peak: 400 },
    temperature: { mean: 40, peak: 40 },
    // 10 s at 100 W since the start, 10 s from 100 to 200 W; the pause counts nothing; 5 s at 400 W.
    energy: 1000 + 1500 + 2000,
  });
});
