/**
 * @file One of our engines as a peer: node step-worker.mjs TASK.json. It speaks as bench/cyclegan_torch.py does: warms up, says
 * so in a line of JSON, then takes as many updates as each line that it reads asks for. What it computes is a trial's own step.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { openEngine } from '../../dist/engines/open.js';
import { compileStep } from '../../dist/train/step.js';
import { bankShapes } from '../../dist/train/bank.js';
import { openInForm } from '../../dist/train/lane.js';
import { describeForm } from '../../dist/train/form.js';
import { startOf } from './cell.mjs';

const task = JSON.parse(readFileSync(process.argv[2]));
const { parameters, threads, device, profile } = task;

const open = (threads) => openEngine(task.engine, { threads, device, profile });
const { engine, form } = await openInForm(task, threads, open);
const bank = engine.createBank(bankShapes(parameters, form));
const { X, Y } = start();
const step = await compileStep(engine, bank, parameters, { microBatch: 'auto', form });

let updates = 0;
const update = () => step.run(bank, { X, Y, update: ++updates });
const losses = [(await update()).metrics, (await update()).metrics];
say({
  losses,
  versions: engine.versions,
  form: describeForm(form),
});
for await (const line of createInterface({ input: process.stdin })) {
  const seconds = [];
  const before = process.cpuUsage();
  for (let index = 0; index < Number(line); index++) {
    const begun = performance.now();
    await update();
    seconds.push((performance.now() - begun) / 1e3);
  }
  const { user, system } = process.cpuUsage(before);
  say({ seconds, processor: (user + system) / 1e6 });
}
await step.dispose(); // writes the profile, where one is asked for
bank.dispose();
await engine.dispose();

/** Fills the bank; a function, so that the copies outside of it can go. */
function start() {
  const { bank: values, X, Y } = startOf(parameters);
  for (const [name, each] of Object.entries(values)) bank.write(name, each);
  return { X, Y };
}

function say(what) {
  console.log(JSON.stringify({ ...what, peak: peakMemory() }));
}

/** Bytes, of this process so far; undefined where the system does not tell. What getrusage tells includes the parent's. */
function peakMemory() {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
