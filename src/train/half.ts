/**
 * @file Half of an update: what one generator loses on images of one domain, and one discriminator. The programs are those of
 * G and X; with the names exchanged they compute the other half, so that one thread takes one after the other, or two threads
 * one each (lane.ts).
 */
import * as tf from '@tensorflow/tfjs';
import type { Bank, Engine, Program, ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import type { TrialParameters } from '../protocol.js';
import { adam, ADAM_INPUTS } from './adam.js';
import {
  computedNames,
  exchanged,
  gradientName,
  isTransformed,
  momentNames,
  networkShapes,
  transformedName,
  weightOf,
  type Network,
} from './bank.js';
import type { Distance } from './losses.js';
import * as losses from './losses.js';
import type { Activation, GenerateOptions, Weights } from './networks.js';
import { discriminate, generate } from './networks.js';
import { filterGradient, transformFilter } from './winograd.js';

/** What tests put in the place of kinked functions, at whose kinks engines may differ. */
export interface Smooth {
  activation?: Activation;
  distance?: Distance;
}

/** The discriminator whose turn is part of a half: G's own judge is D_Y. */
export type Judge = 'D_X' | 'D_Y';

/** Sums over micro-batches of what a program gives by name, each divided by their number: means of the batch; and the image. */
export interface OverBatch {
  means: Record<string, number>;
  /** G(own), [batch, patch, patch, 1], where the program makes it. */
  image: Float32Array;
}

type Feeds = Record<string, ArrayLike<number>>;
type Renamed = (name: string) => string;

/** Each runs on every micro-batch in turn and adds to the accumulators of the bank. */
export interface Half {
  /** Adversarial, cycle and paired term. Feeds: `own`, `other` [batch, patch, patch, 1], `pair` [batch]. */
  direction(bank: Bank, feeds: Feeds, renamed?: Renamed): Promise<OverBatch>;
  /** The identity term of G on images of Y. Feed: `image`. Nothing where gamma is 0. */
  identity(bank: Bank, feeds: Feeds, renamed?: Renamed): Promise<OverBatch | undefined>;
  /** Feeds: `real`, `shown`. */
  discriminator(bank: Bank, feeds: Feeds, renamed?: Renamed): Promise<OverBatch>;
  /** Adam on G, or on the judge. Inputs: `adamInputs`. Returns the sum of the squares of its gradient. */
  update(bank: Bank, network: 'generator' | 'judge', scalars: Scalars, renamed?: Renamed): Promise<number>;
  dispose(): Promise<void>;
}

export type Scalars = Record<string, Float32Array>;

/** What the generators lost. */
export interface Generators {
  /** Adversarial, cycle and paired terms of G on X, and of F on Y. */
  x: OverBatch;
  y: OverBatch;
  /** Identity terms: F(X) and G(Y). */
  sameX: OverBatch | undefined;
  sameY: OverBatch | undefined;
}

/** An update's two halves, one after the other or side by side. */
export interface Halves {
  /** Generators, at the old discriminators. */
  generators(
    bank: Bank,
    feed: { X: Float32Array; Y: Float32Array; pair: ArrayLike<number> },
  ): Promise<Generators>;
  /** Discriminators, one at a time, on the fakes of the old generators. */
  discriminators(
    bank: Bank,
    feed: { X: Float32Array; Y: Float32Array; shown: { gx: Float32Array; fy: Float32Array } },
  ): Promise<{ dx: OverBatch; dy: OverBatch }>;
  /** One update of all four. Returns the sums of the squares of their gradients. */
  update(bank: Bank, scalars: Scalars): Promise<{ generators: number; discriminators: number }>;
  /** To be awaited after a failure: when no other thread computes any more. */
  settled(): Promise<void>;
  /** Brings into the bank what only a second lane holds. */
  gather(bank: Bank): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Compiles the programs of a half for the bank's shapes.
 * @param judge whose turn is taken under the name that it has here
 * @param check called after each run of a program
 */
export async function compileHalf(
  engine: Engine,
  bank: Bank,
  terms: Terms,
  { judge, check }: { judge: Judge; check: () => void },
): Promise<Half> {
  const { parameters, micro } = terms;
  const { batch, patch, gamma } = parameters;
  const compiled: Program[] = [];
  const compile = async (spec: ProgramSpec): Promise<Program> => {
    const program = await engine.compile(spec, bank);
    compiled.push(program);
    return program;
  };
  const direction = await compile(directionStep(terms));
  const identity = gamma === 0 ? undefined : await compile(identityStep(terms));
  const discriminator = await compile(discriminatorStep(terms, judge));
  const updates = {
    generator: await compile(networkUpdate(parameters, 'G', bank.shapes)),
    judge: await compile(networkUpdate(parameters, judge, bank.shapes)),
  };
  const [parts, pixels] = [batch / micro, patch * patch];

  const overBatch = async (
    program: Program,
    held: Bank,
    feeds: Feeds,
    renamed?: Renamed,
  ): Promise<OverBatch> => {
    const means: Record<string, number> = {};
    const image = new Float32Array(batch * pixels);
    for (let index = 0; index < parts; index++) {
      const inputs: Record<string, Float32Array> = {};
      for (const [name, values] of Object.entries(feeds)) {
        const length = (values.length / batch) * micro;
        const all = values instanceof Float32Array ? values : Float32Array.from(values);
        inputs[name] = all.subarray(index * length, (index + 1) * length);
      }
      const outputs = await program.run(held, inputs, renamed);
      check();
      for (const [name, values] of Object.entries(outputs)) {
        if (name === 'fake') image.set(values, index * micro * pixels);
        else means[name] = (means[name] ?? 0) + (values[0] as number) / parts;
      }
    }
    return { means, image };
  };
  return {
    direction: (held, feeds, renamed) => overBatch(direction, held, feeds, renamed),
    identity: (held, feeds, renamed) =>
      identity === undefined ? Promise.resolve(undefined) : overBatch(identity, held, feeds, renamed),
    discriminator: (held, feeds, renamed) => overBatch(discriminator, held, feeds, renamed),
    update: async (held, network, scalars, renamed) => {
      const outputs = await updates[network].run(held, scalars, renamed);
      return outputs['square']?.[0] as number;
    },
    dispose: async () => {
      for (const program of compiled) await program.dispose();
    },
  };
}

/**
 * A program that makes the transformed filters of G, where the bank holds any, from the filters that it holds. Undefined where
 * there are none. With the names exchanged: those of F.
 */
export async function compileTransform(
  engine: Engine,
  bank: Bank,
  parameters: TrialParameters,
): Promise<Program | undefined> {
  const filters = Object.keys(networkShapes(parameters, 'G')).filter((name) =>
    isTransformed(name, bank.shapes),
  );
  if (filters.length === 0) return undefined;
  return engine.compile(
    {
      name: 'transform filters',
      inputs: {},
      reads: filters,
      writes: filters.map(transformedName),
      run: (tensors) =>
        Object.fromEntries(
          filters.map((name) => [transformedName(name), transformFilter(get(tensors, name))]),
        ),
    },
    bank,
  );
}

/** Makes the bank's filters in Winograd's form, where it has any, from the filters that it holds. */
export async function transformFilters(
  engine: Engine,
  bank: Bank,
  parameters: TrialParameters,
): Promise<void> {
  const program = await compileTransform(engine, bank, parameters);
  await program?.run(bank, {});
  await program?.run(bank, {}, exchanged);
  await program?.dispose();
}

/** What every program that computes gradients is made from. */
export interface Terms {
  parameters: TrialParameters;
  /** Patches of each domain at a time. */
  micro: number;
  smooth: Smooth;
  recompute: boolean;
  /** Shapes of the bank. */
  held: Record<string, Shape>;
}

/** A program that adds the gradients of one scalar to the accumulators of the networks that it trains. */
function accumulating(
  name: string,
  { parameters, micro, held }: Terms,
  inputs: Record<string, Shape>,
  { trained, read = [] }: { trained: readonly Network[]; read?: readonly Network[] },
  terms: (tensors: TensorMap) => { loss: tf.Scalar; kept: TensorMap },
): ProgramSpec {
  const namesOf = (of: readonly Network[]): string[] =>
    of.flatMap((network) => computedNames(parameters, network, held));
  const computed = namesOf(trained);
  const accumulators = computed.map((each) => gradientName(weightOf(each)));
  return {
    name: `${name} of ${micro}`,
    inputs,
    reads: [...computed, ...namesOf(read), ...accumulators],
    writes: accumulators,
    run: (tensors) => {
      const { gradients, kept } = gradientsOf(pick(tensors, computed), () => {
        const { loss, kept } = terms(tensors);
        return { loss: tf.mul(loss, micro / parameters.batch), kept };
      });
      const sums = computed.map((each): [string, tf.Tensor] => {
        const [gradient, weight] = [get(gradients, each), weightOf(each)];
        const own = weight === each ? gradient : filterGradient(gradient);
        return [gradientName(weight), tf.add(get(tensors, gradientName(weight)), own)];
      });
      return { ...kept, ...Object.fromEntries(sums) };
    },
  };
}

/**
 * What G and F lose on images of X (with the names exchanged: F and G on images of Y): adversarial, cycle, paired.
 * Inputs `own`, `other` [micro, patch, patch, 1], and `pair` [micro] with the paired term. Output `fake`: G(own).
 */
function directionStep(of: Terms): ProgramSpec {
  const { parameters, micro, smooth } = of;
  const { lambda, patch } = parameters;
  const patches = [micro, patch, patch, 1];
  const inputs: Record<string, Shape> = { own: patches };
  if (parameters.paired !== 0) Object.assign(inputs, { other: patches, pair: [micro] });
  const trained: readonly Network[] = lambda === 0 ? ['G'] : ['G', 'F'];
  const read: readonly Network[] = parameters.adversarial === 0 ? [] : ['D_Y'];
  return accumulating('generators', of, inputs, { trained, read }, (tensors) => {
    const { G, F, D_Y } = networks(parameters, tensors, { ...smooth, recompute: of.recompute });
    const own = get(tensors, 'own') as tf.Tensor4D;
    const fake = G(own);
    const terms: TensorMap = {};
    // A term without weight is not computed.
    if (parameters.adversarial !== 0) {
      const adversarial = losses.adversarialLoss(parameters.gan_loss, D_Y(fake));
      // No product with 1, as before there was a weight: so trials keep their weights to the byte.
      terms['adversarial'] =
        parameters.adversarial === 1 ? adversarial : tf.mul(adversarial, parameters.adversarial);
    }
    if (lambda !== 0) terms['cycle'] = tf.mul((smooth.distance ?? losses.meanAbsolute)(own, F(fake)), lambda);
    if (parameters.paired !== 0) {
      // The mean over the batch of each sample's distance to its partner, 0 for those without: so it adds up over micro-batches.
      const apart = tf.mean(tf.abs(tf.sub(fake, get(tensors, 'other'))), [1, 2, 3]);
      terms['paired'] = tf.mul(tf.mean(tf.mul(apart, get(tensors, 'pair'))), parameters.paired);
    }
    return { loss: tf.addN(Object.values(terms) as tf.Scalar[]), kept: { fake, ...terms } };
  });
}

/** gamma · mean|Y - G(Y)|; with the names exchanged gamma · mean|X - F(X)|. Input `image`. */
function identityStep(of: Terms): ProgramSpec {
  const { parameters, micro, smooth } = of;
  const { gamma, patch } = parameters;
  const inputs = { image: [micro, patch, patch, 1] };
  return accumulating('identity', of, inputs, { trained: ['G'] }, (tensors) => {
    const { G } = networks(parameters, tensors, { ...smooth, recompute: of.recompute });
    const image = get(tensors, 'image') as tf.Tensor4D;
    const identity: tf.Scalar = tf.mul((smooth.distance ?? losses.meanAbsolute)(image, G(image)), gamma);
    return { loss: identity, kept: { identity } };
  });
}

/** What a discriminator loses on real images and shown fakes. Inputs `real`, `shown`. */
function discriminatorStep(of: Terms, judge: Judge): ProgramSpec {
  const { parameters, micro, smooth } = of;
  const { patch } = parameters;
  const patches = [micro, patch, patch, 1];
  const inputs = { real: patches, shown: patches };
  return accumulating('discriminator', of, inputs, { trained: [judge] }, (tensors) => {
    const { [judge]: D } = networks(parameters, tensors, { activation: smooth.activation });
    const [real, fake] = [get(tensors, 'real'), get(tensors, 'shown')] as [tf.Tensor4D, tf.Tensor4D];
    const [judgedReal, judgedFake] = [D(real), D(fake)];
    const loss = losses.discriminatorLoss(parameters.gan_loss, judgedReal, judgedFake);
    const [acc_real, acc_fake] = [
      losses.realAccuracy(parameters.gan_loss, judgedReal),
      losses.fakeAccuracy(parameters.gan_loss, judgedFake),
    ];
    return { loss, kept: { loss, acc_real, acc_fake } };
  });
}

/** Adam on one network with the accumulated gradient, and `square`: the sum of that gradient's squares. */
function networkUpdate(
  parameters: TrialParameters,
  network: Network,
  held: Record<string, Shape>,
): ProgramSpec {
  const weights = Object.keys(networkShapes(parameters, network));
  const state = weights.flatMap((name) => [name, momentNames(name).m, momentNames(name).v]);
  return {
    name: `update of ${network}`,
    inputs: ADAM_INPUTS,
    reads: [...state, ...weights.map(gradientName)],
    writes: [...state, ...weights.filter((name) => isTransformed(name, held)).map(transformedName)],
    run: (tensors) => {
      const next: TensorMap = {};
      const squares: tf.Tensor[] = [];
      for (const name of weights) {
        const { m, v } = momentNames(name);
        const gradient = get(tensors, gradientName(name));
        squares.push(tf.sum(tf.square(gradient)));
        const before = { weight: get(tensors, name), m: get(tensors, m), v: get(tensors, v) };
        const scalars = [get(tensors, 'adam/step_size'), get(tensors, 'adam/epsilon_hat')] as const;
        const after = adam(before, gradient, parameters, ...scalars);
        Object.assign(next, { [name]: after.weight, [m]: after.m, [v]: after.v });
        if (isTransformed(name, held)) next[transformedName(name)] = transformFilter(after.weight);
      }
      return { ...next, square: tf.addN(squares) };
    },
  };
}

/** The four networks with their weights in place. */
export function networks(
  parameters: TrialParameters,
  weights: Weights,
  options: GenerateOptions,
): Record<Network, (x: tf.Tensor4D) => tf.Tensor4D> {
  const own = (network: Network): Weights => {
    const prefix = `${network}/`;
    const entries = Object.entries(weights).filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  };
  const [g, f, dx, dy] = [own('G'), own('F'), own('D_X'), own('D_Y')];
  return {
    G: (x) => generate(g, parameters, x, options),
    F: (x) => generate(f, parameters, x, options),
    D_X: (x) => discriminate(dx, parameters, x, options.activation),
    D_Y: (x) => discriminate(dy, parameters, x, options.activation),
  };
}

/** A loss, its gradients by weight, and what else was computed on the way, as tensors without history. */
export function gradientsOf<Kept extends string>(
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

export function get(tensors: TensorMap, name: string): tf.Tensor {
  const tensor = tensors[name];
  if (!tensor) throw new RangeError(`no tensor named ${name}`);
  return tensor;
}

export function pick(tensors: TensorMap, names: readonly string[]): TensorMap {
  return Object.fromEntries(names.map((name) => [name, get(tensors, name)]));
}
