/** @file A program as one ONNX file of its own: what it reads from the bank becomes part of it. By the same recorder as training. */
import { EngineError, type ProgramSpec, type Shape } from '../engine.js';
import { checkLength, shapeIn } from '../spec.js';
import { storedShape, toStored } from './bank.js';
import { encodeModel, type GraphValue, type InferredValue, type Initializer } from './proto.js';
import { resultName, trace } from './trace.js';

/**
 * The bytes of an ONNX model, opset 17, standard operators alone unless the program multiplies transposed matrices. Inputs and
 * outputs bear the names and shapes of the program's.
 * @param values of each of `spec.reads`, row-major, of the shape that `bank` gives it
 * @param free axes of inputs and outputs that may be of any length, by place, with a name each: right where no op depends on them
 * @throws EngineError naming the op that cannot be traced; RangeError if values are missing or of the wrong length
 */
export function exportProgram(
  spec: ProgramSpec,
  bank: Record<string, Shape>,
  values: Record<string, Float32Array>,
  free: Readonly<Record<number, string>> = {},
): Uint8Array {
  if (spec.writes.length > 0)
    throw new EngineError(`${spec.name} writes to a bank, which a file cannot hold`, 'fault');
  const { graph } = trace(spec, bank, { device: 'cpu' });
  const constants = spec.reads.map((name): Initializer => {
    const [shape, own] = [shapeIn(bank, name), values[name]];
    if (!own) throw new RangeError(`${spec.name}: the values of ${name} are missing`);
    checkLength(`${spec.name}: ${name}`, own, shape);
    const stored = toStored(own, shape);
    return { name, element: 'float32', dims: storedShape(shape), bytes: new Uint8Array(stored.buffer) };
  });
  const own = (name: string): string =>
    name.startsWith(resultName('')) ? name.slice(resultName('').length) : name;
  const freed = <T extends GraphValue | InferredValue>(value: T): T =>
    'dims' in value && value.dims !== 'any'
      ? { ...value, dims: value.dims.map((side, axis) => free[axis] ?? side) }
      : value;
  return encodeModel({
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(own),
      outputs: node.outputs.map(own),
    })),
    initializers: [...graph.initializers, ...constants],
    inputs: graph.inputs.filter(({ name }) => name in spec.inputs).map(freed),
    outputs: graph.outputs.map((value) => freed({ ...value, name: own(value.name) })),
  });
}
