/** @file Preloaded into every thread: notes how long each transaction of a thread takes, from begin to commit, in milliseconds. */
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import Database from 'better-sqlite3';

const make = Database.prototype.transaction;
Database.prototype.transaction = function (work) {
  const transaction = make.call(this, work);
  const { deferred, exclusive, immediate } = transaction;
  const timed = (...args) => {
    if (this.inTransaction) return immediate(...args); // a part of another
    const begun = performance.now();
    const result = immediate(...args);
    if (!isMainThread) fs.appendFileSync(process.env.BENCH_COMMITS, `${performance.now() - begun}\n`);
    return result;
  };
  return Object.assign((...args) => transaction(...args), { deferred, exclusive, immediate: timed });
};
