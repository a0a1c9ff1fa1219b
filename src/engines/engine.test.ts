/** @file What every engine promises, asked of each. */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, ProgramSpec } from './engine.js';
import { EngineError } from './engine.js';
import { openEngine } from './open.js';

const floats = (...values: number[]): Float32Array => Float32Array.from(values);
const range = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i);

/** Adds `x` to the accumulator; says the sum of the new one. */
const ACCUMULATE: ProgramSpec = {
  name: 'accumulate',
  inputs: { x: [2, 3] },
  reads: ['sum'],
  writes: ['sum'],
  run: ({ x, sum }) => {
    const next = tf.add(x as tf.Tensor, sum as tf.Tensor);
    return { sum: next, total: tf.sum(next) };
  },
};

/** The last two are asked where they are there: that they are, test/engines.test.ts sees to. */
const ENGINES = [
  { name: 'onnx', device: 'cpu' },
  { name: 'wasm', device: 'cpu' },
  { name: 'cpu', device: 'cpu' },
  { name: 'tensorflow', device: 'cpu', optional: true },
  { name: 'onnx', device: 'webgpu:0', optional: true },
] as const;

describe.each(ENGINES)('the engine $name on $device', ({ name, device, ...rest }) => {
  let engine: Engine;
  let missing: string | undefined;
  beforeAll(async () => {
    try {
      engine = await openEngine(name, { threads: 1, device });
    } catch (error) {
      if (!('optional' in rest)) throw error;
      missing = error instanceof Error ? error.message : String(error);
    }
  });
  beforeEach(({ skip }) => skip(missing !== undefined, missing));
  afterAll(() => engine?.dispose());

  it('says what it is', () => {
    expect(engine).toMatchObject({ name, device, threads: 1 });
    expect(engine.versions['@tensorflow/tfjs']).toBe('4.22.0');
    const versions = Object.entries(engine.versions).filter(([what]) => what !== 'adapter'); // which has a name
    for (const [, version] of versions) expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('makes a bank of zeros that gives back what is written, filters too', async () => {
    const bank = engine.createBank({ filter: [2, 3, 4, 5], vector: [3], scalar: [] });
    expect(await bank.read('vector')).toEqual(floats(0, 0, 0));
    bank.write('filter', range(120));
    bank.write('scalar', floats(7));
    expect(await bank.read('filter')).toEqual(range(120));
    expect(await bank.read('scalar')).toEqual(floats(7));
    (await bank.read('filter')).fill(0); // a copy
    expect(await bank.read('filter')).toEqual(range(120));
    expect(() => bank.write('vector', floats(1))).toThrow(RangeError);
    await expect(bank.read('other')).rejects.toThrow(/other/);
    bank.dispose();
  });

  it('reads a filter as [height, width, in, out]', async () => {
    const bank = engine.createBank({ filter: [1, 2, 2, 1] });
    bank.write('filter', floats(1, 10, 100, 1000));
    const program = await engine.compile(
      {
        name: 'convolve',
        inputs: { x: [1, 1, 2, 2] },
        reads: ['filter'],
        writes: [],
        run: ({ x, filter }) => ({ y: tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid') }),
      },
      bank,
    );
    expect(await program.run(bank, { x: floats(1, 2, 3, 4) })).toEqual({ y: floats(1 + 20 + 300 + 4000) });
  });

  it('keeps what a program writes from run to run, and gives outputs that later runs leave alone', async () => {
    const bank = engine.createBank({ sum: [2, 3], untouched: [2] });
    bank.write('sum', floats(1, 1, 1, 1, 1, 1));
    bank.write('untouched', floats(4, 5));
    const program = await engine.compile(ACCUMULATE, bank);
    const first = await program.run(bank, { x: range(6) });
    const second = await program.run(bank, { x: range(6) });
    expect([first['total'], second['total']]).toEqual([floats(21), floats(36)]);
    expect(await bank.read('sum')).toEqual(floats(1, 3, 5, 7, 9, 11));
    expect(await bank.read('untouched')).toEqual(floats(4, 5));
    await program.dispose();
  });

  it('lets several programs share a bank', async () => {
    const bank = engine.createBank({ a: [2], b: [2] });
    bank.write('a', floats(1, 2));
    bank.write('b', floats(10, 20));
    // Each reads what the other writes, so neither may be written while it is read.
    const swap: ProgramSpec = {
      name: 'swap',
      inputs: {},
      reads: ['a', 'b'],
      writes: ['a', 'b'],
      run: ({ a, b }) => ({ a: b as tf.Tensor, b: a as tf.Tensor }),
    };
    const double: ProgramSpec = {
      name: 'double',
      inputs: {},
      reads: ['a'],
      writes: ['a'],
      run: ({ a }) => ({ a: tf.mul(a as tf.Tensor, 2) }),
    };
    const [swapping, doubling] = [await engine.compile(swap, bank), await engine.compile(double, bank)];
    await swapping.run(bank, {});
    await doubling.run(bank, {});
    await swapping.run(bank, {});
    expect([await bank.read('a'), await bank.read('b')]).toEqual([floats(1, 2), floats(20, 40)]);
  });

  it('writes what does not depend on anything, and one tensor under two names', async () => {
    const bank = engine.createBank({ a: [2], b: [2] });
    const spec: ProgramSpec = {
      name: 'constants',
      inputs: { x: [2] },
      reads: [],
      writes: ['a', 'b'],
      run: ({ x }) => {
        const twice = tf.mul(x as tf.Tensor, 2);
        return { a: twice, b: tf.ones([2]), same: twice, x: x as tf.Tensor, three: tf.tensor1d([1, 2, 3]) };
      },
    };
    const outputs = await (await engine.compile(spec, bank)).run(bank, { x: floats(1, 2) });
    expect(outputs).toEqual({ same: floats(2, 4), x: floats(1, 2), three: floats(1, 2, 3) });
    expect([await bank.read('a'), await bank.read('b')]).toEqual([floats(2, 4), floats(1, 1)]);
  });

  it('refuses feeds and results that do not fit', async () => {
    const bank = engine.createBank({ sum: [2, 3] });
    const program = await engine.compile(ACCUMULATE, bank);
    await expect(program.run(bank, { x: floats(1) })).rejects.toThrow(/input x holds 1 values.*6/);
    await expect(program.run(bank, {})).rejects.toThrow(/input x is missing/);
    await expect(engine.compile({ ...ACCUMULATE, writes: ['other'] }, bank)).rejects.toThrow(/other/);
    await expect(engine.compile({ ...ACCUMULATE, inputs: { sum: [2, 3] } }, bank)).rejects.toThrow(/both/);
    const wrong = async (): Promise<void> => {
      const compiled = await engine.compile({ ...ACCUMULATE, run: () => ({ sum: tf.ones([3]) }) }, bank);
      await compiled.run(bank, { x: range(6) });
    };
    await expect(wrong()).rejects.toThrow(/sum has shape \[3\], in the bank \[2, 3\]/);
  });

  it('leaves the active tfjs backend and the count of tensors as they were', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const bank = engine.createBank({ sum: [2, 3] });
    const program = await engine.compile(ACCUMULATE, bank);
    await program.run(bank, { x: range(6) });
    await program.run(bank, { x: range(6) });
    await program.dispose();
    bank.dispose();
    expect(tf.getBackend()).toBe('cpu');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the onnx engine, when it cannot', () => {
  const compile = async (run: ProgramSpec['run']): Promise<unknown> => {
    const engine = await openEngine('onnx', { threads: 1 });
    const spec = { name: 'strange', inputs: { x: [1, 4, 4, 1] }, reads: [], writes: [], run };
    return engine.compile(spec, engine.createBank({})).catch((error: unknown) => error);
  };
  const HERE = /engine\.test\.ts:\d+/;

  it('names an op without kernel, and the line that called it', async () => {
    const error = await compile(({ x }) => ({ y: tf.cumsum(x as tf.Tensor, 1) }));
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ kind: 'cannot-trace', message: expect.stringMatching(/Cumsum/) as string });
    expect((error as Error).message).toMatch(HERE);
  });

  it('refuses padding by a number around a filter that is not square, which tfjs computes wrongly', async () => {
    const error = await compile(({ x }) => ({ y: tf.conv2d(x as tf.Tensor4D, tf.ones([2, 3, 1, 1]), 1, 1) }));
    expect(error).toMatchObject({
      kind: 'cannot-trace',
      message: expect.stringMatching(/Conv2D.*square/) as string,
    });
  });

  it('names a case of an op that it does not cover', async () => {
    const error = await compile(({ x }) => ({ y: tf.mirrorPad(x as tf.Tensor, [[0, 0], [1, 1], [1, 1], [0, 0]], 'symmetric') })); // prettier-ignore
    expect(error).toMatchObject({
      kind: 'cannot-trace',
      message: expect.stringMatching(/MirrorPad.*symmetric/) as string,
    });
    expect((error as Error).message).toMatch(HERE);
  });

  it('names an op that tfjs cannot differentiate', async () => {
    const compared = (each: tf.Tensor): tf.Tensor => tf.cast(tf.greater(each, 0), 'float32');
    const error = await compile(({ x }) => ({ y: tf.grad(compared)(x as tf.Tensor) }));
    expect(error).toMatchObject({
      kind: 'cannot-trace',
      message: expect.stringMatching(/Greater.*gradient/) as string,
    });
  });

  it('refuses a model that looks at values', async () => {
    const error = await compile(({ x }) => ({
      y: tf.mul(x as tf.Tensor, (x as tf.Tensor).dataSync()[0] ?? 0),
    }));
    expect(error).toMatchObject({ kind: 'cannot-trace' });
    expect((error as Error).message).toMatch(HERE);
  });

  it('can be used again after a failed trace', async () => {
    await compile(({ x }) => ({ y: tf.cumsum(x as tf.Tensor, 1) }));
    expect(await compile(({ x }) => ({ y: tf.neg(x as tf.Tensor) }))).not.toBeInstanceOf(Error);
  });
});
