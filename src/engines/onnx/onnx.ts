/** @file The default engine: a program is traced once into one ONNX graph, which onnxruntime optimises and runs. */
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import * as onnxruntime from 'onnxruntime-node';
import type { Bank, Engine, Program, ProgramSpec } from '../engine.js';
import { EngineError } from '../engine.js';
import { outOfMemory } from '../out-of-memory.js';
import { fed, sizeOf } from '../spec.js';
import type { OnnxBank } from './bank.js';
import { createOnnxBank, numbers } from './bank.js';
import { writableInPlace } from './in-place.js';
import { encodeModel } from './proto.js';
import type { Traced } from './trace.js';
import { resultName, trace } from './trace.js';

export interface OnnxOptions {
  threads: number;
  /** `cpu`, `webgpu:0`, `cuda:0`. */
  device: string;
  /** Where to write onnxruntime's profile of each program when it is disposed of: the beginning of the files' paths. */
  profile?: string;
}

export function openOnnxEngine({ threads, device, profile }: OnnxOptions): Engine {
  if (device !== 'cpu') throw new EngineError(`onnx on ${device}: not yet`, 'device');
  return {
    name: 'onnx',
    device,
    threads,
    versions: {
      'onnxruntime-node': onnxruntime.env.versions.node ?? 'unknown',
      '@tensorflow/tfjs': tf.version.tfjs,
    },
    createBank: createOnnxBank,
    compile: async (spec, bank) => {
      const traced = trace(spec, bank.shapes);
      const session = await createSession(encodeModel(traced.graph), threads, profile);
      return program(spec, traced, session, profile !== undefined);
    },
    dispose: () => Promise.resolve(),
  };
}

function createSession(model: Uint8Array, threads: number, profile?: string): Promise<InferenceSession> {
  return naming('compile', () =>
    InferenceSession.create(model, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      enableMemPattern: false, // a third less memory, at no cost in time
      logSeverityLevel: 3,
      ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
    }),
  );
}

function program(spec: ProgramSpec, traced: Traced, session: InferenceSession, profiled: boolean): Program {
  const inPlace = writableInPlace(traced.graph, new Map(spec.writes.map((name) => [name, resultName(name)])));
  const outputs = Object.entries(traced.outputs).map(([name, shape]): [string, Tensor] => [
    name,
    new Tensor('float32', new Float32Array(sizeOf(shape)), shape),
  ]);
  return {
    run: async (anyBank, inputs, renamed = (name) => name) => {
      const bank = asOnnxBank(anyBank);
      const feeds: Record<string, Tensor> = {};
      for (const [name, shape] of Object.entries(spec.inputs)) {
        feeds[name] = new Tensor('float32', fed(spec, inputs, name), shape);
      }
      for (const name of spec.reads) feeds[name] = bank.current(renamed(name));
      const fetches: Record<string, Tensor> = {};
      for (const [name, tensor] of outputs) fetches[resultName(name)] = tensor;
      for (const name of spec.writes) {
        const held = renamed(name);
        fetches[resultName(name)] = inPlace.has(name) ? bank.current(held) : bank.spare(held);
      }
      await naming(spec.name, () => session.run(feeds, fetches));
      for (const name of spec.writes) if (!inPlace.has(name)) bank.swap(renamed(name));
      return Object.fromEntries(outputs.map(([name, tensor]) => [name, numbers(tensor).slice()]));
    },
    dispose: () => {
      if (profiled) session.endProfiling();
      return session.release();
    },
  };
}

function asOnnxBank(bank: Bank): OnnxBank {
  if (!('swap' in bank)) throw new TypeError('the bank belongs to another engine');
  return bank as OnnxBank;
}

/** Says what onnxruntime was doing when it failed, and tells a lack of memory from other faults. */
async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new EngineError(
      `onnxruntime, ${what}: ${message}`,
      outOfMemory(error) ? 'out-of-memory' : 'fault',
      {
        cause: error,
      },
    );
  }
}
