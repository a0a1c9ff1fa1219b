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

/** Floating-point operations of translating so many pixels there and back, as the exam does. */
export function translationWork(parameters: TrialParameters, pixels: number): number {
  return 2 * 2 * pixels * multiplyAdds(generatorLayers(parameters));
}
