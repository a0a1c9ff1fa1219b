/**
 * @file Engines that run a program eagerly, op by op, on a tfjs backend: cpu (the reference), wasm, tensorflow. What a bank
 * holds are tensors of that backend, so that weights stay where they are computed with.
 */
import * as tf from '@tensorflow/tfjs';
import type { EngineName } from '../../protocol.js';
import { withBackend } from '../backend.js';
import { EngineError, type Bank, type Engine, type Program, type ProgramSpec, type Shape, type TensorMap } from '../engine.js'; // prettier-ignore
import { outOfMemory } from '../../out-of-memory.js';
import { checkLength, checkSpec, fed, outputNames, shapeIn, sizeOf, written } from '../spec.js';

export interface EagerOptions {
  name: EngineName;
  /** Name of the tfjs backend; it must have been started, so that switching to it is immediate. */
  backend: string;
  device: string;
  threads: number;
  versions?: Record<string, string>;
}

export function eagerEngine({ name, backend, device, threads, versions = {} }: EagerOptions): Engine {
  return {
    name,
    device,
    threads,
    versions: { '@tensorflow/tfjs': tf.version.tfjs, ...versions },
    createBank: (shapes) => createBank(backend, shapes),
    compile: (spec, bank) =>
      new Promise((resolve) => {
        checkSpec(spec, bank.shapes);
        resolve(program(backend, spec));
      }),
    dispose: () => Promise.resolve(),
  };
}

interface EagerBank extends Bank {
  get(name: string): tf.Tensor;
  /** Takes the tensor over. */
  set(name: string, tensor: tf.Tensor): void;
}

function createBank(backend: string, shapes: Record<string, Shape>): EagerBank {
  const held = new Map<string, tf.Tensor>();
  const make = (values: Float32Array, shape: Shape): tf.Tensor =>
    withBackend(backend, () => tf.keep(tf.tensor(values, [...shape], 'float32')));
  const set = (name: string, tensor: tf.Tensor): void => {
    held.get(name)?.dispose();
    held.set(name, tensor);
  };
  for (const [name, shape] of Object.entries(shapes)) set(name, make(new Float32Array(sizeOf(shape)), shape));
  const get = (name: string): tf.Tensor => {
    shapeIn(shapes, name);
    const tensor = held.get(name);
    if (!tensor) throw new Error('the bank was disposed of');
    return tensor;
  };
  return {
    shapes,
    get,
    set,
    write: (name, values) => {
      const shape = shapeIn(shapes, name);
      checkLength(name, values, shape);
      set(name, make(values.slice(), shape));
    },
    read: async (name) => Float32Array.from(await get(name).data()),
    clear: (names) => {
      for (const name of names) {
        const shape = shapeIn(shapes, name);
        set(name, make(new Float32Array(sizeOf(shape)), shape));
      }
    },
    dispose: () => {
      for (const tensor of held.values()) tensor.dispose();
      held.clear();
    },
  };
}

function program(backend: string, spec: ProgramSpec): Program {
  return {
    run: (bank, inputs, renamed = (name) => name) =>
      new Promise((resolve) => {
        resolve(withBackend(backend, () => runEagerly(spec, asEagerBank(bank), inputs, renamed)));
      }),
    dispose: () => Promise.resolve(),
  };
}

function asEagerBank(bank: Bank): EagerBank {
  if (!('set' in bank)) throw new TypeError('the bank belongs to another engine');
  return bank as EagerBank;
}

function runEagerly(
  spec: ProgramSpec,
  bank: EagerBank,
  inputs: Record<string, Float32Array>,
  renamed: (name: string) => string,
): Record<string, Float32Array> {
  try {
    return tf.tidy('program', () => {
      const feeds: TensorMap = {};
      for (const [name, shape] of Object.entries(spec.inputs)) {
        feeds[name] = tf.tensor(fed(spec, inputs, name).slice(), [...shape], 'float32');
      }
      for (const name of spec.reads) feeds[name] = bank.get(renamed(name)).clone(); // its own, so that a model may dispose of it
      const result = spec.run(feeds);
      const outputs = outputNames(spec, result).map((name) => [name, values(result[name] as tf.Tensor)]);
      // All are made before the first is replaced: one may be the old value of another.
      const next = spec.writes.map((name): [string, tf.Tensor] => [
        renamed(name),
        tf.keep(written(spec, result, bank.shapes, name).clone()),
      ]);
      for (const [name, tensor] of next) bank.set(name, tensor);
      return Object.fromEntries(outputs) as Record<string, Float32Array>;
    }); // tidy's type knows containers of tensors only; it passes others through
  } catch (error) {
    if (error instanceof EngineError || outOfMemory(error) === undefined) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new EngineError(`${tf.getBackend()}, ${spec.name}: ${message}`, 'out-of-memory', { cause: error });
  }
}

/** A copy of a tensor's numbers. */
function values(tensor: tf.Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync());
}
