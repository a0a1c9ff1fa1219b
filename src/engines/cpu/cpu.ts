/** @file The reference engine: every run computes the function eagerly on tfjs' plain JavaScript backend. Slow. */
import * as tf from '@tensorflow/tfjs';
import { withBackend } from '../backend.js';
import type { Bank, Engine, Program, ProgramSpec, Shape, TensorMap } from '../engine.js';
import { checkLength, checkSpec, fed, outputNames, shapeIn, sizeOf, written } from '../spec.js';

export function openCpuEngine(): Engine {
  return {
    name: 'cpu',
    device: 'cpu',
    threads: 1,
    versions: { '@tensorflow/tfjs': tf.version.tfjs },
    createBank,
    compile: (spec, bank) =>
      new Promise((resolve) => {
        checkSpec(spec, bank.shapes);
        resolve(program(spec));
      }),
    dispose: () => Promise.resolve(),
  };
}

function createBank(shapes: Record<string, Shape>): Bank {
  const values = new Map<string, Float32Array>();
  for (const [name, shape] of Object.entries(shapes)) values.set(name, new Float32Array(sizeOf(shape)));
  const get = (name: string): Float32Array => {
    shapeIn(shapes, name);
    const held = values.get(name);
    if (!held) throw new Error('the bank was disposed of');
    return held;
  };
  return {
    shapes,
    write: (name, from) => {
      checkLength(name, from, shapeIn(shapes, name));
      get(name).set(from);
    },
    read: (name) => get(name).slice(),
    clear: (names) => names.forEach((name) => get(name).fill(0)),
    dispose: () => values.clear(),
  };
}

function program(spec: ProgramSpec): Program {
  return {
    run: (bank, inputs, renamed = (name) => name) =>
      new Promise((resolve) => {
        resolve(withBackend('cpu', () => runEagerly(spec, bank, inputs, renamed)));
      }),
    dispose: () => Promise.resolve(),
  };
}

function runEagerly(
  spec: ProgramSpec,
  bank: Bank,
  inputs: Record<string, Float32Array>,
  renamed: (name: string) => string,
): Record<string, Float32Array> {
  return tf.tidy('program', () => {
    const feeds: TensorMap = {};
    for (const [name, shape] of Object.entries(spec.inputs)) {
      feeds[name] = tf.tensor(fed(spec, inputs, name).slice(), [...shape], 'float32');
    }
    for (const name of spec.reads)
      feeds[name] = tf.tensor(bank.read(renamed(name)), [...shapeIn(bank.shapes, name)], 'float32');
    const result = spec.run(feeds);
    for (const name of spec.writes)
      bank.write(renamed(name), values(written(spec, result, bank.shapes, name)));
    return Object.fromEntries(
      outputNames(spec, result).map((name) => [name, values(result[name] as tf.Tensor).slice()]),
    );
  }); // tidy's type knows containers of tensors only; it passes others through
}

function values(tensor: tf.Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync());
}
