/**
 * @file What an engine is: a place where pure tfjs functions are computed.
 *
 * A program is a pure function of named tensors, written in plain tfjs ops. The engine either runs it eagerly or
 * compiles it once for its shapes. Between runs, weights, moments and accumulators stay with the engine in a bank,
 * in whatever layout it likes; they are converted only when read or written from outside.
 *
 * Everything here is called from one thread (the trial's worker); `run` may block it.
 */
import type { Tensor } from '@tensorflow/tfjs';
import type { EngineName } from '../protocol.js';

export type Shape = readonly number[];
export type TensorMap = Record<string, Tensor>;

/** A pure function and what it touches. All values are float32. */
export interface ProgramSpec {
  /** For messages and profiles, e.g. `train-step`. */
  name: string;
  /** Shapes of what is fed at every run. Images are [batch, height, width, channels]. */
  inputs: Record<string, Shape>;
  /** Names in the bank that the function reads; they arrive beside the inputs under their own names. */
  reads: readonly string[];
  /** Names in the bank that the function's result replaces; each must be a key of the result. */
  writes: readonly string[];
  /**
   * The function. Called in a tidy: once when traced, at every run when eager.
   * Its result holds a tensor for each of `writes`; all other keys are outputs.
   */
  run: (tensors: TensorMap) => TensorMap;
}

/** Named tensors that stay with the engine: shapes are fixed when it is made, values start at zero. Convolution filters are [height, width, in, out]. */
export interface Bank {
  readonly shapes: Record<string, Shape>;
  /** @throws RangeError if the length does not fit the shape */
  write(name: string, values: Float32Array): void;
  /** A copy, in the shape's row-major order. Fetched from where the engine computes. */
  read(name: string): Promise<Float32Array>;
  /** Sets every element of the named tensors to 0. */
  clear(names: readonly string[]): void;
  /**
   * The memory of a tensor, in the engine's own order: for a bank of the same engine in another thread. Valid until the next run.
   * Only where tensors lie in the host's memory.
   */
  memory?(name: string): Float32Array;
  dispose(): void;
}

export interface Program {
  /**
   * Feeds the inputs (row-major, lengths as in the spec), replaces `writes` in the bank, returns the other outputs
   * row-major, as copies. After a run that failed, what it was to write is undefined: write it again.
   * @param renamed says which tensor of the bank stands for a name of `reads` or `writes`, if not that of this name: one
   *   program serves networks of the same shapes. Different names must stay different
   */
  run(
    bank: Bank,
    inputs: Record<string, Float32Array>,
    renamed?: (name: string) => string,
  ): Promise<Record<string, Float32Array>>;
  dispose(): Promise<void>;
}

export interface Engine {
  readonly name: EngineName;
  /** `cpu`, `webgpu:0`, `cuda:0`. */
  readonly device: string;
  readonly threads: number;
  /** Versions of what computes, for the record, e.g. `{ "onnxruntime-node": "1.30.0" }`. */
  readonly versions: Record<string, string>;
  createBank(shapes: Record<string, Shape>): Bank;
  /** @throws EngineError naming the op that cannot be traced and the line of the model that called it */
  compile(spec: ProgramSpec, bank: Bank): Promise<Program>;
  dispose(): Promise<void>;
}

/** A fault that the engine can name. `outOfMemory` is told from other faults. */
export class EngineError extends Error {
  constructor(
    message: string,
    readonly kind: 'cannot-trace' | 'out-of-memory' | 'device' | 'fault',
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'EngineError';
  }
}
