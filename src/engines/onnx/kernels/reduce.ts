/** @file Kernels that reduce along axes. */
import * as tf from '@tensorflow/tfjs';
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';
import { at, nameOf, nodeValue, placesOf, range, whole } from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel } from './kernel.js';

type ReduceOp = 'ReduceMean' | 'ReduceSum' | 'ReduceMax' | 'ReduceMin';

/** Reduces over logical axes; the order of those that stay is kept. */
function reduce(g: Recorder, op: ReduceOp, input: Value, axes: readonly number[], keep: boolean): Value {
  if (axes.length === 0) return input;
  const x = whole(g, input);
  const places = placesOf(x, axes);
  const keepdims = { int: keep ? 1 : 0 };
  // Up to opset 17 the axes of a sum are an input, those of the others an attribute.
  const node =
    op === 'ReduceSum'
      ? g.op(op, [nameOf(x), g.integers(places)], { keepdims })
      : g.op(op, [nameOf(x)], { axes: { ints: places }, keepdims });
  if (keep) {
    const shape = x.shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
    return nodeValue(node, shape, { order: x.order, dtype: x.dtype });
  }
  const left = range(x.shape.length).filter((axis) => !axes.includes(axis));
  return nodeValue(
    node,
    left.map((axis) => at(x.shape, axis)),
    {
      order: x.order.filter((axis) => left.includes(axis)).map((axis) => left.indexOf(axis)),
      dtype: x.dtype,
    },
  );
}

const mean = (op: 'ReduceMean' | 'ReduceSum'): Kernel =>
  kernel(['x'], (g, { x }, { axis, keepDims }: tf.SumAttrs) =>
    reduce(g, op, x, tf.util.parseAxisParam(axis, [...x.shape]), keepDims),
  );
/** tfjs calls the axes `reductionIndices` for max and `axis` for min. */
const extreme = (op: 'ReduceMax' | 'ReduceMin'): Kernel =>
  kernel(['x'], (g, { x }, { reductionIndices, axis, keepDims }: tf.MaxAttrs & tf.MinAttrs) =>
    reduce(g, op, x, tf.util.parseAxisParam(reductionIndices ?? axis, [...x.shape]), keepDims),
  );

export const reductions: Readonly<Record<string, Kernel>> = {
  Mean: mean('ReduceMean'),
  Sum: mean('ReduceSum'),
  Max: extreme('ReduceMax'),
  Min: extreme('ReduceMin'),
};
