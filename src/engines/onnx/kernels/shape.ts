/** @file Kernels that move elements without computing: most cost nothing, since order and broadcasts are lazy. */
import * as tf from '@tensorflow/tfjs';
import { sameShape, sizeOf } from '../../spec.js';
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';
import { at, inOrder, nameOf, nodeValue, plain, range, reshapeNode, uniformValue, whole } from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel, listKernel, Unsupported } from './kernel.js';

/** Changes the logical shape. The physical order is kept if only axes of length 1 come or go. */
export function reshape(g: Recorder, x: Value, to: readonly number[]): Value {
  const shape = tf.util.inferFromImplicitShape([...to], sizeOf(x.shape));
  if (sameShape(shape, x.shape)) return x;
  if (x.uniform !== undefined) return uniformValue(g, x.uniform, shape, x.dtype);
  if (sizeOf(x.stored) === 1) {
    const ones = shape.map(() => 1);
    return nodeValue(reshapeNode(g, nameOf(x), ones), shape, { stored: ones, dtype: x.dtype });
  }
  const long = (sides: readonly number[]): number[] =>
    range(sides.length).filter((axis) => at(sides, axis) !== 1);
  const from = long(x.shape);
  const into = long(shape);
  const onlyOnesDiffer =
    from.length === into.length && from.every((axis, i) => at(x.shape, axis) === at(shape, at(into, i)));
  if (!onlyOnesDiffer)
    return nodeValue(reshapeNode(g, nameOf(plain(g, x)), shape), shape, { dtype: x.dtype });

  const stored = shape.map(() => 1);
  from.forEach((axis, i) => (stored[at(into, i)] = at(x.stored, axis)));
  const moved = x.order.filter((axis) => from.includes(axis)).map((axis) => at(into, from.indexOf(axis)));
  const ordered = moved.every((axis, i) => i === 0 || at(moved, i - 1) < axis);
  const ones = range(shape.length).filter((axis) => !into.includes(axis));
  // Axes of length 1 may stand anywhere: in front if they come first, which gives [batch, channels, height, width] for a batch of 1.
  const first = Math.min(...moved);
  const order = ordered
    ? range(shape.length)
    : [...ones.filter((axis) => axis < first), ...moved, ...ones.filter((axis) => axis > first)];
  const dims = order.map((axis) => at(stored, axis));
  return nodeValue(reshapeNode(g, nameOf(x), dims), shape, { stored, order, dtype: x.dtype });
}

function expandDims(g: Recorder, x: Value, dim: number): Value {
  const shape = [...x.shape];
  shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1);
  return reshape(g, x, shape);
}

/** Renames axes; nothing moves. */
function transpose(x: Value, perm: readonly number[]): Value {
  return {
    ...x,
    origin: undefined,
    shape: perm.map((axis) => at(x.shape, axis)),
    stored: perm.map((axis) => at(x.stored, axis)),
    order: x.order.map((axis) => perm.indexOf(axis)),
  };
}

type Paddings = readonly (readonly [number, number])[];

function pad(
  g: Recorder,
  input: Value,
  paddings: Paddings,
  how: { constant: number } | { mode: 'reflect' },
): Value {
  const x = whole(g, input);
  const amount = (axis: number, end: 0 | 1): number => paddings[axis]?.[end] ?? 0;
  const pads = [...x.order.map((axis) => amount(axis, 0)), ...x.order.map((axis) => amount(axis, 1))];
  if (pads.every((each) => each === 0)) return x;
  const node =
    'mode' in how
      ? g.op('Pad', [nameOf(x), g.integers(pads)], { mode: { text: how.mode } })
      : g.op('Pad', [nameOf(x), g.integers(pads), g.scalar(how.constant, x.dtype)]);
  const shape = x.shape.map((side, axis) => amount(axis, 0) + side + amount(axis, 1));
  return nodeValue(node, shape, { order: x.order, dtype: x.dtype });
}

function slice(g: Recorder, input: Value, from: number | number[], size: number | number[]): Value {
  const x = whole(g, input);
  // tfjs completes short lists and -1; of the tensor it asks the shape only.
  const [begin = [], shape = []] = tf.slice_util.parseSliceParams(
    { shape: [...x.shape] } as tf.TensorInfo,
    from,
    size,
  );
  const end = begin.map((first, axis) => first + at(shape, axis));
  const cut = range(shape.length).filter((axis) => at(shape, axis) !== at(x.shape, axis));
  if (cut.length === 0) return x;
  const pick = (list: readonly number[]): string => g.integers(cut.map((axis) => at(list, axis)));
  const places = g.integers(cut.map((axis) => x.order.indexOf(axis)));
  const node = g.op('Slice', [nameOf(x), pick(begin), pick(end), places]);
  return nodeValue(node, shape, { order: x.order, dtype: x.dtype });
}

/** Turns whole axes round, in memory places. Only ever whole: WebGPU's Slice is wrong for a part with a negative step. */
export function reverseNode(g: Recorder, node: string, places: readonly number[]): string {
  const backwards = g.integers(places.map(() => -1));
  return g.op('Slice', [
    node,
    backwards,
    g.integers(places.map(() => -(2 ** 31))),
    g.integers(places),
    backwards,
  ]);
}

/** @param dims all axes if missing, whatever tfjs' type says */
function reverse(g: Recorder, input: Value, dims: number | number[] | undefined): Value {
  const x = whole(g, input);
  const places = tf.util
    .parseAxisParam(dims ?? range(x.shape.length), [...x.shape])
    .map((axis) => x.order.indexOf(axis));
  if (places.length === 0) return x;
  return nodeValue(reverseNode(g, nameOf(x), places), x.shape, { order: x.order, dtype: x.dtype });
}

function concat(g: Recorder, inputs: readonly Value[], axis: number): Value {
  const parts = inputs.map((part) => whole(g, part));
  const head = parts[0];
  if (!head) throw new Unsupported('nothing to join');
  const along = axis < 0 ? axis + head.shape.length : axis;
  const joined = parts.reduce((sum, part) => sum + at(part.shape, along), 0);
  const shape = head.shape.map((side, each) => (each === along ? joined : side));
  const names = parts.map((part) => nameOf(inOrder(g, part, head.order)));
  const node = g.op('Concat', names, { axis: { int: head.order.indexOf(along) } });
  return nodeValue(node, shape, { order: head.order, dtype: head.dtype });
}

/** Parts of the given sizes, or that many of one size, as slices. */
function split(g: Recorder, x: Value, parts: number | number[], axis: number): Value[] {
  const along = axis < 0 ? axis + x.shape.length : axis;
  const sizes = tf.backend_util.prepareSplitSize({ shape: [...x.shape] } as tf.Tensor, parts, along);
  let begin = 0;
  return sizes.map((size) => {
    const from = x.shape.map((_, each) => (each === along ? begin : 0));
    begin += size;
    return slice(
      g,
      x,
      from,
      x.shape.map((side, each) => (each === along ? size : side)),
    );
  });
}

function tile(g: Recorder, input: Value, reps: readonly number[]): Value {
  const x = whole(g, input);
  const node = g.op('Tile', [nameOf(x), g.integers(x.order.map((axis) => at(reps, axis)))]);
  const shape = x.shape.map((side, axis) => side * at(reps, axis));
  return nodeValue(node, shape, { order: x.order, dtype: x.dtype });
}

function mirrorPad(g: Recorder, x: Value, { paddings, mode }: tf.MirrorPadAttrs): Value {
  if (mode !== 'reflect') throw new Unsupported(`mode ${mode}`);
  return pad(g, x, paddings, { mode });
}

export const shapes: Readonly<Record<string, Kernel>> = {
  Reshape: kernel(['x'], (g, { x }, { shape }: tf.ReshapeAttrs) => reshape(g, x, shape)),
  ExpandDims: kernel(['input'], (g, { input }, { dim }: tf.ExpandDimsAttrs) => expandDims(g, input, dim)),
  Identity: kernel(['x'], (_, { x }) => x),
  OnesLike: kernel(['x'], (g, { x }) => uniformValue(g, 1, x.shape, x.dtype)),
  ZerosLike: kernel(['x'], (g, { x }) => uniformValue(g, 0, x.shape, x.dtype)),
  Fill: kernel([], (g, _, { shape, value, dtype }: tf.FillAttrs) => {
    if (typeof value !== 'number' || dtype === 'string' || dtype === 'complex64')
      throw new Unsupported(dtype);
    return uniformValue(g, value, shape, dtype);
  }),
  Transpose: kernel(['x'], (_, { x }, { perm }: tf.TransposeAttrs) => transpose(x, perm)),
  PadV2: kernel(['x'], (g, { x }, { paddings, constantValue }: tf.PadV2Attrs) =>
    pad(g, x, paddings, { constant: constantValue }),
  ),
  MirrorPad: kernel(['x'], (g, { x }, attributes: tf.MirrorPadAttrs) => mirrorPad(g, x, attributes)),
  Slice: kernel(['x'], (g, { x }, { begin, size }: tf.SliceAttrs) => slice(g, x, begin, size)),
  Reverse: kernel(['x'], (g, { x }, { dims }: tf.ReverseAttrs) => reverse(g, x, dims)),
  Concat: listKernel((g, parts, { axis }: tf.ConcatAttrs) => concat(g, parts, axis)),
  SplitV: kernel(['x'], (g, { x }, { numOrSizeSplits, axis }: tf.SplitVAttrs) =>
    split(g, x, numOrSizeSplits, axis),
  ),
  Tile: kernel(['x'], (g, { x }, { reps }: tf.TileAttrs) => tile(g, x, reps)),
};
