/** @file What a kernel is: one tfjs op, told to the recorder as ONNX nodes. */
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';

export interface Kernel {
  trace: (
    g: Recorder,
    inputs: readonly Value[],
    named: Readonly<Record<string, Value>>,
    attributes: object,
  ) => Value | Value[];
}

/** A kernel with named inputs, e.g. `kernel(['a', 'b'], (g, { a, b }) => ...)`. */
export function kernel<Name extends string, Attributes extends object = object>(
  names: readonly Name[],
  trace: (g: Recorder, inputs: Record<Name, Value>, attributes: Attributes) => Value | Value[],
): Kernel {
  return {
    trace: (g, _, named, attributes) => {
      for (const name of names) if (!named[name]) throw new Error(`input ${name} is missing`);
      return trace(g, named as Record<Name, Value>, attributes as Attributes);
    },
  };
}

/** A kernel with a list of inputs. */
export function listKernel<Attributes extends object = object>(
  trace: (g: Recorder, inputs: readonly Value[], attributes: Attributes) => Value,
): Kernel {
  return { trace: (g, inputs, _, attributes) => trace(g, inputs, attributes as Attributes) };
}

/** What a kernel throws at a case that it does not cover; the tracer adds op and place. */
export class Unsupported extends Error {}
