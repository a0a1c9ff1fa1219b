/**
 * @file One of our engines as a peer: node step-worker.mjs TASK.json. It speaks as bench/cyclegan_torch.py does: warms up, says
 * so in a line of JSON, then takes as many updates as each line that it reads asks for. What it computes is a trial's own step.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { openEngine } from '../../dist/engines/open.js';
import { bankShapes, compileStep } from '../../dist/train/step.js';
import { startOf } from './cell.mjs';

const {
  engine: name,
  device,
  threads,
  parameters,
  memory,
  profile,
} = JSON.parse(readFileSync(process.argv[2]));

const begun = performance.now();
const engine = await openEngine(name, { threads, device, profile });
const bank = engine.createBank(bankShapes(parameters));
const { X, Y } = start();
const step = await compileStep(engine, bank, parameters, { microBatch: 'auto', memory });
const compiled = secondsSince(begun);

let updates = 0;
const update = () => step.run(bank, { X, Y, update: ++updates });
const { metrics: losses } = await update();
await update();
say({ losses, compiled, versions: engine.versions, microBatch: step.microBatch });
for await (const line of createInterface({ input: process.stdin })) {
  const seconds = [];
  for (let index = 0; index < Number(line); index++) {
    const before = performance.now();
    await update();
    seconds.push(secondsSince(before));
  }
  say({ seconds });
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

function secondsSince(moment) {
  return (performance.now() - moment) / 1e3;
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
