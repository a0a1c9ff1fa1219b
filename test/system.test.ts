/** @file What trials take of the machine, measured while they run: files first, then the store, then the report. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { fakeGpus, gpu, NO_OP } from './fake-gpus.js';
import { listTrials, sweep, sweepIn, temporaryFolder, until } from './support.js';

const folder = temporaryFolder();
const results = path.join(folder, 'results');
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const rows = () => {
  const db = new Database(path.join(results, 'sweep.db'), { readonly: true });
  const found = db
    .prepare(
      'select key, wall, cpu, memory, gpu, gpu_memory, power, temperature from system_samples join trials on id = trial order by wall',
    )
    .all();
  db.close();
  return found;
};

test('of each trial its processes and its GPU are sampled, kept when the database is lost, and shown', async () => {
  const machine = fakeGpus(folder);
  const { environment } = machine;
  machine.set({ gpus: [gpu(0), { ...gpu(1), used: 1000, ...{ busy: 87, temperature: 64, power: 412.5 } }] });
  const flag = path.join(folder, 'may-end');
  fs.writeFileSync(
    path.join(folder, 'a.yaml'),
    `name: a\ndata: {phantom: radiograph, count: 3, size: 16}\nbudget: {updates: 1}\ngrid: {a: [1]}\n` +
      `command: [${process.execPath}, ${NO_OP}, 'a={a}', 'wait=${flag}']\ndevice: cuda:1\n`,
  );
  const run = sweepIn(environment, folder, 'run', 'a.yaml');
  const file = () =>
    path.join(results, 'trials', listTrials(results)[0] ?? '', 'attempts', '1', 'system.ndjson');
  await until(
    () => fs.existsSync(path.join(results, 'trials')) && fs.existsSync(file()),
    'a sample of the trial',
  );
  fs.writeFileSync(flag, '');
  const ended = await run;
  expect(ended.exitCode, ended.all).toBe(0);

  const [line] = fs.readFileSync(file(), 'utf8').split('\n');
  const sample = JSON.parse(line!) as Record<string, number>;
  expect(sample).toMatchObject({ gpu: 0.87, gpuMemory: 1000 * 2 ** 20, power: 412.5, temperature: 64 });
  expect(sample.cpu).toBeGreaterThan(0);
  expect(sample.memory).toBeGreaterThan(20e6); // a process of Node
  const stored = rows();
  expect(stored[0]).toMatchObject({ gpu: 0.87, memory: sample.memory, wall: sample.wall });

  for (const ending of ['', '-wal', '-shm'])
    fs.rmSync(path.join(results, `sweep.db${ending}`), { force: true });
  expect((await sweepIn(environment, folder, 'run', 'a.yaml')).all).toContain('1 done before, 0 to run');
  expect(rows()).toEqual(stored);

  await sweep(folder, 'report');
  const page = fs.readFileSync(path.join(results, 'report.html'), 'utf8');
  expect(page).toContain('What they took of the machine');
  expect(page).toContain('87');
  expect(page).toContain('412');
});
