/** @file What a prediction must know of the machine and the images: looked up once, for the plan and for a run alike. */
import { DataError } from '../../imaging/image.js';
import { readImage } from '../../imaging/read.js';
import type { Definition } from '../../definition/schema.js';
import { deviceName, listGpus } from '../../nvidia.js';
import type { Plan } from '../../runner/plan.js';
import type { Placement } from '../../runner/run-sweep.js';
import type { Shares } from '../../runner/share.js';
import { memoryLimit } from '../../train/memory.js';
import type { MemoryFacts } from './memory.js';

/** Of a GPU's free memory, what trials may take. */
const SHARE_OF_DEVICE = 0.9;

/**
 * Of the host's memory each trial that runs at once has an equal share, which it chooses its micro-batch by; what needs more
 * runs with fewer beside it. A GPU's memory a trial may have alone.
 * @param given bytes that one trial may have, where somebody set that
 */
export async function memoryFacts(
  definition: Definition,
  plan: Pick<Plan, 'images'>,
  { engine, devices }: Placement,
  { most, threads, perDevice }: Shares,
  given: number | undefined,
): Promise<MemoryFacts> {
  const free = memoryLimit({}).bytes;
  const limit = given === undefined ? { bytes: free / most, strict: false } : { bytes: given, strict: true };
  const device = devices[0]!;
  let deviceLimit: number | undefined;
  if (device.startsWith('cuda')) {
    const gpus = (await listGpus()).found.filter((gpu) => devices.includes(deviceName(gpu)));
    const frees = gpus.flatMap(({ memoryBytes, usedBytes }) => (usedBytes === null ? [] : [memoryBytes - usedBytes])); // prettier-ignore
    const each = typeof perDevice === 'number' ? perDevice : 1;
    if (frees.length > 0) deviceLimit = (SHARE_OF_DEVICE * Math.max(...frees)) / each;
  }
  const { imagePixels, imageBytes } = await sizeOfImages(definition, plan);
  return { engine, device, threads, limit, deviceLimit, imagePixels, imageBytes };
}

/** Images of a data set are of one size, or nearly: the first stands for all. A trial holds them as far as it reads them. */
async function sizeOfImages({ data, trainer }: Definition, { images }: Pick<Plan, 'images'>) {
  const [x, y] = images.lists;
  const { train, validation, test } = images.parts;
  const held = [train, validation, test].reduce((sum, [ofX, ofY]) => sum + ofX.length + ofY.length, 0);
  let size = { pixels: 0, bytes: 0 };
  if ('phantom' in data) size = { pixels: data.size ** 2, bytes: 2 * data.size ** 2 };
  else if (trainer === 'cyclegan') {
    for (const file of [x[0], y[0]]) {
      if (file === undefined) throw new DataError('A domain holds no image.');
      const { width, height, data: pixels } = await readImage(file);
      size = { pixels: width * height, bytes: Math.max(size.bytes, pixels.byteLength) };
    }
  }
  return { imagePixels: size.pixels, imageBytes: held * size.bytes };
}
