/** @file Matrix multiplication. */
import * as tf from '@tensorflow/tfjs';
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';
import { at, nameOf, nodeValue, plain, range } from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel } from './kernel.js';

function matMul(g: Recorder, left: Value, right: Value, transposeA: boolean, transposeB: boolean): Value {
  const a = plain(g, left);
  const b = plain(g, right);
  const rank = a.shape.length;
  const rows = at(a.shape, transposeA ? rank - 1 : rank - 2);
  const columns = at(b.shape, transposeB ? rank - 2 : rank - 1);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const node = matMulNode(g, nameOf(a), nameOf(b), transposeA, transposeB, rank);
  return nodeValue(node, [...batch, rows, columns]);
}

function matMulNode(
  g: Recorder,
  a: string,
  b: string,
  transposeA: boolean,
  transposeB: boolean,
  rank: number,
): string {
  if (!transposeA && !transposeB) return g.op('MatMul', [a, b]);
  if (g.target.device === 'webgpu') {
    // Its provider has no multiplication that transposes.
    const turned = [...range(rank - 2), rank - 1, rank - 2];
    const transposed = (node: string): string => g.op('Transpose', [node], { perm: { ints: turned } });
    return g.op('MatMul', [transposeA ? transposed(a) : a, transposeB ? transposed(b) : b]);
  }
  const attributes = { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) } };
  return g.op('FusedMatMul', [a, b], attributes, 'com.microsoft');
}

export const matrices: Readonly<Record<string, Kernel>> = {
  BatchMatMul: kernel(['a', 'b'], (g, { a, b }, { transposeA, transposeB }: tf.BatchMatMulAttrs) =>
    matMul(g, a, b, transposeA, transposeB),
  ),
};
