/**
 * @file Gradient checks: every layer, every norm, every generator with every norm and upsampling, every discriminator. On
 * the reference and on the default engine, against each other and against the slope of what they are the gradient of.
 */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Values } from '../engines/compare.js';
import { relativeErrors } from '../engines/compare.js';
import type { Engine, ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { sizeOf } from '../engines/spec.js';
import type { DiscriminatorParameters, GeneratorParameters, Layer } from '../geometry.js';
import { discriminatorLayers, generatorLayers } from '../geometry.js';
import * as networks from './networks.js';

const NORMS = ['instance', 'batch', 'none'] as const;
const GENERATORS: GeneratorParameters[] = NORMS.flatMap((norm) => [
  ...(['transposed', 'resize'] as const).flatMap((upsample): GeneratorParameters[] => [
    { generator: 'resnet', blocks: 1, filters: 2, norm, upsample },
    { generator: 'unet', blocks: 3, filters: 2, norm, upsample },
  ]),
  { generator: 'fullres', blocks: 2, filters: 2, norm, upsample: 'transposed' },
]);
const DISCRIMINATORS: DiscriminatorParameters[] = NORMS.map((norm) => ({
  disc_filters: 2,
  disc_layers: 2,
  norm,
}));

let engines: Engine[];
beforeAll(async () => {
  await tf.setBackend('cpu');
  engines = await Promise.all([openEngine('cpu', { threads: 1 }), openEngine('onnx', { threads: 1 })]);
});
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

const wave = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.7 * i + 0.31 * i * i));
const smooth: networks.Activation = (h) => tf.tanh(h);

/** Between the engines: rounding in another order, through a whole network. */
const TOLERANCE = 2e-5;
/** Between a gradient and a slope: what float32 leaves of a difference. */
const SLOPE_TOLERANCE = 0.01;

/**
 * Compares the gradients by all operands of an uneven sum over what `run` gives: on both engines, and, along one direction
 * in all operands at once, with the slope.
 */
async function expectGradients(
  shapes: Record<string, Shape>,
  start: Values,
  run: (operands: TensorMap) => tf.Tensor,
): Promise<void> {
  const names = Object.keys(shapes);
  const spec: ProgramSpec = {
    name: 'gradients',
    inputs: shapes,
    reads: [],
    writes: [],
    run: (tensors) => {
      const uneven = (...operands: tf.Tensor[]): tf.Scalar => {
        const value = run(Object.fromEntries(names.map((name, i) => [name, operands[i] as tf.Tensor])));
        return tf.mean(tf.mul(value, tf.tensor(wave(value.size, 5), value.shape)));
      };
      const { value, grads } = tf.valueAndGrads(uneven)(names.map((name) => tensors[name] as tf.Tensor));
      return { value, ...Object.fromEntries(grads.map((each, i) => [`gradient of ${names[i]}`, each])) };
    },
  };
  const direction = Object.fromEntries(names.map((name, i) => [name, wave(sizeOf(shapes[name]!), 40 + i)]));
  const results: Values[] = [];
  for (const engine of engines) {
    const bank = engine.createBank({});
    const program = await engine.compile(spec, bank);
    const at = (distance: number): Promise<Values> => {
      const moved = names.map((name): [string, Float32Array] => [
        name,
        start[name]!.map((each, i) => each + distance * (direction[name]![i] as number)),
      ]);
      return program.run(bank, Object.fromEntries(moved));
    };
    const here = await at(0);
    results.push(here);
    let product = 0;
    for (const name of names) {
      here[`gradient of ${name}`]!.forEach((each, i) => (product += each * (direction[name]![i] as number)));
    }
    const distance = 2e-3;
    const rise = async (steps: number): Promise<number> => {
      const [ahead, behind] = [await at(steps * distance), await at(-steps * distance)];
      return (ahead['value']![0] as number) - (behind['value']![0] as number);
    };
    const slope = (8 * (await rise(1)) - (await rise(2))) / (12 * distance);
    expect(Math.abs(slope - product), `on ${engine.name}, slope ${slope}, gradient ${product}`).toBeLessThan(
      SLOPE_TOLERANCE * Math.abs(product) + 1e-5,
    );
    await program.dispose();
    bank.dispose();
  }
  const [expected, actual] = results as [Values, Values];
  for (const [name, error] of Object.entries(relativeErrors(expected, actual))) {
    expect(error, name).toBeLessThan(TOLERANCE);
  }
}

/** Weights that leave signals of ordinary size. */
const startOf = (shapes: Record<string, Shape>): Values =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => {
      const fanIn = shape.length === 4 ? sizeOf(shape) / Math.min(shape[2]!, shape[3]!) : 4;
      return [name, wave(sizeOf(shape), i).map((each) => each / Math.sqrt(fanIn / 2))];
    }),
  );

/** Every kind of layer that any network has, once. */
const LAYERS: [string, Layer][] = [
  ...new Map(
    [...GENERATORS.flatMap(generatorLayers), ...DISCRIMINATORS.flatMap(discriminatorLayers)].map((layer) => {
      const { kind, kernel, stride, padding, pads } = layer;
      const how = kind === 'transposed' ? '' : `, ${padding} ${pads.join('+')}`;
      return [`${kind} ${kernel}x${kernel}, stride ${stride}${how}`, layer] as const;
    }),
  ),
];

describe('gradients of every layer', () => {
  it.each(LAYERS)('%s', async (_, layer) => {
    const { kernel, kind } = layer;
    const shapes = {
      x: [2, 8, 12, 3],
      filter: kind === 'transposed' ? [kernel, kernel, 2, 3] : [kernel, kernel, 3, 2],
    };
    await expectGradients(shapes, startOf(shapes), ({ x, filter }) =>
      networks.convolve(layer, filter as tf.Tensor4D, x as tf.Tensor4D),
    );
  });

  it.each(['instanceNorm', 'batchNorm'] as const)('%s', async (norm) => {
    const shapes = { x: [3, 4, 5, 2] };
    await expectGradients(shapes, startOf(shapes), ({ x }) => networks[norm](x as tf.Tensor4D));
  });

  it('doubled', async () => {
    const shapes = { x: [3, 4, 5, 2] };
    await expectGradients(shapes, startOf(shapes), ({ x }) => tf.square(networks.doubled(x as tf.Tensor4D)));
  });
});

describe('gradients of whole networks, smooth', () => {
  it.each(GENERATORS)('$generator, norm $norm, upsample $upsample', async (parameters) => {
    const shapes = { ...networks.generatorShapes(parameters), x: [2, 16, 16, 1] };
    await expectGradients(shapes, startOf(shapes), ({ x, ...weights }) =>
      networks.generate(weights, parameters, x as tf.Tensor4D, { activation: smooth }),
    );
  });

  it.each(DISCRIMINATORS)('discriminator, norm $norm', async (parameters) => {
    const shapes = { ...networks.discriminatorShapes(parameters), x: [2, 24, 24, 1] };
    await expectGradients(shapes, startOf(shapes), ({ x, ...weights }) =>
      networks.discriminate(weights, parameters, x as tf.Tensor4D, smooth),
    );
  });
});

describe('values of whole networks, with their own activations', () => {
  it.each(GENERATORS)('$generator, norm $norm, upsample $upsample', async (parameters) => {
    const shapes = { ...networks.generatorShapes(parameters), x: [2, 16, 24, 1] };
    const spec: ProgramSpec = {
      name: 'values',
      inputs: shapes,
      reads: [],
      writes: [],
      run: ({ x, ...weights }) => ({ y: networks.generate(weights, parameters, x as tf.Tensor4D) }),
    };
    const results: Values[] = [];
    for (const engine of engines) {
      const bank = engine.createBank({});
      const program = await engine.compile(spec, bank);
      results.push(await program.run(bank, startOf(shapes)));
      await program.dispose();
      bank.dispose();
    }
    expect(relativeErrors(results[0]!, results[1]!)['y']).toBeLessThan(TOLERANCE);
  });
});
