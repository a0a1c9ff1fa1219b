/** @file Kernels that work element by element. */
import type * as tf from '@tensorflow/tfjs';
import { ELEMENT_CODES } from '../proto.js';
import type { Recorder } from '../recorder.js';
import type { ElementType, Value } from '../values.js';
import { align, inOrder, nameOf, nodeValue, same, uniformValue } from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel, listKernel, Unsupported } from './kernel.js';

type BinaryOp = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Max' | 'Min' | 'Pow';

const ON_NUMBERS: Record<BinaryOp, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Max: Math.max,
  Min: Math.min,
  Pow: Math.pow,
};

/** Times this, every number of use is beyond 1: a clipped product is a mask. Cheaper than comparing and selecting. */
const HUGE = 1e38;

/** An elementwise node of two operands. Constants are folded; a neutral operand only widens the shape. */
export function binary(g: Recorder, op: BinaryOp, a: Value, b: Value): Value {
  const {
    values: [x, y],
    ...result
  } = align(g, a, b);
  if (!x || !y) throw new Error('two operands expected');
  if (x.uniform !== undefined && y.uniform !== undefined) {
    return uniformValue(g, Math.fround(ON_NUMBERS[op](x.uniform, y.uniform)), result.shape, x.dtype);
  }
  const neutral = op === 'Mul' || op === 'Div' ? 1 : op === 'Add' || op === 'Sub' ? 0 : undefined;
  if (neutral !== undefined && y.uniform === neutral) return { ...x, shape: result.shape };
  if ((op === 'Mul' || op === 'Add') && x.uniform === neutral) return { ...y, shape: result.shape };
  if (op === 'Mul') {
    const masked =
      x.origin?.is === 'step' ? maskedBy(g, y, x) : y.origin?.is === 'step' ? maskedBy(g, x, y) : null;
    if (masked) return nodeValue(masked, result.shape, result);
    const scaled = scaledOrigin(x, y) ?? scaledOrigin(y, x);
    return nodeValue(g.op(op, [nameOf(x), nameOf(y)]), result.shape, { ...result, origin: scaled });
  }
  return nodeValue(g.op(op, [nameOf(x), nameOf(y)]), result.shape, { ...result, dtype: x.dtype });
}

function scaledOrigin(value: Value, factor: Value): Value['origin'] {
  return factor.uniform === undefined ? undefined : { is: 'scaled', of: value, by: factor.uniform };
}

/** `value * step(of)`, the gradient of relu, without comparing: HardSigmoid clips `HUGE * of` to [0, 1]. */
function maskedBy(g: Recorder, value: Value, mask: Value): string | null {
  if (mask.origin?.is !== 'step') return null;
  const of = inOrder(g, mask.origin.of, mask.order);
  const hard = g.op('HardSigmoid', [nameOf(of)], { alpha: { float: HUGE }, beta: { float: 0 } });
  return g.op('Mul', [hard, nameOf(value)]);
}

type CompareOp = 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual' | 'Equal' | 'And' | 'Or';

function compare(g: Recorder, op: CompareOp, a: Value, b: Value): Value {
  const { values, ...result } = align(g, a, b);
  const origin: Value['origin'] =
    op === 'Greater' && b.uniform === 0 ? { is: 'above zero', of: a } : undefined;
  return nodeValue(compareNode(g, op, values.map(nameOf)), result.shape, {
    ...result,
    dtype: 'bool',
    origin,
  });
}

/** WebGPU's provider has And and Not, but no Or. */
function compareNode(g: Recorder, op: CompareOp, operands: readonly string[]): string {
  if (op !== 'Or' || g.target.device !== 'webgpu') return g.op(op, operands);
  const neither = g.op('And', operands.map((each) => g.op('Not', [each]))); // prettier-ignore
  return g.op('Not', [neither]);
}

/** An elementwise node of one operand. */
export function unary(
  g: Recorder,
  op: string,
  x: Value,
  attributes: Parameters<Recorder['op']>[2] = {},
  dtype: ElementType = x.dtype,
): Value {
  return nodeValue(g.op(op, [nameOf(x)], attributes), x.shape, { stored: x.stored, order: x.order, dtype });
}

/** tfjs' step(x, alpha): 1 above zero, else alpha, at zero too. The gradient of abs is step with alpha -1. */
function step(g: Recorder, x: Value, alpha: number): Value {
  const mask = (): string => g.op('HardSigmoid', [nameOf(x)], { alpha: { float: HUGE }, beta: { float: 0 } });
  const above = nodeValue(mask, x.shape, { stored: x.stored, order: x.order, origin: { is: 'step', of: x } });
  if (alpha === 0) return above;
  const scaled = nodeValue(mask(), x.shape, { stored: x.stored, order: x.order });
  return binary(
    g,
    'Add',
    binary(g, 'Mul', scaled, uniformValue(g, 1 - alpha, [])),
    uniformValue(g, alpha, []),
  );
}

/** where(condition, yes, no); the gradient of leaky relu, where(x > 0, dy, alpha * dy), becomes a clipped product. */
function select(g: Recorder, condition: Value, yes: Value, no: Value): Value {
  const origin = condition.origin;
  if (origin?.is === 'above zero' && no.origin?.is === 'scaled' && same(no.origin.of, yes)) {
    const alpha = no.origin.by;
    if (alpha > 0 && alpha < 1) {
      const steep = binary(g, 'Mul', origin.of, uniformValue(g, HUGE, []));
      const clip = g.op('Clip', [nameOf(steep), g.scalar(alpha, 'float32'), g.scalar(1, 'float32')]);
      return binary(
        g,
        'Mul',
        nodeValue(clip, steep.shape, { stored: steep.stored, order: steep.order }),
        yes,
      );
    }
  }
  const { values, ...result } = align(g, condition, yes, no);
  return nodeValue(g.op('Where', values.map(nameOf)), result.shape, { ...result, dtype: yes.dtype });
}

function cast(g: Recorder, x: Value, dtype: string): Value {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') throw new Unsupported(`cast to ${dtype}`);
  if (dtype === x.dtype) return x;
  if (x.uniform !== undefined) {
    const number =
      dtype === 'bool' ? Number(x.uniform !== 0) : dtype === 'int32' ? Math.trunc(x.uniform) : x.uniform;
    return uniformValue(g, number, x.shape, dtype);
  }
  return unary(g, 'Cast', x, { to: { int: ELEMENT_CODES[dtype] } }, dtype);
}

const binaryKernel = (op: BinaryOp): Kernel => kernel(['a', 'b'], (g, { a, b }) => binary(g, op, a, b));
const compareKernel = (op: CompareOp): Kernel => kernel(['a', 'b'], (g, { a, b }) => compare(g, op, a, b));
const unaryKernel = (op: string): Kernel => kernel(['x'], (g, { x }) => unary(g, op, x));

export const elementwise: Readonly<Record<string, Kernel>> = {
  Add: binaryKernel('Add'),
  Sub: binaryKernel('Sub'),
  Multiply: binaryKernel('Mul'),
  RealDiv: binaryKernel('Div'),
  Maximum: binaryKernel('Max'),
  Minimum: binaryKernel('Min'),
  Pow: binaryKernel('Pow'),
  SquaredDifference: kernel(['a', 'b'], (g, { a, b }) => {
    const difference = binary(g, 'Sub', a, b);
    return binary(g, 'Mul', difference, difference);
  }),
  AddN: listKernel((g, terms) => terms.reduce((sum, term) => binary(g, 'Add', sum, term))),

  Greater: compareKernel('Greater'),
  GreaterEqual: compareKernel('GreaterOrEqual'),
  Less: compareKernel('Less'),
  LessEqual: compareKernel('LessOrEqual'),
  Equal: compareKernel('Equal'),
  LogicalAnd: compareKernel('And'),
  LogicalOr: compareKernel('Or'),
  LogicalNot: unaryKernel('Not'),
  Select: kernel(['condition', 't', 'e'], (g, { condition, t, e }) => select(g, condition, t, e)),

  Abs: unaryKernel('Abs'),
  Exp: unaryKernel('Exp'),
  Floor: unaryKernel('Floor'),
  Log: unaryKernel('Log'),
  Neg: unaryKernel('Neg'),
  Reciprocal: unaryKernel('Reciprocal'),
  Relu: unaryKernel('Relu'),
  Sigmoid: unaryKernel('Sigmoid'),
  Softplus: unaryKernel('Softplus'),
  Sqrt: unaryKernel('Sqrt'),
  Tanh: unaryKernel('Tanh'),
  Rsqrt: kernel(['x'], (g, { x }) => unary(g, 'Reciprocal', unary(g, 'Sqrt', x))),
  Square: kernel(['x'], (g, { x }) => binary(g, 'Mul', x, x)),
  LeakyRelu: kernel(['x'], (g, { x }, { alpha }: tf.LeakyReluAttrs) =>
    unary(g, 'LeakyRelu', x, { alpha: { float: alpha } }),
  ),
  Step: kernel(['x'], (g, { x }, { alpha }: tf.StepAttrs) => step(g, x, alpha)),
  Cast: kernel(['x'], (g, { x }, { dtype }: tf.CastAttrs) => cast(g, x, dtype)),
};
