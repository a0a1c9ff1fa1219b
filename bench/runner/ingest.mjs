/**
 * @file How fast events come into the database: node ingest.mjs FOLDER TRIALS EVENTS. Prints JSON.
 * First by the runner's own thread while the files grow and a reader reads; then the same lines by a bare loop.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { openIngestThread } from '../../dist/runner/ingest-thread.js';
import { databasePath, openStore } from '../../dist/store/open.js';
import { storeSweep } from '../../dist/store/writer.js';
import { NAMES, eventsFiles, keys } from './trials.mjs';

const [folder, trials, events] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const points = trials * events * NAMES.length;
const results = path.join(folder, 'results');
const ours = await byThread();
const bare = await byBareLoop(path.join(folder, 'bare.db'));
console.log(
  JSON.stringify({
    points,
    ours: points / ours.seconds,
    bare: points / bare.seconds,
    bytes: ours.bytes / points,
    bareBytes: bare.bytes / points,
  }),
);

/** Files that grow side by side, and a reader of the database: while both ways are timed. */
async function beside({ database, sql, grown }, work) {
  const reader = new Worker(new URL('./reader.mjs', import.meta.url), { workerData: { database, sql } });
  const script = fileURLToPath(new URL('./append.mjs', import.meta.url));
  const begun = performance.now();
  const writers = spawn(process.execPath, [script, grown, String(trials), String(events)], {
    stdio: 'inherit',
  });
  const written = new Promise((resolve) => writers.on('exit', resolve));
  await work(written);
  const seconds = (performance.now() - begun) / 1000;
  if ((await written) !== 0) throw new Error('append.mjs failed');
  await reader.terminate();
  return seconds;
}

async function byThread() {
  const store = openStore(results);
  const entry = (key) => ({ key, parameters: {}, seed: 1, budget: { updates: events }, dataFingerprint: '' });
  storeSweep(
    store,
    { name: 'bench', question: '', source: '', varied: [], updated: 0 },
    keys(trials).map(entry),
  );
  store.close();
  const thread = openIngestThread(results, console.error);
  const database = databasePath(results);
  const sql = 'select step, value from metrics where trial = 1 and name = 1 order by step limit 1000';
  const seconds = await beside({ database, sql, grown: results }, async (written) => {
    const following = keys(trials).map((key) => {
      thread.call('startAttempt', key, 1, 0);
      return thread.follow(key, 1, () => undefined);
    });
    await written;
    await Promise.all(following.map((one) => one.finished()));
  });
  await thread.close();
  return { seconds, bytes: sizeOf(database) };
}

/** Reads file after file, parses line after line, inserts point after point, by one prepared statement in transactions of 1000 lines. */
async function byBareLoop(file) {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.exec(
    'create table metrics (trial integer, attempt integer, name text, step integer, wall real, pixels real, value real)',
  );
  const insert = db.prepare('insert into metrics values (?, ?, ?, ?, ?, ?, ?)');
  const sql = 'select step, value from metrics order by rowid desc limit 1000';
  const loop = () =>
    eventsFiles(results, trials).forEach((events, trial) => {
      const lines = fs.readFileSync(events, 'utf8').split('\n');
      for (let at = 0; at < lines.length; at += 1000) {
        db.exec('begin');
        for (const line of lines.slice(at, at + 1000)) {
          if (line === '') continue;
          const { step, wall, pixels, v } = JSON.parse(line);
          for (const name in v) insert.run(trial, 1, name, step, wall, pixels, v[name]);
        }
        db.exec('commit');
      }
    });
  const seconds = await beside({ database: file, sql, grown: path.join(folder, 'grown') }, loop);
  db.close();
  return { seconds, bytes: sizeOf(file) };
}

/** Bytes of a database that is closed, all of whose points are there. */
function sizeOf(file) {
  const db = new Database(file);
  const stored = db.prepare('select count(*) from metrics').pluck().get();
  if (stored !== points) throw new Error(`${file}: ${stored} of ${points} points were stored`);
  db.pragma('wal_checkpoint(truncate)');
  db.close();
  return fs.statSync(file).size;
}
