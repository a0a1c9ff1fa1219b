/**
 * @file Checks of single ops: every kernel of the onnx engine, value and gradient, in every way that operands can lie in
 * memory; the engines that run eagerly compute the same cases. Where tfjs' own gradient is wrong or missing, none is asked for.
 */
import * as tf from '@tensorflow/tfjs';
import type { Values } from '../engines/compare.js';
import type { ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { Check, ProgramWork } from './check.js';
import { KERNEL_TOLERANCE } from './check.js';

interface Case {
  /** Shapes of the operands `a`, `b`, `c`. */
  shapes: Shape[];
  run: (operands: tf.Tensor[]) => tf.Tensor;
  /** Where operands may lie; by default anywhere but at 0, where relu and abs have kinks. */
  values?: 'positive' | 'steps';
  /** `false`: tfjs has no gradient for it, or it is 0 everywhere. A number: none by the operands before that one. */
  gradient?: false | number;
}

const float = (tensor: tf.Tensor): tf.Tensor => tf.cast(tensor, 'float32');
const elementwise = (run: (x: tf.Tensor) => tf.Tensor, values?: Case['values'], gradient?: false): Case[] =>
  [[5], [2, 3, 4, 3], [1, 3, 1, 2]].map((shape) => ({
    shapes: [shape],
    run: ([x]) => run(x as tf.Tensor),
    values,
    gradient,
  }));
const BROADCASTS: Shape[][] = [
  [
    [2, 3, 4, 3],
    [2, 3, 4, 3],
  ],
  [[2, 3, 4, 3], []],
  [[3], [2, 3, 4, 3]],
  [
    [2, 3, 4, 3],
    [2, 1, 1, 3],
  ],
  [
    [2, 1, 4, 1],
    [1, 3, 1, 3],
  ],
  [
    [1, 1, 1, 1],
    [2, 3],
  ],
];
const binary = (
  run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  values?: Case['values'],
  gradient?: false,
): Case[] =>
  BROADCASTS.map((shapes) => ({
    shapes,
    run: ([a, b]) => run(a as tf.Tensor, b as tf.Tensor),
    values,
    gradient,
  }));
const one = (shape: Shape, run: (x: tf.Tensor) => tf.Tensor, gradient?: false): Case => ({
  shapes: [shape],
  run: ([x]) => run(x as tf.Tensor),
  gradient,
});
const two = (
  left: Shape,
  right: Shape,
  run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  gradient?: Case['gradient'],
): Case => ({ shapes: [left, right], run: ([a, b]) => run(a as tf.Tensor, b as tf.Tensor), gradient });
/** tfjs' gradients of these forget to sum over broadcast axes. */
const unreduced = (run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Case[] => [
  ...binary(run, undefined, false),
  two([2, 3, 4, 3], [2, 3, 4, 3], run),
];
const reductions = (run: (x: tf.Tensor, axes: number[] | undefined, keep: boolean) => tf.Tensor): Case[] => [
  one([2, 3, 4, 3], (x) => run(x, undefined, false)),
  one([2, 3, 4, 3], (x) => run(x, [1, 2], true)),
  one([2, 3, 4, 3], (x) => run(x, [0, 3], false)),
  one([2, 3, 4, 3], (x) => run(x, [-1], false)),
  one([1, 5], (x) => run(x, [0], false)),
  one([4], (x) => run(x, [0], true)),
];

type Padding = 'same' | 'valid' | number;
const convolution = (x: Shape, filter: Shape, strides: number | [number, number], padding: Padding): Case =>
  two(x, filter, (image, weights) =>
    tf.conv2d(image as tf.Tensor4D, weights as tf.Tensor4D, strides, padding),
  );
const CONVOLUTIONS: Case[] = [
  convolution([2, 7, 6, 3], [3, 3, 3, 4], 1, 'same'),
  convolution([2, 7, 6, 3], [3, 3, 3, 4], 1, 'valid'),
  convolution([2, 7, 6, 3], [3, 3, 3, 4], 2, 'same'),
  convolution([1, 8, 8, 3], [3, 3, 3, 4], 2, 'same'),
  convolution([2, 8, 7, 3], [4, 4, 3, 4], 2, 1), // leaves a rest of the image unread
  convolution([2, 6, 6, 2], [4, 4, 2, 3], 1, 1),
  convolution([2, 6, 6, 8], [3, 3, 8, 1], 1, 'same'), // few channels come out
  convolution([2, 6, 6, 1], [3, 3, 1, 8], 1, 'same'), // few channels go in
  convolution([2, 6, 5, 8], [7, 7, 8, 1], 1, 3),
  convolution([3, 5, 4, 2], [1, 1, 2, 3], 1, 'valid'),
  convolution([1, 9, 8, 2], [2, 3, 2, 2], [2, 3], 'valid'),
  convolution([1, 4, 4, 1], [2, 2, 1, 1], 1, 2), // more padding than filter
  convolution([2, 48, 44, 2], [3, 3, 2, 3], 1, 'same'), // so many pixels that a GPU sums by parts
];
const transposed = (x: Shape, filter: Shape, out: [number, number, number, number], stride: number): Case =>
  two(x, filter, (image, weights) =>
    tf.conv2dTranspose(image as tf.Tensor4D, weights as tf.Tensor4D, out, stride, 'same'),
  );
const TRANSPOSED: Case[] = [
  transposed([2, 3, 4, 4], [3, 3, 2, 4], [2, 6, 8, 2], 2),
  transposed([1, 3, 3, 2], [3, 3, 4, 2], [1, 5, 5, 4], 2),
  transposed([2, 4, 4, 2], [4, 4, 2, 2], [2, 4, 4, 2], 1),
];
const PAIRS: [number, number][] = [[0, 0], [1, 2], [2, 0], [0, 1]]; // prettier-ignore

/** Rows of the table, in them cases by tfjs op. Each case of an op must reach its kernel. */
export const KERNEL_CASES: Readonly<Record<string, Readonly<Record<string, readonly Case[]>>>> = {
  arithmetic: {
    Add: [
      ...binary((a, b) => tf.add(a, b)),
      one([2, 3], (x) => tf.add(tf.add(x, 0), tf.add(0, x))),
      one([2, 3], (x) => tf.mul(x, tf.add(tf.scalar(2), tf.ones([4, 2, 3])))),
    ],
    Sub: [...binary((a, b) => tf.sub(a, b)), one([2, 3], (x) => tf.sub(tf.sub(x, 0), tf.sub(0, x)))],
    Multiply: [
      ...binary((a, b) => tf.mul(a, b)),
      one([2, 3], (x) => tf.mul(tf.ones([4, 1, 1]), tf.mul(x, 1))),
      one([2, 3], (x) => tf.mul(x, tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]))),
    ],
    RealDiv: [...binary((a, b) => tf.div(a, b)), one([2, 3], (x) => tf.add(tf.div(x, 1), tf.div(1, x)))],
    Maximum: unreduced((a, b) => tf.maximum(a, b)),
    Minimum: unreduced((a, b) => tf.minimum(a, b)),
    Pow: [...binary((a, b) => tf.pow(a, b), 'positive'), one([3, 2], (x) => tf.pow(tf.abs(x), 1.5))],
    SquaredDifference: unreduced((a, b) => tf.squaredDifference(a, b)),
    AddN: [
      two([2, 3], [2, 3], (a, b) => tf.addN([a, b, a])),
      one([2, 3], (x) => tf.addN([x, tf.ones([2, 3]), tf.zeros([2, 3]), x])),
    ],
  },
  comparisons: {
    Greater: [
      ...binary((a, b) => float(tf.greater(a, b)), 'steps', false),
      one([7], (x) => float(tf.greater(x, 0)), false),
    ],
    GreaterEqual: binary((a, b) => float(tf.greaterEqual(a, b)), 'steps', false),
    Less: binary((a, b) => float(tf.less(a, b)), 'steps', false),
    LessEqual: binary((a, b) => float(tf.lessEqual(a, b)), 'steps', false),
    Equal: binary((a, b) => float(tf.equal(a, b)), 'steps', false),
    LogicalAnd: binary((a, b) => float(tf.logicalAnd(tf.greater(a, 0), tf.greater(b, 0))), 'steps', false),
    LogicalOr: binary((a, b) => float(tf.logicalOr(tf.greater(a, 0), tf.greater(b, 0))), 'steps', false),
    LogicalNot: elementwise((x) => float(tf.logicalNot(tf.greater(x, 0))), 'steps', false),
    Select: [
      ...[[7], [2, 3, 4, 3]].map((shape): Case => ({
        shapes: [shape, shape, shape],
        run: ([a, b, c]) => tf.where(tf.greater(a as tf.Tensor, 0), b as tf.Tensor, c as tf.Tensor),
        gradient: 1,
      })),
      two([4, 2], [4, 2], (a, b) => tf.where(tf.greater(a, 0), b, tf.mul(b, 0.3)), 1),
      two([4, 2], [4, 2], (a, b) => tf.where(tf.greater(a, 0), b, tf.mul(b, -3)), 1),
      // The same node seen another way round is another tensor.
      two([3, 3], [3, 3], (a, b) => tf.where(tf.greater(a, 0), tf.transpose(b), tf.mul(b, 0.3)), 1),
    ],
  },
  functions: {
    Abs: elementwise((x) => tf.abs(x)),
    Exp: elementwise((x) => tf.exp(x)),
    Floor: elementwise((x) => tf.floor(x), undefined, false),
    Log: elementwise((x) => tf.log(x), 'positive'),
    Neg: elementwise((x) => tf.neg(x)),
    Reciprocal: elementwise((x) => tf.reciprocal(x)),
    Relu: [...elementwise((x) => tf.relu(x)), one([2, 1], (x) => tf.relu(tf.mul(x, tf.ones([3, 2, 4]))))],
    LeakyRelu: [
      ...elementwise((x) => tf.leakyRelu(x, 0.2)),
      ...elementwise((x) => tf.mul(tf.leakyRelu(x, 1.5), x)),
    ],
    Sigmoid: elementwise((x) => tf.sigmoid(x)),
    Softplus: elementwise((x) => tf.softplus(x)),
    Sqrt: elementwise((x) => tf.sqrt(x), 'positive'),
    Rsqrt: elementwise((x) => tf.rsqrt(x), 'positive'),
    Square: elementwise((x) => tf.square(x)),
    Tanh: elementwise((x) => tf.tanh(x)),
    Step: [
      ...elementwise((x) => tf.step(x), 'steps', false),
      ...elementwise((x) => tf.step(x, -1), 'steps', false),
      ...elementwise((x) => tf.step(x, 0.2), 'steps', false),
      ...elementwise((x) => tf.mul(tf.step(x), x), 'steps', false),
      {
        shapes: [[3], [2, 3]],
        run: ([a, b]) => tf.mul(tf.step(a as tf.Tensor), b as tf.Tensor),
        gradient: false,
      },
    ],
    Cast: [
      ...elementwise((x) => float(tf.cast(x, 'int32')), undefined, false),
      ...elementwise((x) => float(tf.cast(x, 'bool')), 'steps', false),
      one([3], (x) => tf.add(x, float(tf.cast(tf.fill([3], 2.5), 'int32'))), false),
      one([3], (x) => tf.add(x, float(tf.cast(tf.fill([3], 2.5), 'bool'))), false),
    ],
  },
  reductions: {
    Mean: reductions((x, axes, keep) => tf.mean(x, axes, keep)),
    Sum: [
      ...reductions((x, axes, keep) => tf.sum(x, axes, keep)),
      one([2, 1], (x) => tf.sum(tf.mul(x, tf.ones([3, 2, 4])), [0, 2])),
    ],
    Max: reductions((x, axes, keep) => tf.max(x, axes, keep)),
    Min: reductions((x, axes, keep) => tf.min(x, axes, keep)),
  },
  shapes: {
    Reshape: [
      one([2, 3, 4, 3], (x) => tf.reshape(x, [6, 12])),
      one([2, 3, 4, 3], (x) => tf.reshape(x, [2, 1, 3, 4, 1, 3])),
      one([1, 3, 4, 3], (x) => tf.reshape(x, [3, 4, 3])),
      one([1, 3, 1, 2], (x) => tf.reshape(x, [3, 1, 1, 2])),
      one([2, 1, 4, 1], (x) => tf.reshape(x, [2, -1])),
      one([1], (x) => tf.reshape(tf.mul(x, tf.ones([2, 3])), [3, 2])),
      one([2, 1], (x) => tf.reshape(tf.mul(x, tf.ones([3, 2, 4])), [3, 2, 1, 4])),
      one([2], (x) => tf.mul(x, tf.reshape(tf.fill([2, 1], 3), [2]))),
    ],
    ExpandDims: [one([2, 3], (x) => tf.expandDims(x, 1)), one([2, 3], (x) => tf.expandDims(x, -1))],
    Identity: elementwise((x) => tf.clone(x)),
    OnesLike: elementwise((x) => tf.mul(x, tf.onesLike(x))),
    ZerosLike: elementwise((x) => tf.add(x, tf.zerosLike(x))),
    Fill: [one([2, 3], (x) => tf.mul(x, tf.fill([2, 3], 2.5)))],
    Transpose: [
      one([2, 3, 4, 3], (x) => tf.transpose(x, [3, 1, 0, 2])),
      one([2, 3], (x) => tf.transpose(x)),
      one([2, 3, 4], (x) => tf.transpose(tf.transpose(x, [1, 2, 0]), [1, 2, 0])),
    ],
    PadV2: [
      one([2, 3, 4, 3], (x) => tf.pad(x, PAIRS)),
      one([2, 3], (x) => tf.pad(x, [[1, 0], [0, 2]], 1.5)), // prettier-ignore
      one([2, 3], (x) => tf.pad(x, [[0, 0], [0, 0]])), // prettier-ignore
    ],
    MirrorPad: [
      one([2, 3, 4, 3], (x) => tf.mirrorPad(x, [[0, 0], [2, 2], [1, 3], [0, 0]], 'reflect'), false), // prettier-ignore
      one([4], (x) => tf.mirrorPad(x, [[3, 1]], 'reflect'), false),
    ],
    Slice: [
      one([2, 3, 4, 3], (x) => tf.slice(x, [0, 1, 2, 0], [2, 2, 1, -1])),
      one([4, 3], (x) => tf.slice(x, 1, 2)),
      one([4, 3], (x) => tf.slice(x, [0, 0], [4, 3])),
      one([2, 1], (x) => tf.slice(tf.mul(x, tf.ones([3, 2, 4])), [1, 0, 1], [2, 1, 2])),
    ],
    Reverse: [
      one([2, 3, 4, 3], (x) => tf.reverse(x, [1, 3])),
      one([2, 3], (x) => tf.reverse(x, -1)),
      one([2, 3], (x) => tf.reverse(x)),
    ],
    Concat: [
      two([2, 3, 4, 3], [2, 1, 4, 3], (a, b) => tf.concat([a, b], 1)),
      two([2, 3], [2, 2], (a, b) => tf.concat([a, b], -1)),
      one([2, 3], (x) => tf.concat([x, tf.ones([2, 2]), tf.mul(x, 2)], 1)),
    ],
    SplitV: [
      one([2, 3, 4, 3], (x) => tf.concat((tf.split(x, [1, 2], 1) as [tf.Tensor, tf.Tensor]).reverse(), 1)),
      one([4, 2], (x) => tf.sub(...(tf.split(x, 2, 0) as [tf.Tensor, tf.Tensor]))),
    ],
    Tile: [one([2, 3, 4, 3], (x) => tf.tile(x, [1, 2, 1, 3])), one([3], (x) => tf.tile(x, [2]))],
  },
  convolutions: {
    Conv2D: [
      ...CONVOLUTIONS,
      two(
        [2, 9, 8, 2],
        [3, 2, 2, 3],
        (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same', 'NHWC', [2, 3]),
        false,
      ),
    ],
    Conv2DBackpropInput: TRANSPOSED,
    // Reached through the gradient of a convolution, so its own gradient is not asked for.
    Conv2DBackpropFilter: CONVOLUTIONS,
  },
  matrices: {
    BatchMatMul: [
      two([3, 4], [4, 2], (a, b) => tf.matMul(a, b)),
      two([4, 3], [2, 4], (a, b) => tf.matMul(a, b, true, true)),
      two([2, 3, 4], [2, 2, 4], (a, b) => tf.matMul(a, b, false, true)),
      two([5, 3, 4], [1, 4, 2], (a, b) => tf.matMul(a, b), false),
    ],
  },
  // Each is the other's gradient in src/train/winograd.ts; those that tfjs has are not used.
  gathers: {
    GatherV2: [
      one([4, 3], (x) => tf.gather(x, tf.tensor1d([3, 0, 0, 2, 1], 'int32')), false),
      one([2, 3, 2], (x) => tf.gather(x, tf.tensor1d([1, 1, 0], 'int32')), false),
    ],
    ScatterNd: [
      one([5, 3], (x) => tf.scatterND(tf.tensor2d([3, 0, 0, 2, 3], [5, 1], 'int32'), x, [4, 3]), false),
    ],
  },
};

/** Ways in which an operand may lie in memory. All give the kernel the same tensor. */
const LAYOUTS = {
  'in logical order': (x: tf.Tensor) => x,
  'with its axes reversed in memory': (x: tf.Tensor) => tf.transpose(x),
  'constant along its first axis': (x: tf.Tensor, shape: Shape) => tf.mul(x, tf.ones([...shape])),
} as const;
type Layout = keyof typeof LAYOUTS;

/** The shape that is fed so that the layout gives `shape`. */
function fedShape(layout: Layout, shape: Shape): Shape {
  if (layout === 'with its axes reversed in memory') return [...shape].reverse();
  return layout === 'constant along its first axis' && shape.length > 0 ? [1, ...shape.slice(1)] : shape;
}

/** A program that gives the case's value and its gradient by each operand, of a sum with uneven weights. */
function programOf({ shapes, run, gradient }: Case, layout: Layout): ProgramSpec {
  const inputs = Object.fromEntries(shapes.map((shape, i) => [`operand${i}`, fedShape(layout, shape)]));
  return {
    name: 'case',
    inputs,
    reads: [],
    writes: [],
    run: (tensors) => {
      const operands = shapes.map((shape, i) => LAYOUTS[layout](tensors[`operand${i}`] as tf.Tensor, shape));
      const results: TensorMap = { value: run(operands) };
      if (gradient === false) return results;
      const fixed = gradient ?? 0;
      const weighted = (...each: tf.Tensor[]): tf.Scalar => {
        const value = run([...operands.slice(0, fixed), ...each]);
        return tf.sum(tf.mul(value, tf.tensor(uneven(value.size), value.shape)));
      };
      tf.grads(weighted)(operands.slice(fixed)).forEach((each, i) => (results[`gradient${i}`] = each));
      return results;
    },
  };
}

const uneven = (size: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => 1 + 0.5 * Math.cos(1 + 2.3 * i));

function valuesFor({ shapes, values }: Case, layout: Layout): Values {
  const draw = (i: number): number => {
    const wave = Math.sin(12.9898 * (i + 1)) * 43758.5453;
    const noise = 2 * (wave - Math.floor(wave)) - 1; // -1 to 1
    if (values === 'steps') return Math.round(noise); // many ties, many zeros
    const away = 0.1 + 0.9 * Math.abs(noise);
    return values === 'positive' || noise > 0 ? away : -away;
  };
  return Object.fromEntries(
    shapes.map((shape, which) => {
      const size = sizeOf(fedShape(layout, shape));
      return [`operand${which}`, Float32Array.from({ length: size }, (_, i) => draw(i + 1000 * which))];
    }),
  );
}

/** One case of an op in one layout. */
export interface KernelCheck extends Check {
  /** The tfjs op whose kernel it reaches. */
  op: string;
  work: ProgramWork;
}

export function kernelChecks(): KernelCheck[] {
  return Object.entries(KERNEL_CASES).flatMap(([group, ops]) =>
    Object.entries(ops).flatMap(([op, cases]) =>
      cases.flatMap((each, index) =>
        (Object.keys(LAYOUTS) as Layout[]).map((layout) => ({
          group: `kernels: ${group}`,
          op,
          name: `${op}, case ${index}, operands ${layout}`,
          tolerance: KERNEL_TOLERANCE,
          work: { spec: programOf(each, layout), inputs: valuesFor(each, layout) },
        })),
      ),
    ),
  );
}
