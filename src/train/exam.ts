/**
 * @file The exam that every trial sits: whole held-out images, translated in one pass, scored the same way,
 * beside the untranslated image. Nothing selects on it.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Bank, Engine } from '../engines/engine.js';
import { sideMultiple } from '../geometry.js';
import { pixelsLike, type GreyImage } from '../imaging/image.js';
import { fromNetwork, networkToUnit, toNetwork, toUnit, type Range } from '../imaging/intensity.js';
import { psnr, ssim } from '../imaging/quality.js';
import { region, shrink } from '../imaging/thumbnail.js';
import type { MetricValues, TrialConfig } from '../protocol.js';
import type { HeldOut, TrialImages } from './data.js';
import { translate } from './step.js';
import type { Emit } from './events.js';

/** Where the exam's events and pictures go. */
export interface ExamOutput {
  emit: Emit;
  trialDirectory: string;
}

/** Held-out images that are shown as samples. */
const SHOWN = 2;
/** Side of a sample picture, pixels: a whole image is shrunk to it at most, a detail is cut out of the middle. */
const SAMPLE_SIDE = 256;

type Picture = { role: 'x' | 'gx' | 'fgx' | 'y'; image: GreyImage };

/** Translates the test images of X, writes sample pictures, and scores those whose partner in Y is known. */
export async function sitExam(
  config: TrialConfig,
  { test, range }: TrialImages,
  engine: Engine,
  bank: Bank,
  step: number,
  io: ExamOutput,
): Promise<void> {
  const multiple = sideMultiple(config.parameters);
  const scores: { index: number; v: MetricValues }[] = [];
  let program:
    { height: number; width: number; translate: Awaited<ReturnType<Engine['compile']>> } | undefined;
  for (const [at, heldOut] of test.entries()) {
    if (at >= SHOWN && heldOut.y === undefined) continue;
    const x = cropTo(multiple, await heldOut.x());
    if (program?.height !== x.height || program.width !== x.width) {
      await program?.translate.dispose();
      const spec = translate(config.parameters, 'G', x.height, x.width, { cycle: true, held: bank.shapes });
      program = { height: x.height, width: x.width, translate: await engine.compile(spec, bank) };
    }
    const { gx, fgx } = await program.translate.run(bank, { image: toNetwork(x.data, range) });
    const y = heldOut.y === undefined ? undefined : cropTo(multiple, await heldOut.y());
    if (y !== undefined) scores.push({ index: heldOut.index, v: score(x, gx!, y, range) });
    if (at < SHOWN) {
      const picture = (values: Float32Array) => ({ ...x, data: fromNetwork(values, range, x) });
      const pictures: Picture[] = [
        { role: 'x', image: x },
        { role: 'gx', image: picture(gx!) },
        { role: 'fgx', image: picture(fgx!) },
      ];
      if (y !== undefined) pictures.push({ role: 'y', image: y });
      writeSamples(heldOut, pictures, range, step, io);
    }
  }
  await program?.translate.dispose();
  if (scores.length > 0) io.emit({ t: 'exam', step, split: 'test', v: meanOf(scores), images: scores });
}

/** PSNR and SSIM on [0, 1] of the fixed range, of the translation and of the image as it was. */
function score(x: GreyImage, gx: Float32Array, y: GreyImage, range: Range): MetricValues {
  const { width, height } = x;
  const [untranslated, translated, target] = [
    toUnit(x.data, range),
    networkToUnit(gx),
    toUnit(y.data, range),
  ];
  return {
    'exam/psnr': psnr(translated, target, 1),
    'exam/ssim': ssim(translated, target, width, height, 1),
    'exam/psnr_untranslated': psnr(untranslated, target, 1),
    'exam/ssim_untranslated': ssim(untranslated, target, width, height, 1),
  };
}

function meanOf(scores: { v: MetricValues }[]): MetricValues {
  const names = Object.keys(scores[0]?.v ?? {});
  return Object.fromEntries(
    names.map((name) => [name, scores.reduce((sum, { v }) => sum + v[name]!, 0) / scores.length]),
  );
}

function writeSamples(
  heldOut: HeldOut,
  pictures: Picture[],
  range: Range,
  step: number,
  io: ExamOutput,
): void {
  const folder = `samples/step-${step}`;
  fs.mkdirSync(path.join(io.trialDirectory, folder), { recursive: true });
  for (const { role, image } of pictures) {
    const small = shrink(image, Math.ceil(Math.max(image.width, image.height) / SAMPLE_SIDE));
    const side = Math.min(SAMPLE_SIDE, image.width, image.height);
    const [left, top] = [(image.width - side) >> 1, (image.height - side) >> 1];
    const views = {
      whole: region(small, 0, 0, small.width, small.height, range),
      detail: region(image, left, top, side, side, range),
    };
    for (const [view, png] of Object.entries(views)) {
      const name = `image ${heldOut.label}, ${view}`;
      const file = `${folder}/${heldOut.label}-${view}-${role}.png`;
      fs.writeFileSync(path.join(io.trialDirectory, file), png);
      io.emit({ t: 'sample', step, name, role, path: file });
    }
  }
}

/** The generator halves and doubles sides: what is beyond a multiple of what it needs, a few pixels at the right and below, is cut off. */
function cropTo(multiple: number, image: GreyImage): GreyImage {
  const [width, height] = [image.width - (image.width % multiple), image.height - (image.height % multiple)];
  if (width === image.width && height === image.height) return image;
  const data = pixelsLike(image.data, width * height);
  for (let row = 0; row < height; row++) {
    data.set(image.data.subarray(row * image.width, row * image.width + width), row * width);
  }
  return { ...image, width, height, data };
}
