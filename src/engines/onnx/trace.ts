/** @file From a program to one ONNX graph. */
import * as tf from '@tensorflow/tfjs';
import { withBackend } from '../backend.js';
import type { ProgramSpec, Shape, TensorMap } from '../engine.js';
import { EngineError } from '../engine.js';
import { checkSpec, outputNames, shapeIn, written } from '../spec.js';
import { cannotTrace, TRACE_BACKEND, traceBackend } from './backend.js';
import type { Graph, GraphValue } from './proto.js';
import type { Target } from './recorder.js';
import { createRecorder } from './recorder.js';
import type { Order, Value } from './values.js';
import { FILTER_ORDER, inOrder, nameOf, nodeValue, range, storedDims, whole } from './values.js';

export interface Traced {
  graph: Graph;
  /** Shapes of the outputs that are not writes. */
  outputs: Record<string, Shape>;
}

/** How a tensor of the bank lies in memory: what has four axes is a convolution filter and lies as onnxruntime wants it. */
export function bankOrder(shape: Shape): Order {
  return shape.length === 4 ? FILTER_ORDER : range(shape.length);
}

/** Names in the graph. A written tensor is read under its own name and made under another. */
export const resultName = (name: string): string => `result of ${name}`;

/** @throws EngineError naming the op that cannot be traced and the line of the model that called it */
export function trace(spec: ProgramSpec, bank: Record<string, Shape>, target: Target): Traced {
  checkSpec(spec, bank);
  const backend = traceBackend();
  const recorder = createRecorder(target);
  const inputs: GraphValue[] = [];
  const results = new Map<string, { from: string; dims: readonly number[] }>();
  const outputs: Record<string, Shape> = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100; // the model's line lies below many frames of tfjs
  backend.recorder = recorder;
  try {
    withBackend(TRACE_BACKEND, () => {
      tf.tidy('trace', () => {
        const feeds: TensorMap = {};
        const feed = (name: string, shape: Shape, order: Order): void => {
          const value = nodeValue(name, shape, { order });
          inputs.push({ name, element: 'float32', dims: storedDims(value) });
          feeds[name] = tf.engine().makeTensorFromTensorInfo(backend.add(value));
        };
        for (const [name, shape] of Object.entries(spec.inputs)) feed(name, shape, range(shape.length));
        for (const name of spec.reads) feed(name, shapeIn(bank, name), bankOrder(shapeIn(bank, name)));

        const result = spec.run(feeds);
        const finish = (name: string, tensor: tf.Tensor, order: Order): void => {
          if (tensor.dtype !== 'float32')
            throw new TypeError(`${spec.name}: ${name} is ${tensor.dtype}, not float32`);
          const value: Value = inOrder(recorder, whole(recorder, backend.value(tensor)), order);
          results.set(resultName(name), { from: nameOf(value), dims: storedDims(value) });
        };
        for (const name of spec.writes) {
          const tensor = written(spec, result, bank, name);
          finish(name, tensor, bankOrder(tensor.shape));
        }
        for (const name of outputNames(spec, result)) {
          const tensor = result[name] as tf.Tensor;
          finish(name, tensor, range(tensor.rank));
          outputs[name] = tensor.shape;
        }
        // What the model kept beyond its tidy is its own; what it returned is done with.
        for (const tensor of Object.values(result)) tensor.dispose();
      });
    });
  } catch (error) {
    throw missingKernel(error);
  } finally {
    Error.stackTraceLimit = limit;
    backend.recorder = undefined;
  }
  return { graph: recorder.finish(inputs, results), outputs };
}

/** tfjs' own errors for an op without kernel or gradient, said in our words; any other error as it is. */
function missingKernel(error: unknown): unknown {
  if (error instanceof EngineError || !(error instanceof Error)) return error;
  const op = /[Kk]ernel '(\w+)'/.exec(error.message)?.[1];
  if (op) return cannotTrace(op, '(no kernel for it)', error);
  const gradient = /gradient function not found for (\w+)/.exec(error.message)?.[1];
  return gradient ? cannotTrace(gradient, '(tfjs has no gradient for it)', error) : error;
}
