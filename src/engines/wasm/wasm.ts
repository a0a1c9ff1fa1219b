/**
 * @file The fallback where no native code may run: tfjs' WebAssembly backend, eagerly, with gradient kernels of our own.
 *
 * One thread: tfjs' build with threads does not run under Node. All engines of a process share the backend and its memory,
 * which grows up to 4 GB and never shrinks.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { EngineError, type Engine } from '../engine.js';
import { eagerEngine } from '../eager/eager.js';
import { registerKernels } from './kernels.js';

/** @throws EngineError if WebAssembly does not start here */
export async function openWasmEngine({ device }: { threads: number; device: string }): Promise<Engine> {
  if (device !== 'cpu') throw new EngineError(`wasm computes on cpu, not on ${device}`, 'device');
  const version = await (started ??= start());
  return eagerEngine({
    name: 'wasm',
    backend: 'wasm',
    device,
    threads: 1,
    versions: { '@tensorflow/tfjs-backend-wasm': version },
  });
}

let started: Promise<string> | undefined;

/** Starts the backend, which tfjs does asynchronously, and leaves the active one as it was. Gives the package's version. */
async function start(): Promise<string> {
  const before = tf.getBackend();
  const restoreListeners = watchListeners();
  const { version_wasm } = await import('@tensorflow/tfjs-backend-wasm');
  registerKernels();
  // Its binary lies in its own folder, where it looks by itself; it takes the one with SIMD where the processor has that.
  const works = await tf.setBackend('wasm').catch(() => false);
  restoreListeners();
  if (works) tellFullMemory((tf.backend() as BackendWasm).wasm as unknown as WasmMemory);
  if (before) await tf.setBackend(before);
  if (!works) throw new EngineError('tfjs’ WebAssembly backend does not start here', 'device');
  return version_wasm;
}

/**
 * The backend's C++ runtime throws on what nobody caught, which hides the error's own message and exit code. What it adds
 * until the returned function is called, that function removes.
 */
function watchListeners(): () => void {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  return () => {
    events.forEach((event, at) => {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!before[at]!.includes(listener)) process.off(event, listener);
      }
    });
  };
}

/** What tfjs' types leave out of the module that Emscripten makes. */
interface WasmMemory {
  /** 0 where there is no memory. */
  _malloc: (bytes: number) => number;
  _free: (address: number) => void;
  HEAPU8: Uint8Array;
}

/** tfjs does not look at what `malloc` gives, so that a tensor for which there is no memory is written over others at address 0. */
function tellFullMemory(wasm: WasmMemory): void {
  wasm._free(wasm._malloc(8)); // its first call puts the function proper in its place
  const malloc = wasm._malloc;
  wasm._malloc = (bytes) => {
    const address = bytes < 2 ** 32 ? malloc(bytes) : 0; // it would see the number modulo that
    if (address !== 0) return address;
    const held = (wasm.HEAPU8.length / 1e9).toFixed(2);
    throw new EngineError(
      `WebAssembly cannot enlarge memory for a tensor of ${bytes} bytes: it holds ${held} GB and can have 4.29 GB at most`,
      'out-of-memory',
    );
  };
}
