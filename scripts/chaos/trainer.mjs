/**
 * @file A trial that costs nothing: it counts instead of training, and keeps a record of its own of what it wrote.
 * node trainer.mjs UPDATES SEED CELL, started by the runner as any trainer that is not ours.
 *
 * The record (one file a trial in CHAOS_RECORD, outside the results, synced to the disk line by line) is what loss is judged against:
 * a line stands there only after it stood in the events file as a whole.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { first, next, startTime } from './numbers.mjs';

const [updates, seed, cell] = process.argv.slice(2).map(Number);
const env = process.env;
const folder = env.SWEEP_TRIAL_DIR;
const attempt = Number(env.SWEEP_ATTEMPT);
const PACE = Number(env.CHAOS_PACE ?? 4);
const CHECKPOINT_EVERY = 7;
/** Every so many lines one is written in two halves with a pause between, which a kill then tears. */
const TORN_EVERY = 9;
/** A trial that hears nothing lives long enough to be an orphan, in milliseconds. */
const DEAF_FOR = 60_000;
/** Exit codes of a trial: try again, the disk is full. */
const [TRY_AGAIN, DISK_FULL] = [75, 74];

const file = path.join(env.CHAOS_RECORD, `${path.basename(folder)}.ndjson`);
const past = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []; // prettier-ignore
const record = fs.openSync(file, 'a');
const note = (entry) => {
  fs.writeSync(record, JSON.stringify({ attempt, ...entry }) + '\n');
  fs.fsyncSync(record);
};

// Two processes at one trial would write its steps twice.
for (const { pid, started } of past.filter(({ t }) => t === 'begin')) {
  if (startTime(pid) === started) note({ t: 'overlap', with: pid });
}

// A GPU holds one trial, by whichever runner: each says where it is while it lives, and looks who else is there.
if (env.CHAOS_GPUS) {
  const place = path.join(env.CHAOS_GPUS, env.CUDA_VISIBLE_DEVICES);
  const mine = `${process.pid}-${startTime(process.pid)}`;
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(path.join(place, mine), '');
  process.on('exit', () => fs.rmSync(path.join(place, mine)));
  for (const other of fs.readdirSync(place)) {
    const [pid, started] = other.split('-');
    if (other !== mine && startTime(pid) === started) note({ t: 'overlap', with: pid });
  }
}

let asked = false;
const stop = () => (asked = true);
if (env.CHAOS_DEAF === undefined) {
  process.on('SIGTERM', stop);
  process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();
}

const events = fs.openSync(env.SWEEP_EVENTS, 'a');
let lines = 0;
async function emit(event) {
  const line = JSON.stringify(event);
  if (++lines % TORN_EVERY === 0) {
    write(line.slice(0, line.length >> 1));
    await sleep(PACE);
    write(line.slice(line.length >> 1) + '\n');
  } else write(line + '\n');
  note({ t: 'wrote', line });
}

function write(text) {
  const bytes = Buffer.from(text);
  if (fs.writeSync(events, bytes) < bytes.length)
    throw Object.assign(new Error('the events file took only half a line'), { code: 'ENOSPC' });
}

async function main() {
  if (env.CHAOS_DEAF !== undefined) await sleep(DEAF_FOR);
  let [step, x] = [0, first(seed, cell)];
  if (env.SWEEP_RESUME) ({ step, x } = JSON.parse(fs.readFileSync(path.join(env.SWEEP_RESUME, 'state.json'), 'utf8'))); // prettier-ignore
  note({ t: 'begin', pid: process.pid, started: startTime(process.pid), from: step });
  await emit({ t: 'start', engine: 'none', engineReason: 'it counts', device: env.SWEEP_DEVICE, threads: Number(env.SWEEP_THREADS), versions: { node: process.version }, pid: process.pid, host: 'chaos', cpu: 'any', updates, from: step }); // prettier-ignore
  while (step < updates) {
    if (asked) {
      await save(step, x);
      await emit({ t: 'stopped', step, reason: 'asked to stop' });
      return;
    }
    [step, x] = [step + 1, next(x, step + 1)];
    await sleep(PACE);
    await emit({ t: 'metric', step, wall: Date.now() / 1000, pixels: step * 64, v: { 'loss/G': x, 'loss/D': 1 - x } }); // prettier-ignore
    if (step % CHECKPOINT_EVERY === 0) await save(step, x);
    if (step % 11 === 0) await emit({ t: 'warning', step, code: 'eleven', message: `update ${step} came` });
    if (step % 13 === 0) await emit({ t: 'of-its-own', step });
  }
  await save(step, x);
  await emit({ t: 'exam', step, split: 'test', v: { 'exam/psnr': 10 + x }, images: [] });
  await emit({ t: 'done', step, reason: 'it has counted' });
  note({ t: 'done' });
  await sleep(PACE);
}

let savedStep;
async function save(step, x) {
  if (step === savedStep) return;
  savedStep = step;
  const whole = path.join(folder, 'checkpoints', `step-${step}`);
  const state = JSON.stringify({ step, x });
  if (!fs.existsSync(whole)) {
    const temporary = path.join(folder, 'checkpoints', `.step-${step}.${process.pid}.tmp`);
    fs.mkdirSync(temporary, { recursive: true });
    fs.writeFileSync(path.join(temporary, 'state.json'), state, { flush: true });
    fs.renameSync(temporary, whole);
  }
  note({ t: 'saved', step });
  await emit({ t: 'checkpoint', step, path: `checkpoints/step-${step}`, bytes: state.length, kind: 'last' });
  for (const name of fs.readdirSync(path.dirname(whole))) {
    if (name !== path.basename(whole)) fs.rmSync(path.join(path.dirname(whole), name), { recursive: true, force: true }); // prettier-ignore
  }
  const sample = path.join('samples', `${step}.txt`);
  fs.mkdirSync(path.join(folder, 'samples'), { recursive: true });
  fs.writeFileSync(path.join(folder, sample), String(x));
  await emit({ t: 'sample', step, name: '0', path: sample, role: 'gx' });
}

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(error.code === 'ENOSPC' ? DISK_FULL : TRY_AGAIN);
}
