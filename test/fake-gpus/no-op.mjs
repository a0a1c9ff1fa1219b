/**
 * @file A trial that computes nothing: `node no-op.mjs [NAME=VALUE ...]`. It says in FAKE_GPU_LOG which GPU it was given and
 * when it came and went. wait=FILE: stays until that file is there; held=MIB: "holds" so much of the GPU's memory;
 * stubborn=1: goes on when its runner is gone or it is asked to stop.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setInterval } from 'node:timers';

const options = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const { SWEEP_EVENTS, SWEEP_DEVICE, CUDA_VISIBLE_DEVICES, FAKE_GPU_LOG, FAKE_GPU_PROCESSES, SWEEP_TRIAL_DIR } = process.env; // prettier-ignore
const gpu = CUDA_VISIBLE_DEVICES ?? SWEEP_DEVICE;
const emit = (event) => fs.appendFileSync(SWEEP_EVENTS, JSON.stringify(event) + '\n');
const log = (what) =>
  fs.appendFileSync(FAKE_GPU_LOG, JSON.stringify({ what, pid: process.pid, gpu, name: path.basename(SWEEP_TRIAL_DIR) }) + '\n'); // prettier-ignore

log('start');
if (options.held)
  fs.writeFileSync(path.join(FAKE_GPU_PROCESSES, String(process.pid)), `${gpu} ${options.held}`);
emit({ t: 'start', from: 0, updates: 1, engine: 'no-op', device: SWEEP_DEVICE, pid: process.pid });
const leave = (event) => {
  emit(event);
  log('end');
  process.exit(0);
};
if (!options.stubborn) {
  const stop = () => leave({ t: 'stopped', step: 0, reason: 'asked to stop' });
  process.on('SIGTERM', stop);
  process.stdin.on('end', stop).on('error', stop).resume();
} else process.on('SIGTERM', () => undefined);
const look = () => {
  if (options.wait && !fs.existsSync(options.wait)) return;
  emit({ t: 'metric', step: 1, wall: Date.now() / 1000, pixels: 0, v: { 'loss/G': 1 } });
  leave({ t: 'done', step: 1, reason: 'nothing to do' });
};
setInterval(look, 20);
look();
