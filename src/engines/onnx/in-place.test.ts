/** @file What may be overwritten while it is read: Adam's moments and accumulators, never weights. */
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { ProgramSpec } from '../engine.js';
import { writableInPlace } from './in-place.js';
import { resultName, trace } from './trace.js';

/** Traces a program over scalars `a` and `b` of the bank; says which it may overwrite. */
function inPlace(run: ProgramSpec['run']): string[] {
  const bank = { a: [3], b: [3] };
  const spec = { name: 'test', inputs: { x: [3] }, reads: ['a', 'b'], writes: ['a', 'b'], run };
  const { graph } = trace(spec, bank, { device: 'cpu' });
  return [...writableInPlace(graph, new Map(spec.writes.map((name) => [name, resultName(name)])))].sort();
}
const given = (run: (a: tf.Tensor, b: tf.Tensor, x: tf.Tensor) => [tf.Tensor, tf.Tensor]) =>
  inPlace(({ a, b, x }) => {
    const [nextA, nextB] = run(a as tf.Tensor, b as tf.Tensor, x as tf.Tensor);
    return { a: nextA, b: nextB };
  });

it('what only its own update reads', () => {
  expect(given((a, b, x) => [tf.add(a, x), tf.add(tf.mul(b, 0.5), x)])).toEqual(['a', 'b']);
});

it('not what another result reads as well, unless by way of the update', () => {
  // b reads a: a may be written only after b, which nothing assures.
  expect(given((a, b, x) => [tf.add(a, x), tf.sub(b, a)])).toEqual(['b']);
  // b reads the new a, and the old one only through it.
  expect(given((a, b, x) => [tf.add(a, x), tf.sub(b, tf.add(a, x))])).toEqual(['a', 'b']);
});

it('not what its own update reads in another place than it writes', () => {
  expect(given((a, b) => [tf.reverse(a), tf.slice(tf.concat([b, b]), 1, 3)])).toEqual(['b']);
});

it('not one for the other', () => {
  expect(given((a, b) => [b, a])).toEqual([]);
});
