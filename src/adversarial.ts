/**
 * @file What the verdicts of a discriminator mean under each adversarial loss: pure numbers, for health and report.
 * The losses themselves are in src/train/losses.ts.
 */
import type { TrialParameters } from './protocol.js';

export type GanLoss = TrialParameters['gan_loss'];

/** An output above it calls an image real, one below it generated: least squares aims at 1 and 0, the others' outputs are logits. */
export const DECISION_THRESHOLD: Readonly<Record<GanLoss, number>> = {
  'least-squares': 0.5,
  'cross-entropy': 0,
  hinge: 0,
};

/**
 * Losses beside discriminators that know nothing and so give DECISION_THRESHOLD everywhere: the line to draw beside a curve.
 * `D` is loss/D, the sum of both discriminators, each half of what it loses on real and on generated images; `adversarial`
 * is loss/G_adv and loss/F_adv.
 *
 * - least squares: each half is 0.5², so loss/D = 2 · (0.25 + 0.25) / 2; the generator loses (0.5 - 1)².
 * - cross-entropy: each half is -ln(1/2); the generator loses as much.
 * - hinge: each half is max(0, 1 - 0); the generator loses -0.
 */
export const KNOW_NOTHING: Readonly<Record<GanLoss, { D: number; adversarial: number }>> = {
  'least-squares': { D: 0.5, adversarial: 0.25 },
  'cross-entropy': { D: 2 * Math.LN2, adversarial: Math.LN2 },
  hinge: { D: 2, adversarial: 0 },
};
