/** @file A trained generator as an ONNX file of its own gives the pixels that the engine gives. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { resolveParameters } from '../../definition/parameters.js';
import { translate } from '../../train/step.js';
import { initialBank, networkShapes } from '../../train/bank.js';
import { relativeError, runOnce } from '../compare.js';
import { openEngine } from '../open.js';
import { exportProgram } from './export.js';

function noise(): () => number {
  let state = 7;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

describe('a generator as a file', () => {
  it.each(['resnet', 'unet', 'fullres'] as const)(
    '%s translates as the reference does',
    async (generator) => {
      const parameters = resolveParameters({ generator, filters: 2, blocks: 2, disc_filters: 2 });
      const shapes = networkShapes(parameters, 'G');
      const draw = noise();
      const weights = initialBank(parameters, () => 8 * draw());
      const spec = translate(parameters, 'G', 24, 32);
      const image = Float32Array.from({ length: 24 * 32 }, draw);

      const session = await InferenceSession.create(exportProgram(spec, shapes, weights));
      expect([session.inputNames, session.outputNames]).toEqual([['image'], ['gx']]);
      const { gx } = await session.run({ image: new Tensor('float32', image, [1, 24, 32, 1]) });
      expect(gx!.dims).toEqual([1, 24, 32, 1]);

      const cpu = await openEngine('cpu', { threads: 1 });
      const held = Object.fromEntries(Object.keys(shapes).map((name) => [name, weights[name]!]));
      const { outputs } = await runOnce(cpu, spec, { image }, shapes, held);
      expect(relativeError(outputs['gx']!, gx!.data as Float32Array)).toBeLessThan(5e-5);
      await session.release();
    },
  );

  it('refuses what writes to a bank, and weights that are missing', () => {
    const spec = translate(resolveParameters({ filters: 2, blocks: 1 }), 'G', 16, 16);
    const shapes = networkShapes(resolveParameters({ filters: 2, blocks: 1 }), 'G');
    expect(() => exportProgram(spec, shapes, {})).toThrow(/values of G\/in\/filter are missing/);
    const writing = { ...spec, reads: [], writes: ['w'], run: () => ({ w: tf.ones([1]) }) };
    expect(() => exportProgram(writing, { w: [1] }, {})).toThrow(/writes to a bank/);
  });
});
