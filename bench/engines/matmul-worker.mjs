/** @file The machine's limit as a peer: a large matrix product by the same runtime. Speaks as step-worker.mjs does. */
import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { openEngine } from '../../dist/engines/open.js';

const { side, threads } = JSON.parse(readFileSync(process.argv[2]));
const engine = await openEngine('onnx', { threads });
const shape = [side, side];
const bank = engine.createBank({ a: shape, b: shape, product: shape });
for (const name of ['a', 'b'])
  bank.write(
    name,
    Float32Array.from({ length: side ** 2 }, (_, i) => (i % 7) - 3),
  );
const program = await engine.compile(
  {
    name: 'product',
    inputs: {},
    reads: ['a', 'b'],
    writes: ['product'],
    run: ({ a, b }) => ({ product: tf.matMul(a, b) }),
  },
  bank,
);
await program.run(bank, {});
console.log(JSON.stringify({ multiplyAdds: side ** 3 }));
for await (const line of createInterface({ input: process.stdin })) {
  const seconds = [];
  for (let index = 0; index < Number(line); index++) {
    const begun = performance.now();
    await program.run(bank, {});
    seconds.push((performance.now() - begun) / 1e3);
  }
  console.log(JSON.stringify({ seconds, processor: 0 }));
}
