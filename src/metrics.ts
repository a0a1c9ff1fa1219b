/** @file The one list of metrics: label, unit, formula, direction. Trainer, runner and report take names from here. */

export interface Metric {
  label: string;
  unit: string;
  /** Formula in the words of docs/metrics.md; X, Y the domains, G: X→Y, F: Y→X. */
  formula: string;
  direction: 'lower' | 'higher' | 'neither';
}

export const METRICS = {
  'loss/D': {
    label: 'Discriminator loss',
    unit: '',
    formula: '(mean((D_Y(Y)-1)²) + mean(D_Y(G(X))²) + mean((D_X(X)-1)²) + mean(D_X(F(Y))²)) / 2',
    direction: 'neither',
  },
  'loss/D_x': {
    label: 'Discriminator loss, D_X',
    unit: '',
    formula: '(mean((D_X(X)-1)²) + mean(D_X(F(Y))²)) / 2',
    direction: 'neither',
  },
  'loss/D_y': {
    label: 'Discriminator loss, D_Y',
    unit: '',
    formula: '(mean((D_Y(Y)-1)²) + mean(D_Y(G(X))²)) / 2',
    direction: 'neither',
  },
  'loss/G': {
    label: 'Generator loss',
    unit: '',
    formula: 'loss/G_adv + loss/F_adv + loss/cycle + loss/identity + loss/paired',
    direction: 'neither',
  },
  'loss/G_adv': {
    label: 'Adversarial loss of G',
    unit: '',
    formula: 'adversarial · mean((D_Y(G(X))-1)²)',
    direction: 'neither',
  },
  'loss/F_adv': {
    label: 'Adversarial loss of F',
    unit: '',
    formula: 'adversarial · mean((D_X(F(Y))-1)²)',
    direction: 'neither',
  },
  'loss/cycle': {
    label: 'Cycle consistency loss',
    unit: '',
    formula: 'lambda · (mean|X-F(G(X))| + mean|Y-G(F(Y))|)',
    direction: 'lower',
  },
  'loss/identity': {
    label: 'Identity loss',
    unit: '',
    formula: 'gamma · (mean|Y-G(Y)| + mean|X-F(X)|)',
    direction: 'lower',
  },
  'loss/paired': {
    label: 'Paired loss',
    unit: '',
    formula:
      'paired · (mean|G(X)-Y| + mean|F(Y)-X|), where a sample without a known partner adds 0 to the mean',
    direction: 'lower',
  },
  'd/acc_real': {
    label: 'Discriminator accuracy on real patches',
    unit: '',
    formula: 'share of outputs above the line of no knowledge on real patches, mean over D_X and D_Y',
    direction: 'neither',
  },
  'd/acc_fake': {
    label: 'Discriminator accuracy on fake patches',
    unit: '',
    formula:
      'share of outputs below the line of no knowledge on shown generated patches, mean over D_X and D_Y',
    direction: 'neither',
  },
  'grad/G': {
    label: 'Gradient norm of the generators',
    unit: '',
    formula: 'sqrt(Σ g²) over the gradient of loss/G by all weights of G and F',
    direction: 'neither',
  },
  'grad/D': {
    label: 'Gradient norm of the discriminators',
    unit: '',
    formula: 'sqrt(Σ g²) over the gradient of loss/D by all weights of D_X and D_Y',
    direction: 'neither',
  },
  'health/d_distance': {
    label: 'Distance of the discriminator loss from knowing nothing',
    unit: '',
    formula: 'loss/D of discriminators that know nothing (0.5, 2·ln 2 or 2 by gan_loss) - loss/D',
    direction: 'neither',
  },
  'health/saturation': {
    label: 'Saturation of generated patches',
    unit: '',
    formula: 'share of intensities beyond ±0.99 in G(X) and F(Y), mean of the two',
    direction: 'neither',
  },
  'health/diversity': {
    label: 'Diversity of generated patches',
    unit: '',
    formula:
      '(mean|G(x)-G(x′)| + mean|F(y)-F(y′)|) / (mean|x-x′| + mean|y-y′|), where x′ is the patch drawn before x',
    direction: 'neither',
  },
  'health/correlation': {
    label: 'Correlation of generated patches with their inputs',
    unit: '',
    formula: "Pearson's r over a batch's intensities of X and G(X), and of Y and F(Y), mean of the two",
    direction: 'neither',
  },
  'data/blank_share': {
    label: 'Share of blank patches',
    unit: '',
    formula: 'patches of X and Y with less than 1 % of their pixels inside the body, of all drawn so far',
    direction: 'neither',
  },
  'data/wait_share': {
    label: 'Share of time spent waiting for data',
    unit: '',
    formula: 'time to draw patches / time of the updates with it, since the last event',
    direction: 'lower',
  },
  'val/psnr': {
    label: 'PSNR of G(X) against Y, validation',
    unit: 'dB',
    formula: 'as exam/psnr, middle 256x256 pixels of two validation images at most',
    direction: 'higher',
  },
  'val/ssim': {
    label: 'SSIM of G(X) against Y, validation',
    unit: '',
    formula: 'as exam/ssim, middle 256x256 pixels of two validation images at most',
    direction: 'higher',
  },
  'val/spectrum': {
    label: 'Spectral distance of G(X) from Y, validation without pairs',
    unit: 'dB',
    formula: 'as exam/spectrum, middle 256x256 pixels of four validation images of each domain at most',
    direction: 'lower',
  },
  'val/wasserstein': {
    label: 'Histogram distance of G(X) from Y, validation without pairs',
    unit: 'stored units',
    formula: 'as exam/wasserstein, middle 256x256 pixels of four validation images of each domain at most',
    direction: 'lower',
  },
  'val/style': {
    label: 'Distance of style, validation without pairs',
    unit: '',
    formula: 'mean of val/spectrum and val/wasserstein, each as a share of what it is for X as it is',
    direction: 'lower',
  },
  'exam/mae': {
    label: 'MAE, whole image',
    unit: 'stored units',
    formula: 'mean|G(X)-Y|, in the unit of the files (HU for CT)',
    direction: 'lower',
  },
  'exam/psnr': {
    label: 'PSNR, whole image',
    unit: 'dB',
    formula: '10·log10(1 / mean((G(X)-Y)²)), intensities in [0, 1] of the fixed range',
    direction: 'higher',
  },
  'exam/ssim': {
    label: 'SSIM, whole image',
    unit: '',
    formula:
      'Wang et al. 2004, Gaussian window sigma 1.5, 11x11, population covariance, intensities in [0, 1] of the fixed range',
    direction: 'higher',
  },
  'exam/ms_ssim': {
    label: 'MS-SSIM, whole image',
    unit: '',
    formula:
      'Wang et al. 2003, window as exam/ssim, five scales or as many as 11 pixels fit, means of 2x2 pixels in between',
    direction: 'higher',
  },
  'exam/mae_body': {
    label: 'MAE, inside the body',
    unit: 'stored units',
    formula: 'mean|G(X)-Y|, in the unit of the files (HU for CT), over the pixels of Y above data.mask',
    direction: 'lower',
  },
  'exam/psnr_body': {
    label: 'PSNR, inside the body',
    unit: 'dB',
    formula:
      '10·log10(1 / mean((G(X)-Y)²)), intensities in [0, 1] of the fixed range, over the pixels of Y above data.mask',
    direction: 'higher',
  },
  'exam/ssim_body': {
    label: 'SSIM, inside the body',
    unit: '',
    formula:
      'Wang et al. 2004, Gaussian window sigma 1.5, 11x11, population covariance, intensities in [0, 1] of the fixed range, windows with their middle on a pixel of Y above data.mask',
    direction: 'higher',
  },
  'exam/ms_ssim_body': {
    label: 'MS-SSIM, inside the body',
    unit: '',
    formula:
      'Wang et al. 2003, window as exam/ssim, five scales or as many as 11 pixels fit, means of 2x2 pixels in between, windows as exam/ssim_body',
    direction: 'higher',
  },
  'exam/wasserstein': {
    label: 'Histogram distance',
    unit: 'stored units',
    formula:
      'Wasserstein-1 of the histograms (1024 bins of the fixed range) of all G(X) and all Y of the test part',
    direction: 'lower',
  },
  'exam/spectrum': {
    label: 'Spectral distance',
    unit: 'dB',
    formula:
      'root mean square over rings of 10·log10(P(G(X)) / P(Y)), P the radial power spectrum: mean over images and squares of 256 pixels, Hann window',
    direction: 'lower',
  },
  'exam/kid': {
    label: 'KID on filter bank features',
    unit: '',
    formula:
      'unbiased MMD² with kernel (a·b/d + 1)³ on features of tiles of about 128x128 pixels, over pairs of different images',
    direction: 'lower',
  },
  'exam/kid_low': {
    label: 'KID, lower end',
    unit: '',
    formula: '2.5 % percentile of exam/kid over 400 bootstraps of images',
    direction: 'neither',
  },
  'exam/kid_high': {
    label: 'KID, upper end',
    unit: '',
    formula: '97.5 % percentile of exam/kid over 400 bootstraps of images',
    direction: 'neither',
  },
  'exam/frechet': {
    label: 'Fréchet distance on filter bank features',
    unit: '',
    formula:
      '|m-n|² + tr(C + D - 2·(C·D)^½) of mean and covariance of the same features; biased upwards by few tiles',
    direction: 'lower',
  },
  'exam/critic': {
    label: 'Accuracy of a fresh critic',
    unit: '',
    formula:
      'share of crops of test images, real ones of Y and G(X), that a small discriminator tells rightly, mean of both; it learnt on validation images, the same way for every trial; 0.5: it guesses, 1: it tells all',
    direction: 'lower',
  },
  'exam/critic_low': {
    label: 'Accuracy of a fresh critic, lower end',
    unit: '',
    formula: 'Wilson 95 % interval of exam/critic with the image as the unit',
    direction: 'neither',
  },
  'exam/critic_high': {
    label: 'Accuracy of a fresh critic, upper end',
    unit: '',
    formula: 'Wilson 95 % interval of exam/critic with the image as the unit',
    direction: 'neither',
  },
  'exam/seam': {
    label: 'Seam score',
    unit: '',
    formula:
      'mean difference of neighbours across borders of tiles of the training patch / elsewhere; 1: no seam',
    direction: 'neither',
  },
  'exam/cycle': {
    label: 'Cycle error',
    unit: 'stored units',
    formula: 'mean|F(G(X))-X|',
    direction: 'lower',
  },
  'exam/identity': {
    label: 'Identity error',
    unit: 'stored units',
    formula: 'mean|G(Y)-Y|',
    direction: 'lower',
  },
  'exam/dice': {
    label: 'Dice of a segmenter trained on X',
    unit: '',
    formula: 'mean Dice of lung, heart and abdomen on F(Y) of the phantom, whose anatomy is known',
    direction: 'higher',
  },
  'exam/nodules': {
    label: 'Nodules inserted',
    unit: '',
    formula: 'nodules in lungs that the examined patients of the phantom are given',
    direction: 'neither',
  },
  'exam/nodule_contrast': {
    label: 'Contrast of nodules that is kept',
    unit: '',
    formula:
      'mean over nodules of contrast in G(X with) - G(X without) / contrast in Y with - Y without; 1: all of it',
    direction: 'neither',
  },
  'exam/nodules_missed': {
    label: 'Share of nodules missed',
    unit: '',
    formula: 'nodules of which less than half of the contrast is kept',
    direction: 'lower',
  },
  'exam/nodules_invented': {
    label: 'Nodules invented, per patient',
    unit: '',
    formula:
      'spots of the size of a nodule in G(X without) - Y without, in lungs, brighter than half of the median true contrast',
    direction: 'lower',
  },
  'exam/n': {
    label: 'Images examined',
    unit: '',
    formula: 'test images of the source domain',
    direction: 'neither',
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** What stands in the place of the model's whole translation in a score of the exam: the end of its name, before `_yx`. */
export const EXAM_VARIANTS = {
  tiles: {
    label: 'by tiles',
    formula: 'each tile of the training patch translated by its own norm statistics',
  },
  untranslated: { label: 'untranslated', formula: 'the image as it is' },
  histogram: {
    label: 'histogram matching',
    formula: 'the grey curve that gives the training images of X the histogram of those of Y',
  },
  linear: {
    label: 'linear filter',
    formula: '15x15 weights and a constant by least squares on pixels of all training pairs',
  },
  ceiling: {
    label: 'ceiling',
    formula: 'what could be reached at best: an image of the domain that the test was made for',
  },
} as const;

export type ExamVariant = keyof typeof EXAM_VARIANTS;

/** A score of the exam by the parts of its name, e.g. `exam/psnr_body_linear_yx`. */
export interface ExamScore {
  /** e.g. `exam/psnr_body`. */
  metric: string;
  /** Undefined for the model's whole translation. */
  variant: ExamVariant | undefined;
  /** X→Y by G, or Y→X by F. */
  direction: 'x2y' | 'y2x';
}

/** Undefined for names that are no score of the exam. */
export function examScore(name: string): ExamScore | undefined {
  if (!name.startsWith('exam/')) return undefined;
  const direction = name.endsWith('_yx') ? 'y2x' : 'x2y';
  const rest = name.replace(/_yx$/, '');
  const variant = (Object.keys(EXAM_VARIANTS) as ExamVariant[]).find((one) => rest.endsWith(`_${one}`));
  return { metric: variant ? rest.slice(0, -variant.length - 1) : rest, variant, direction };
}

/** What is known of a metric; scores of the exam are known with every variant, in both directions. */
export function metricOf(name: string): Metric | undefined {
  const own = (METRICS as Record<string, Metric>)[name];
  const score = examScore(name);
  if (own || !score) return own;
  const base = (METRICS as Record<string, Metric>)[score.metric];
  if (!base) return undefined;
  const variant = score.variant && EXAM_VARIANTS[score.variant].label;
  const label = [base.label, variant, score.direction === 'y2x' ? 'Y→X' : undefined];
  return { ...base, label: label.filter((part) => part !== undefined).join(', ') };
}
