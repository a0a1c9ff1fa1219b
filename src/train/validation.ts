/**
 * @file Validation as training goes on: the middle of held-out images is translated and compared with its partner, or, where none is
 * known, with the style of Y; the best checkpoint is chosen by it.
 */
import { sideMultiple } from '../geometry.js';
import { cutOut, type GreyImage } from '../imaging/image.js';
import { toNetwork, toUnit } from '../imaging/intensity.js';
import { psnr, ssim } from '../imaging/quality.js';
import type { MetricValues, TrialConfig } from '../protocol.js';
import type { HeldOut, TrialImages } from './data.js';
import { toUnitImage } from './exam/images.js';
import { compareStyles, styleOf, type Style } from './exam/score.js';
import type { Translator } from './exam/translator.js';

/** Side of the middle that is translated, pixels: a whole radiograph at every tenth of a short training would cost more than 5 % of its time. */
const SIDE = 256;

export interface Validator {
  /**
   * Means over the validation images: `val/psnr` and `val/ssim` on [0, 1] of the fixed range where partners are known, else
   * `val/spectrum`, `val/wasserstein` and `val/style`.
   */
  measure(): Promise<MetricValues>;
  /** What the best checkpoint is chosen by, the higher the better. */
  score(measured: MetricValues): number;
}

/** Undefined where there is no validation image. */
export async function openValidator(
  { parameters }: TrialConfig,
  { validation, range }: Pick<TrialImages, 'validation' | 'range'>,
  translator: Translator,
): Promise<Validator | undefined> {
  const multiple = sideMultiple(parameters);
  const read = async (images: HeldOut[]) => {
    const middles: { image: GreyImage; partner: GreyImage | undefined }[] = [];
    for (const { image, partner } of images) {
      middles.push({
        image: middle(await image(), multiple),
        partner: partner && middle(await partner(), multiple),
      });
    }
    return middles;
  };
  const [x, y] = [await read(validation.x), await read(validation.y)];
  if (x.length === 0) return undefined;
  const translated = async ({ width, height, data }: GreyImage) =>
    toUnitImage(await translator.whole('G', { values: toNetwork(data, range), width, height }));

  if (x.every(({ partner }) => partner !== undefined)) {
    return {
      async measure() {
        let [ratio, similarity] = [0, 0];
        for (const { image, partner } of x) {
          const { values, width, height } = await translated(image);
          const target = toUnit(partner!.data, range);
          ratio += psnr(values, target, 1) / x.length;
          similarity += ssim(values, target, width, height, 1) / x.length;
        }
        return { 'val/psnr': ratio, 'val/ssim': similarity };
      },
      score: (measured) => measured['val/ssim']!,
    };
  }
  if (y.length === 0) return undefined;
  const asItIs = ({ width, height, data }: GreyImage) => ({ values: toUnit(data, range), width, height });
  const reference = y.map(({ image }) => styleOf(asItIs(image)));
  const span = range[1] - range[0];
  const apart = (styles: Style[]) => compareStyles(styles, reference, span) as Record<'spectrum' | 'wasserstein', number>; // prettier-ignore
  const untranslated = apart(x.map(({ image }) => styleOf(asItIs(image))));
  return {
    async measure() {
      const styles: Style[] = [];
      for (const { image } of x) styles.push(styleOf(await translated(image)));
      const { spectrum, wasserstein } = apart(styles);
      const style = (spectrum / untranslated.spectrum + wasserstein / untranslated.wasserstein) / 2;
      return { 'val/spectrum': spectrum, 'val/wasserstein': wasserstein, 'val/style': style };
    },
    score: (measured) => -measured['val/style']!,
  };
}

/** The middle of an image, of sides that the generator can halve as often as it does. */
function middle(image: GreyImage, multiple: number): GreyImage {
  const side = (whole: number) => Math.min(SIDE, whole) - (Math.min(SIDE, whole) % multiple);
  const [width, height] = [side(image.width), side(image.height)];
  const [left, top] = [(image.width - width) >> 1, (image.height - height) >> 1];
  return cutOut(image, left, top, width, height);
}
