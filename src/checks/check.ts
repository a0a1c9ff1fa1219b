/** @file What a check of gradients is: one computation whose numbers an engine must have in common with the reference. */
import * as tf from '@tensorflow/tfjs';
import type { Values } from '../engines/compare.js';
import type { Engine, ProgramSpec, Shape, TensorMap } from '../engines/engine.js';

export interface Check {
  /** Row of the table, e.g. `kernels: shapes`. */
  group: string;
  /** Unique within its group. */
  name: string;
  /** Largest relative error (as vectors, L2) that any of its results may have against the reference. */
  tolerance: number;
  work: Work;
  /** What the reference computes instead, where another form of the same must give the same. */
  expected?: Work;
}

export type Work = ProgramWork | EngineWork;

/** A program without a bank. */
export interface ProgramWork {
  spec: ProgramSpec;
  inputs: Values;
}

/** What is more than one program, such as a whole update in parts. */
export type EngineWork = (engine: Engine) => Promise<Values>;

/** Numbers without pattern in [-1, 1], the same at every run. */
export const wave = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * i));

/** Between two engines: rounding in another order, in one op. */
export const KERNEL_TOLERANCE = 1e-5;
/** The same, through a layer with its padding, or a norm. Winograd's form rounds more than the direct one: its matrices hold numbers up to 8. */
export const LAYER_TOLERANCE = 2e-5;
/** The same, through a whole network or step, where small sums of large terms carry the rounding of those. */
export const NETWORK_TOLERANCE = 5e-5;

/** Weights of the sum whose gradient `gradientProgram` takes: uneven, so that no two errors cancel. */
export const unevenWeights = (size: number): Float32Array => wave(size, 5).map((each) => each / size);

/**
 * The program that gives `output`, what `run` gives, and as `gradient of NAME` the gradient of its sum, weighted with
 * `unevenWeights`, by each operand.
 */
export function gradientProgram(
  name: string,
  shapes: Record<string, Shape>,
  run: (operands: TensorMap) => tf.Tensor,
): ProgramSpec {
  const names = Object.keys(shapes);
  const of = (operands: readonly tf.Tensor[]): tf.Tensor =>
    run(Object.fromEntries(names.map((each, i) => [each, operands[i] as tf.Tensor])));
  return {
    name,
    inputs: shapes,
    reads: [],
    writes: [],
    run: (tensors) => {
      const operands = names.map((each) => tensors[each] as tf.Tensor);
      const weighted = (...each: tf.Tensor[]): tf.Scalar => {
        const output = of(each);
        return tf.sum(tf.mul(output, tf.tensor(unevenWeights(output.size), output.shape)));
      };
      const gradients = tf.grads(weighted)(operands);
      return {
        output: of(operands),
        ...Object.fromEntries(gradients.map((each, i) => [`gradient of ${names[i]}`, each])),
      };
    },
  };
}
