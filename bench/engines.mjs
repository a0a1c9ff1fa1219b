/**
 * @file How fast the onnx engine trains: median seconds of an update, patches a second, processor time, memory.
 * After a build: node bench/engines.mjs [threads] [patch,batch,filters,blocks]...
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { openEngine } from '../dist/engines/open.js';
import { adamInputs } from '../dist/train/adam.js';
import { bankShapes, initialBank } from '../dist/train/step.js';
import { trainStep } from '../dist/train/whole-step.js';
import { resolveParameters } from '../dist/definition/parameters.js';

const WARM_UP = 2; // the first updates allocate
const UPDATES = 7;

const [threads = '1', ...given] = process.argv.slice(2);
const cells = given.length > 0 ? given : ['64,16,16,3', '64,16,8,3', '64,16,8,2', '128,2,16,3'];

let state = 7;
const noise = () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;

const engine = await openEngine('onnx', { threads: Number(threads) });
console.log(
  `onnx on ${engine.device}, ${threads} thread(s); ${cpus()[0]?.model}; ${JSON.stringify(engine.versions)}`,
);
console.log(
  'patch,batch,filters,blocks  compile s  update s  processor s  patches/s  peak GB of the process',
);
for (const cell of cells) {
  const [patch, batch, filters, blocks] = cell.split(',').map(Number);
  const parameters = resolveParameters({ patch, batch, filters, blocks, disc_filters: filters });
  const bank = engine.createBank(bankShapes(parameters));
  for (const [name, values] of Object.entries(initialBank(parameters, noise))) bank.write(name, values);
  const images = () => Float32Array.from({ length: batch * patch * patch }, noise);

  const begun = performance.now();
  const program = await engine.compile(trainStep(parameters), bank);
  const compiled = (performance.now() - begun) / 1e3;
  const seconds = [];
  let before = process.cpuUsage();
  for (let t = 1 - WARM_UP; t <= UPDATES; t++) {
    const inputs = { X: images(), Y: images(), ...adamInputs(parameters, t + WARM_UP) };
    if (t === 1) before = process.cpuUsage();
    const start = performance.now();
    await program.run(bank, inputs);
    if (t >= 1) seconds.push((performance.now() - start) / 1e3);
  }
  const used = process.cpuUsage(before);
  await program.dispose();
  bank.dispose();

  const median = seconds.sort((a, b) => a - b)[seconds.length >> 1];
  const processor = (used.user + used.system) / 1e6 / UPDATES;
  const columns = [
    compiled.toFixed(2),
    median.toFixed(3),
    processor.toFixed(3),
    (batch / median).toFixed(2),
    peak(),
  ];
  console.log(cell.padEnd(26), ...columns.map((column) => column.padStart(10)));
}

/** Peak memory of this process so far, where the system tells it. */
function peak() {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return (Number(kilobytes) / 1e6).toFixed(2);
  } catch {
    return '-';
  }
}
