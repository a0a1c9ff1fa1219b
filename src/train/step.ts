/**
 * @file One update of CycleGAN as a pure function, and the translation of whole images.
 *
 * Both gradients are taken at the old weights, then all four networks are updated at once. Without a pool of past fakes
 * this equals the order of Zhu et al.'s code, which updates G and F first: its discriminators then see the fakes made
 * before that update, and its generators are judged by the discriminators before theirs.
 */
import * as tf from '@tensorflow/tfjs';
import type { ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { MetricName } from '../metrics.js';
import type { TrialParameters } from '../protocol.js';
import { adam, ADAM_INPUTS } from './adam.js';
import type { Distance } from './losses.js';
import * as losses from './losses.js';
import type { Activation, Weights } from './networks.js';
import { discriminate, discriminatorShapes, generate, generatorShapes, initialWeights } from './networks.js';

export type Network = 'G' | 'F' | 'D_X' | 'D_Y';
const NETWORKS: readonly Network[] = ['G', 'F', 'D_X', 'D_Y'];

/** Metrics that a step measures, each a scalar. */
export const STEP_METRICS = [
  'loss/D',
  'loss/D_x',
  'loss/D_y',
  'loss/G',
  'loss/G_adv',
  'loss/F_adv',
  'loss/cycle',
  'loss/identity',
  'd/acc_real',
  'd/acc_fake',
] as const satisfies readonly MetricName[];
export type StepMetric = (typeof STEP_METRICS)[number];

// ---- What stays in the bank

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

/** Shapes of all that a training keeps: weights and moments. */
export function bankShapes(parameters: TrialParameters): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const [name, shape] of Object.entries(weightShapes(parameters))) {
    const { m, v } = momentNames(name);
    Object.assign(shapes, { [name]: shape, [m]: shape, [v]: shape });
  }
  return shapes;
}

/**
 * Values of the bank before the first update: weights as the networks want them, moments 0.
 * @param normal draws from the standard normal distribution
 */
export function initialBank(parameters: TrialParameters, normal: () => number): Record<string, Float32Array> {
  const weights = initialWeights(weightShapes(parameters), normal);
  const moments = Object.entries(bankShapes(parameters)).filter(([name]) => !(name in weights));
  return {
    ...weights,
    ...Object.fromEntries(moments.map(([name, shape]) => [name, new Float32Array(sizeOf(shape))])),
  };
}

// ---- The step

/** What tests put in the place of kinked functions, at whose kinks engines may differ. */
export interface Smooth {
  activation?: Activation;
  distance?: Distance;
}

/**
 * One update. Inputs: `X` and `Y`, [batch, patch, patch, 1] in [-1, 1], and the scalars of `adamInputs`.
 * Reads and writes the whole of `bankShapes`; outputs are the scalars of STEP_METRICS, measured before the update.
 */
export function trainStep(parameters: TrialParameters, smooth: Smooth = {}): ProgramSpec {
  const { batch, patch } = parameters;
  const patches = [batch, patch, patch, 1];
  const weightNames = Object.keys(weightShapes(parameters));
  const bankNames = Object.keys(bankShapes(parameters));
  return {
    name: 'train-step',
    inputs: { X: patches, Y: patches, ...ADAM_INPUTS },
    reads: bankNames,
    writes: bankNames,
    run: (tensors) => {
      const weights = pick(tensors, weightNames);
      const { gradients, metrics } = lossesAndGradients(
        parameters,
        weights,
        get(tensors, 'X'),
        get(tensors, 'Y'),
        smooth,
      );
      const next: TensorMap = { ...metrics };
      for (const name of weightNames) {
        const { m, v } = momentNames(name);
        const state = { weight: get(tensors, name), m: get(tensors, m), v: get(tensors, v) };
        const scalars = [get(tensors, 'adam/step_size'), get(tensors, 'adam/epsilon_hat')] as const;
        const updated = adam(state, get(gradients, name), parameters, ...scalars);
        Object.assign(next, { [name]: updated.weight, [m]: updated.m, [v]: updated.v });
      }
      return next;
    },
  };
}

/** Losses of all networks and the gradient of each tensor of weights: of loss/G for G and F, of loss/D for D_X and D_Y. */
export function lossesAndGradients(
  parameters: TrialParameters,
  weights: Weights,
  x: tf.Tensor,
  y: tf.Tensor,
  smooth: Smooth = {},
): { gradients: TensorMap; metrics: Record<StepMetric, tf.Tensor> } {
  const { lambda, gamma } = parameters;
  const { G, F, D_X, D_Y } = networks(parameters, weights, smooth);
  const [X, Y] = [x as tf.Tensor4D, y as tf.Tensor4D];

  const generators = gradientsOf(
    pick(weights, Object.keys({ ...networkShapes(parameters, 'G'), ...networkShapes(parameters, 'F') })),
    () => {
      const gx = G(X);
      const fy = F(Y);
      const G_adv = losses.adversarialLoss(D_Y(gx));
      const F_adv = losses.adversarialLoss(D_X(fy));
      // A term without weight is not computed: each costs two passes through the generators.
      const cycle =
        lambda === 0 ? tf.scalar(0) : losses.cycleLoss(lambda, [X, F(gx)], [Y, G(fy)], smooth.distance);
      const identity =
        gamma === 0 ? tf.scalar(0) : losses.identityLoss(gamma, [Y, G(Y)], [X, F(X)], smooth.distance);
      const loss = tf.addN([G_adv, F_adv, cycle, identity]);
      return { loss, kept: { gx, fy, G_adv, F_adv, cycle, identity } };
    },
  );
  const { gx, fy, G_adv, F_adv, cycle, identity } = generators.kept;

  const discriminators = gradientsOf(
    pick(weights, Object.keys({ ...networkShapes(parameters, 'D_X'), ...networkShapes(parameters, 'D_Y') })),
    () => {
      const [realX, fakeX, realY, fakeY] = [D_X(X), D_X(fy as tf.Tensor4D), D_Y(Y), D_Y(gx as tf.Tensor4D)];
      const D_x = losses.discriminatorLoss(realX, fakeX);
      const D_y = losses.discriminatorLoss(realY, fakeY);
      const acc_real = tf.div(tf.add(losses.realAccuracy(realX), losses.realAccuracy(realY)), 2);
      const acc_fake = tf.div(tf.add(losses.fakeAccuracy(fakeX), losses.fakeAccuracy(fakeY)), 2);
      return { loss: tf.add(D_x, D_y), kept: { D_x, D_y, acc_real, acc_fake } };
    },
  );
  const { D_x, D_y, acc_real, acc_fake } = discriminators.kept;

  return {
    gradients: { ...generators.gradients, ...discriminators.gradients },
    metrics: {
      'loss/D': discriminators.loss,
      'loss/D_x': D_x,
      'loss/D_y': D_y,
      'loss/G': generators.loss,
      'loss/G_adv': G_adv,
      'loss/F_adv': F_adv,
      'loss/cycle': cycle,
      'loss/identity': identity,
      'd/acc_real': acc_real,
      'd/acc_fake': acc_fake,
    },
  };
}

/** The four networks with their weights in place. */
function networks(
  parameters: TrialParameters,
  weights: Weights,
  { activation }: Smooth,
): Record<Network, (x: tf.Tensor4D) => tf.Tensor4D> {
  const own = (network: Network): Weights => {
    const prefix = `${network}/`;
    const entries = Object.entries(weights).filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  };
  const [g, f, dx, dy] = [own('G'), own('F'), own('D_X'), own('D_Y')];
  return {
    G: (x) => generate(g, parameters, x, activation),
    F: (x) => generate(f, parameters, x, activation),
    D_X: (x) => discriminate(dx, parameters, x, activation),
    D_Y: (x) => discriminate(dy, parameters, x, activation),
  };
}

/** A loss, its gradients by weight, and what else was computed on the way, as tensors without history. */
function gradientsOf<Kept extends string>(
  weights: Weights,
  forward: () => { loss: tf.Scalar; kept: Record<Kept, tf.Tensor> },
): { loss: tf.Scalar; gradients: TensorMap; kept: Record<Kept, tf.Tensor> } {
  let held: [Kept, tf.Tensor][] = [];
  const { value, grads } = tf.valueAndGrads(() => {
    const { loss, kept } = forward();
    // tfjs disposes of what a differentiated function made, except its value; keep() carries the rest out.
    held = (Object.entries(kept) as [Kept, tf.Tensor][]).map(([name, tensor]) => [
      name,
      tf.keep(tensor.clone()),
    ]);
    return loss;
  })(Object.values(weights));
  const names = Object.keys(weights);
  const kept = held.map(([name, tensor]): [Kept, tf.Tensor] => {
    const own = tensor.clone();
    tensor.dispose();
    return [name, own];
  });
  return {
    loss: value,
    gradients: Object.fromEntries(names.map((name, index) => [name, grads[index] as tf.Tensor])),
    kept: Object.fromEntries(kept) as Record<Kept, tf.Tensor>,
  };
}

function get(tensors: TensorMap, name: string): tf.Tensor {
  const tensor = tensors[name];
  if (!tensor) throw new RangeError(`no tensor named ${name}`);
  return tensor;
}

function pick(tensors: TensorMap, names: readonly string[]): TensorMap {
  return Object.fromEntries(names.map((name) => [name, get(tensors, name)]));
}

// ---- Translation

export interface TranslateOptions {
  /** Also translate back. */
  cycle?: boolean;
}

/**
 * Translates whole images by G (X→Y) or F (Y→X).
 * Input: `image`, [1, height, width, 1] in [-1, 1], sides multiples of 4. Outputs of the same shape: `gx`, and with
 * `cycle` `fgx`; for F `fy` and `gfy`. Reads the weights of the generators that it needs, writes nothing.
 */
export function translate(
  parameters: TrialParameters,
  direction: 'G' | 'F',
  height: number,
  width: number,
  { cycle = false }: TranslateOptions = {},
): ProgramSpec {
  if (height % 4 !== 0 || width % 4 !== 0) {
    throw new RangeError(`the generator wants sides that are multiples of 4, not ${height}x${width}`);
  }
  const back = direction === 'G' ? 'F' : 'G';
  const [there, andBack] = direction === 'G' ? ['gx', 'fgx'] : ['fy', 'gfy'];
  return {
    name: `translate ${direction} ${height}x${width}`,
    inputs: { image: [1, height, width, 1] },
    reads: [direction, ...(cycle ? [back] : [])].flatMap((name) =>
      Object.keys(networkShapes(parameters, name as Network)),
    ),
    writes: [],
    run: (tensors) => {
      const of = networks(parameters, tensors, {});
      const translated = of[direction](get(tensors, 'image') as tf.Tensor4D);
      return {
        [there]: translated,
        ...(cycle ? { [andBack]: of[back](translated) } : {}),
      };
    },
  };
}
