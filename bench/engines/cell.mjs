/** @file What is computed in a cell of the table: parameters, initial weights and images, the same for every peer. */
import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { discriminatorLayers, generatorLayers, sidesOf } from '../../dist/geometry.js';
import { resolveParameters } from '../../dist/definition/parameters.js';
import { encodeSafetensors } from '../../dist/train/safetensors.js';
import { initialBank, weightShapes } from '../../dist/train/bank.js';

/** @param cell `patch,batch,filters,blocks` */
export function parametersOf(cell) {
  const numbers = cell.split(',').map(Number);
  if (numbers.length !== 4 || !numbers.every((each) => Number.isInteger(each) && each > 0)) {
    throw new RangeError(`${cell}: expected patch,batch,filters,blocks, e.g. 64,16,16,3`);
  }
  const [patch, batch, filters, blocks] = numbers;
  return resolveParameters({ patch, batch, filters, blocks, disc_filters: filters });
}

/** The same numbers wherever they are drawn: the bank of a training before its first update, and a batch of each domain. */
export function startOf(parameters) {
  let state = 7;
  const noise = () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
  const { batch, patch } = parameters;
  const images = () => Float32Array.from({ length: batch * patch * patch }, noise);
  return { bank: initialBank(parameters, noise), X: images(), Y: images() };
}

/** Writes the start for a peer that is not ours. */
export function writeStart(parameters, file) {
  const { bank, X, Y } = startOf(parameters);
  const { batch, patch } = parameters;
  const shape = [batch, patch, patch, 1];
  const tensors = { X: { shape, values: X }, Y: { shape, values: Y } };
  for (const [name, shape] of Object.entries(weightShapes(parameters))) {
    tensors[name] = { shape, values: bank[name] };
  }
  writeFileSync(file, Buffer.concat(encodeSafetensors(tensors)));
}

/**
 * Multiply-adds of one update, every convolution in its direct form. A generator is passed six times: G(X), F(G(X)), G(Y) and the
 * same from Y; each discriminator once for the generators, who want the gradient of its input alone, and twice for itself.
 */
export function multiplyAddsOfUpdate(parameters) {
  const { batch, patch } = parameters;
  const [generator, discriminator] = [generatorLayers(parameters), discriminatorLayers(parameters)].map(
    (layers) => layersOf(layers, patch),
  );
  const all = (layers) => layers.reduce((sum, each) => sum + each, 0);
  /** Forward, gradient of the filters, gradient of the input: of the first layer's only where somebody wants it. */
  const trained = (layers, inputWanted) => 3 * all(layers) - (inputWanted ? 0 : layers[0]);
  const generators = 4 * trained(generator, false) + 2 * trained(generator, true);
  const discriminators = 2 * 2 * all(discriminator) + 4 * trained(discriminator, false);
  return batch * (generators + discriminators);
}

/** Multiply-adds of one pass of one image, layer by layer. */
function layersOf(layers, patch) {
  const sides = sidesOf(layers, patch);
  return layers.map(({ kind, kernel, in: from, out }, index) => {
    const side = sides[kind === 'transposed' ? index : index + 1];
    return kernel ** 2 * from * out * side ** 2;
  });
}
