/** @file Checks that both engines make: a program fits its bank, feeds fit the program, results fit the bank. */
import type { Tensor } from '@tensorflow/tfjs';
import type { ProgramSpec, Shape, TensorMap } from './engine.js';

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((side, axis) => side === b[axis]);
}

/** The bank's shape of a name. @throws RangeError if the bank does not hold it */
export function shapeIn(bank: Record<string, Shape>, name: string): Shape {
  const shape = bank[name];
  if (!shape) throw new RangeError(`the bank holds no tensor named ${name}`);
  return shape;
}

/** @throws RangeError if the program names what the bank lacks, or feeds and reads share a name */
export function checkSpec(spec: ProgramSpec, bank: Record<string, Shape>): void {
  for (const name of [...spec.reads, ...spec.writes]) shapeIn(bank, name);
  for (const name of spec.reads) {
    if (name in spec.inputs)
      throw new RangeError(`${spec.name}: ${name} is both an input and read from the bank`);
  }
}

/** The values fed under a name. @throws RangeError if they are missing or of the wrong length */
export function fed(spec: ProgramSpec, inputs: Record<string, Float32Array>, name: string): Float32Array {
  const values = inputs[name];
  const shape = spec.inputs[name] ?? [];
  if (!values) throw new RangeError(`${spec.name}: input ${name} is missing`);
  checkLength(`${spec.name}: input ${name}`, values, shape);
  return values;
}

/** @throws RangeError naming what is of the wrong length */
export function checkLength(what: string, values: Float32Array, shape: Shape): void {
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(
      `${what} holds ${values.length} values, its shape [${shape.join(', ')}] ${sizeOf(shape)}`,
    );
  }
}

/** The tensor of a written name. @throws RangeError if the result lacks it or its shape differs from the bank's */
export function written(
  spec: ProgramSpec,
  result: TensorMap,
  bank: Record<string, Shape>,
  name: string,
): Tensor {
  const tensor = result[name];
  if (!tensor) throw new RangeError(`${spec.name}: the result lacks ${name}, which it is to write`);
  const shape = shapeIn(bank, name);
  if (!sameShape(tensor.shape, shape)) {
    throw new RangeError(
      `${spec.name}: ${name} has shape [${tensor.shape.join(', ')}], in the bank [${shape.join(', ')}]`,
    );
  }
  return tensor;
}

/** Keys of the result that are outputs, not writes. */
export function outputNames(spec: ProgramSpec, result: TensorMap): string[] {
  return Object.keys(result).filter((name) => !spec.writes.includes(name));
}
