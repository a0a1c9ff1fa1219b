/** @file What leaves the house gives the pixels that the engine gives: in onnxruntime alone and in tfjs alone, at sizes of its own. */
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { sideMultiple } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { exportGenerator, modelCard, type Exported } from './export.js';
import { decodeSafetensors } from './safetensors.js';
import { initialBank, networkShapes } from './bank.js';
import { openTranslator } from './translator.js';

/** Of the range, which is 2 in [-1, 1]. */
const TOLERANCE = 1e-4 * 2;

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('onnx', { threads: 1 });
});
afterAll(() => engine.dispose());

function noise(): () => number {
  let state = 3;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

interface Case {
  exported: Exported;
  image: Float32Array;
  height: number;
  width: number;
  translated: Float32Array;
}

async function caseOf(given: Partial<TrialParameters>): Promise<Case> {
  const parameters = resolveParameters({ filters: 4, blocks: 2, disc_filters: 2, ...given });
  const draw = noise();
  const bank = initialBank(parameters, () => 8 * draw());
  const shapes = networkShapes(parameters, 'G');
  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, values: bank[name]! }]),
  );
  const multiple = sideMultiple(parameters);
  const [height, width] = [multiple * Math.ceil(40 / multiple), multiple * Math.ceil(24 / multiple)];
  const image = Float32Array.from({ length: height * width }, (_, i) => Math.tanh(Math.sin(i / 9) + draw()));
  const translator = openTranslator(engine, { parameters, network: 'G', weights, tile: 'whole' });
  const { values } = await translator.translate(image, height, width);
  await translator.dispose();
  const own = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name.slice(2), tensor]));
  const facts = { trial: '0123', range: '0 to 255' };
  return { exported: { parameters, weights: own, facts }, image, height, width, translated: values };
}

const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
};

const cases: Partial<TrialParameters>[] = (['resnet', 'unet'] as const)
  .flatMap((generator) => (['transposed', 'resize'] as const).map((upsample) => ({ generator, upsample })))
  .flatMap((each) => (['instance', 'none'] as const).map((norm) => ({ ...each, norm })));
cases.push({ generator: 'fullres', norm: 'batch' }, { generator: 'fullres', norm: 'none' });

describe.each(cases)('$generator, norm $norm, upsample $upsample', (given) => {
  it('as ONNX, in a plain session of onnxruntime', async () => {
    const { exported, image, height, width, translated } = await caseOf(given);
    const { 'model.onnx': file } = exportGenerator('onnx', exported);
    const session = await InferenceSession.create(file!);
    const outputs = await session.run({ image: new Tensor('float32', image, [1, 1, height, width]) });
    expect(outputs['translated']!.dims).toEqual([1, 1, height, width]);
    expect(apart(outputs['translated']!.data as Float32Array, translated)).toBeLessThan(TOLERANCE);
    await session.release();
  });

  it('as a graph model, in plain tfjs', async () => {
    const { exported, image, height, width, translated } = await caseOf(given);
    const files = exportGenerator('tfjs', exported);
    const json = JSON.parse(Buffer.from(files['model.json']!).toString()) as tf.io.ModelJSON;
    await tf.setBackend('cpu');
    const model = await tf.loadGraphModel({
      load: () =>
        Promise.resolve({
          modelTopology: json.modelTopology,
          signature: json.signature,
          format: json.format,
          weightSpecs: json.weightsManifest[0]!.weights,
          weightData: Uint8Array.from(files['weights.bin']!).buffer,
        } as tf.io.ModelArtifacts),
    });
    const y = model.predict(tf.tensor4d(image, [1, height, width, 1])) as tf.Tensor;
    expect(y.shape).toEqual([1, height, width, 1]);
    expect(apart(await y.data(), translated)).toBeLessThan(TOLERANCE);
    model.dispose();
  });
});

describe('the weights alone', () => {
  it('are those of the checkpoint, with what a reader should know', async () => {
    const { exported } = await caseOf({});
    const file = Buffer.from(exportGenerator('safetensors', exported)['model.safetensors']!);
    const read = decodeSafetensors(file);
    expect(Object.keys(read)).toEqual(Object.keys(exported.weights));
    for (const [name, { values }] of Object.entries(exported.weights))
      expect(read[name]!.values).toEqual(values);
    const header = JSON.parse(file.toString('utf8', 8, 8 + Number(file.readBigUInt64LE()))) as object;
    expect(header).toMatchObject({ __metadata__: { trial: '0123', range: '0 to 255' } });
  });
});

it('the card warns, and names range, trial and sides', async () => {
  const { exported } = await caseOf({ generator: 'unet', blocks: 3 });
  const card = modelCard('onnx', exported);
  for (const part of ['not for diagnosis', '| range | 0 to 255 |', '| trial | 0123 |', 'multiples of\n8 and'])
    expect(card).toContain(part);
});
