/**
 * @file What a probe computes: one update of a ResNet generator with its gradients. Small enough for plain JavaScript, and grown
 * until a GPU has something to do. Convolutions are in their direct form on every engine; in training, onnx computes residual
 * blocks on a processor by Winograd's form, which is faster.
 */
import * as tf from '@tensorflow/tfjs';
import type { ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import { generatorLayers, multiplyAdds, type GeneratorParameters } from '../geometry.js';
import { generate, generatorShapes, type Weights } from './networks.js';

export interface ProbeSize {
  batch: number;
  /** Side of a patch, pixels. */
  patch: number;
  filters: number;
  blocks: number;
}

export interface ProbeProgram {
  spec: ProgramSpec;
  /** The generator's weights, which a run replaces by themselves less their gradients. */
  bank: Record<string, Shape>;
  /**
   * Arithmetic of one run: two for each multiply-add of its convolutions in their direct form, forward, for the filters and for
   * what goes in; the rest is left out.
   */
  flops: number;
}

/** From what plain JavaScript does in a second to the generator of the paper. */
export const PROBE_SIZES: readonly ProbeSize[] = [
  { batch: 1, patch: 32, filters: 4, blocks: 1 },
  { batch: 1, patch: 64, filters: 16, blocks: 3 },
  { batch: 1, patch: 64, filters: 64, blocks: 9 },
  { batch: 2, patch: 256, filters: 64, blocks: 9 },
];

/** Small enough to be computed twice: on the engine under probe and in plain JavaScript. */
export const CHECK_SIZE: ProbeSize = { batch: 2, patch: 32, filters: 2, blocks: 1 };

/** Inputs `x`, `y`: images [batch, patch, patch, 1]. Output `loss`. */
export function probeProgram({ batch, patch, filters, blocks }: ProbeSize): ProbeProgram {
  const parameters: GeneratorParameters = { generator: 'resnet', filters, blocks, norm: 'instance', upsample: 'transposed' }; // prettier-ignore
  const layers = generatorLayers(parameters);
  const bank = generatorShapes(parameters);
  const names = Object.keys(bank);
  const run = ({ x, y, ...weights }: TensorMap): TensorMap => {
    const lossOf = (...given: tf.Tensor[]): tf.Scalar => {
      const all: Weights = Object.fromEntries(names.map((each, at) => [each, given[at]!]));
      return tf.mean(tf.square(tf.sub(generate(all, parameters, x as tf.Tensor4D), y!)));
    };
    const { value, grads } = tf.valueAndGrads(lossOf)(names.map((each) => weights[each]!));
    const updated = names.map((each, at) => [each, tf.sub(weights[each]!, grads[at]!)]);
    return { ...(Object.fromEntries(updated) as TensorMap), loss: value };
  };
  const images = [batch, patch, patch, 1];
  return {
    spec: { name: 'probe', inputs: { x: images, y: images }, reads: names, writes: names, run },
    bank,
    flops: 2 * batch * patch ** 2 * (3 * multiplyAdds(layers) - multiplyAdds(layers.slice(0, 1))),
  };
}

/** Numbers of the order of `scale`, always the same: a probe needs no chance. */
export function probeValues(shape: Shape, scale = 1): Float32Array {
  return Float32Array.from({ length: sizeOf(shape) }, (_, at) => scale * Math.sin(1 + 1.7 * at + 0.31 * at * at)); // prettier-ignore
}
