/**
 * @file The forms that graphs take for CUDA, without a GPU: what they compute, on onnxruntime's processor in its place, and what its
 * provider would leave to the processor. Those for WebGPU run in the table of gradient checks where Mesa's software driver is.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelChecks } from '../../checks/kernels.js';
import { relativeErrors, runOnce, type Values } from '../compare.js';
import type { Engine, ProgramSpec } from '../engine.js';
import { openEngine } from '../open.js';
import { encodeModel } from './proto.js';
import { resultName, trace } from './trace.js';

let reference: Engine;
beforeAll(async () => {
  reference = await openEngine('cpu', { threads: 1 });
});
afterAll(() => reference.dispose());

async function compute(spec: ProgramSpec, inputs: Values): Promise<Values> {
  const { graph, outputs } = trace(spec, {}, { device: 'cuda' });
  const session = await InferenceSession.create(encodeModel(graph), { logSeverityLevel: 4 });
  const feeds = Object.entries(spec.inputs).map(([name, shape]) => [name, new Tensor('float32', inputs[name]!, shape)]); // prettier-ignore
  const results = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  await session.release();
  return Object.fromEntries(
    Object.keys(outputs).map((name) => [name, results[resultName(name)]!.data as Float32Array]),
  );
}

const CONVOLUTIONS = kernelChecks().flatMap(({ group, name, work }) =>
  group === 'kernels: convolutions' && typeof work !== 'function' ? [{ name, ...work }] : [],
);

describe('convolutions and their gradients', () => {
  it.each(CONVOLUTIONS)('$name', async ({ spec, inputs }) => {
    const expected = (await runOnce(reference, spec, inputs)).outputs;
    for (const error of Object.values(relativeErrors(expected, await compute(spec, inputs))))
      expect(error).toBeLessThan(1e-5);
  });

  it('use no transposed convolution that is padded unevenly, which the provider refuses', () => {
    const nodes = CONVOLUTIONS.flatMap(({ spec }) => trace(spec, {}, { device: 'cuda' }).graph.nodes);
    const paddings = nodes
      .filter(({ op }) => op === 'ConvTranspose')
      .map(({ attributes }) => (attributes['pads'] as { ints: number[] }).ints);
    expect(paddings.length).toBeGreaterThan(0);
    for (const [top, left, bottom, right] of paddings) expect([top, left]).toEqual([bottom, right]);
  });
});
