/** @file How much a trial computes, from the layers of its networks alone. */
import { discriminatorLayers, generatorLayers, multiplyAdds, sidesOf } from '../../geometry.js';
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

/** Copies of the widest activation, and of the image itself, that a whole image in one pass needs at once; fitted to measured peaks. */
const WIDEST_COPIES = 8;
const IMAGE_COPIES = 64;

/**
 * Memory of translating a whole image of `pixels` pixels, beyond what the process holds: 4 · (64 · pixels + 8 · the largest
 * activation). Measured on the onnx engine at 1024 x 1024 for 4, 8 and 16 filters: within 5 %.
 */
export function wholeImageMemory(parameters: TrialParameters, pixels: number): number {
  const layers = generatorLayers(parameters);
  const side = 2 ** 10; // any that all layers divide
  const sides = sidesOf(layers, side);
  const widest = Math.max(
    ...layers.map((layer, at) =>
      Math.max(layer.in * (sides[at]! / side) ** 2, layer.out * (sides[at + 1]! / side) ** 2),
    ),
  );
  return 4 * pixels * (IMAGE_COPIES + WIDEST_COPIES * widest);
}
