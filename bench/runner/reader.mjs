/** @file A thread that reads a thousand points ten times a second while others write, as a report does. */
import { setTimeout } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';

const db = new Database(workerData.database, { readonly: true });
const read = db.prepare(workerData.sql);
for (;;) {
  read.all();
  await setTimeout(100);
}
