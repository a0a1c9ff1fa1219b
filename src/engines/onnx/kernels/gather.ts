/** @file Taking rows by index, and its adjoint. */
import type * as tf from '@tensorflow/tfjs';
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';
import { nameOf, nodeValue, plain } from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel, Unsupported } from './kernel.js';

/** Parts of `x` along its first axis. */
function gather(g: Recorder, x: Value, indices: Value, { axis, batchDims }: tf.GatherV2Attrs): Value {
  if (axis !== 0 || batchDims !== 0) throw new Unsupported(`axis ${axis}, batch dimensions ${batchDims}`);
  const node = g.op('Gather', [nameOf(plain(g, x)), nameOf(plain(g, indices))], { axis: { int: 0 } });
  return nodeValue(node, [...indices.shape, ...x.shape.slice(1)], { dtype: x.dtype });
}

/** Zeros with the updates added at their places; places that are named twice get both. */
function scatter(g: Recorder, indices: Value, updates: Value, { shape }: tf.ScatterNdAttrs): Value {
  const zeros = g.op('Expand', [g.scalar(0, updates.dtype), g.integers(shape)]);
  const places = g.op('Cast', [nameOf(plain(g, indices))], { to: { int: 7 } });
  const node = g.op('ScatterND', [zeros, places, nameOf(plain(g, updates))], { reduction: { text: 'add' } });
  return nodeValue(node, shape, { dtype: updates.dtype });
}

export const gathers: Readonly<Record<string, Kernel>> = {
  GatherV2: kernel(['x', 'indices'], (g, { x, indices }, attributes: tf.GatherV2Attrs) =>
    gather(g, x, indices, attributes),
  ),
  ScatterNd: kernel(['indices', 'updates'], (g, { indices, updates }, attributes: tf.ScatterNdAttrs) =>
    scatter(g, indices, updates, attributes),
  ),
};
