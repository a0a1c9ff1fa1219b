/**
 * @file Appends events to many files side by side, as that many trials would: node append.mjs FOLDER TRIALS EVENTS.
 * The events are those of our trainer: ten numbers each, with all their digits.
 */
import fs from 'node:fs';
import path from 'node:path';
import { NAMES, eventsFiles } from './trials.mjs';

const [folder, trials, events] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
/** Events in one system call. */
const BLOCK = 10;

const files = eventsFiles(folder, trials).map((file) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return fs.openSync(file, 'a');
});
for (let step = 1; step <= events; step += BLOCK) {
  files.forEach((file, trial) => {
    let block = '';
    for (let at = step; at < Math.min(step + BLOCK, events + 1); at++) block += line(trial, at);
    fs.writeSync(file, block);
  });
}

function line(trial, step) {
  const v = {};
  NAMES.forEach((name, at) => (v[name] = Math.abs(Math.sin(step * (at + 1) + trial)) / (1 + at)));
  return JSON.stringify({ t: 'metric', step, wall: 1.7e9 + step * 0.137, pixels: 4096 * step, v }) + '\n';
}
