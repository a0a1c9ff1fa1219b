/**
 * @file What a probe computes: one update of a residual block, as the generators hold nine of them, with its loss and its
 * gradients. Small enough for plain JavaScript, and grown until a GPU has something to do.
 */
import * as tf from '@tensorflow/tfjs';
import type { ProgramSpec, Shape } from './engine.js';

export interface ProbeSize {
  batch: number;
  /** Height and width, pixels. */
  side: number;
  channels: number;
}

export interface ProbeProgram {
  spec: ProgramSpec;
  bank: Record<string, Shape>;
  /** Arithmetic of one run: two for each multiply-add of its convolutions, counted in their direct form; the rest is left out. */
  flops: number;
}

/** From what plain JavaScript does in a tenth of a second to the trunk of a generator of 64 filters at patch 256. */
export const PROBE_SIZES: readonly ProbeSize[] = [
  { batch: 1, side: 16, channels: 16 },
  { batch: 1, side: 32, channels: 64 },
  { batch: 1, side: 64, channels: 128 },
  { batch: 4, side: 64, channels: 256 },
];

/** Small enough to be computed twice: on the engine under probe and in plain JavaScript. */
export const CHECK_SIZE: ProbeSize = { batch: 2, side: 8, channels: 4 };

/** Writes `w1`, `w2` (filters less their gradients), returns `loss`. Inputs: `x`, `y`, images [batch, side, side, channels]. */
export function probeProgram({ batch, side, channels }: ProbeSize): ProbeProgram {
  const images = [batch, side, side, channels];
  const bank = { w1: [3, 3, channels, channels], w2: [3, 3, channels, channels] };
  // Forward and filter gradient of both convolutions, input gradient of the second: the block's input needs none.
  const flops = 5 * 2 * batch * side ** 2 * 9 * channels ** 2;
  return { spec: { name: 'probe', inputs: { x: images, y: images }, reads: ['w1', 'w2'], writes: ['w1', 'w2'], run: update }, bank, flops }; // prettier-ignore
}

function update({ x, y, w1, w2 }: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const [input, target] = [x as tf.Tensor4D, y as tf.Tensor4D];
  const lossOf = (first: tf.Tensor, second: tf.Tensor): tf.Scalar => {
    const inner = tf.relu(norm(tf.conv2d(input, first as tf.Tensor4D, 1, 'same')));
    const outer = tf.add(input, norm(tf.conv2d(inner, second as tf.Tensor4D, 1, 'same')));
    return tf.mean(tf.square(tf.sub(outer, target)));
  };
  const { value, grads } = tf.valueAndGrads((...[first, second]) => lossOf(first!, second!))([w1!, w2!]);
  return { w1: tf.sub(w1!, grads[0]!), w2: tf.sub(w2!, grads[1]!), loss: value };
}

/** Instance norm. */
function norm(x: tf.Tensor4D): tf.Tensor4D {
  const centred = tf.sub(x, tf.mean(x, [1, 2], true));
  return tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), [1, 2], true), 1e-5)));
}

/** Numbers of the order of 1, always the same: a probe needs no chance. */
export function probeValues(shape: Shape, scale = 1): Float32Array {
  const size = shape.reduce((product, each) => product * each, 1);
  return Float32Array.from({ length: size }, (_, at) => scale * Math.sin(1 + 1.7 * at + 0.001 * at * at));
}
