/** @file A generator strip by strip gives the pixels of the whole image at once: every generator, norm and upsampling. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { sideMultiple } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { generatorBankShapes, initialBank } from './bank.js';
import { translate } from './step.js';
import { generateByStrips, stripBankShapes } from './strips.js';

/** Of the range, which is 2 in [-1, 1]. */
const TOLERANCE = 1e-4 * 2;

let onnx: Engine;
beforeAll(async () => {
  onnx = await openEngine('onnx', { threads: 1 });
});
afterAll(() => onnx.dispose());

function noise(): () => number {
  let state = 7;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

/** Smooth structure with noise, in [-1, 1]: no two strips have the same statistics. */
function image(height: number, width: number): Float32Array {
  const draw = noise();
  return Float32Array.from({ length: height * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return Math.tanh(row / height + 0.5 * Math.sin(column / 5) - 0.6 + 0.3 * draw());
  });
}

/** Largest difference between both ways, and the spread of the result: one that is flat would prove nothing. */
async function compare(
  engine: Engine,
  parameters: TrialParameters,
  [height, width]: [number, number],
  { rows, winograd = false }: { rows: number; winograd?: boolean },
): Promise<{ apart: number; spread: number; progress: number[] }> {
  const shapes = generatorBankShapes(parameters, 'F', winograd);
  const bank = engine.createBank(stripBankShapes(shapes));
  const draw = noise();
  const weights = initialBank(parameters, () => 8 * draw());
  for (const name of Object.keys(shapes)) bank.write(name, weights[name]!);
  const x = image(height, width);
  const program = await engine.compile(
    translate(parameters, 'F', height, width, { held: bank.shapes }),
    bank,
  );
  const { fy: whole } = await program.run(bank, { image: x });
  await program.dispose();
  const progress: number[] = [];
  const strips = await generateByStrips(engine, bank, 'F', parameters, x, height, width, {
    rows,
    progress: (share) => progress.push(share),
  });
  bank.dispose();
  expect(strips.length).toBe(height * width);
  let [apart, low, high] = [0, Infinity, -Infinity];
  whole!.forEach((value, i) => {
    apart = Math.max(apart, Math.abs(value - strips[i]!));
    [low, high] = [Math.min(low, value), Math.max(high, value)];
  });
  return { apart, spread: high - low, progress };
}

const cases = (['resnet', 'unet', 'fullres'] as const).flatMap((generator) =>
  (['instance', 'batch', 'none'] as const).flatMap((norm) =>
    (generator === 'fullres' ? (['transposed'] as const) : (['transposed', 'resize'] as const)).map(
      (upsample) => ({ generator, norm, upsample }),
    ),
  ),
);

describe('strips', () => {
  it.each(cases)('$generator, norm $norm, upsample $upsample', async (given) => {
    const parameters = resolveParameters({ ...given, filters: 4, blocks: 3, disc_filters: 2 });
    const multiple = sideMultiple(parameters);
    const sides: [number, number] = [
      multiple * Math.ceil(76 / multiple),
      multiple * Math.ceil(52 / multiple),
    ];
    const { apart, spread } = await compare(onnx, parameters, sides, { rows: 12 });
    expect(apart).toBeLessThan(TOLERANCE);
    expect(spread).toBeGreaterThan(0.04);
  });

  it.each(['instance', 'none'] as const)("resnet in Winograd's form, norm %s", async (norm) => {
    const parameters = resolveParameters({ norm, filters: 4, blocks: 3, disc_filters: 2 });
    const { apart, spread, progress } = await compare(onnx, parameters, [112, 48], {
      rows: 16,
      winograd: true,
    });
    expect(apart).toBeLessThan(TOLERANCE);
    expect(spread).toBeGreaterThan(0.04);
    expect(progress.at(-1)).toBeCloseTo(1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  it.each([4, 1000])('of about %i rows', async (rows) => {
    const parameters = resolveParameters({ filters: 2, blocks: 1, disc_filters: 2 });
    expect((await compare(onnx, parameters, [40, 8], { rows })).apart).toBeLessThan(TOLERANCE);
  });

  it('on the reference engine', async () => {
    const cpu = await openEngine('cpu', { threads: 1 });
    const parameters = resolveParameters({ filters: 2, blocks: 1, disc_filters: 2 });
    expect((await compare(cpu, parameters, [24, 16], { rows: 8 })).apart).toBeLessThan(TOLERANCE);
  });
});
