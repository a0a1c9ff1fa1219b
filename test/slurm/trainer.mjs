/**
 * @file A trial that counts: `node trainer.mjs UPDATES SEED [HOLD]`. Its numbers follow from seed and update alone. It saves a checkpoint
 * every other update and goes on from the last one; its first attempt waits at update HOLD until it is asked to stop, is killed, or
 * finds the file `go` in the folder that it is started in. It says in `started` there which attempt began on which node and GPU.
 */
import fs from 'node:fs';
import path from 'node:path';

const { SWEEP_TRIAL_DIR, SWEEP_EVENTS, SWEEP_ATTEMPT, SWEEP_RESUME, CUDA_VISIBLE_DEVICES, SLURMD_NODENAME } = process.env; // prettier-ignore
const [updates, seed, hold = 0] = process.argv.slice(2).map(Number);
const emit = (event) => fs.appendFileSync(SWEEP_EVENTS, JSON.stringify(event) + '\n');

let asked = false;
process.on('SIGTERM', () => (asked = true));

let step = SWEEP_RESUME ? JSON.parse(fs.readFileSync(path.join(SWEEP_RESUME, 'state.json'), 'utf8')).step : 0;
const begun = { key: path.basename(SWEEP_TRIAL_DIR), attempt: Number(SWEEP_ATTEMPT), from: step, node: SLURMD_NODENAME ?? null, gpus: CUDA_VISIBLE_DEVICES ?? null, pid: process.pid }; // prettier-ignore
fs.appendFileSync('started', JSON.stringify(begun) + '\n');
emit({
  t: 'start',
  engine: 'none',
  device: 'cpu',
  threads: 1,
  host: 'any',
  pid: process.pid,
  updates,
  from: step,
});

while (step < updates && !asked) {
  step++;
  emit({ t: 'metric', step, wall: 1000 + step, pixels: 64 * step, v: { 'loss/G': seed / step, 'loss/D': 1 / (seed + step) } }); // prettier-ignore
  if (step % 2 === 0) save();
  if (step === hold && SWEEP_ATTEMPT === '1') while (!asked && !fs.existsSync('go')) await pause(20);
}
if (step < updates) {
  save();
  emit({ t: 'stopped', step, reason: 'asked to stop' });
} else {
  emit({ t: 'exam', step, split: 'test', v: { 'exam/psnr': 20 + seed }, images: [] });
  emit({ t: 'done', step, reason: 'it has counted' });
}

function save() {
  const folder = path.join(SWEEP_TRIAL_DIR, 'checkpoints');
  const whole = path.join(folder, `step-${step}`);
  if (fs.existsSync(whole)) return;
  const temporary = path.join(folder, `.step-${step}.${SWEEP_ATTEMPT}.tmp`);
  fs.mkdirSync(temporary, { recursive: true });
  const state = JSON.stringify({ step });
  fs.writeFileSync(path.join(temporary, 'state.json'), state);
  fs.renameSync(temporary, whole);
  emit({ t: 'checkpoint', step, path: `checkpoints/step-${step}`, bytes: state.length, kind: 'last' });
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
