/**
 * @file What a traced tensor is. To tfjs it has a logical shape (images are [batch, height, width, channels]); in the
 * graph it lies in a physical axis order of its own, and axes along which it is constant may be stored with length 1.
 * So convolutions run in [batch, channels, height, width], a transpose costs nothing, and ones and broadcasts are free.
 */
import type { Shape } from '../engine.js';
import { ELEMENT_CODES } from './proto.js';
import { sameShape, sizeOf } from '../spec.js';
import type { Recorder } from './recorder.js';

export type ElementType = 'float32' | 'int32' | 'bool';
export type Order = readonly number[];

export interface Value {
  /** The shape that tfjs sees. */
  readonly shape: Shape;
  /** The same, but 1 along axes that are broadcast when needed. In logical order. */
  readonly stored: Shape;
  /** `order[i]` is the logical axis that lies at place i in memory. */
  readonly order: Order;
  readonly dtype: ElementType;
  /** Name in the graph; a function where the node is made only if somebody asks for it. */
  readonly node: string | (() => string);
  /** Set if every element is this number. */
  readonly uniform?: number;
  /** Values that a later kernel can make use of in a cheaper way than their own node. */
  readonly origin?: Origin;
}

export type Origin =
  /** 1 where `of` is above 0, else 0. */
  | { is: 'step'; of: Value }
  /** True where `of` is above 0. */
  | { is: 'above zero'; of: Value }
  /** `by` times `of`. */
  | { is: 'scaled'; of: Value; by: number };

/** Order in which convolutions want images: batch, channels, height, width. */
export const IMAGE_ORDER: Order = [0, 3, 1, 2];
/** Order in which convolutions want filters, logically [height, width, in, out]: out, in, height, width. */
export const FILTER_ORDER: Order = [3, 2, 0, 1];

export function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** A value that a node makes, whole and in logical order unless said otherwise. */
export function nodeValue(
  node: Value['node'],
  shape: Shape,
  rest: Partial<Pick<Value, 'stored' | 'order' | 'dtype' | 'origin'>> = {},
): Value {
  return {
    node,
    shape,
    stored: rest.stored ?? shape,
    order: rest.order ?? range(shape.length),
    dtype: rest.dtype ?? 'float32',
    origin: rest.origin,
  };
}

export function uniformValue(
  g: Recorder,
  value: number,
  shape: Shape,
  dtype: ElementType = 'float32',
): Value {
  return {
    node: () => g.scalar(value, dtype),
    shape,
    stored: shape.map(() => 1),
    order: range(shape.length),
    dtype,
    uniform: value,
  };
}

export function nameOf(value: Value): string {
  return typeof value.node === 'string' ? value.node : value.node();
}

/** Whether two values are the same node, seen the same way. */
export function same(a: Value, b: Value): boolean {
  return (
    a.uniform === b.uniform &&
    nameOf(a) === nameOf(b) &&
    sameShape(a.shape, b.shape) &&
    sameShape(a.stored, b.stored) &&
    sameShape(a.order, b.order)
  );
}

/** Reads a shape or an order where the index is known to be inside. */
export function at(list: readonly number[], index: number): number {
  const value = list[index];
  if (value === undefined) throw new RangeError(`no axis ${index} in [${list.join(', ')}]`);
  return value;
}

/** Dimensions as they lie in memory. */
export function storedDims(value: Value): number[] {
  return value.order.map((axis) => at(value.stored, axis));
}

/** Places in memory of logical axes, ascending. */
export function placesOf(value: Value, axes: readonly number[]): number[] {
  return axes.map((axis) => value.order.indexOf(axis)).sort((a, b) => a - b);
}

export function reshapeNode(g: Recorder, node: string, dims: readonly number[]): string {
  return g.op('Reshape', [node, g.integers(dims)]);
}

/** The same value in another physical order: a reshape if only axes of length 1 move. */
export function inOrder(g: Recorder, value: Value, order: Order): Value {
  if (sameShape(value.order, order)) return value;
  if (value.uniform !== undefined) return { ...value, order };
  const moves = (axis: number): boolean => at(value.stored, axis) !== 1;
  const node = sameShape(value.order.filter(moves), order.filter(moves))
    ? reshapeNode(
        g,
        nameOf(value),
        order.map((axis) => at(value.stored, axis)),
      )
    : transposeNode(
        g,
        value,
        order.map((axis) => value.order.indexOf(axis)),
      );
  return { ...value, node, order };
}

function transposeNode(g: Recorder, value: Value, places: readonly number[]): string {
  const transposed = (node: string): string => g.op('Transpose', [node], { perm: { ints: places } });
  const node = nameOf(value);
  if (value.dtype !== 'bool' || g.target.device !== 'webgpu') return transposed(node);
  // WebGPU's provider transposes numbers only.
  const cast = (from: string, to: ElementType): string =>
    g.op('Cast', [from], { to: { int: ELEMENT_CODES[to] } });
  return cast(transposed(cast(node, 'int32')), 'bool');
}

/** The same value with nothing left to broadcast. */
export function whole(g: Recorder, value: Value): Value {
  if (value.uniform === undefined && sameShape(value.stored, value.shape)) return value;
  const dims = value.order.map((axis) => at(value.shape, axis));
  return nodeValue(g.op('Expand', [nameOf(value), g.integers(dims)]), value.shape, {
    order: value.order,
    dtype: value.dtype,
  });
}

/** The same value, whole and in logical order. */
export function plain(g: Recorder, value: Value): Value {
  return inOrder(g, whole(g, value), range(value.shape.length));
}

/** Puts axes of length 1 in front until the rank is reached. */
function withRank(g: Recorder, value: Value, rank: number): Value {
  const more = rank - value.shape.length;
  if (more === 0) return value;
  const ones = Array<number>(more).fill(1);
  const shape = [...ones, ...value.shape];
  if (value.uniform !== undefined) return uniformValue(g, value.uniform, shape, value.dtype);
  const order = [...range(more), ...value.order.map((axis) => axis + more)];
  const stored = [...ones, ...value.stored];
  const node = reshapeNode(
    g,
    nameOf(value),
    order.map((axis) => at(stored, axis)),
  );
  return nodeValue(node, shape, { stored, order, dtype: value.dtype });
}

const broadcast = (a: Shape, b: Shape): Shape => a.map((side, axis) => (side === 1 ? at(b, axis) : side));

export interface Aligned {
  values: Value[];
  order: Order;
  shape: Shape;
  stored: Shape;
}

/** Brings operands of an elementwise node to one rank and one order, that of the largest of them. */
export function align(g: Recorder, ...operands: Value[]): Aligned {
  const rank = Math.max(...operands.map(({ shape }) => shape.length));
  const ranked = operands.map((value) => withRank(g, value, rank));
  const logical = range(rank);
  let largest: Value | undefined;
  for (const value of ranked) {
    if (value.uniform !== undefined) continue;
    const gain = largest ? sizeOf(value.stored) - sizeOf(largest.stored) : 1;
    if (gain > 0 || (gain === 0 && sameShape(value.order, logical))) largest = value;
  }
  const order = largest?.order ?? logical;
  const values = ranked.map((value) => inOrder(g, value, order));
  return {
    values,
    order,
    shape: values.map(({ shape }) => shape).reduce(broadcast),
    stored: values.map(({ stored }) => stored).reduce(broadcast),
  };
}
