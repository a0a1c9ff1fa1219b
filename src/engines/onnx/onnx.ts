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
import type { GpuBank } from './gpu-bank.js';
import { copyModel, COPY_OUTPUT, createGpuBank } from './gpu-bank.js';
import { firstRefused } from './culprit.js';
import { writableInPlace } from './in-place.js';
import type { Graph } from './proto.js';
import { encodeModel } from './proto.js';
import type { Target } from './recorder.js';
import type { Traced } from './trace.js';
import { resultName, trace } from './trace.js';
import { chooseWebgpuAdapter } from './webgpu.js';

export interface OnnxOptions {
  threads: number;
  /** `cpu`, `webgpu:0`, `cuda:0`. */
  device: string;
}

/** @throws EngineError, kind `device`, if the device is not there or cannot be computed on */
export function openOnnxEngine(options: OnnxOptions): Promise<Engine> {
  const [kind, index = '0'] = options.device.split(':');
  if (kind === 'webgpu') return openOnWebgpu(options.threads, Number(index));
  if (kind === 'cpu') return Promise.resolve(openOnCpu(options));
  return Promise.reject(new EngineError(`onnx on ${options.device}: not yet`, 'device'));
}

function openOnCpu({ threads, device }: OnnxOptions): Engine {
  return {
    ...facts(threads, device),
    createBank: createOnnxBank,
    compile: async (spec, bank) => {
      const traced = trace(spec, bank.shapes, { device: 'cpu' });
      return hostProgram(spec, traced, await createSession(spec.name, traced, threads));
    },
    dispose: () => Promise.resolve(),
  };
}

async function openOnWebgpu(threads: number, index: number): Promise<Engine> {
  const adapter = await chooseWebgpuAdapter(index);
  const target: Target = { device: 'webgpu' };
  const copy = (location: Location): Promise<InferenceSession> =>
    naming('copy', () =>
      InferenceSession.create(copyModel(), {
        ...sessionOptions(threads),
        ...WEBGPU,
        preferredOutputLocation: { [COPY_OUTPUT]: location },
      }),
    );
  const copies = { up: await copy('gpu-buffer'), down: await copy('cpu') };
  const { versions, ...rest } = facts(threads, `webgpu:${index}`);
  return {
    ...rest,
    versions: { ...versions, adapter: adapter.name },
    createBank: (shapes) => createGpuBank(shapes, copies),
    compile: async (spec, bank) => {
      const traced = trace(spec, bank.shapes, target);
      const on = { ...WEBGPU, preferredOutputLocation: staying(spec.writes) };
      return gpuProgram(spec, traced, await createSession(spec.name, traced, threads, on));
    },
    dispose: async () => {
      await copies.up.release();
      await copies.down.release();
    },
  };
}

function facts(threads: number, device: string): Pick<Engine, 'name' | 'device' | 'threads' | 'versions'> {
  return {
    name: 'onnx',
    device,
    threads,
    versions: {
      'onnxruntime-node': onnxruntime.env.versions.node ?? 'unknown',
      '@tensorflow/tfjs': tf.version.tfjs,
    },
  };
}

// ---- Sessions

type Location = 'cpu' | 'gpu-buffer';

function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableMemPattern: false, // a third less memory, at no cost in time
    logSeverityLevel: 3,
  };
}

/** A node that the provider lacks is an error, not a silent detour over the CPU. */
const WEBGPU: InferenceSession.SessionOptions = {
  executionProviders: ['webgpu'],
  extra: { session: { disable_cpu_ep_fallback: '1' } },
  logSeverityLevel: 4, // what goes wrong is thrown as well, and told by us
};

/** @param on what the session differs in from one on the CPU */
function createSession(
  what: string,
  { graph }: Traced,
  threads: number,
  on: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  return naming(what, async () => {
    try {
      return await InferenceSession.create(encodeModel(graph), { ...sessionOptions(threads), ...on });
    } catch (error) {
      throw leftToCpu(error) ? await explainLeftToCpu(graph, error) : error;
    }
  });
}

/** Names of results that stay on the GPU. */
function staying(names: readonly string[]): Record<string, Location> {
  return Object.fromEntries(names.map((name) => [resultName(name), 'gpu-buffer']));
}

/** Whether a session was refused since the provider lacks some op. */
function leftToCpu(error: unknown): boolean {
  return error instanceof Error && /assigned to the default CPU EP/.test(error.message);
}

async function explainLeftToCpu(graph: Graph, cause: unknown): Promise<EngineError> {
  const culprit = await firstRefused(graph, async (part) => {
    try {
      await (await InferenceSession.create(encodeModel(part), { ...sessionOptions(1), ...WEBGPU })).release();
      return true;
    } catch (error) {
      return !leftToCpu(error);
    }
  });
  const { op = 'an op', domain = '' } = culprit?.node ?? {};
  return new EngineError(
    `the WebGPU provider cannot compute ${domain && `${domain}.`}${op} (node ${(culprit?.index ?? 0) + 1} of ` +
      `${graph.nodes.length}), and nothing is computed on the CPU in its place: its kernel in src/engines/onnx/kernels must ` +
      'express it otherwise for this device',
    'cannot-trace',
    { cause },
  );
}

// ---- Programs

/** Runs on tensors in the host's memory, written in place where that is safe. */
function hostProgram(spec: ProgramSpec, traced: Traced, session: InferenceSession): Program {
  const inPlace = writableInPlace(traced.graph, new Map(spec.writes.map((name) => [name, resultName(name)])));
  const outputs = Object.entries(traced.outputs).map(([name, shape]): [string, Tensor] => [
    name,
    new Tensor('float32', new Float32Array(sizeOf(shape)), shape),
  ]);
  return {
    run: async (anyBank, inputs, renamed = (name) => name) => {
      const bank = asHostBank(anyBank);
      const feeds = feedsOf(spec, inputs);
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
    dispose: () => session.release(),
  };
}

/** Runs on tensors in the GPU's memory; inputs go up and outputs come down, what is read and written stays. */
function gpuProgram(spec: ProgramSpec, traced: Traced, session: InferenceSession): Program {
  return {
    run: async (anyBank, inputs, renamed = (name) => name) => {
      const bank = asGpuBank(anyBank);
      const feeds = feedsOf(spec, inputs);
      const results = await naming(spec.name, async () => {
        for (const name of spec.reads) feeds[name] = await bank.current(renamed(name));
        return session.run(feeds);
      });
      const result = (name: string): Tensor => results[resultName(name)] as Tensor;
      for (const name of spec.writes) bank.replace(renamed(name), result(name));
      return Object.fromEntries(Object.keys(traced.outputs).map((name) => [name, numbers(result(name))]));
    },
    dispose: () => session.release(),
  };
}

function feedsOf(spec: ProgramSpec, inputs: Record<string, Float32Array>): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(spec.inputs)) {
    feeds[name] = new Tensor('float32', fed(spec, inputs, name), shape);
  }
  return feeds;
}

function asHostBank(bank: Bank): OnnxBank {
  if (!('swap' in bank)) throw new TypeError('the bank belongs to another engine');
  return bank as OnnxBank;
}

function asGpuBank(bank: Bank): GpuBank {
  if (!('replace' in bank)) throw new TypeError('the bank belongs to another engine');
  return bank as GpuBank;
}

/** Says what onnxruntime was doing when it failed, and tells a lack of memory from other faults. */
async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const kind = error instanceof EngineError ? error.kind : outOfMemory(error) ? 'out-of-memory' : 'fault';
    throw new EngineError(`onnxruntime, ${what}: ${message}`, kind, { cause: error });
  }
}
