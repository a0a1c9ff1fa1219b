/** @file One crop of a held-out image, translated there and back as training goes on: the same in every trial of a sweep. */
import fs from 'node:fs';
import path from 'node:path';
import { sideMultiple } from '../geometry.js';
import { cutOut, type GreyImage } from '../imaging/image.js';
import { fromNetwork, toNetwork, type Range } from '../imaging/intensity.js';
import { region } from '../imaging/thumbnail.js';
import type { TrialEvent, TrialParameters } from '../protocol.js';
import type { HeldOut, TrialImages } from './data.js';
import type { Emit } from './events.js';
import type { Translator } from './exam/translator.js';

/** Side of a sample picture, pixels. */
export const SAMPLE_SIDE = 256;
/** Sides of crops are multiples of this where the image allows it, so that networks which halve more or less often get the same crop. */
const COMMON_MULTIPLE = 32;

export type SampleRole = (TrialEvent & { t: 'sample' })['role'];

/** Where pictures are written, and who is told. */
export interface SamplePlace {
  emit: Emit;
  trialDirectory: string;
}

/** Writes samples of one crop; undefined where there is no held-out image. */
export type Sampler = ((step: number) => Promise<void>) | undefined;

/**
 * The middle of the first held-out image of X, G's translation of it and F's of that, beside its partner. Where it has none, the middle of the
 * first held-out image of Y stands beside it: another anatomy in the style that is sought.
 */
export async function openSampler(
  parameters: TrialParameters,
  { test, range }: Pick<TrialImages, 'test' | 'range'>,
  translator: Translator,
  place: SamplePlace,
): Promise<Sampler> {
  const [shown] = test.x;
  if (shown === undefined) return undefined;
  const multiple = sideMultiple(parameters);
  const x = middle(await shown.image(), multiple);
  const other = shown.partner ?? test.y[0]?.image;
  const y = other && middle(await other(), multiple);
  return async (step) => {
    const source = { ...x, values: toNetwork(x.data, range) };
    const there = await translator.whole('G', source);
    const back = await translator.whole('F', there);
    const picture = ({ values }: { values: Float32Array }) => ({ ...x, data: fromNetwork(values, range, x) });
    const write = (role: SampleRole, image: GreyImage) =>
      writeSample(shown, 'crop', role, whole(image, range), step, place);
    write('x', x);
    write('gx', picture(there));
    write('fgx', picture(back));
    if (y) write(shown.partner ? 'y' : 'y-other', y);
  };
}

/** Writes a picture and tells of it. What no training changes is one file at all steps. */
export function writeSample(
  { label }: Pick<HeldOut, 'label'>,
  view: string,
  role: SampleRole,
  png: Uint8Array,
  step: number,
  { emit, trialDirectory }: SamplePlace,
): void {
  const folder = role === 'gx' || role === 'fgx' ? `samples/step-${step}` : 'samples';
  const file = `${folder}/${label}-${view}-${role}.png`;
  fs.mkdirSync(path.join(trialDirectory, folder), { recursive: true });
  fs.writeFileSync(path.join(trialDirectory, file), png);
  emit({ t: 'sample', step, name: `image ${label}, ${view}`, role, path: file });
}

function whole(image: GreyImage, range: Range): Uint8Array {
  return region(image, 0, 0, image.width, image.height, range);
}

/** The middle of an image, about `SAMPLE_SIDE` pixels a side, of sides that the generator can halve as often as it does. */
function middle(image: GreyImage, multiple: number): GreyImage {
  const side = (all: number) => {
    const most = Math.min(Math.max(SAMPLE_SIDE, multiple), all);
    const step = most >= COMMON_MULTIPLE ? Math.max(COMMON_MULTIPLE, multiple) : multiple;
    return most - (most % step);
  };
  const [width, height] = [side(image.width), side(image.height)];
  return cutOut(image, (image.width - width) >> 1, (image.height - height) >> 1, width, height);
}
