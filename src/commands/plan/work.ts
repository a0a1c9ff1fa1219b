/** @file How much a trial computes, from the layers of its networks alone. */
import { discriminatorLayers, generatorLayers, multiplyAdds } from '../../geometry.js';
import type { TrialParameters } from '../../protocol.js';

/** A pass forward and back costs three times a pass forward: the gradient of the input, and that of the weights. */
const FORWARD_AND_BACK = 3;
/** Of the generators in one update: G(x), F(G(x)), F(y), G(F(y)); and G(y), F(x) where the identity loss has a weight. */
const CYCLE_PASSES = 4;
const IDENTITY_PASSES = 2;
/** Of the discriminators: each judges a real and a generated patch for its own loss and a generated one for the generator's. */
const VERDICTS = 6;

/** Floating-point operations of one update; a multiply-add counts as two. */
export function updateWork(parameters: TrialParameters): number {
  const { patch, batch, gamma } = parameters;
  const passes = CYCLE_PASSES + (gamma > 0 ? IDENTITY_PASSES : 0);
  const perPixel =
    passes * multiplyAdds(generatorLayers(parameters)) +
    VERDICTS * multiplyAdds(discriminatorLayers(parameters));
  return 2 * FORWARD_AND_BACK * batch * patch ** 2 * perPixel;
}

/** Passes of a generator that the exam makes for each image of X: it and one of Y, each whole and by tiles; cycle and identity are of a few. */
const EXAM_PASSES = 4;

/** Floating-point operations of the exam on so many pixels of X. */
export function translationWork(parameters: TrialParameters, pixels: number): number {
  return EXAM_PASSES * 2 * pixels * multiplyAdds(generatorLayers(parameters));
}
