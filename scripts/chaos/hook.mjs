/**
 * @file Loaded into every process of a sweep under test, by NODE_OPTIONS=--import. It changes no code of ours: it stands between
 * that code and Node, and there kills the runner at the very instant that a random kill would rarely find, or turns the clock.
 *
 * CHAOS_CRASH=POINT:N    SIGKILL to the runner itself at the Nth time that it passes the point
 * CHAOS_CLOCK=SEED       Date jumps about by up to a day, forward and back
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { randomFrom } from './numbers.mjs';

export const CRASH_POINTS = [
  'transaction', // all rows written, not committed
  'commit', // just committed
  'torn-journal', // half a line of a journal
  'before-journal',
  'after-journal',
  'before-rename', // a file is written under its other name
  'after-rename',
  'folder', // an attempt has its folder and nothing else
  'spawn', // a trial runs, and nobody has written down which process it is
];

const [point, nth] = (process.env.CHAOS_CRASH ?? '').split(':');
const isTrial = process.env.SWEEP_TRIAL_DIR !== undefined;
if (point && !isTrial) crashAt(point, Number(nth));
if (process.env.CHAOS_CLOCK) turnTheClock(Number(process.env.CHAOS_CLOCK) + process.pid);

function crashAt(point, nth) {
  let passed = 0;
  const pass = (name) => {
    if (name !== point || ++passed < nth) return;
    process.kill(process.pid, 'SIGKILL');
    for (;;); // never a step further
  };

  const Database = createRequire(import.meta.url)('better-sqlite3');
  const { transaction } = Database.prototype;
  Database.prototype.transaction = function (work) {
    const whole = transaction.call(this, (...given) => {
      const result = work(...given);
      pass('transaction');
      return result;
    });
    const behind =
      (run) =>
      (...given) => {
        const result = run(...given);
        pass('commit');
        return result;
      };
    const watched = behind(whole);
    for (const kind of ['default', 'deferred', 'immediate', 'exclusive']) watched[kind] = behind(whole[kind]);
    return watched;
  };

  const files = new Map();
  const { openSync, writeFileSync, renameSync, mkdirSync } = fs;
  fs.openSync = (file, ...rest) => {
    const descriptor = openSync(file, ...rest);
    files.set(descriptor, String(file));
    return descriptor;
  };
  fs.writeFileSync = (file, data, ...rest) => {
    const name = typeof file === 'number' ? (files.get(file) ?? '') : String(file);
    if (!name.endsWith('runner.ndjson')) return writeFileSync(file, data, ...rest);
    pass('before-journal');
    if (point === 'torn-journal' && passed + 1 === nth) writeFileSync(file, data.slice(0, data.length >> 1));
    pass('torn-journal');
    writeFileSync(file, data, ...rest);
    pass('after-journal');
  };
  fs.renameSync = (from, to) => {
    pass('before-rename');
    renameSync(from, to);
    pass('after-rename');
  };
  fs.mkdirSync = (folder, ...rest) => {
    const made = mkdirSync(folder, ...rest);
    if (/attempts.\d+$/.test(folder)) pass('folder');
    return made;
  };
  const { spawn } = childProcess;
  childProcess.spawn = (...given) => {
    const child = spawn(...given);
    if (given[2]?.env?.SWEEP_TRIAL_DIR !== undefined) pass('spawn');
    return child;
  };
  syncBuiltinESMExports();
}

function turnTheClock(seed) {
  const random = randomFrom(seed);
  const now = Date.now;
  const DAY = 86_400_000;
  let [shift, until] = [0, 0];
  const shifted = () => {
    if (performance.now() > until) [shift, until] = [(random() - 0.5) * 2 * DAY, performance.now() + random() * 500]; // prettier-ignore
    return Math.round(now() + shift);
  };
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length === 0 ? [shifted()] : given));
    }
    static now = shifted;
  };
}
