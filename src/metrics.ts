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
    formula: 'mean((D_Y(G(X))-1)²)',
    direction: 'neither',
  },
  'loss/F_adv': {
    label: 'Adversarial loss of F',
    unit: '',
    formula: 'mean((D_X(F(Y))-1)²)',
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
  'exam/psnr': {
    label: 'PSNR of G(X) against Y, whole test images',
    unit: 'dB',
    formula: '10·log10(1 / mean((G(X)-Y)²)), intensities in [0, 1] of the fixed range',
    direction: 'higher',
  },
  'exam/ssim': {
    label: 'SSIM of G(X) against Y, whole test images',
    unit: '',
    formula:
      'Wang et al. 2004, Gaussian window sigma 1.5, 11x11, population covariance, intensities in [0, 1] of the fixed range',
    direction: 'higher',
  },
  'exam/psnr_untranslated': {
    label: 'PSNR of X against Y, whole test images',
    unit: 'dB',
    formula: 'as exam/psnr with X in place of G(X)',
    direction: 'higher',
  },
  'exam/ssim_untranslated': {
    label: 'SSIM of X against Y, whole test images',
    unit: '',
    formula: 'as exam/ssim with X in place of G(X)',
    direction: 'higher',
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
