/** @file onnxruntime-node itself: the package that npm installed, or a copy of it with the CUDA provider. */
import { createRequire } from 'node:module';
import type * as onnxruntime from 'onnxruntime-node';
import { EngineError } from '../engine.js';
import { loadCudaRuntime } from './cuda.js';

export type Runtime = typeof onnxruntime;

/** The one of this process, and the GPU if it was loaded for one: two copies of the library do not go together. */
let loaded: { runtime: Runtime; gpu: number | undefined } | undefined;

/**
 * @param gpu number of an NVIDIA GPU, or nothing: for the CPU and WebGPU
 * @throws EngineError, kind `device`, if it cannot be loaded, or the process has loaded the other one
 */
export function loadRuntime(gpu?: number): Runtime {
  loaded ??= { runtime: gpu === undefined ? npmRuntime() : loadCudaRuntime(gpu), gpu };
  // The copy with the CUDA provider computes on the CPU as well.
  if (gpu === undefined || loaded.gpu === gpu) return loaded.runtime;
  const holds = loaded.gpu === undefined ? 'onnxruntime without CUDA' : `onnxruntime for cuda:${loaded.gpu}`;
  throw new EngineError(`This process has loaded ${holds}; cuda:${gpu} needs another process.`, 'device');
}

function npmRuntime(): Runtime {
  return createRequire(import.meta.url)('onnxruntime-node') as Runtime;
}
