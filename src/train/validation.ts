/** @file Validation as training goes on: the middle of held-out images is translated and compared with its partner; the best checkpoint is chosen by it. */
import type { Bank, Engine } from '../engines/engine.js';
import { sideMultiple } from '../geometry.js';
import { pixelsLike, type GreyImage } from '../imaging/image.js';
import { networkToUnit, toNetwork, toUnit } from '../imaging/intensity.js';
import { psnr, ssim } from '../imaging/quality.js';
import type { MetricValues, TrialConfig } from '../protocol.js';
import type { TrialImages } from './data.js';
import { translate } from './step.js';

/** Side of the middle that is translated, pixels: a whole radiograph at every tenth of a short training would cost more than 5 % of its time. */
const SIDE = 256;

export interface Validator {
  /** Means over the validation images of `val/psnr` and `val/ssim`, on [0, 1] of the fixed range. */
  measure(): Promise<MetricValues>;
  dispose(): Promise<void>;
}

/** Undefined where no validation image has a partner: then nothing can be compared. */
export async function openValidator(
  { parameters }: TrialConfig,
  { validation, range }: TrialImages,
  engine: Engine,
  bank: Bank,
): Promise<Validator | undefined> {
  const pairs: { x: GreyImage; y: GreyImage }[] = [];
  const multiple = sideMultiple(parameters);
  for (const { x, y } of validation) {
    if (y) pairs.push({ x: middle(await x(), multiple), y: middle(await y(), multiple) });
  }
  if (pairs.length === 0) return undefined;
  const programs = new Map<string, Awaited<ReturnType<Engine['compile']>>>();
  return {
    async measure() {
      let [ratio, similarity] = [0, 0];
      for (const { x, y } of pairs) {
        const { width, height } = x;
        const size = `${height}x${width}`;
        const program =
          programs.get(size) ??
          (await engine.compile(translate(parameters, 'G', height, width, { held: bank.shapes }), bank));
        programs.set(size, program);
        const { gx } = await program.run(bank, { image: toNetwork(x.data, range) });
        const [translated, target] = [networkToUnit(gx!), toUnit(y.data, range)];
        ratio += psnr(translated, target, 1) / pairs.length;
        similarity += ssim(translated, target, width, height, 1) / pairs.length;
      }
      return { 'val/psnr': ratio, 'val/ssim': similarity };
    },
    async dispose() {
      for (const program of programs.values()) await program.dispose();
    },
  };
}

/** The middle of an image, of sides that the generator can halve as often as it does. */
function middle(image: GreyImage, multiple: number): GreyImage {
  const side = (whole: number) => Math.min(SIDE, whole) - (Math.min(SIDE, whole) % multiple);
  const [width, height] = [side(image.width), side(image.height)];
  const [left, top] = [(image.width - width) >> 1, (image.height - height) >> 1];
  const data = pixelsLike(image.data, width * height);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * image.width + left;
    data.set(image.data.subarray(from, from + width), row * width);
  }
  return { ...image, width, height, data };
}
