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
    formula: 'loss/G_adv + loss/F_adv + loss/cycle + loss/identity',
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
  'd/acc_real': {
    label: 'Discriminator accuracy on real patches',
    unit: '',
    formula: 'share of outputs above 0.5 on real patches, mean over D_X and D_Y',
    direction: 'neither',
  },
  'd/acc_fake': {
    label: 'Discriminator accuracy on fake patches',
    unit: '',
    formula: 'share of outputs below 0.5 on generated patches, mean over D_X and D_Y',
    direction: 'neither',
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
