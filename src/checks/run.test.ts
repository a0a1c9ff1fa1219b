/** @file The table itself: a wrong gradient is found and named, a check that cannot be computed harms no other. */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, ProgramSpec } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import type { Check } from './check.js';
import { gradientProgram } from './check.js';
import { chosen, parseTitle } from './columns.js';
import { gradientChecks, runChecks } from './run.js';
import { failuresOf, renderTable, type Column } from './table.js';

let reference: Engine;
beforeAll(async () => {
  reference = await openEngine('cpu', { threads: 1 });
});
afterAll(() => reference.dispose());

const check = (name: string, run: (x: tf.Tensor) => tf.Tensor, tolerance = 1e-5): Check => ({
  group: 'some',
  name,
  tolerance,
  work: {
    spec: gradientProgram(name, { x: [3] }, ({ x }) => run(x!)),
    inputs: { x: Float32Array.of(1, -2, 3) },
  },
});
const CHECKS = [
  check('double', (x) => tf.mul(x, 2)),
  check('square', (x) => tf.square(x)),
  check('root', (x) => tf.sqrt(tf.abs(x))),
];

/** The reference, but what it computes goes through `change` first. */
const changed = (change: (spec: ProgramSpec) => ProgramSpec): Engine => ({
  ...reference,
  compile: (spec, bank) => reference.compile(change(spec), bank),
});

describe('running checks', () => {
  it('passes what equals the reference', async () => {
    const results = await runChecks(reference, { reference, checks: CHECKS });
    expect(results.map(({ name, passed, error }) => [name, passed, error])).toEqual([
      ['double', true, 0],
      ['square', true, 0],
      ['root', true, 0],
    ]);
  });

  it('names the gradient that is wrong', async () => {
    const engine = changed((spec) => {
      if (spec.name !== 'square') return spec;
      const run: ProgramSpec['run'] = (tensors) => {
        const results = spec.run(tensors);
        return { ...results, 'gradient of x': tf.mul(results['gradient of x']!, 1.15) };
      };
      return { ...spec, run };
    });
    const results = await runChecks(engine, { reference, checks: CHECKS });
    expect(results.map(({ passed }) => passed)).toEqual([true, false, true]);
    expect(results[1]!.error).toBeCloseTo(0.15, 3);
    expect(results[1]!.failure).toBe('gradient of x is off by 1.5e-1, more than 1e-5');
  });

  it('compares a form with what it is a form of, where a check has both', async () => {
    const [twice, square] = CHECKS as [Check, Check];
    const sum = check('sum', (x) => tf.add(x, x));
    const checks = [
      { ...sum, expected: twice.work },
      { ...sum, expected: square.work },
    ];
    const results = await runChecks(reference, { reference, checks });
    expect(results.map(({ passed }) => passed)).toEqual([true, false]);
  });

  it('goes on after a check that cannot be computed', async () => {
    const engine = changed((spec) => {
      if (spec.name === 'square') throw new Error(`no kernel in ${spec.name}`);
      return spec;
    });
    const results = await runChecks(engine, { reference, checks: CHECKS });
    expect(results.map(({ name, passed, failure }) => [name, passed, failure])).toEqual([
      ['double', true, undefined],
      ['square', false, 'no kernel in square'],
      ['root', true, undefined],
    ]);
  });

  it('allows onnx on CUDA the ten bits that cuBLAS rounds to, and no wrong gradient', async () => {
    const off = (error: number): Engine => ({
      ...changed((spec) => ({
        ...spec,
        run: (tensors) => ({ ...spec.run(tensors), output: tf.mul(spec.run(tensors)['output']!, 1 + error) }),
      })),
      name: 'onnx',
    });
    const passed = async (engine: Engine) =>
      (await runChecks(engine, { reference, checks: [CHECKS[0]!] })).map((result) => result.passed);
    expect(await passed({ ...off(1e-3), device: 'cuda:0' })).toEqual([true]);
    expect(await passed({ ...off(1e-3), device: 'cpu' })).toEqual([false]);
    expect(await passed({ ...off(1e-2), device: 'cuda:0' })).toEqual([false]);
  });

  it('calls a result that is no number, or missing, a failure', async () => {
    const spoilt = changed((spec) => ({
      ...spec,
      run: (tensors) => ({ ...spec.run(tensors), output: tf.fill([3], NaN) }),
    }));
    const results = await runChecks(spoilt, { reference, checks: CHECKS });
    expect(results[0]).toMatchObject({ passed: false, error: null });
    const lacking = changed((spec) => ({
      ...spec,
      run: (tensors) => ({ output: spec.run(tensors)['output']! }),
    }));
    const [lack] = await runChecks(lacking, { reference, checks: [CHECKS[0]!] });
    expect(lack).toMatchObject({ passed: false, error: null });
  });
});

describe('the table', () => {
  const result = (group: string, error: number, failure?: string) => {
    return { group, name: 'n', tolerance: 1e-5, error, passed: failure === undefined, failure };
  };
  const columns: Column[] = [
    { title: 'onnx/cpu', versions: { runtime: '1.2.3' }, seconds: 3, results: [result('a', 1e-7), result('a', 2e-6), result('b', 0)] },
    { title: 'wasm/cpu', versions: {}, seconds: 4, results: [result('a', 1e-7), result('a', 1, 'x is off')], broken: 'it died' },
    { title: 'onnx/webgpu:0', missing: 'no adapter' },
  ]; // prettier-ignore

  it('has a row a group and a column an engine and device, and names below what failed and what is not there', () => {
    expect(renderTable(columns)).toBe(
      `
largest relative error  checks  limit  onnx/cpu   wasm/cpu
a                            2   1e-5    2.0e-6   1 FAILED
b                            1   1e-5    0.0e+0  1 NOT RUN
onnx/cpu: 3 checks in 3 s, runtime 1.2.3
wasm/cpu: 2 checks in 4 s
FAILED on wasm/cpu: a: n: x is off
FAILED on wasm/cpu: it died
onnx/webgpu:0 is not here: no adapter`.trim(),
    );
    expect(columns.map((column) => failuresOf(column).length)).toEqual([0, 2, 0]);
  });
});

it('shows each limit, where columns are held to several', () => {
  const column = (title: string, tolerance: number): Column => ({
    title,
    versions: {},
    seconds: 1,
    results: [{ group: 'a', name: 'n', tolerance, error: 1e-6, passed: true }],
  });
  expect(renderTable([column('onnx/cuda:0', 2e-3), column('onnx/cpu', 1e-5)])).toContain('1e-5 or 2e-3');
});

describe('the checks', () => {
  it('have names that tell them apart, in groups that are the rows', () => {
    const all = gradientChecks();
    expect(new Set(all.map(({ group, name }) => `${group}: ${name}`)).size).toBe(all.length);
    expect([...new Set(all.map(({ group }) => group))]).toEqual([
      'kernels: arithmetic',
      'kernels: comparisons',
      'kernels: functions',
      'kernels: reductions',
      'kernels: shapes',
      'kernels: convolutions',
      'kernels: matrices',
      'kernels: gathers',
      'layers',
      'norms',
      'losses',
      'generators',
      'discriminators',
      'generators, own activations',
      'whole step, smooth',
      'whole step, other forms',
      'whole step, relu and L1',
    ]);
  });

  it('are chosen by a part of their group or name', () => {
    expect(chosen('losses: HINGE').map(({ name }) => name)).toEqual([
      'hinge, generator, also far out',
      'hinge, discriminator, also far out',
    ]);
    expect(chosen().length).toBe(gradientChecks().length);
  });

  it('run on engines named as engine/device', () => {
    expect(parseTitle('onnx/cpu')).toEqual({ name: 'onnx', device: 'cpu' });
    expect(parseTitle('onnx/webgpu')).toEqual({ name: 'onnx', device: 'webgpu:0' });
    expect(parseTitle('tensorflow/cuda:1')).toEqual({ name: 'tensorflow', device: 'cuda:1' });
    expect(() => parseTitle('torch/cpu')).toThrow(/torch\/cpu.*onnx\/cpu.*tensorflow/);
  });
});
