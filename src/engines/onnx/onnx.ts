/** @file The default engine: a program is traced once into one ONNX graph, which onnxruntime optimises and runs. */
import * as tf from '@tensorflow/tfjs';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Bank, Engine, Program, ProgramSpec } from '../engine.js';
import { messageOf } from '../../errors.js';
import { EngineError } from '../engine.js';
import { outOfMemory } from '../../out-of-memory.js';
import { fed, sizeOf } from '../spec.js';
import { isGpuFault } from '../tensorflow/gpu.js';
import type { OnnxBank } from './bank.js';
import { createOnnxBank, numbers } from './bank.js';
import type { Copies, GpuBank } from './gpu-bank.js';
import { COPY, copyModel, createGpuBank } from './gpu-bank.js';
import { firstRefused } from './culprit.js';
import { cudaAdvice } from './cuda.js';
import { watchDeviceErrors } from './device-errors.js';
import { writableInPlace } from './in-place.js';
import type { Graph } from './proto.js';
import { encodeModel } from './proto.js';
import type { Target } from './recorder.js';
import { loadRuntime, type Runtime } from './runtime.js';
import type { Traced } from './trace.js';
import { resultName, trace } from './trace.js';
import { chooseWebgpuAdapter } from './webgpu.js';

export interface OnnxOptions {
  threads: number;
  /** `cpu`, `webgpu:0`, `cuda:0`. */
  device: string;
  /** On `cpu`: where onnxruntime writes a profile of each program when that is disposed of; the files' names begin so. */
  profile?: string;
}

/** @throws EngineError, kind `device`, if the device is not there or cannot be computed on */
export async function openOnnxEngine({ threads, device, profile }: OnnxOptions): Promise<Engine> {
  const [, kind, index = '0'] = /^(cpu|webgpu|cuda)(?::(\d+))?(?::\d+)?$/.exec(device) ?? [];
  switch (kind) {
    case 'cpu': {
      const on = profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile };
      return openInHostMemory({ runtime: loadRuntime(), threads, target: { device: 'cpu' }, on }, 'cpu');
    }
    case 'cuda':
      return openOnCuda(threads, Number(index));
    case 'webgpu':
      return openOnWebgpu(threads, Number(index));
    default:
      throw new EngineError(`onnx computes on cpu, cuda:N or webgpu:N, not on ${device}`, 'device');
  }
}

/** Where and how graphs run. */
interface Place {
  runtime: Runtime;
  threads: number;
  target: Target;
  /** What a session differs in from one on the CPU. */
  on: InferenceSession.SessionOptions;
}

/** Weights lie in the host's memory; a GPU gets a copy for each run. */
function openInHostMemory(place: Place, device: string): Engine {
  return {
    ...facts(place, device),
    createBank: (shapes) => createOnnxBank(place.runtime, shapes),
    compile: async (spec, bank) => {
      const traced = trace(spec, bank.shapes, place.target);
      const session = await createSession(spec.name, traced, place);
      const program = hostProgram(place.runtime, spec, traced, session);
      if (place.on.enableProfiling !== true) return program;
      return { ...program, dispose: () => (session.endProfiling(), program.dispose()) };
    },
    dispose: () => Promise.resolve(),
  };
}

/** onnxruntime-node leaves results in the memory of a GPU on WebGPU only, so here they come and go with each run. */
async function openOnCuda(threads: number, index: number): Promise<Engine> {
  const place: Place = { runtime: loadRuntime(index), threads, target: { device: 'cuda' }, on: CUDA };
  const probe = await copySession(place); // the GPU has to be asked for something to be known to work
  await probe.release();
  return openInHostMemory(place, `cuda:${index}`);
}

async function openOnWebgpu(threads: number, index: number): Promise<Engine> {
  const adapter = await chooseWebgpuAdapter(index);
  const place: Place = { runtime: loadRuntime(), threads, target: { device: 'webgpu' }, on: WEBGPU };
  const { runtime, target } = place;
  const [up, down] = [await copySession(place, staying([COPY.output])), await copySession(place)];
  const run = watchedRuns();
  const copy = async (session: InferenceSession, tensor: Tensor): Promise<Tensor> =>
    (await run('copy', session, { [COPY.input]: tensor }))[COPY.output] as Tensor;
  const copies: Copies = { up: (tensor) => copy(up, tensor), down: (tensor) => copy(down, tensor) };
  const { versions, ...rest } = facts(place, `webgpu:${index}`);
  return {
    ...rest,
    versions: { ...versions, adapter: adapter.name },
    createBank: (shapes) => createGpuBank(runtime, shapes, copies),
    compile: async (spec, bank) => {
      const traced = trace(spec, bank.shapes, target);
      const stays = staying(spec.writes.map(resultName));
      const session = await createSession(spec.name, traced, place, stays);
      return gpuProgram(runtime, spec, traced, session, run);
    },
    dispose: async () => {
      await up.release();
      await down.release();
    },
  };
}

function facts(
  { runtime, threads }: Place,
  device: string,
): Pick<Engine, 'name' | 'device' | 'threads' | 'versions'> {
  const versions = {
    'onnxruntime-node': runtime.env.versions.node ?? 'unknown',
    '@tensorflow/tfjs': tf.version.tfjs,
  };
  return { name: 'onnx', device, threads, versions };
}

// ---- Sessions

function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableMemPattern: false, // a third less memory, at no cost in time
    // Threads that wait for work sleep: spinning takes the core that the others need. 1.3 times as fast on two cores.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  };
}

const ON_GPU: InferenceSession.SessionOptions = {
  // A node that the provider lacks is an error, not a silent detour over the CPU.
  extra: { session: { disable_cpu_ep_fallback: '1', use_deterministic_compute: '1' } },
  logSeverityLevel: 4, // what goes wrong is thrown as well, and told by us
};
const WEBGPU: InferenceSession.SessionOptions = { ...ON_GPU, executionProviders: ['webgpu'] };
/** The one GPU that the process sees (cuda.ts). The Node binding passes no other option on to the provider. */
const CUDA: InferenceSession.SessionOptions = {
  ...ON_GPU,
  executionProviders: [{ name: 'cuda', deviceId: 0 }],
};

function createSession(
  what: string,
  { graph }: Traced,
  { runtime, threads, on }: Place,
  stays: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  const options = { ...sessionOptions(threads), ...on };
  return naming(what, async () => {
    try {
      return await runtime.InferenceSession.create(encodeModel(graph), { ...options, ...stays });
    } catch (error) {
      if (!leftToCpu(error)) throw error;
      throw await explainLeftToCpu(graph, error, (part) => runtime.InferenceSession.create(part, options));
    }
  });
}

/** Outputs that stay on the GPU. */
function staying(names: readonly string[]): InferenceSession.SessionOptions {
  return { preferredOutputLocation: Object.fromEntries(names.map((name) => [name, 'gpu-buffer'])) };
}

/** A session that copies a tensor to the GPU or from there, or both. */
function copySession(
  { runtime, threads, on }: Place,
  stays: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  const options = { ...sessionOptions(threads), ...on, ...stays };
  return naming('copy', () => runtime.InferenceSession.create(copyModel(), options));
}

/** Whether a session was refused since the provider lacks some op. */
function leftToCpu(error: unknown): boolean {
  return error instanceof Error && /assigned to the default CPU EP/.test(error.message);
}

async function explainLeftToCpu(
  graph: Graph,
  cause: unknown,
  create: (model: Uint8Array) => Promise<InferenceSession>,
): Promise<EngineError> {
  const culprit = await firstRefused(graph, async (part) => {
    try {
      await (await create(encodeModel(part))).release();
      return true;
    } catch (error) {
      return !leftToCpu(error);
    }
  });
  const { op = 'an op', domain = '' } = culprit?.node ?? {};
  return new EngineError(
    `the provider of this device cannot compute ${domain && `${domain}.`}${op} (node ${(culprit?.index ?? 0) + 1} of ` +
      `${graph.nodes.length}), and nothing is computed on the CPU in its place: its kernel in src/engines/onnx/kernels must ` +
      'express it otherwise for this device',
    'cannot-trace',
    { cause },
  );
}

// ---- Programs

/** Runs on tensors in the host's memory, written in place where that is safe. */
function hostProgram(
  runtime: Runtime,
  spec: ProgramSpec,
  traced: Traced,
  session: InferenceSession,
): Program {
  const inPlace = writableInPlace(traced.graph, new Map(spec.writes.map((name) => [name, resultName(name)])));
  const outputs = Object.entries(traced.outputs).map(([name, shape]): [string, Tensor] => [
    name,
    new runtime.Tensor('float32', new Float32Array(sizeOf(shape)), shape),
  ]);
  return {
    run: async (anyBank, inputs, renamed = (name) => name) => {
      const bank = asHostBank(anyBank);
      const feeds = feedsOf(runtime, spec, inputs);
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
function gpuProgram(
  runtime: Runtime,
  spec: ProgramSpec,
  traced: Traced,
  session: InferenceSession,
  run: WatchedRun,
): Program {
  return {
    run: async (anyBank, inputs, renamed = (name) => name) => {
      const bank = asGpuBank(anyBank);
      const feeds = feedsOf(runtime, spec, inputs);
      for (const name of spec.reads) feeds[name] = await bank.current(renamed(name));
      const results = await run(spec.name, session, feeds);
      const result = (name: string): Tensor => results[resultName(name)] as Tensor;
      for (const name of spec.writes) bank.replace(renamed(name), result(name));
      return Object.fromEntries(Object.keys(traced.outputs).map((name) => [name, numbers(result(name))]));
    },
    dispose: () => session.release(),
  };
}

type Tensors = Record<string, Tensor>;
/** Runs a session, and fails if the GPU failed. */
type WatchedRun = (what: string, session: InferenceSession, feeds: Tensors) => Promise<Tensors>;

function watchedRuns(): WatchedRun {
  const deviceError = watchDeviceErrors();
  return (what, session, feeds) =>
    naming(what, async () => {
      const results = await session.run(feeds);
      const logged = deviceError();
      if (logged !== undefined) throw new Error(`the GPU failed: ${logged}`);
      return results;
    });
}

function feedsOf({ Tensor }: Runtime, spec: ProgramSpec, inputs: Record<string, Float32Array>): Tensors {
  const feeds: Tensors = {};
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

/** Says what onnxruntime was doing when it failed, and tells a lack of memory and a lost GPU from other faults. */
async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new EngineError(`onnxruntime, ${what}: ${readable(messageOf(error))}`, kindOf(error), {
      cause: error,
    });
  }
}

/** CUDA's faults come with paths of the build, the host's name and the call: what is left is what failed. */
function readable(message: string): string {
  const fault = /\b(CUDA|CUBLAS|CUDNN|CUDNN_FE|CURAND) (failure|error) \d+: [^;]*/.exec(message)?.[0].trim();
  if (fault === undefined) return message;
  const node = /while running (\w+) node/.exec(message)?.[1];
  return `${node === undefined ? '' : `${node}: `}${fault}${cudaAdvice(fault)}`;
}

function kindOf(error: unknown): EngineError['kind'] {
  if (error instanceof EngineError) return error.kind;
  if (outOfMemory(error) !== undefined) return 'out-of-memory';
  return isGpuFault(messageOf(error)) || LOST.test(messageOf(error)) ? 'device' : 'fault';
}

/** A GPU that is gone until a new process asks for it (its driver was reset, or it hung), or that never was there. */
const LOST =
  /device (is|was) lost|VK_ERROR_DEVICE_LOST|DXGI_ERROR_DEVICE_(REMOVED|HUNG|RESET)|CUDA (failure|error) \d+|Failed to load shared library/i;
