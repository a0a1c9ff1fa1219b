/** @file A database that is held, damaged or full: trials and signals do not wait for it, and nothing is lost. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import type { TrialEvent } from '../src/protocol.js';
import { eventsFile, listAttempts } from '../src/runner/layout.js';
import { readLines } from '../src/runner/lines.js';
import { openStore } from '../src/store/open.js';
import { storeSweep } from '../src/store/writer.js';
import { openIngestThread } from '../dist/runner/ingest-thread.js';
import { listTrials, sweep, temporaryFolder, until, writeImages } from './support.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** Writes a point every few milliseconds until it is told to stop, or until it has written as many as it is asked for. */
const TRAINER = `
import fs from 'node:fs';
const most = Number(process.argv[2]);
const say = (event) => fs.appendFileSync(process.env.SWEEP_EVENTS, JSON.stringify(event) + '\\n');
let step = 0;
const end = (t) => {
  say({ t, step, reason: 'told to' });
  process.exit(0);
};
process.on('SIGTERM', () => end('stopped'));
setInterval(() => {
  step++;
  say({ t: 'metric', step, wall: Date.now() / 1000, pixels: step, v: { 'loss/D': 1 / step } });
  if (step === most) end('done');
}, 5);
`;

async function makeProject(points: number, seeds: number): Promise<{ folder: string; results: string }> {
  const folder = temporaryFolder();
  folders.push(folder);
  await writeImages(folder);
  fs.writeFileSync(path.join(folder, 'trainer.mjs'), TRAINER);
  fs.writeFileSync(
    path.join(folder, 'it.yaml'),
    `name: it
command: [${process.execPath}, trainer.mjs, '${points}']
data: {x: x, y: y, pairing: by-name}
grid: {lr: [1]}
seeds: ${seeds}
budget: {updates: 1}
resources: {trials: 2}
`,
  );
  return { folder, results: path.join(folder, 'results') };
}

function open(results: string): Database.Database {
  return new Database(path.join(results, 'sweep.db'), { timeout: 20_000 });
}

/** The events of every attempt of every trial so far. */
function eventsOf(results: string): TrialEvent[][] {
  return listTrials(results).flatMap((key) =>
    listAttempts(results, key).map((attempt) =>
      readLines(eventsFile(results, key, attempt)).map((text) => JSON.parse(text) as TrialEvent),
    ),
  );
}

/** Metric points in the events files and in the database. */
function points(results: string): { written: number; stored: number } {
  const events = eventsOf(results).flat();
  const db = open(results);
  const made = db.prepare("select 1 from sqlite_master where name = 'metrics'").get() !== undefined;
  const stored = made ? db.prepare<[], number>('select count(*) from metrics').pluck().get()! : 0;
  db.close();
  return { written: events.filter(({ t }) => t === 'metric').length, stored };
}

/** Waits until both of the sweep's first trials write, and points of them are in the database. */
async function untilStored(results: string): Promise<void> {
  await until(() => fs.existsSync(path.join(results, 'trials')), 'a trial to start');
  await until(() => eventsOf(results).filter((events) => events.length > 0).length === 2, 'two to write');
  await until(() => points(results).stored > 0, 'points to be stored');
}

test('a database that another program holds delays neither trials nor Ctrl-C, and is made up for later', async () => {
  const { folder, results } = await makeProject(1e9, 2);
  const run = sweep(folder, 'run', 'it.yaml');
  await untilStored(results);
  let output = '';
  run.all.on('data', (text: Buffer) => (output += text.toString()));
  const other = open(results);
  other.exec('begin immediate');
  await until(() => output.includes('Another program holds the database'), 'the runner to notice');
  run.kill('SIGINT');
  await until(() => output.includes('Stopping:'), 'the first Ctrl-C to be answered');
  // The trials leave, though nothing can be stored.
  await until(
    () => eventsOf(results).every((events) => events.at(-1)?.t === 'stopped'),
    'the trials to leave',
  );
  run.kill('SIGINT');
  const stopped = await run;
  expect(stopped.exitCode, `${stopped.signal} ${stopped.all}`).toBe(130);
  expect(stopped.all).toContain('the next sweep run reads what is missing');
  const { written, stored } = points(results);
  expect(stored).toBeLessThan(written);
  other.exec('rollback');
  other.close();

  const again = sweep(folder, 'run', 'it.yaml');
  await until(() => points(results).stored > written, 'the trials to go on');
  again.kill('SIGINT');
  expect((await again).exitCode).toBe(3);
  const after = points(results);
  expect(after.stored).toBe(after.written);
});

test('while a database is held, its trials are not taken for ones that hang', async () => {
  const results = path.join(temporaryFolder(), 'results');
  folders.push(path.dirname(results));
  const store = openStore(results);
  const trial = { key: 'abc', parameters: {}, seed: 1, budget: { updates: 9 }, dataFingerprint: '' };
  storeSweep(store, { name: 'it', question: '', source: '', varied: [], updated: 0 }, [trial]);
  store.close();
  const other = open(results);
  other.exec('begin immediate');
  const thread = openIngestThread(results, () => undefined);
  let signs = 0;
  thread.call('startAttempt', 'abc', 1, 0);
  thread.follow('abc', 1, (events) => (signs += events.length));
  await until(() => signs > 2, 'signs of life');
  other.exec('rollback');
  other.close();
  await thread.close();
});

test('a database that is let go again is made up for at once; meanwhile it can be read', async () => {
  const { folder, results } = await makeProject(400, 3);
  const run = sweep(folder, 'run', 'it.yaml');
  await untilStored(results);
  const other = open(results);
  other.exec('begin immediate');
  await until(() => eventsOf(results).some((events) => events.at(-1)?.t === 'done'), 'a trial to end');
  other.exec('rollback');
  other.close();
  const ended = await run;
  expect(ended.exitCode, ended.all).toBe(0);
  expect(points(results)).toEqual({ written: 1200, stored: 1200 });
});

test('a database that is damaged in the middle stops the sweep with 4; its trials have saved; nothing is lost', async () => {
  const { folder, results } = await makeProject(1e9, 2);
  const run = sweep(folder, 'run', 'it.yaml');
  await untilStored(results);
  const other = open(results);
  other.exec('drop table metrics');
  other.close();
  const stopped = await run;
  expect(stopped.exitCode, stopped.all).toBe(4);
  expect(stopped.all).toContain('sweep.db is damaged (no such table: metrics)');
  expect(eventsOf(results).map((events) => events.at(-1)?.t)).toEqual(['stopped', 'stopped']);

  for (const ending of ['', '-wal', '-shm'])
    fs.rmSync(path.join(results, `sweep.db${ending}`), { force: true });
  const { written } = points(results);
  const again = sweep(folder, 'run', 'it.yaml');
  await until(() => points(results).stored > written, 'the trials to go on');
  again.kill('SIGINT');
  expect((await again).exitCode).toBe(3);
  const after = points(results);
  expect(after.stored).toBe(after.written);
});
