/** @file What stays in the bank of a training between two updates: names and shapes of weights, moments, accumulators. */
import type { Shape } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { TrialParameters } from '../protocol.js';
import { discriminatorShapes, generatorShapes, initialWeights } from './networks.js';
import { DIRECT, winogradLayers, type Form } from './winograd.js';

export type Network = 'G' | 'F' | 'D_X' | 'D_Y';
const NETWORKS: readonly Network[] = ['G', 'F', 'D_X', 'D_Y'];

/** Shapes of one network's weights by their names in the bank, e.g. `G/block1/conv1/filter`. */
export function networkShapes(parameters: TrialParameters, network: Network): Record<string, Shape> {
  const shapes =
    network === 'G' || network === 'F' ? generatorShapes(parameters) : discriminatorShapes(parameters);
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${network}/${name}`, shape]));
}

/** Shapes of the weights of all four networks by their names in the bank. */
export function weightShapes(parameters: TrialParameters): Record<string, Shape> {
  return Object.assign({}, ...NETWORKS.map((network) => networkShapes(parameters, network))) as Record<
    string,
    Shape
  >;
}

/** Names of Adam's moments of one tensor of weights. */
export const momentNames = (name: string): { m: string; v: string } => ({ m: `${name}.m`, v: `${name}.v` });

/** Name of the accumulator of one tensor's gradient. */
export const gradientName = (name: string): string => `${name}.g`;

/** Shapes of what decides how a training goes on, and so belongs into a checkpoint: weights and moments. */
export function savedShapes(parameters: TrialParameters): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const [name, shape] of Object.entries(weightShapes(parameters))) {
    const { m, v } = momentNames(name);
    Object.assign(shapes, { [name]: shape, [m]: shape, [v]: shape });
  }
  return shapes;
}

/**
 * Shapes of all that the bank of a training holds: `savedShapes` and the accumulators of gradients, which hold nothing
 * between two updates. With `winograd` the filters of residual blocks, and what goes with each, have their two spatial axes
 * as one, since they are transformed and not convolved with; their numbers are the same. The transformed ones are held
 * beside them, or where memory is low made each time they are needed: they take four times the room.
 */
export function bankShapes(
  parameters: TrialParameters,
  { winograd, memory }: Form = DIRECT,
): Record<string, Shape> {
  const shapes: Record<string, Shape> = { ...savedShapes(parameters) };
  for (const [name, shape] of Object.entries(weightShapes(parameters))) shapes[gradientName(name)] = shape;
  if (!winograd) return shapes;
  for (const layer of winogradLayers(parameters)) {
    for (const network of ['G', 'F']) {
      const filter = `${network}/${layer.name}/filter`;
      const { m, v } = momentNames(filter);
      for (const name of [filter, m, v, gradientName(filter)]) shapes[name] = [9, layer.in * layer.out];
      if (memory === 'auto') shapes[transformedName(filter)] = [6, 6, layer.in * layer.out];
    }
  }
  return shapes;
}

/** Those of one generator's weights alone, for translating: transformed filters are made as they are needed. */
export function generatorBankShapes(
  parameters: TrialParameters,
  network: 'G' | 'F',
  winograd: boolean,
): Record<string, Shape> {
  const held = bankShapes(parameters, { ...DIRECT, winograd, memory: 'low' });
  return Object.fromEntries(
    Object.keys(networkShapes(parameters, network)).map((name) => [name, held[name]!]),
  );
}

/** Name of a filter in Winograd's form, e.g. `G/block1/conv1/transformed`. */
export const transformedName = (filter: string): string => filter.replace(/filter$/, 'transformed');

/** Names under which a network's layers are computed: where the bank holds a filter in Winograd's form, that one. */
export function computedNames(
  parameters: TrialParameters,
  network: Network,
  held: Record<string, Shape>,
): string[] {
  return Object.keys(networkShapes(parameters, network)).map((name) =>
    isTransformed(name, held) ? transformedName(name) : name,
  );
}

export function isTransformed(weight: string, held: Record<string, Shape>): boolean {
  return weight.endsWith('/filter') && transformedName(weight) in held;
}

/** The weight that such a name stands for. */
export const weightOf = (computed: string): string => computed.replace(/transformed$/, 'filter');

/**
 * Values of `savedShapes` before the first update: weights as the networks want them, moments 0.
 * @param normal draws from the standard normal distribution
 */
export function initialBank(parameters: TrialParameters, normal: () => number): Record<string, Float32Array> {
  const weights = initialWeights(weightShapes(parameters), normal);
  const moments = Object.entries(savedShapes(parameters)).filter(([name]) => !(name in weights));
  return {
    ...weights,
    ...Object.fromEntries(moments.map(([name, shape]) => [name, new Float32Array(sizeOf(shape))])),
  };
}

/** G for F, F for G, D_X for D_Y, D_Y for D_X. */
export function exchanged(name: string): string {
  const slash = name.indexOf('/');
  const other = { G: 'F', F: 'G', D_X: 'D_Y', D_Y: 'D_X' }[name.slice(0, slash)];
  return other === undefined ? name : other + name.slice(slash);
}
