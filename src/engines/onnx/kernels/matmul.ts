/** @file Matrix multiplication. */
import * as tf from '@tensorflow/tfjs';
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';
import { at, nameOf, nodeValue, plain } from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel } from './kernel.js';

function matMul(g: Recorder, left: Value, right: Value, transposeA: boolean, transposeB: boolean): Value {
  const a = plain(g, left);
  const b = plain(g, right);
  const rank = a.shape.length;
  const rows = at(a.shape, transposeA ? rank - 1 : rank - 2);
  const columns = at(b.shape, transposeB ? rank - 2 : rank - 1);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const operands = [nameOf(a), nameOf(b)];
  const node =
    transposeA || transposeB
      ? g.op(
          'FusedMatMul',
          operands,
          { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) } },
          'com.microsoft',
        )
      : g.op('MatMul', operands);
  return nodeValue(node, [...batch, rows, columns]);
}

export const matrices: Readonly<Record<string, Kernel>> = {
  BatchMatMul: kernel(['a', 'b'], (g, { a, b }, { transposeA, transposeB }: tf.BatchMatMulAttrs) =>
    matMul(g, a, b, transposeA, transposeB),
  ),
};
