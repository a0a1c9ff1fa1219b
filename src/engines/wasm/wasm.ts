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
  const { version, memory } = await (started ??= start());
  const engine = eagerEngine({
    name: 'wasm',
    backend: 'wasm',
    device,
    threads: 1,
    versions: { '@tensorflow/tfjs-backend-wasm': version },
  });
  return {
    ...engine,
    compile: async (spec, bank) => {
      const program = await engine.compile(spec, bank);
      return {
        ...program,
        run: (...given) =>
          program.run(...given).catch((error: unknown) => {
            const trapped = error instanceof Error && error.name === 'RuntimeError'; // WebAssembly's own, such as `memory access out of bounds`
            throw trapped && isFull(memory) ? fullMemory(memory, spec.name, error) : error;
          }),
      };
    },
  };
}

interface Started {
  /** Of the package. */
  version: string;
  memory: WasmMemory;
}

let started: Promise<Started> | undefined;

/** Starts the backend, which tfjs does asynchronously, and leaves the active one and the process' listeners as they were. */
async function start(): Promise<Started> {
  const before = tf.getBackend();
  const removeListeners = watchListeners();
  const { version_wasm: version } = await import('@tensorflow/tfjs-backend-wasm');
  registerKernels();
  const { warn } = console;
  console.warn = (...words: unknown[]) => complain(words.join(' '), warn); // its runtime keeps this one
  // Its binary lies in its own folder, where it looks by itself; it takes the one with SIMD where the processor has that.
  const works = await tf.setBackend('wasm').catch(() => false);
  console.warn = warn;
  removeListeners();
  if (!works) throw new EngineError('tfjs’ WebAssembly backend does not start here', 'device');
  const memory = (tf.backend() as BackendWasm).wasm as unknown as WasmMemory;
  tellFullMemory(memory);
  if (before) await tf.setBackend(before);
  return { version, memory };
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

// ---- Memory

/** What tfjs' types leave out of the module that Emscripten makes. */
interface WasmMemory {
  /** 0 where there is no memory. */
  _malloc: (bytes: number) => number;
  _free: (address: number) => void;
  HEAPU8: Uint8Array;
}

/** 65,535 pages: what tfjs lets its memory grow to, bytes. */
const MOST = 65_535 * 65_536;

const isFull = ({ HEAPU8 }: WasmMemory): boolean => HEAPU8.length >= MOST;

function fullMemory({ HEAPU8 }: WasmMemory, what: string, cause?: Error): EngineError {
  const held = (HEAPU8.length / 1e9).toFixed(2);
  return new EngineError(
    `WebAssembly cannot enlarge memory for ${what}: it holds ${held} GB and can have 4.29 GB at most`,
    'out-of-memory',
    { cause },
  );
}

/** tfjs does not look at what `malloc` gives, so that a tensor for which there is no memory is written over others at address 0. */
function tellFullMemory(memory: WasmMemory): void {
  memory._free(memory._malloc(8)); // its first call puts the function proper in its place
  const malloc = memory._malloc;
  memory._malloc = (bytes) => {
    const address = bytes < 2 ** 32 ? malloc(bytes) : 0; // it would see the number modulo that
    if (address === 0) throw fullMemory(memory, `a tensor of ${bytes} bytes`);
    return address;
  };
}

/** XNNPACK's status for a lack of memory, in which it leaves a result as it is, says so, and goes on. */
const XNN_OUT_OF_MEMORY = '6';

/** What the runtime prints as a warning. A failure of XNNPACK must end the op: its result holds no numbers. */
export function complain(text: string, print: (text: string) => void): void {
  const status = /XNN status for .*Got status (\d+)/.exec(text)?.[1];
  if (status === undefined) return print(text);
  if (status !== XNN_OUT_OF_MEMORY) throw new EngineError(`WebAssembly: ${text}`, 'fault');
  throw new EngineError(`WebAssembly is out of memory: ${text}`, 'out-of-memory');
}
