/** @file How much a trial computes, from the layers of its networks alone. */
import { discriminatorLayers, generatorLayers, multiplyAdds } from '../../geometry.js';
import type { TrialParameters } from '../../protocol.js';

/** A pass forward and back costs three times a pass forward: the gradient of the input, and that of the weights. */
const FORWARD_AND_BACK = 3;
/** Of the generators in one update: G(x) and F(y); F(G(x)) and G(F(y)) for the cycle; G(y) and F(x) for the identity. */
const PASSES = 2;
/** Of the discriminators: each judges a real and a generated patch for its own loss; and a generated one for the generator's. */
const VERDICTS = { own: 4, adversarial: 2 };

/** Floating-point operations of one update; a multiply-add counts as two. */
export function updateWork(parameters: TrialParameters): number {
  const { patch, batch, lambda, gamma, adversarial } = parameters;
  // A term without weight is not computed.
  const passes = PASSES + (lambda > 0 ? PASSES : 0) + (gamma > 0 ? PASSES : 0);
  const verdicts = VERDICTS.own + (adversarial > 0 ? VERDICTS.adversarial : 0);
  const perPixel =
    passes * multiplyAdds(generatorLayers(parameters)) +
    verdicts * multiplyAdds(discriminatorLayers(parameters));
  return 2 * FORWARD_AND_BACK * batch * patch ** 2 * perPixel;
}

/** Passes of a generator that the exam makes for each image of X: it and one of Y, each whole and by tiles; cycle and identity are of a few. */
const EXAM_PASSES = 4;

/** Floating-point operations of the exam on so many pixels of X. */
export function translationWork(parameters: TrialParameters, pixels: number): number {
  return EXAM_PASSES * 2 * pixels * multiplyAdds(generatorLayers(parameters));
}
