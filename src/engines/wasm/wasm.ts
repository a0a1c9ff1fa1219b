/** @file The fallback where no native code may run: tfjs' WebAssembly backend, eagerly, with gradient kernels of our own. */
import { EngineError, type Engine } from '../engine.js';

export function openWasmEngine({ device }: { threads: number; device: string }): Promise<Engine> {
  return Promise.reject(new EngineError(`wasm on ${device}: not yet`, 'device'));
}
