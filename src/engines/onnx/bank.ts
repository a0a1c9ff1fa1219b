/** @file Tensors that stay with onnxruntime between runs, in the layout that its convolutions want. */
import type { Tensor } from 'onnxruntime-node';
import type { Bank, Shape } from '../engine.js';
import { checkLength, shapeIn, sizeOf } from '../spec.js';
import type { Runtime } from './runtime.js';
import { bankOrder } from './trace.js';
import { at } from './values.js';

export interface OnnxBank extends Bank {
  /** What a run reads. */
  current(name: string): Tensor;
  /** Where a run may write while `current` is still read; made when first asked for. */
  spare(name: string): Tensor;
  /** Makes the spare the current one. */
  swap(name: string): void;
}

export function createOnnxBank({ Tensor }: Runtime, shapes: Record<string, Shape>): OnnxBank {
  const make = (shape: Shape): Tensor =>
    new Tensor('float32', new Float32Array(sizeOf(shape)), storedShape(shape));
  const currents = new Map(Object.entries(shapes).map(([name, shape]) => [name, make(shape)]));
  const spares = new Map<string, Tensor>();
  const current = (name: string): Tensor => {
    shapeIn(shapes, name);
    const tensor = currents.get(name);
    if (!tensor) throw new Error('the bank was disposed of');
    return tensor;
  };
  const spare = (name: string): Tensor => {
    let tensor = spares.get(name);
    if (!tensor) spares.set(name, (tensor = make(shapeIn(shapes, name))));
    return tensor;
  };
  return {
    shapes,
    current,
    spare,
    swap: (name) => {
      const [before, after] = [current(name), spare(name)];
      currents.set(name, after);
      spares.set(name, before);
    },
    write: (name, values) => {
      const shape = shapeIn(shapes, name);
      checkLength(name, values, shape);
      numbers(current(name)).set(toStored(values, shape));
    },
    read: (name) =>
      new Promise((resolve) => {
        resolve(fromStored(numbers(current(name)), shapeIn(shapes, name)));
      }),
    memory: (name) => numbers(current(name)),
    clear: (names) => {
      for (const name of names) numbers(current(name)).fill(0);
    },
    dispose: () => {
      currents.clear();
      spares.clear();
    },
  };
}

/** The shape as it lies in memory. */
export function storedShape(shape: Shape): number[] {
  return bankOrder(shape).map((axis) => at(shape, axis));
}

/** The memory of a float32 tensor. */
export function numbers(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array;
}

/** A copy in the order in which the bank stores it: filters as [out, in, height, width]. */
export function toStored(from: Float32Array, shape: Shape): Float32Array {
  if (shape.length !== 4) return from.slice();
  const to = new Float32Array(from.length);
  forEachFilterElement(shape, (hwio, oihw) => (to[oihw] = from[hwio] as number));
  return to;
}

/** A copy in the shape's own order: filters as [height, width, in, out]. */
export function fromStored(from: Float32Array, shape: Shape): Float32Array {
  if (shape.length !== 4) return from.slice();
  const to = new Float32Array(from.length);
  forEachFilterElement(shape, (hwio, oihw) => (to[hwio] = from[oihw] as number));
  return to;
}

function forEachFilterElement(shape: Shape, visit: (hwio: number, oihw: number) => void): void {
  const [height, width, inputs, outputs] = shape as [number, number, number, number];
  let oihw = 0;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let place = 0; place < height * width; place++) visit((place * inputs + i) * outputs + o, oihw++);
    }
  }
}
