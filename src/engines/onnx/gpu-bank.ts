/**
 * @file A bank whose tensors stay in the GPU's memory between runs.
 *
 * onnxruntime-node gives outputs as GPU buffers where the session asks for it (`preferredOutputLocation`), and takes them as
 * inputs again. It can neither fill nor read such a buffer (`getData` ends the process in 1.30), nor write into a given one, so
 * values go up and down through a graph that copies, and what a run writes is a new buffer each time.
 */
import type { Tensor } from 'onnxruntime-node';
import type { Bank, Shape } from '../engine.js';
import { checkLength, shapeIn, sizeOf } from '../spec.js';
import { fromStored, numbers, storedShape, toStored } from './bank.js';
import { encodeModel } from './proto.js';
import type { Runtime } from './runtime.js';

export interface GpuBank extends Bank {
  /** What a run reads; brought to the GPU if it was written since. */
  current(name: string): Promise<Tensor>;
  /** Takes what a run made in the place of what was held. */
  replace(name: string, tensor: Tensor): void;
}

/** Copies of one tensor to the GPU, and from there. */
export interface Copies {
  up: (tensor: Tensor) => Promise<Tensor>;
  down: (tensor: Tensor) => Promise<Tensor>;
}

/** Names of what a copy takes and gives. */
export const COPY = { input: 'original', output: 'copy' } as const;

/** A graph that copies one tensor of any shape. */
export function copyModel(): Uint8Array {
  return encodeModel({
    nodes: [{ op: 'Identity', domain: '', inputs: [COPY.input], outputs: [COPY.output], attributes: {} }],
    initializers: [],
    inputs: [{ name: COPY.input, element: 'float32', dims: 'any' }],
    outputs: [{ name: COPY.output, element: 'float32', dims: 'any' }],
  });
}

export function createGpuBank(
  { Tensor }: Runtime,
  shapes: Record<string, Shape>,
  { up, down }: Copies,
): GpuBank {
  const onGpu = new Map<string, Tensor>();
  /** Written here and not yet brought to the GPU. */
  const waiting = new Map<string, Float32Array>();
  /** By size: one buffer of zeros serves all names, since no run writes into what it is given. */
  const zeros = new Map<number, Tensor>();
  let disposed = false;

  const upload = (values: Float32Array, shape: Shape): Promise<Tensor> =>
    up(new Tensor('float32', values, storedShape(shape)));
  const zerosOf = async (shape: Shape): Promise<Tensor> => {
    const size = sizeOf(shape);
    const made = zeros.get(size) ?? (await upload(new Float32Array(size), [size]));
    zeros.set(size, made);
    return Tensor.fromGpuBuffer(made.gpuBuffer, { dataType: 'float32', dims: storedShape(shape) });
  };
  const release = (name: string): void => {
    onGpu.get(name)?.dispose(); // a view of zeros has nothing to dispose of
    onGpu.delete(name);
    waiting.delete(name);
  };
  const current = async (name: string): Promise<Tensor> => {
    const shape = shapeIn(shapes, name);
    if (disposed) throw new Error('the bank was disposed of');
    const held = onGpu.get(name);
    if (held) return held;
    const written = waiting.get(name);
    const tensor = written ? await upload(written, shape) : await zerosOf(shape);
    waiting.delete(name);
    onGpu.set(name, tensor);
    return tensor;
  };
  return {
    shapes,
    current,
    replace: (name, tensor) => {
      release(name);
      onGpu.set(name, tensor);
    },
    write: (name, values) => {
      const shape = shapeIn(shapes, name);
      checkLength(name, values, shape);
      release(name);
      waiting.set(name, toStored(values, shape));
    },
    read: async (name) => {
      const shape = shapeIn(shapes, name);
      const written = waiting.get(name);
      if (written) return fromStored(written, shape);
      return fromStored(numbers(await down(await current(name))), shape);
    },
    clear: (names) => {
      for (const name of names) {
        shapeIn(shapes, name);
        release(name);
      }
    },
    dispose: () => {
      for (const name of Object.keys(shapes)) release(name);
      for (const tensor of zeros.values()) tensor.dispose();
      zeros.clear();
      disposed = true;
    },
  };
}
