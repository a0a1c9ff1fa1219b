/** @file What the study would compute at full size, from the layers of its networks. */
import { FULL } from './studies.mjs';
import { translationWork, updateWork } from '../../dist/commands/plan/work.js';
import { resolveParameters } from '../../dist/definition/parameters.js';
import { amount, integer } from '../../dist/report/format.js';

/** Floating-point operations of one trial and of all, and in words what they are of. */
export function fullCost() {
  const { images, side, epochs, testShare, settings, seeds } = FULL;
  const parameters = resolveParameters(FULL.parameters);
  const { patch, batch, filters, blocks } = parameters;
  // An epoch cuts one patch out of every image. The others settings see as many pixels, so their arithmetic is the same.
  const updates = (epochs * images) / batch;
  const test = Math.round(images * testShare);
  const trial = updates * updateWork(parameters) + translationWork(parameters, test * side ** 2);
  const trials = settings * seeds;
  return {
    trial,
    study: trials * trial,
    words:
      `${images} images of ${side} x ${side} a domain, a generator of ${filters} filters and ${blocks} blocks, ${epochs} epochs of one ` +
      `${patch}x${patch} patch an image and batch ${batch} (${integer(updates)} updates, ${amount(updates * batch * patch ** 2)} pixels of each domain, for every setting): ` +
      `${(trial / 1e15).toFixed(1)} PFLOP a trial with its exam of ${test} images, ${settings} settings and ${seeds} seeds: ${trials} trials.`,
  };
}
