/** @file Our reader as a peer of decode.py: node decode-worker.mjs TASK.json */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import { readImage } from '../../dist/imaging/read.js';

const { files } = JSON.parse(readFileSync(process.argv[2]));
let sum = 0;
for (const file of files) for (const value of (await readImage(file)).data) sum += value;
console.log(JSON.stringify({ version: process.version, sum }));
for await (const line of createInterface({ input: process.stdin })) {
  const begun = performance.now();
  for (let index = 0; index < Number(line); index++) for (const file of files) await readImage(file);
  console.log(JSON.stringify({ seconds: (performance.now() - begun) / 1e3 }));
}
