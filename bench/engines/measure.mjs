/** @file Processes that take turns, so that only one computes at a time and what the machine does meanwhile falls on all. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { discriminatorLayers, generatorLayers } from '../../dist/geometry.js';
import { deviceEnvironment } from '../../dist/protocol.js';
import { median } from '../print.mjs';
import { parametersOf, writeStart } from './cell.mjs';
import { startPeer } from './peer.mjs';
import { SCRIPT } from './torch.mjs';

/** Pause between turns, ms: idle threads of a pool spin for a while before they sleep. */
const PAUSE = 100;

/** Where peers are told their tasks and leave their profiles; `finish` removes it. */
export const work = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-engines-'));
const open = new Set();

export async function finish() {
  await close(...open);
  fs.rmSync(work, { recursive: true, force: true });
}

export async function close(...peers) {
  for (const each of peers) {
    await each.close();
    open.delete(each);
  }
}

async function start(name, command, task, environment) {
  const peer = await startPeer(name, command, task, { folder: work, environment });
  open.add(peer);
  return peer;
}

/** A trial's step by one of our engines; `more` goes into the task of step-worker.mjs. */
export function ours(cell, threads, { engine = 'onnx', device = 'cpu', ...more } = {}) {
  const task = { engine, device, threads, parameters: parametersOf(cell), ...more };
  const worker = fileURLToPath(new URL('step-worker.mjs', import.meta.url));
  return start(`${engine} on ${device}`, [process.execPath, worker], task, deviceEnvironment(device));
}

/** The same update in PyTorch. @param way one of the ways to run it */
export function theirs(cell, threads, torch, { name, compile, channels_last, environment }) {
  const parameters = parametersOf(cell);
  const tensors = path.join(work, `${cell}.safetensors`);
  if (!fs.existsSync(tensors)) writeStart(parameters, tensors);
  const task = {
    parameters,
    tensors,
    threads,
    compile,
    channels_last,
    generator: generatorLayers(parameters),
    discriminator: discriminatorLayers(parameters),
  };
  const cache = { TORCHINDUCTOR_CACHE_DIR: path.join(work, 'inductor') };
  return start(`PyTorch, ${name}`, [torch.python, SCRIPT], task, { ...cache, ...environment });
}

/** The machine's limit: a product of two matrices of `side` rows and columns in the same runtime. */
export function product(side, threads) {
  const worker = fileURLToPath(new URL('matmul-worker.mjs', import.meta.url));
  return start('product', [process.execPath, worker], { side, threads }, {});
}

/**
 * Lets the peers take turns.
 * @param turn about how long one is, seconds
 * @returns for each: `seconds` of its updates, `processor` seconds of its updates together, `peak` bytes
 */
export async function interleave(peers, rounds, turn) {
  const measured = peers.map(() => ({ seconds: [], processor: 0, peak: undefined }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, peer] of peers.entries()) {
      const all = measured[index];
      const updates = round === 0 ? 1 : Math.max(1, Math.round(turn / median(all.seconds)));
      const { seconds, processor, peak } = await peer.run(updates);
      all.seconds.push(...seconds);
      all.processor += processor;
      all.peak = peak;
      await setTimeout(PAUSE);
    }
  }
  return measured;
}
