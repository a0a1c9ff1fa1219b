/**
 * @file What tfjs-node-gpu's kernels of convolution lack: padding by a number, as PatchGAN has it. TensorFlow's ops can do it,
 * as explicit padding.
 */
import * as tf from '@tensorflow/tfjs';

/** An attribute of a TensorFlow op, as the binding takes it. */
interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** What of tfjs-node's backend is used here. */
interface NodeBackend extends tf.KernelBackend {
  binding: Record<'TF_ATTR_INT' | 'TF_ATTR_STRING' | 'TF_ATTR_TYPE' | 'TF_ATTR_BOOL' | 'TF_FLOAT', number>;
  executeSingleOutput(op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[]): tf.TensorInfo;
}

interface ConvolutionAttributes {
  pad: 'valid' | 'same' | number | number[][];
  strides: number | [number, number];
  dataFormat: string;
  /** Of the gradient by the input. */
  inputShape: number[];
  /** Of the gradient by the filter. */
  filterShape: number[];
}

interface KernelArguments {
  inputs: tf.NamedTensorInfoMap;
  attrs: ConvolutionAttributes;
  backend: NodeBackend;
}
type Kernel = (given: KernelArguments) => tf.TensorInfo;

/** Kernels for padding by a number; `kernel` is the package's own. */
const NUMBER_PADDED: Record<string, (kernel: Kernel) => Kernel> = {
  // The package's kernel takes a number for each side.
  Conv2D: (kernel) => (given) => {
    const pad = eachSide(given.attrs.pad as number);
    return kernel({ ...given, attrs: { ...given.attrs, pad } });
  },
  Conv2DBackpropInput: () => (given) => {
    const { dy, filter } = given.inputs;
    return withShape(given.attrs.inputShape, (shape) => gradient(given, 'Input', [shape, filter!, dy!]));
  },
  Conv2DBackpropFilter: () => (given) => {
    const { x, dy } = given.inputs;
    return withShape(given.attrs.filterShape, (shape) => gradient(given, 'Filter', [x!, shape, dy!]));
  },
};

/** Puts the kernels before those of the package, which must be registered and still do everything else. */
export function addConvolutionKernels(backendName: string): void {
  for (const [kernelName, wrap] of Object.entries(NUMBER_PADDED)) {
    const kernel = tf.getKernel(kernelName, backendName).kernelFunc as unknown as Kernel;
    const padded = wrap(kernel);
    const kernelFunc: Kernel = (given) => (typeof given.attrs.pad === 'number' ? padded : kernel)(given);
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc: kernelFunc as unknown as tf.KernelFunc });
  }
}

function gradient(
  { backend, attrs }: KernelArguments,
  by: 'Input' | 'Filter',
  inputs: tf.TensorInfo[],
): tf.TensorInfo {
  const { binding } = backend;
  const [down, across] = [attrs.strides].flat() as [number, number?];
  const attributes: OpAttribute[] = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'strides', type: binding.TF_ATTR_INT, value: [1, down, across ?? down, 1] },
    { name: 'padding', type: binding.TF_ATTR_STRING, value: 'EXPLICIT' },
    { name: 'explicit_paddings', type: binding.TF_ATTR_INT, value: eachSide(attrs.pad as number).flat() },
    { name: 'data_format', type: binding.TF_ATTR_STRING, value: attrs.dataFormat },
    { name: 'use_cudnn_on_gpu', type: binding.TF_ATTR_BOOL, value: true },
  ];
  return backend.executeSingleOutput(`Conv2DBackprop${by}`, attributes, inputs);
}

/** For [batch, height, width, channels], the only format that tfjs differentiates. */
function eachSide(pad: number): number[][] {
  return [[0, 0], [pad, pad], [pad, pad], [0, 0]]; // prettier-ignore
}

function withShape(shape: number[], compute: (shape: tf.Tensor) => tf.TensorInfo): tf.TensorInfo {
  const sizes = tf.tensor1d(shape, 'int32');
  const result = compute(sizes);
  sizes.dispose();
  return result;
}
