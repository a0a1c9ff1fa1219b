/** @file Finds out which engines work here, chooses one, opens it. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { EngineName } from '../protocol.js';
import type { Engine } from './engine.js';

export interface EngineOptions {
  /** Threads that one run may use. */
  threads: number;
  /** `cpu`, `cuda:0`, `webgpu:0`. */
  device?: string;
  /** For onnx: see OnnxOptions. */
  profile?: string;
}

/** @throws EngineError or the loader's error if it does not work here */
export async function openEngine(
  name: EngineName,
  { threads, device = 'cpu', profile }: EngineOptions,
): Promise<Engine> {
  // Loaded only when asked for, so that a native library that does not load here harms nobody else.
  switch (name) {
    case 'onnx':
      return (await import('./onnx/onnx.js')).openOnnxEngine({ threads, device, profile });
    case 'tensorflow':
      return (await import('./tensorflow/tensorflow.js')).openTensorflowEngine({ threads, device });
    case 'wasm':
      return (await import('./wasm/wasm.js')).openWasmEngine({ threads, device });
    case 'cpu':
      return (await import('./cpu/cpu.js')).openCpuEngine();
  }
}

export interface EngineProbe {
  name: EngineName;
  device: string;
  works: boolean;
  /** One sentence: what it is good for, or why it does not work. */
  reason: string;
  versions: Record<string, string>;
}

/** Tries every engine that is known, fastest first. For `auto` and for `sweep doctor`. */
export async function probeEngines(): Promise<EngineProbe[]> {
  return [
    await probe('onnx', 'compiled to one graph, the fastest engine on this device'),
    await probe('cpu', 'plain JavaScript, hundreds of times slower: the reference for tests'),
    probeTensorflow(),
  ];
}

export interface EngineChoice {
  name: EngineName;
  /** A sentence to print and to store with the trial. */
  reason: string;
}

/** What `auto` means here: the fastest engine that works. */
export async function chooseEngine(wanted: 'auto' | EngineName): Promise<EngineChoice> {
  if (wanted !== 'auto') return { name: wanted, reason: `${wanted} was asked for` };
  const onnx = await probe('onnx', 'onnx works here and is the fastest engine');
  if (onnx.works) return { name: 'onnx', reason: onnx.reason };
  return { name: 'cpu', reason: `onnx does not work here (${onnx.reason}), cpu is the slow fallback` };
}

/** Opens the engine and lets it compute 1 + 2. */
async function probe(name: EngineName, good: string): Promise<EngineProbe> {
  const failed = (reason: string, versions = {}): EngineProbe => ({
    name,
    device: 'cpu',
    works: false,
    reason,
    versions,
  });
  try {
    const tf = await import('@tensorflow/tfjs');
    const engine = await openEngine(name, { threads: 1 });
    const bank = engine.createBank({ sum: [1] });
    const program = await engine.compile(
      {
        name: 'probe',
        inputs: { a: [1], b: [1] },
        reads: [],
        writes: ['sum'],
        run: ({ a, b }) => ({ sum: tf.add(a ?? 0, b ?? 0) }),
      },
      bank,
    );
    await program.run(bank, { a: Float32Array.of(1), b: Float32Array.of(2) });
    const works = bank.read('sum')[0] === 3;
    const { device, versions } = engine;
    await program.dispose();
    bank.dispose();
    await engine.dispose();
    return works
      ? { name, device, works, reason: good, versions }
      : failed('it computes 1 + 2 wrongly', versions);
  } catch (error) {
    return failed(error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error));
  }
}

/** Looks for tfjs-node-gpu on the disk; loading it without its native half would fail loudly. */
function probeTensorflow(): EngineProbe {
  const probed = (reason: string, versions: Record<string, string> = {}): EngineProbe => ({
    name: 'tensorflow',
    device: 'cuda',
    works: false,
    reason,
    versions,
  });
  let manifest: string;
  try {
    manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json');
  } catch {
    return probed(
      'the optional package @tensorflow/tfjs-node-gpu is not installed; it is not usable as an engine yet',
    );
  }
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const native = existsSync(join(dirname(manifest), 'lib', 'napi-v8', 'tfjs_binding.node'));
  return probed(
    native
      ? 'its package and native library are installed, but it is not usable as an engine yet'
      : 'its package is installed without its native library; it is not usable as an engine yet',
    { '@tensorflow/tfjs-node-gpu': version },
  );
}
