/**
 * @file Gradients against the slopes of what they are the gradient of: every layer, every norm, every generator with every
 * norm and upsampling, every discriminator. On the reference, which all engines are compared with, and on the default engine.
 * That engines agree is the table of src/checks/; losses have their gradients by hand, in losses.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unevenWeights, wave } from '../checks/check.js';
import { layerChecks, networkChecks, type GradientCheck } from '../checks/networks.js';
import type { Values } from '../engines/compare.js';
import type { Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';

let engines: Record<'cpu' | 'onnx', Engine>;
beforeAll(async () => {
  const [cpu, onnx] = [await openEngine('cpu', { threads: 1 }), await openEngine('onnx', { threads: 1 })];
  engines = { cpu, onnx };
});
afterAll(() => Promise.all(Object.values(engines).map((engine) => engine.dispose())));

/** Between a gradient and a slope: what float32 leaves of a difference. */
const SLOPE_TOLERANCE = 0.01;
const DISTANCE = 2e-3;

/** Compares gradients with a slope, along one direction in all operands at once. */
async function expectSlope(engine: Engine, { work: { spec, inputs } }: GradientCheck): Promise<void> {
  const names = Object.keys(inputs);
  const direction = Object.fromEntries(names.map((name, i) => [name, wave(inputs[name]!.length, 40 + i)]));
  const bank = engine.createBank({});
  const program = await engine.compile(spec, bank);
  const at = (distance: number): Promise<Values> => {
    const moved = names.map((name): [string, Float32Array] => [
      name,
      inputs[name]!.map((each, i) => each + distance * direction[name]![i]!),
    ]);
    return program.run(bank, Object.fromEntries(moved));
  };
  /** The sum whose gradient the program gives. */
  const height = async (distance: number): Promise<number> => {
    const output = (await at(distance))['output']!;
    const weights = unevenWeights(output.length);
    return output.reduce((sum, each, i) => sum + each * weights[i]!, 0);
  };
  const here = await at(0);
  let product = 0;
  for (const name of names) {
    here[`gradient of ${name}`]!.forEach((each, i) => (product += each * direction[name]![i]!));
  }
  const rise = async (steps: number): Promise<number> =>
    (await height(steps * DISTANCE)) - (await height(-steps * DISTANCE));
  const slope = (8 * (await rise(1)) - (await rise(2))) / (12 * DISTANCE);
  expect(Math.abs(slope - product), `slope ${slope}, gradient ${product}`).toBeLessThan(
    SLOPE_TOLERANCE * Math.abs(product) + 1e-5,
  );
  await program.dispose();
  bank.dispose();
}

describe.each(['cpu', 'onnx'] as const)('gradients are slopes on %s', (name) => {
  it.each([...layerChecks(), ...networkChecks()])('$group: $name', async (check) => {
    await expectSlope(engines[name], check);
  });
});
