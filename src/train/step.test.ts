/** @file The whole step: gradients and updates on both engines, against slopes of the losses, and what it leaves behind. */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Values } from '../engines/compare.js';
import { readAll, relativeErrors, runOnce } from '../engines/compare.js';
import type { Engine, ProgramSpec } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { sizeOf } from '../engines/spec.js';
import { generatorReceptiveField } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { adamInputs } from './adam.js';
import type { Smooth } from './half.js';
import * as step from './step.js';
import { bankShapes, initialBank, savedShapes, weightShapes } from './bank.js';
import { lossesAndGradients, trainStep } from './whole-step.js';

const PARAMETERS = resolveParameters({ patch: 24, batch: 2, filters: 2, blocks: 1 });
/** Without kinks: at those of relu and L1 any two engines differ, since each rounds to another side now and then. */
const SMOOTH: Smooth = {
  activation: (h) => tf.tanh(h),
  distance: (a, b) => tf.mean(tf.squaredDifference(a, b)),
};

/** A small generator of noise in [-1, 1), the same at every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

const patches = (seed: number, { batch, patch } = PARAMETERS): Values => {
  const draw = noise(seed);
  const each = (): Float32Array => Float32Array.from({ length: batch * patch * patch }, draw);
  return { X: each(), Y: each() };
};
/** Larger than in training, so that no gradient is tiny. */
const startOf = (parameters: TrialParameters): Values => {
  const draw = noise(7);
  return initialBank(parameters, () => 8 * draw());
};

/** The gradient of each tensor of weights, and the metrics. */
function gradientsOf(parameters: TrialParameters, smooth?: Smooth): ProgramSpec {
  const { batch, patch } = parameters;
  const names = Object.keys(weightShapes(parameters));
  return {
    name: 'gradients',
    inputs: { X: [batch, patch, patch, 1], Y: [batch, patch, patch, 1] },
    reads: names,
    writes: [],
    run: (tensors) => {
      const { X, Y, ...weights } = tensors as Record<'X' | 'Y', tf.Tensor> & Record<string, tf.Tensor>;
      const { gradients, metrics } = lossesAndGradients(parameters, weights, X, Y, smooth);
      return { ...gradients, ...metrics };
    },
  };
}

let onnx: Engine;
let cpu: Engine;
beforeAll(async () => {
  [onnx, cpu] = await Promise.all([openEngine('onnx', { threads: 1 }), openEngine('cpu', { threads: 1 })]);
});
afterAll(() => Promise.all([onnx.dispose(), cpu.dispose()]));

const run = (engine: Engine, spec: ProgramSpec, inputs: Values, parameters = PARAMETERS) => {
  const initial = startOf(parameters);
  return runOnce(engine, spec, inputs, bankShapes(parameters), initial);
};
const update = (t = 1, seed = 3): Values => ({ ...patches(seed), ...adamInputs(PARAMETERS, t) });

describe('gradients of all weights', () => {
  it('are the same on both engines, smooth networks', async () => {
    const spec = gradientsOf(PARAMETERS, SMOOTH);
    const [expected, actual] = [await run(cpu, spec, patches(3)), await run(onnx, spec, patches(3))];
    for (const [name, error] of Object.entries(relativeErrors(expected.outputs, actual.outputs))) {
      expect(error, name).toBeLessThan(2e-5);
    }
  });

  it('are the same on both engines, up to the kinks of relu and L1', async () => {
    const spec = gradientsOf(PARAMETERS);
    const [expected, actual] = [await run(cpu, spec, patches(3)), await run(onnx, spec, patches(3))];
    for (const [name, error] of Object.entries(relativeErrors(expected.outputs, actual.outputs))) {
      expect(error, name).toBeLessThan(name.includes('/filter') || name.includes('/bias') ? 5e-3 : 1e-5);
    }
  });

  it.each(['G', 'F', 'D_X', 'D_Y'] as const)('of %s are the slope of its own loss', async (network) => {
    const loss = network === 'G' || network === 'F' ? 'loss/G' : 'loss/D';
    const spec = gradientsOf(PARAMETERS, SMOOTH);
    const shapes = weightShapes(PARAMETERS);
    const bank = onnx.createBank(shapes);
    const program = await onnx.compile(spec, bank);
    const initial = startOf(PARAMETERS);
    const draw = noise(11);
    const own = Object.keys(shapes).filter((name) => name.startsWith(`${network}/`));
    const direction = Object.fromEntries(
      own.map((name) => [name, (initial[name] as Float32Array).map(draw)]),
    );
    const at = async (distance: number): Promise<Values> => {
      for (const name of Object.keys(shapes)) {
        const along = direction[name];
        bank.write(
          name,
          (initial[name] as Float32Array).map((w, i) => w + distance * (along?.[i] ?? 0)),
        );
      }
      return program.run(bank, patches(3));
    };
    const here = await at(0);
    let product = 0;
    for (const name of own) {
      direction[name]?.forEach((each, i) => (product += each * ((here[name] as Float32Array)[i] as number)));
    }
    // The loss bends sharply, so the slope is taken from four points.
    const distance = 5e-4;
    const rise = async (steps: number): Promise<number> => {
      const [ahead, behind] = [await at(steps * distance), await at(-steps * distance)];
      return (ahead[loss]?.[0] as number) - (behind[loss]?.[0] as number);
    };
    const slope = (8 * (await rise(1)) - (await rise(2))) / (12 * distance);
    expect(Math.abs(slope - product)).toBeLessThan(0.01 * Math.abs(product));
    await program.dispose();
  });
});

describe('one update', () => {
  it('gives the same losses, weights and moments on both engines', async () => {
    const spec = trainStep(PARAMETERS, SMOOTH);
    const [expected, actual] = [await run(cpu, spec, update()), await run(onnx, spec, update())];
    const measured = step.STEP_METRICS.filter((name) => !name.startsWith('grad/'));
    expect(Object.keys(expected.outputs).sort()).toEqual([...measured].sort());
    for (const [name, error] of Object.entries(relativeErrors(expected.outputs, actual.outputs))) {
      expect(error, name).toBeLessThan(1e-5);
    }
    for (const [name, error] of Object.entries(relativeErrors(expected.bank, actual.bank))) {
      expect(error, name).toBeLessThan(5e-5);
    }
    const initial = startOf(PARAMETERS);
    for (const name of Object.keys(weightShapes(PARAMETERS))) {
      expect(actual.bank[name], name).not.toEqual(initial[name]);
    }
  });

  it('is followed by further ones that agree too, so nothing is overwritten before it was read', async () => {
    const small = { ...PARAMETERS, patch: 8, batch: 1, disc_layers: 1 };
    const afterThree = async (engine: Engine): Promise<Values> => {
      const bank = engine.createBank(bankShapes(small));
      for (const [name, values] of Object.entries(startOf(small))) bank.write(name, values);
      const program = await engine.compile(trainStep(small, SMOOTH), bank);
      for (let t = 1; t <= 3; t++) await program.run(bank, { ...patches(t, small), ...adamInputs(small, t) });
      return readAll(bank);
    };
    const errors = relativeErrors(await afterThree(cpu), await afterThree(onnx));
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-3);
  });

  it('measures losses that add up', async () => {
    const { outputs } = await run(onnx, trainStep(PARAMETERS), update());
    const of = (name: step.StepMetric): number => outputs[name]?.[0] as number;
    expect(of('loss/D')).toBeCloseTo(of('loss/D_x') + of('loss/D_y'), 5);
    const terms = of('loss/G_adv') + of('loss/F_adv') + of('loss/cycle') + of('loss/identity');
    expect(of('loss/G')).toBeCloseTo(terms, 4);
    for (const share of [of('d/acc_real'), of('d/acc_fake')]) {
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    }
  });

  it('with discriminators that say 0.5 everywhere: loss/D 0.5, adversarial terms 0.25', async () => {
    const initial = startOf(PARAMETERS);
    for (const network of ['D_X', 'D_Y']) {
      initial[`${network}/conv5/filter`]?.fill(0);
      initial[`${network}/conv5/bias`]?.fill(0.5);
    }
    const spec = trainStep(PARAMETERS);
    const { outputs } = await runOnce(onnx, spec, update(), bankShapes(PARAMETERS), initial);
    expect(outputs).toMatchObject({
      'loss/D': Float32Array.of(0.5),
      'loss/D_x': Float32Array.of(0.25),
      'loss/D_y': Float32Array.of(0.25),
      'loss/G_adv': Float32Array.of(0.25),
      'loss/F_adv': Float32Array.of(0.25),
      'd/acc_real': Float32Array.of(0),
      'd/acc_fake': Float32Array.of(0),
    });
  });

  it('leaves out terms without weight', async () => {
    const plain = { ...PARAMETERS, lambda: 0, gamma: 0 };
    const { outputs } = await run(onnx, trainStep(plain), update(), plain);
    expect(outputs).toMatchObject({ 'loss/cycle': Float32Array.of(0), 'loss/identity': Float32Array.of(0) });
    expect(outputs['loss/G']?.[0]).toBeCloseTo(
      (outputs['loss/G_adv']?.[0] as number) + (outputs['loss/F_adv']?.[0] as number),
      5,
    );
  });

  it('scales cycle and identity by lambda and gamma', async () => {
    const doubled = { ...PARAMETERS, lambda: 20, gamma: 10 };
    const [once, twice] = [
      await run(onnx, trainStep(PARAMETERS), update()),
      await run(onnx, trainStep(doubled), update(), doubled),
    ];
    for (const name of ['loss/cycle', 'loss/identity']) {
      expect(twice.outputs[name]?.[0]).toBeCloseTo(2 * (once.outputs[name]?.[0] as number), 4);
    }
  });
});

describe('training on the onnx engine', () => {
  const train = async (updates: number): Promise<{ bank: Values; metrics: Values }> => {
    const bank = onnx.createBank(bankShapes(PARAMETERS));
    for (const [name, values] of Object.entries(startOf(PARAMETERS))) bank.write(name, values);
    const program = await onnx.compile(trainStep(PARAMETERS), bank);
    let metrics: Values = {};
    for (let t = 1; t <= updates; t++) metrics = await program.run(bank, update(t, t));
    await program.dispose();
    return { bank: await readAll(bank), metrics };
  };

  it('gives the same bits when repeated', async () => {
    expect(await train(4)).toEqual(await train(4));
  });

  it('lowers the losses of the generators on a fixed batch', async () => {
    const bank = onnx.createBank(bankShapes(PARAMETERS));
    const initial = initialBank(PARAMETERS, noise(5));
    for (const [name, values] of Object.entries(initial)) bank.write(name, values);
    const program = await onnx.compile(trainStep({ ...PARAMETERS, lr: 2e-3 }), bank);
    const losses: number[] = [];
    for (let t = 1; t <= 40; t++) {
      const inputs = { ...patches(1), ...adamInputs({ ...PARAMETERS, lr: 2e-3 }, t) };
      losses.push((await program.run(bank, inputs))['loss/cycle']?.[0] as number);
    }
    expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] as number));
    await program.dispose();
  });
});

it.each(['cpu', 'onnx'] as const)('leaves no tensors behind on %s', async (name) => {
  const engine = name === 'cpu' ? cpu : onnx;
  const small = { ...PARAMETERS, patch: 8, batch: 1, disc_layers: 1 };
  const bank = engine.createBank(bankShapes(small));
  for (const [key, values] of Object.entries(startOf(small))) bank.write(key, values);
  const program = await engine.compile(trainStep(small), bank);
  const counts: number[] = [];
  for (let t = 1; t <= 13; t++) {
    await program.run(bank, { ...patches(t, small), ...adamInputs(small, t) });
    counts.push(tf.memory().numTensors);
  }
  expect(counts[12]).toBe(counts[2]);
  expect(counts[12]).toBe(counts[0]);
});

describe('translation', () => {
  it.each(['G', 'F'] as const)(
    'by %s gives the same images on both engines, there and back',
    async (direction) => {
      const [height, width] = [16, 12];
      const draw = noise(9);
      const image = Float32Array.from({ length: height * width }, draw);
      const spec = step.translate(PARAMETERS, direction, height, width, { cycle: true });
      const [expected, actual] = [await run(cpu, spec, { image }), await run(onnx, spec, { image })];
      expect(Object.keys(actual.outputs)).toEqual(direction === 'G' ? ['gx', 'fgx'] : ['fy', 'gfy']);
      for (const error of Object.values(relativeErrors(expected.outputs, actual.outputs))) {
        expect(error).toBeLessThan(1e-4);
      }
    },
  );

  it('reads one generator only, unless it translates back', () => {
    const { reads, writes } = step.translate(PARAMETERS, 'F', 16, 16);
    expect(reads.every((name) => name.startsWith('F/'))).toBe(true);
    expect(writes).toEqual([]);
    expect(
      step.translate(PARAMETERS, 'F', 16, 16, { cycle: true }).reads.some((name) => name.startsWith('G/')),
    ).toBe(true);
  });

  it('refuses sides that are no multiples of 4', () => {
    expect(() => step.translate(PARAMETERS, 'G', 16, 15)).toThrow(/16x15/);
  });
});

it('names everything in the bank by network, and moments after their weights', () => {
  const shapes = bankShapes(PARAMETERS);
  expect(shapes['G/block1/conv1/filter']).toEqual([3, 3, 8, 8]);
  expect(shapes['D_X/conv1/bias.m']).toEqual([2]);
  expect(shapes['D_X/conv1/bias.g']).toEqual([2]);
  const saved = savedShapes(PARAMETERS);
  expect(Object.keys(saved).length).toBe(3 * Object.keys(weightShapes(PARAMETERS)).length);
  const initial = initialBank(PARAMETERS, () => 1);
  expect(Object.keys(initial).sort()).toEqual(Object.keys(saved).sort());
  for (const [name, values] of Object.entries(initial))
    expect(values.length, name).toBe(sizeOf(shapes[name] ?? []));
  expect(initial['F/in/filter.v']?.every((value) => value === 0)).toBe(true);
  expect(generatorReceptiveField(PARAMETERS)).toBe(41);
});
