/** @file The recording tfjs backend: kernels compute nothing, they tell a recorder what would be computed. */
import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../engine.js';
import type { Shape } from '../engine.js';
import { convolutions } from './kernels/convolution.js';
import { elementwise } from './kernels/elementwise.js';
import { gathers } from './kernels/gather.js';
import type { Kernel } from './kernels/kernel.js';
import { Unsupported } from './kernels/kernel.js';
import { matrices } from './kernels/matmul.js';
import { reductions } from './kernels/reduce.js';
import { shapes } from './kernels/shape.js';
import { modelLine } from './model-line.js';
import type { Recorder } from './recorder.js';
import type { ElementType, Value } from './values.js';
import { nodeValue, uniformValue } from './values.js';

export const TRACE_BACKEND = 'onnx-trace';

/** Every kernel by the name of its tfjs op. */
export const KERNELS: Readonly<Record<string, Kernel>> = {
  ...elementwise,
  ...reductions,
  ...shapes,
  ...convolutions,
  ...matrices,
  ...gathers,
};

type Numbers = Float32Array | Int32Array | Uint8Array;
interface Entry {
  value: Value;
  /** The numbers themselves, where the model made the tensor from numbers. */
  numbers?: Numbers;
  references: number;
}

/** Registered once; active only while a program is traced, with the recorder of that trace. */
class TraceBackend extends tf.KernelBackend {
  recorder: Recorder | undefined;
  private readonly entries = new Map<object, Entry>();

  g(): Recorder {
    if (!this.recorder)
      throw new Error(`the tfjs backend ${TRACE_BACKEND} works only while a program is traced`);
    return this.recorder;
  }

  add(value: Value, numbers?: Numbers, id: object = {}): tf.TensorInfo {
    this.entries.set(id, { value, numbers, references: 1 });
    return { dataId: id, shape: [...value.shape], dtype: value.dtype };
  }

  value({ dataId, shape }: tf.TensorInfo): Value {
    const value = this.entry(dataId).value;
    if (value.shape.length !== shape.length)
      throw new Error('a traced tensor changed its rank behind the trace');
    return value;
  }

  private entry(id: object): Entry {
    const entry = this.entries.get(id);
    if (!entry)
      throw new EngineError(
        `a tensor of another tfjs backend entered the trace at ${modelLine()}`,
        'cannot-trace',
      );
    return entry;
  }

  override write(values: tf.backend_util.TypedArray, shape: number[], dtype: tf.DataType): object {
    return this.add(...this.fromNumbers(values, shape, dtype)).dataId;
  }

  /** A tensor that was made on another backend is a constant of the graph. */
  override move(id: object, values: tf.backend_util.TypedArray, shape: number[], dtype: tf.DataType): void {
    this.add(...this.fromNumbers(values, shape, dtype), id);
  }

  private fromNumbers(
    values: tf.backend_util.TypedArray,
    shape: Shape,
    dtype: tf.DataType,
  ): [Value, Numbers] {
    const numbers =
      dtype === 'float32'
        ? Float32Array.from(values)
        : dtype === 'int32'
          ? Int32Array.from(values)
          : Uint8Array.from(values);
    const element: ElementType = dtype === 'float32' || dtype === 'int32' ? dtype : 'bool';
    const first = numbers[0] ?? 0;
    if (numbers.every((each) => each === first))
      return [uniformValue(this.g(), first, shape, element), numbers];
    const g = this.g();
    let name: string | undefined;
    return [nodeValue(() => (name ??= g.constant(numbers, shape)), shape, { dtype: element }), numbers];
  }

  override readSync(id: object): tf.backend_util.TypedArray {
    const { numbers } = this.entry(id);
    if (numbers) return numbers;
    throw new EngineError(`${modelLine()} reads a value, but while tracing there are none`, 'cannot-trace');
  }
  override read(id: object): Promise<tf.backend_util.TypedArray> {
    return Promise.resolve(this.readSync(id));
  }

  override numDataIds(): number {
    return this.entries.size;
  }
  override incRef(id: object): void {
    this.entry(id).references++;
  }
  override refCount(id: object): number {
    return this.entries.get(id)?.references ?? 0;
  }
  override disposeData(id: object, force = false): boolean {
    const entry = this.entries.get(id);
    if (entry && --entry.references > 0 && !force) return false;
    this.entries.delete(id);
    return true;
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
  override timerAvailable(): boolean {
    return false;
  }
  override dispose(): void {
    this.entries.clear();
  }
}

let registered: TraceBackend | undefined;

/** The backend; made and registered at the first call, with priority 0, so that tfjs never takes it by itself. */
export function traceBackend(): TraceBackend {
  if (registered) return registered;
  const backend = new TraceBackend();
  tf.registerBackend(TRACE_BACKEND, () => backend, 0);
  for (const [name, kernel] of Object.entries(KERNELS)) {
    tf.registerKernel({
      kernelName: name,
      backendName: TRACE_BACKEND,
      kernelFunc: ({ inputs, attrs }) => {
        // Concat and the like have a list for inputs; tfjs' type does not say so.
        const given = Object.entries(inputs).filter(([, info]) => info) as [string, tf.TensorInfo][];
        const values = given.map(([key, info]): [string, Value] => [key, backend.value(info)]);
        try {
          const list = values.map(([, value]) => value);
          const made = kernel.trace(backend.g(), list, Object.fromEntries(values), attrs ?? {});
          return Array.isArray(made) ? made.map((value) => backend.add(value)) : backend.add(made);
        } catch (error) {
          if (!(error instanceof Unsupported)) throw error;
          throw cannotTrace(name, `with ${error.message}`, error);
        }
      },
    });
  }
  registered = backend;
  return backend;
}

/** The error for an op without kernel, or for a case of one that is not covered. */
export function cannotTrace(op: string, detail: string, cause: unknown): EngineError {
  const where = modelLine(cause instanceof Error ? cause.stack : undefined);
  return new EngineError(
    `the onnx engine cannot trace the tfjs op ${op} ${detail}, called at ${where}`,
    'cannot-trace',
    {
      cause,
    },
  );
}
