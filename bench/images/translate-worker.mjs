/**
 * @file Translates one image again and again, in a process of its own for its peak: node translate-worker.mjs TASK.json. It says
 * so in a line of JSON, then translates once for each line that it reads, and says how long that took.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import { openEngine } from '../../dist/engines/open.js';
import { generatorShapes, initialWeights } from '../../dist/train/networks.js';
import { openTranslator } from '../../dist/train/translator.js';

const { parameters, side, tile, threads, out } = JSON.parse(readFileSync(process.argv[2]));
const engine = await openEngine('onnx', { threads });
const translator = open();
const image = Float32Array.from({ length: side ** 2 }, (_, i) => {
  const [row, column] = [Math.floor(i / side), i % side];
  return Math.tanh(row / side + 0.5 * Math.sin(column / 50) - 0.6 + 0.3 * Math.sin(i * 12.9898));
});
console.log(JSON.stringify({ held: memory('VmRSS') }));
const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
while (!(await asked.next()).done) {
  const before = process.cpuUsage();
  const begun = performance.now();
  const { values, way } = await translator.translate(image, side, side);
  const seconds = (performance.now() - begun) / 1e3;
  const { user, system } = process.cpuUsage(before);
  writeFileSync(out, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  console.log(JSON.stringify({ seconds, processor: (user + system) / 1e6, way, peak: memory('VmHWM') }));
}

/** A function, so that all that is not the generator's can go. */
function open() {
  let state = 7;
  const draw = () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
  const shapes = generatorShapes(parameters);
  const values = initialWeights(shapes, () => 2 * draw());
  const weights = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`G/${name}`, { shape, values: values[name] }])); // prettier-ignore
  return openTranslator(engine, { parameters, network: 'G', weights, tile });
}

/** Bytes; Linux alone tells. */
function memory(what) {
  try {
    return (
      1024 * Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    );
  } catch {
    return undefined;
  }
}
