/** @file Images of any size through a generator, at once or strip by strip as memory allows. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { ENVIRONMENT, type TrialParameters } from '../protocol.js';
import { initialBank, networkShapes } from './bank.js';
import { openTranslator, paddedSide, wholeMemory, type Translator } from './translator.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('onnx', { threads: 1 });
});
afterAll(() => engine.dispose());
afterEach(() => {
  delete process.env[ENVIRONMENT.memoryLimit];
});

const RESNET = resolveParameters({ filters: 2, blocks: 1, disc_filters: 2 });
const UNET = resolveParameters({ generator: 'unet', filters: 2, blocks: 3, disc_filters: 2 });

function translatorOf(parameters: TrialParameters, tile: 'auto' | 'whole' | number): Translator {
  let state = 7;
  const draw = (): number => 8 * ((state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31);
  const bank = initialBank(parameters, draw);
  const shapes = Object.entries(networkShapes(parameters, 'G'));
  const weights = Object.fromEntries(shapes.map(([name, shape]) => [name, { shape, values: bank[name]! }]));
  return openTranslator(engine, { parameters, network: 'G', weights, tile });
}

const pixel = (row: number, column: number): number =>
  Math.tanh(Math.sin(row / 3) + Math.cos(column / 5 + row));

describe('translating', () => {
  it.each([
    ['resnet', RESNET, 13, 22, [16, 24]],
    ['resnet, smaller than what it takes', RESNET, 5, 1, [8, 8]],
    ['unet', UNET, 17, 9, [24, 16]],
  ] as const)(
    '%s gives back the size that came in, as if it went on mirrored',
    async (_, parameters, height, width, [tall, wide]) => {
      const mirror = (place: number, side: number): number => {
        if (side === 1) return 0;
        const within = place % (2 * side - 2);
        return within < side ? within : 2 * side - 2 - within;
      };
      const image = Float32Array.from({ length: height * width }, (_, i) =>
        pixel(Math.floor(i / width), i % width),
      );
      const larger = Float32Array.from({ length: tall * wide }, (_, i) =>
        pixel(mirror(Math.floor(i / wide), height), mirror(i % wide, width)),
      );
      const translator = translatorOf(parameters, 'whole');
      const { values } = await translator.translate(image, height, width);
      const { values: whole } = await translator.translate(larger, tall, wide);
      await translator.dispose();
      expect(values.length).toBe(height * width);
      expect(Array.from(values)).toEqual(
        Array.from(values, (_, i) => whole[Math.floor(i / width) * wide + (i % width)]),
      );
    },
  );

  it('goes strip by strip where the whole image is predicted not to fit', async () => {
    const image = new Float32Array(64 * 64).map((_, i) => pixel(i >> 6, i % 64));
    const translator = translatorOf(RESNET, 'auto');
    const whole = await translator.translate(image, 64, 64);
    process.env[ENVIRONMENT.memoryLimit] = String(wholeMemory(RESNET, 64, 64, true) - 1);
    const strips = await translator.translate(image, 64, 64);
    await translator.dispose();
    expect([whole.way, strips.way]).toEqual(['whole', 'strips']);
    const apart = Math.max(...Array.from(whole.values, (value, i) => Math.abs(value - strips.values[i]!)));
    expect(apart).toBeLessThan(2e-4);
  });

  it('names a weight that is missing', () => {
    expect(() =>
      openTranslator(engine, { parameters: RESNET, network: 'F', weights: {}, tile: 'auto' }),
    ).toThrow(/lacks F\/in\/filter/);
  });
});

it('sides are made multiples of what the generator takes', () => {
  expect([1, 8, 9, 512, 1023].map((side) => paddedSide(RESNET, side))).toEqual([8, 8, 12, 512, 1024]);
});

it('the prediction grows with the pixels', () => {
  const parameters = resolveParameters({ filters: 64, blocks: 9 });
  const [small, large] = [512, 1024].map((side) => wholeMemory(parameters, side, side, true));
  // Measured with onnxruntime 1.30 on two threads: 0.88 and 2.40 GB.
  expect(small! / 0.88e9).toBeCloseTo(1, 0);
  expect(large! / 2.4e9).toBeCloseTo(1, 0);
});
