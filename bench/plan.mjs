/**
 * @file How long a sweep file of 100,000 trials takes to become a list of them. After a build: node bench/plan.mjs
 * Each figure is the median of several runs in one process, the first of which is left out.
 */
import os from 'node:os';
import { performance } from 'node:perf_hooks';
import { expandTrials } from '../dist/definition/expand.js';
import { trialKey } from '../dist/definition/key.js';
import { readDefinition } from '../dist/definition/read.js';

const RUNS = 7;
const HEAD = 'name: bench\ndata: { phantom: radiograph }\nbudget: { pixels: 40M }\n';
const FILES = {
  'crossed: 10 x 10 x 10 x 10 settings, 10 seeds': `${HEAD}grid:
  patch: { from: 64, to: 640, step: 64 }
  batch: { from: 1, to: 10, step: 1 }
  lambda: { from: 1, to: 10, step: 1 }
  lr: { from: 1e-5, to: 1e-3, log: true, count: 10 }
seeds: 10`,
  'drawn: 100,000 Sobol points of 4 parameters': `${HEAD}grid:
  draw:
    method: sobol
    count: 100000
    space:
      patch: { from: 64, to: 640 }
      batch: [1, 2, 4, 8]
      lambda: { from: 1, to: 10 }
      lr: { from: 1e-5, to: 1e-3, log: true }`,
};
const INGREDIENTS = {
  budget: { pixels: 40e6 },
  dataFingerprint: 'bench',
  split: { train: 0.7, validation: 0.15, test: 0.15 },
  pairing: 'by-name',
  range: 'auto',
};

console.log(`${os.cpus().length} x ${os.cpus()[0]?.model.trim()}, 1 thread, node ${process.version}`);
const rows = Object.entries(FILES).map(([name, text]) => {
  const definition = readDefinition(text, 'bench.yaml');
  const { trials } = expandTrials(definition);
  return {
    name,
    trials: trials.length,
    list: seconds(() => expandTrials(definition)),
    read: seconds(() => readDefinition(text, 'bench.yaml')),
    keys: seconds(() => trials.forEach((trial) => trialKey({ ...INGREDIENTS, ...trial }))),
  };
});
console.log('file                                           trials  list s  read and check s  keys s');
for (const { name, trials, list, read, keys } of rows) {
  const cells = [
    String(trials).padStart(6),
    list.toFixed(2).padStart(6),
    read.toFixed(2).padStart(16),
    keys.toFixed(2).padStart(6),
  ];
  console.log([name.padEnd(45), ...cells].join('  '));
}
const slowest = Math.max(...rows.map(({ list }) => list));
console.log(
  `goal plan_100k_trials ${Number(slowest.toPrecision(3))} s <= 1 ${slowest <= 1 ? 'ok' : 'short'}`,
);

/** Median time of a call, in seconds. */
function seconds(call) {
  const times = Array.from({ length: RUNS + 1 }, () => {
    const begun = performance.now();
    call();
    return (performance.now() - begun) / 1000;
  });
  return times.slice(1).toSorted((a, b) => a - b)[RUNS >> 1];
}
