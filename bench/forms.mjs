/**
 * @file Winograd's form of the residual blocks against the direct form, by turns in one process: npm run bench:forms -- [cell]...
 * The table behind `formOf` in src/train/winograd.ts. A cell is patch,batch,filters,blocks.
 */
import { performance } from 'node:perf_hooks';
import { openEngine } from '../dist/engines/open.js';
import { compileStep } from '../dist/train/step.js';
import { bankShapes } from '../dist/train/bank.js';
import { parametersOf, startOf } from './engines/cell.mjs';
import { goalLine, median, table } from './print.mjs';

const CELLS = [
  '64,16,4,3',
  '64,16,8,3',
  '64,16,16,3',
  '64,4,32,3',
  '64,1,8,3',
  '64,1,64,2',
  '128,2,16,3',
  '128,1,64,2',
  '256,1,16,3',
];
const UPDATES = 9;

const engine = await openEngine('onnx', { threads: 1 });
const rows = [];
for (const cell of process.argv.length > 2 ? process.argv.slice(2) : CELLS) {
  const parameters = parametersOf(cell);
  const { bank: values, X, Y } = startOf(parameters);
  const forms = [];
  for (const winograd of [false, true]) {
    const form = { winograd, memory: 'auto' };
    const bank = engine.createBank(bankShapes(parameters, form));
    for (const [name, each] of Object.entries(values)) bank.write(name, each);
    forms.push({ bank, step: await compileStep(engine, bank, parameters, { form }), seconds: [] });
  }
  for (let update = 1; update <= 2 + UPDATES; update++) {
    for (const { bank, step, seconds } of forms) {
      const begun = performance.now();
      await step.run(bank, { X, Y, update });
      if (update > 2) seconds.push((performance.now() - begun) / 1e3); // the first two allocate
    }
  }
  const [direct, winograd] = forms.map(({ seconds }) => median(seconds));
  rows.push({ cell, direct, winograd, ratio: direct / winograd });
  for (const { bank, step } of forms) {
    await step.dispose();
    bank.dispose();
  }
}
await engine.dispose();
console.log('onnx on cpu, 1 thread, seconds an update (medians)\n');
table([
  ['patch,batch,filters,blocks', 'direct', 'Winograd', 'times as fast'],
  ...rows.map(({ cell, direct, winograd, ratio }) => [
    cell,
    direct.toFixed(3),
    winograd.toFixed(3),
    ratio.toFixed(2),
  ]),
]);
console.log('');
console.log(goalLine('winograd_slowest', Math.min(...rows.map(({ ratio }) => ratio)), 'of_direct', '>=', 1));
