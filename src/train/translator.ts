/** @file Translates whole images of any size by a trained generator: in one pass where memory allows, else strip by strip. */
import { EngineError, type Engine, type Program } from '../engines/engine.js';
import { countWeights, generatorLayers, sideMultiple, sidesOf } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { generatorBankShapes } from './bank.js';
import { BASE, memoryLimit } from './memory.js';
import type { NamedTensor } from './safetensors.js';
import { translate } from './step.js';
import { generateByStrips, stripBankShapes } from './strips.js';
import { trunkFitsTiles, winogradLayers } from './winograd.js';

/** How an image was translated. */
export type Way = 'whole' | 'strips';

export interface Translator {
  /**
   * @param image [height, width], values in [-1, 1]
   * @param progress called with the share that is done, 0 to 1, where it is known
   * @returns [height, width]; values in [-1, 1], but for `fullres`, whose output has no bounds
   */
  translate(
    image: Float32Array,
    height: number,
    width: number,
    progress?: (share: number) => void,
  ): Promise<{ values: Float32Array; way: Way }>;
  dispose(): Promise<void>;
}

export interface TranslatorOptions {
  parameters: TrialParameters;
  /** G translates X to Y, F the other way. */
  network: 'G' | 'F';
  /** By name in a checkpoint. */
  weights: Record<string, NamedTensor>;
  /** `auto`: the whole image where memory allows; rows of a strip, pixels. */
  tile: 'auto' | 'whole' | number;
}

/** Rows of a strip where nobody names them: few enough for little memory, enough for long multiplications. */
export const STRIP_ROWS = 64;
/** Reflection padding of a resnet's inner layers wants two pixels at a quarter of the sides. */
const SMALLEST = 8;

/** @throws Error if a weight is missing */
export function openTranslator(engine: Engine, options: TranslatorOptions): Translator {
  const { parameters, network, weights, tile } = options;
  const winograd = winogradLayers(parameters).length > 0 && engine.name === 'onnx' && engine.device === 'cpu';
  const shapes = generatorBankShapes(parameters, network, winograd);
  const bank = engine.createBank(stripBankShapes(shapes));
  for (const name of Object.keys(shapes)) {
    const tensor = weights[name];
    if (tensor === undefined) throw new Error(`The checkpoint lacks ${name}: it is not of these networks.`);
    bank.write(name, tensor.values);
  }
  let whole: { program: Program; sides: string } | undefined;
  const closeWhole = async (): Promise<void> => {
    await whole?.program.dispose();
    whole = undefined;
  };

  const atOnce = async (image: Float32Array, height: number, width: number): Promise<Float32Array> => {
    const sides = `${height}x${width}`;
    if (whole?.sides !== sides) {
      await closeWhole();
      const spec = translate(parameters, network, height, width, { held: bank.shapes });
      whole = { program: await engine.compile(spec, bank), sides };
    }
    const outputs = await whole.program.run(bank, { image });
    return outputs[network === 'G' ? 'gx' : 'fy']!;
  };

  return {
    translate: async (image, height, width, progress) => {
      const [tall, wide] = [height, width].map((side) => paddedSide(parameters, side)) as [number, number];
      const padded = mirrored(image, height, width, tall, wide);
      const cropped = (values: Float32Array): Float32Array => crop(values, wide, height, width);
      if (tile === 'whole' || (tile === 'auto' && fitsMemory(engine, parameters, tall, wide, winograd))) {
        try {
          return { values: cropped(await atOnce(padded, tall, wide)), way: 'whole' };
        } catch (error) {
          const tooLarge = error instanceof EngineError && error.kind === 'out-of-memory';
          if (tile === 'whole' || !tooLarge) throw error;
        }
      }
      await closeWhole();
      const rows = typeof tile === 'number' ? tile : STRIP_ROWS;
      const options = { rows, ...(progress === undefined ? {} : { progress }) };
      const values = await generateByStrips(engine, bank, network, parameters, padded, tall, wide, options);
      return { values: cropped(values), way: 'strips' };
    },
    dispose: async () => {
      await closeWhole();
      bank.dispose();
    },
  };
}

/** The least side that the generator takes which an image of this side fits in. */
export function paddedSide(parameters: TrialParameters, side: number): number {
  const multiple = sideMultiple(parameters);
  return multiple * Math.ceil(Math.max(side, SMALLEST) / multiple);
}

/** An image made larger below and to the right by reflection, the border pixel not repeated. */
function mirrored(
  image: Float32Array,
  height: number,
  width: number,
  tall: number,
  wide: number,
): Float32Array {
  if (tall === height && wide === width) return image;
  const out = new Float32Array(tall * wide);
  for (let row = 0; row < tall; row++) {
    const from = reflected(row, height) * width;
    for (let column = 0; column < wide; column++)
      out[row * wide + column] = image[from + reflected(column, width)]!;
  }
  return out;
}

/** Place inside of a side that one beyond it mirrors, however far beyond. */
function reflected(place: number, side: number): number {
  if (side === 1) return 0;
  const period = 2 * (side - 1);
  const within = place % period;
  return within < side ? within : period - within;
}

function crop(values: Float32Array, wide: number, height: number, width: number): Float32Array {
  if (values.length === height * width) return values;
  const out = new Float32Array(height * width);
  for (let row = 0; row < height; row++) {
    out.set(values.subarray(row * wide, row * wide + width), row * width);
  }
  return out;
}

/** Activations of the largest layer's size that are held at once while onnxruntime computes a whole image, measured. */
const HELD = 8;
const FLOAT = 4;

/**
 * Predicted peak of translating a whole image at once, bytes: the process, the weights (a filter in Winograd's form takes four
 * times its room besides), and 8 times the largest activation. Measured with onnxruntime on a CPU: 5.7 to 8.2 times with resnet
 * and unet, less with fullres.
 */
export function wholeMemory(
  parameters: TrialParameters,
  height: number,
  width: number,
  winograd: boolean,
): number {
  const layers = generatorLayers(parameters);
  const [rows, columns] = [sidesOf(layers, height), sidesOf(layers, width)];
  const pixels = (index: number): number => rows[index]! * columns[index]!;
  const largest = layers.reduce((most, { in: from, out, kind }, index) => {
    const read = from * (kind === 'resized' ? pixels(index + 1) : pixels(index));
    return Math.max(most, read, out * pixels(index + 1));
  }, 0);
  const transformed = winograd && trunkFitsTiles(height, width) ? 4 * countWeights(winogradLayers(parameters)) : 0; // prettier-ignore
  return BASE + FLOAT * (countWeights(layers) + transformed + HELD * largest);
}

/** On a processor by prediction; a GPU is asked, and says so where it has too little. */
function fitsMemory(
  { device }: Engine,
  parameters: TrialParameters,
  height: number,
  width: number,
  winograd: boolean,
): boolean {
  return device !== 'cpu' || wholeMemory(parameters, height, width, winograd) <= memoryLimit().bytes;
}
