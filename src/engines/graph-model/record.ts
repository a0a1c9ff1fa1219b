/**
 * @file A pure tfjs function as a graph model: the nodes of a TensorFlow GraphDef in JSON and its weights, which plain
 * `tf.loadGraphModel` reads. A tfjs backend whose kernels compute nothing notes down what would be computed.
 * Format: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter
 */
import * as tf from '@tensorflow/tfjs';
import { withBackend } from '../backend.js';
import type { Shape, TensorMap } from '../engine.js';
import { sameShape, sizeOf } from '../spec.js';

export interface GraphModel {
  /** `model.json`, but for the name of the file of weights. */
  topology: { node: GraphNode[]; versions: { producer: number } };
  /** What `weights.bin` holds, in its order. */
  manifest: { name: string; shape: number[]; dtype: 'float32' | 'int32' }[];
  weights: Uint8Array;
}

interface GraphNode {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, unknown>;
}

type Numbers = Float32Array | Int32Array;
/** What a kernel adds to the graph; a node's name, or that of one of its inputs where nothing is to be done. */
type Kernel = (g: Recorder, inputs: Record<string, tf.TensorInfo>, attributes: tf.NamedAttrMap) => { node: string; shape: Shape }; // prettier-ignore

const BACKEND = 'graph-model-trace';

interface Recorder {
  name(tensor: tf.TensorInfo): string;
  node(op: string, input: string[], attr?: Record<string, unknown>): string;
  integers(values: readonly number[], shape?: Shape): string;
}

// Attributes as a GraphDef in JSON has them: text in base64, whole numbers as text.
const text = (value: string) => ({ s: Buffer.from(value).toString('base64') });
const list = (values: readonly number[]) => ({ list: { i: values.map(String) } });
const type = (dtype: string) => ({ type: dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT' });

class Backend extends tf.KernelBackend implements Recorder {
  readonly nodes: GraphNode[] = [];
  readonly constants: { name: string; shape: number[]; values: Numbers }[] = [];
  private readonly names = new Map<object, string | { values: Numbers; shape: number[] }>();

  reset(): void {
    this.nodes.length = 0;
    this.constants.length = 0;
    this.names.clear();
  }
  add(node: string, shape: Shape): tf.TensorInfo {
    const dataId = {};
    this.names.set(dataId, node);
    return { dataId, shape: [...shape], dtype: 'float32' };
  }
  placeholder(name: string, shape: Shape): tf.TensorInfo {
    const dim = shape.map((side) => ({ size: String(side) }));
    this.nodes.push({ name, op: 'Placeholder', input: [], attr: { dtype: type('float32'), shape: { shape: { dim } } } }); // prettier-ignore
    return this.add(name, shape);
  }
  constant(values: Numbers, shape: Shape, name = `constant${this.constants.length}`): string {
    const dtype = values instanceof Int32Array ? 'int32' : 'float32';
    const tensorShape = { dim: shape.map((side) => ({ size: String(side) })) };
    const value = { tensor: { dtype: type(dtype).type, tensorShape } };
    this.nodes.push({ name, op: 'Const', input: [], attr: { dtype: type(dtype), value } });
    this.constants.push({ name, shape: [...shape], values });
    return name;
  }
  name({ dataId }: tf.TensorInfo): string {
    const known = this.names.get(dataId);
    if (known === undefined) throw new Error('a tensor of another backend entered the graph model');
    if (typeof known === 'string') return known;
    const name = this.constant(known.values, known.shape);
    this.names.set(dataId, name);
    return name;
  }
  node(op: string, input: string[], attr: Record<string, unknown> = {}): string {
    const name = `${op}${this.nodes.length}`;
    this.nodes.push({ name, op, input, attr: { T: type('float32'), ...attr } });
    return name;
  }
  integers(values: readonly number[], shape: Shape = [values.length]): string {
    return this.constant(Int32Array.from(values), shape);
  }

  override write(values: tf.backend_util.TypedArray, shape: number[]): object {
    const dataId = {};
    this.names.set(dataId, { values: Float32Array.from(values), shape });
    return dataId;
  }
  override move(dataId: object, values: tf.backend_util.TypedArray, shape: number[]): void {
    this.names.set(dataId, { values: Float32Array.from(values), shape });
  }
  override incRef(): void {}
  override disposeData(): boolean {
    return true;
  }
  override numDataIds(): number {
    return this.names.size;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override dispose(): void {
    this.names.clear();
  }
}

// ---- Kernels: those that generators are written in

const shapeOf = (tensor: tf.TensorInfo | undefined): number[] => [...(tensor?.shape ?? [])];

const elementwise =
  (op: string): Kernel =>
  (g, { a, b }) => ({
    node: g.node(op, [g.name(a!), g.name(b!)]),
    shape: tf.backend_util.assertAndGetBroadcastShape(shapeOf(a), shapeOf(b)),
  });
const ofOne =
  (op: string, attr: (attributes: tf.NamedAttrMap) => Record<string, unknown> = () => ({})): Kernel =>
  (g, { x }, attributes) => ({ node: g.node(op, [g.name(x!)], attr(attributes)), shape: shapeOf(x) });

type Pad = 'valid' | 'same' | number | [[number, number], [number, number], [number, number], [number, number]]; // prettier-ignore

function padding(pad: Pad): Record<string, unknown> {
  if (pad === 'valid' || pad === 'same') return { padding: text(pad.toUpperCase()) };
  const sides = typeof pad === 'number' ? [0, 0, pad, pad, pad, pad, 0, 0] : pad.flat();
  return { padding: text('EXPLICIT'), explicit_paddings: list(sides) };
}

const convolution = (strides: number | [number, number], pad: Pad): Record<string, unknown> => {
  const [down, right] = typeof strides === 'number' ? [strides, strides] : strides;
  return {
    strides: list([1, down, right, 1]),
    dilations: list([1, 1, 1, 1]),
    data_format: text('NHWC'),
    ...padding(pad),
  };
};

const KERNELS: Record<string, Kernel> = {
  Add: elementwise('AddV2'),
  Sub: elementwise('Sub'),
  Multiply: elementwise('Mul'),
  RealDiv: elementwise('RealDiv'),
  Square: ofOne('Square'),
  Rsqrt: ofOne('Rsqrt'),
  Relu: ofOne('Relu'),
  Tanh: ofOne('Tanh'),
  LeakyRelu: ofOne('LeakyRelu', ({ alpha }) => ({ alpha: { f: alpha } })),
  Identity: (g, { x }) => ({ node: g.name(x!), shape: shapeOf(x) }),
  Cast: (g, { x }) => ({ node: g.name(x!), shape: shapeOf(x) }),
  Reshape: (g, { x }, { shape }) => {
    if (!sameShape(shapeOf(x), shape as number[]))
      throw new Error('a shape that would hold for one size of image');
    return { node: g.name(x!), shape: shapeOf(x) };
  },
  Mean: (g, { x }, attributes) => {
    const { axis, keepDims } = attributes as unknown as tf.MeanAttrs;
    const axes = tf.util.parseAxisParam(axis, shapeOf(x));
    const shape = shapeOf(x).map((side, at) => (axes.includes(at) ? 1 : side));
    if (!keepDims) throw new Error('a mean that drops axes');
    return { node: g.node('Mean', [g.name(x!), g.integers(axes)], { keep_dims: { b: true } }), shape };
  },
  MirrorPad: (g, { x }, attributes) => {
    const { paddings, mode } = attributes as unknown as tf.MirrorPadAttrs;
    const shape = shapeOf(x).map((side, at) => side + paddings[at]![0] + paddings[at]![1]);
    const pads = g.integers(paddings.flat(), [paddings.length, 2]);
    return { node: g.node('MirrorPad', [g.name(x!), pads], { mode: text(mode.toUpperCase()) }), shape };
  },
  Conv2D: (g, { x, filter }, attributes) => {
    const { strides, pad } = attributes as unknown as tf.Conv2DAttrs;
    const info = tf.backend_util.computeConv2DInfo(shapeOf(x) as [number, number, number, number], shapeOf(filter) as [number, number, number, number], strides, 1, pad); // prettier-ignore
    const node = g.node('Conv2D', [g.name(x!), g.name(filter!)], convolution(strides, pad));
    return { node, shape: info.outShape };
  },
  // A transposed convolution. The sides of its result are computed from those of its input when it runs.
  Conv2DBackpropInput: (g, { dy, filter }, attributes) => {
    const { strides, pad, inputShape } = attributes as unknown as tf.Conv2DBackpropInputAttrs;
    const [stride] = [strides].flat() as [number];
    const sides = g.node('Shape', [g.name(dy!)], { out_type: type('int32') });
    const scaled = g.node('Mul', [sides, g.integers([1, stride, stride, 0])], { T: type('int32') });
    const wanted = g.node('AddV2', [scaled, g.integers([0, 0, 0, inputShape[3]])], { T: type('int32') });
    const inputs = [wanted, g.name(filter!), g.name(dy!)];
    return {
      node: g.node('Conv2DBackpropInput', inputs, convolution(strides, pad)),
      shape: inputShape,
    };
  },
  // Doubles both sides, whatever they are.
  ResizeNearestNeighbor: (g, { images }, attributes) => {
    const [batch, height, width, channels] = shapeOf(images) as [number, number, number, number];
    const { size } = attributes as unknown as tf.ResizeNearestNeighborAttrs;
    if (!sameShape(size, [2 * height, 2 * width])) throw new Error('a resize that does not double');
    const sides = g.node('Shape', [g.name(images!)], { out_type: type('int32') });
    const ends = { begin_mask: { i: '0' }, end_mask: { i: '0' }, ellipsis_mask: { i: '0' }, new_axis_mask: { i: '0' }, shrink_axis_mask: { i: '0' } }; // prettier-ignore
    const two = g.node('StridedSlice', [sides, g.integers([1]), g.integers([3]), g.integers([1])], ends);
    const wanted = g.node('Mul', [two, g.integers([2, 2])], { T: type('int32') });
    const node = g.node('ResizeNearestNeighbor', [g.name(images!), wanted], {
      align_corners: { b: false },
      half_pixel_centers: { b: false },
    });
    return { node, shape: [batch, 2 * height, 2 * width, channels] };
  },
};

let registered: Backend | undefined;

function backend(): Backend {
  if (registered) return registered;
  const made = new Backend();
  tf.registerBackend(BACKEND, () => made, 0);
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => {
        const { node, shape } = kernel(made, inputs as Record<string, tf.TensorInfo>, attrs ?? {});
        return made.add(node, shape);
      },
    });
  }
  tf.registerKernel({
    kernelName: 'Concat',
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => {
      const parts = Object.values(inputs) as tf.TensorInfo[];
      const { axis } = attrs as unknown as tf.ConcatAttrs;
      const shape = tf.backend_util.computeOutShape(parts.map(shapeOf), axis);
      const names = [...parts.map((part) => made.name(part)), made.integers([axis], [])];
      return made.add(made.node('ConcatV2', names, { N: { i: String(parts.length) } }), shape);
    },
  });
  registered = made;
  return made;
}

/**
 * @param inputs shapes of what is fed; -1 stands for a side that may be any, for which `example` is put while it is noted down
 * @param weights that become part of the model, by name, row-major
 * @throws Error naming the op that cannot be written down
 */
export function recordGraphModel(
  inputs: Record<string, Shape>,
  example: number,
  weights: Record<string, { shape: Shape; values: Float32Array }>,
  run: (tensors: TensorMap) => TensorMap,
): GraphModel & { outputs: Record<string, string> } {
  const recorder = backend();
  recorder.reset();
  const outputs: Record<string, string> = {};
  withBackend(BACKEND, () => {
    tf.tidy(() => {
      const feeds: TensorMap = {};
      const tensorOf = (info: tf.TensorInfo): tf.Tensor => tf.engine().makeTensorFromTensorInfo(info);
      for (const [name, shape] of Object.entries(inputs)) {
        const { dataId, dtype } = recorder.placeholder(name, shape);
        feeds[name] = tensorOf({ dataId, dtype, shape: shape.map((side) => (side < 0 ? example : side)) });
      }
      for (const [name, { shape, values }] of Object.entries(weights)) {
        feeds[name] = tensorOf(recorder.add(recorder.constant(values, shape, name), shape));
      }
      for (const [name, tensor] of Object.entries(run(feeds))) {
        outputs[name] = recorder.name(tensor);
      }
    });
  });
  const { nodes, constants } = recorder;
  const bytes = constants.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)); // prettier-ignore
  const model = {
    topology: { node: [...nodes], versions: { producer: 1 } },
    manifest: constants.map(({ name, shape, values }) => {
      const dtype = values instanceof Int32Array ? ('int32' as const) : ('float32' as const);
      if (values.length !== sizeOf(shape)) throw new RangeError(`${name} holds ${values.length} values, not ${sizeOf(shape)}`); // prettier-ignore
      return { name, shape, dtype };
    }),
    weights: Buffer.concat(bytes),
    outputs,
  };
  recorder.reset();
  return model;
}
