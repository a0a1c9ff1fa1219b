/** @file What is particular to WebAssembly: its memory, which ends at 4 GB and never shrinks, and a start that leaves no traces. */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../../definition/parameters.js';
import { compileStep } from '../../train/step.js';
import { bankShapes, initialBank } from '../../train/bank.js';
import { EngineError, type Engine } from '../engine.js';
import { openEngine } from '../open.js';
import { complain } from './wasm.js';

let listeners: number;
let engine: Engine;
beforeAll(async () => {
  await tf.setBackend('cpu');
  listeners = process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');
  engine = await openEngine('wasm', { threads: 2 });
});

describe('opening it', () => {
  it('says that it computes in one thread, whatever was asked for', () => {
    expect(engine.threads).toBe(1);
    expect(engine.versions['@tensorflow/tfjs-backend-wasm']).toBe('4.22.0');
  });

  it('leaves the active backend and the listeners of the process as they were', () => {
    expect(tf.getBackend()).toBe('cpu');
    const now = process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');
    expect(now).toBe(listeners);
  });

  it('refuses other devices', async () => {
    await expect(openEngine('wasm', { threads: 1, device: 'cuda:0' })).rejects.toThrow(/wasm.*cuda:0/);
  });
});

describe('memory', () => {
  // Just below and above what an address can say; a byte of it can never be had beside what is held already.
  it.each([4_294_900_000, 5e9])('that is not there is told, and nothing is lost: %i bytes', async (bytes) => {
    const bank = engine.createBank({ a: [1000] });
    bank.write('a', new Float32Array(1000).fill(3));
    const spec = {
      name: 'huge',
      inputs: {},
      reads: ['a'],
      writes: ['a'],
      run: ({ a }: Record<string, tf.Tensor>) => ({ a: tf.tile(a!, [bytes / 4000]) }),
    };
    const run = (await engine.compile(spec, bank)).run(bank, {});
    const error: unknown = await run.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ kind: 'out-of-memory', message: expect.stringMatching(/WebAssembly.*bytes.*4.29 GB/) as string }); // prettier-ignore
    expect(await bank.read('a')).toEqual(new Float32Array(1000).fill(3));
    bank.dispose();
  });

  it('that XNNPACK lacks ends the op, which it would not by itself', () => {
    const said = 'XNN status for xnn_create_fully_connected_nc_f32 is not successful. Got status 6. Use -c dbg to see XNN logs.'; // its words
    const printed: string[] = [];
    const print = (text: string): void => void printed.push(text);
    expect(() => complain(said, print)).toThrow(expect.objectContaining({ kind: 'out-of-memory' }) as Error);
    expect(() => complain(said.replace('6', '2'), print)).toThrow(expect.objectContaining({ kind: 'fault' }) as Error);
    complain('something else', print);
    expect(printed).toEqual(['something else']);
  });

  it('does not grow from update to update', async () => {
    const parameters = resolveParameters({ patch: 16, batch: 2, filters: 2, blocks: 1, disc_layers: 1, paired: 1 });
    const images = Float32Array.from({ length: 2 * 16 * 16 }, (_, i) => Math.sin(i));
    const backend = tf.engine().findBackend('wasm') as BackendWasm & { wasm: { HEAPU8: Uint8Array } };
    const bank = engine.createBank(bankShapes(parameters));
    const start = initialBank(parameters, () => 0.5);
    for (const [name, values] of Object.entries(start)) bank.write(name, values);
    const step = await compileStep(engine, bank, parameters, { microBatch: 1 });
    const held: number[][] = [];
    for (let update = 1; update <= 6; update++) {
      await step.run(bank, { X: images, Y: images, update });
      held.push([tf.memory().numTensors, backend.numDataIds(), backend.wasm.HEAPU8.length]);
    }
    expect(held[5]).toEqual(held[1]);
    await step.dispose();
    bank.dispose();
  });
}); // prettier-ignore
