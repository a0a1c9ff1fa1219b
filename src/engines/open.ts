/** @file Opens an engine by its name. */
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
