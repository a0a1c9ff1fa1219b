/**
 * @file One update of CycleGAN, term by term and micro-batch by micro-batch, and the translation of whole images.
 *
 * Both gradients are taken at the old weights, then all four networks are updated at once. Without a pool of past fakes
 * this equals the order of Zhu et al.'s code, which updates G and F first: its discriminators then see the fakes made
 * before that update, and its generators are judged by the discriminators before theirs.
 */
import * as tf from '@tensorflow/tfjs';
import type { Bank, Engine, Program, ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import type { MetricName } from '../metrics.js';
import { sideMultiple } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { adam, ADAM_INPUTS, adamInputs } from './adam.js';
import type { Distance } from './losses.js';
import * as losses from './losses.js';
import { checkMemory, explainMemory, peakMemory, planMemory, type MemoryLimit } from './memory.js';
import type { Activation, GenerateOptions, Weights } from './networks.js';
import { discriminate, discriminatorShapes, generate, generatorShapes, initialWeights } from './networks.js';
import {
  DIRECT,
  filterGradient,
  transformFilter,
  trunkFitsTiles,
  winogradLayers,
  type Form,
} from './winograd.js';

export type Network = 'G' | 'F' | 'D_X' | 'D_Y';
const NETWORKS: readonly Network[] = ['G', 'F', 'D_X', 'D_Y'];

/** Metrics that a step measures, each a scalar; `loss/paired` besides where that term has a weight. */
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
  'grad/G',
  'grad/D',
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

/** Those of one generator's weights alone, for translating; they take Winograd's form as `bankShapes` says. */
export function generatorBankShapes(
  parameters: TrialParameters,
  network: 'G' | 'F',
  form: Form,
): Record<string, Shape> {
  const held = bankShapes(parameters, form);
  return Object.fromEntries(
    Object.keys(networkShapes(parameters, network)).map((name) => [name, held[name]!]),
  );
}

/** Name of a filter in Winograd's form, e.g. `G/block1/conv1/transformed`. */
const transformedName = (filter: string): string => filter.replace(/filter$/, 'transformed');

/** Names under which a network's layers are computed: where the bank holds a filter in Winograd's form, that one. */
function computedNames(parameters: TrialParameters, network: Network, held: Record<string, Shape>): string[] {
  return Object.keys(networkShapes(parameters, network)).map((name) =>
    isTransformed(name, held) ? transformedName(name) : name,
  );
}

function isTransformed(weight: string, held: Record<string, Shape>): boolean {
  return weight.endsWith('/filter') && transformedName(weight) in held;
}

/** The weight that such a name stands for. */
const weightOf = (computed: string): string => computed.replace(/transformed$/, 'filter');

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

// ---- The step

/** What tests put in the place of kinked functions, at whose kinks engines may differ. */
export interface Smooth {
  activation?: Activation;
  distance?: Distance;
}

export interface StepFeed {
  /** [batch, patch, patch, 1], values in [-1, 1]. */
  X: Float32Array;
  /** The same of domain Y. */
  Y: Float32Array;
  /** Number of the update, from 1. */
  update: number;
  /** Step size of this update; `parameters.lr` without. */
  lr?: number;
  /** [batch]: 1 where the sample of Y is the true partner of that of X at the same crop, else 0. For the paired term; all 0 without. */
  pairedMask?: ArrayLike<number>;
  /** Which fakes the discriminators are shown, of the shape and in the order of those given: an image pool. The same ones without. */
  shownFakes?: (gx: Float32Array, fy: Float32Array) => { gx: Float32Array; fy: Float32Array };
}

export interface StepResult {
  /** By name: STEP_METRICS, measured before the update, means over the whole batch. */
  metrics: Record<string, number>;
  /** G(X) before the update, [batch, patch, patch, 1]. */
  gx: Float32Array;
  /** F(Y) before the update, [batch, patch, patch, 1]. */
  fy: Float32Array;
}

export interface CompiledStep {
  /** Patches of each domain that are in memory at a time. */
  readonly microBatch: number;
  /** For the trial's `memory` event. */
  memory(): { peak: number; predicted: number; micro_batch: number };
  /**
   * One update of all four networks; reads and writes `bankShapes`.
   * @throws EngineError, `out-of-memory` also where a limit was set and is passed; the bank then still holds what it held before, unless Adam's update itself failed
   */
  run(bank: Bank, feed: StepFeed): Promise<StepResult>;
  dispose(): Promise<void>;
}

export interface StepOptions {
  /** A divisor of the batch; `auto`: the largest whose predicted memory fits. */
  microBatch?: number | 'auto';
  /** That which the bank was made for. */
  form?: Form;
  /** Without: SWEEP_MEMORY_LIMIT, or what is free here. */
  memoryLimit?: MemoryLimit;
  /** For tests. */
  smooth?: Smooth;
}

/**
 * Compiles one update. No term of the losses is computed together with another that it shares no pass with, and each
 * micro-batch adds its share to accumulators in the bank, so memory is that of the largest term of one micro-batch. The
 * sum is the gradient of the whole batch: with instance norm, samples meet in the means of the losses alone.
 *
 * Where the bank holds filters in Winograd's form, they are made here from the weights that it holds now, and anew at every
 * update; who writes weights later calls `transformFilters`.
 *
 * Three programs compute gradients. Each serves both directions, with the networks' names exchanged:
 * the adversarial and cycle (and paired) term of one direction, the identity term of one generator, one discriminator.
 */
export async function compileStep(
  engine: Engine,
  bank: Bank,
  parameters: TrialParameters,
  { microBatch: wanted = 'auto', form = DIRECT, memoryLimit, smooth = {} }: StepOptions = {},
): Promise<CompiledStep> {
  const { batch, patch, gamma } = parameters;
  const candidates =
    wanted !== 'auto' ? [wanted] : parameters.norm === 'batch' ? [batch] : microBatches(batch);
  for (const candidate of candidates) checkMicroBatch(parameters, candidate);
  const plan = planMemory(parameters, candidates, form, memoryLimit);
  const micro = plan.microBatch;
  const compiled: Program[] = [];
  const compile = async (spec: ProgramSpec): Promise<Program> => {
    const program = await engine.compile(spec, bank).catch((error: unknown) => {
      throw explainMemory(error, parameters, plan);
    });
    compiled.push(program);
    return program;
  };
  const terms: Terms = { parameters, micro, smooth, recompute: form.memory === 'low', held: bank.shapes };
  const direction = await compile(directionStep(terms));
  const identity = gamma === 0 ? undefined : await compile(identityStep(terms));
  const discriminator = await compile(discriminatorStep(terms));
  const generatorUpdate = await compile(networkUpdate(parameters, 'G', bank.shapes));
  const discriminatorUpdate = await compile(networkUpdate(parameters, 'D_X', bank.shapes));
  await transformFilters(engine, bank, parameters);
  const accumulators = Object.keys(weightShapes(parameters)).map(gradientName);
  const [parts, pixels] = [batch / micro, patch * patch];

  /** Runs on every micro-batch in turn; what it gives is added up by name, images are put together. */
  const overBatch = async (
    program: Program,
    held: Bank,
    feeds: Record<string, ArrayLike<number>>,
    renamed?: (name: string) => string,
  ): Promise<{ means: Record<string, number>; image: Float32Array }> => {
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
      checkMemory(parameters, plan);
      for (const [name, values] of Object.entries(outputs)) {
        if (name === 'fake') image.set(values, index * micro * pixels);
        else means[name] = (means[name] ?? 0) + (values[0] as number) / parts;
      }
    }
    return { means, image };
  };

  const run = async (held: Bank, feed: StepFeed): Promise<StepResult> => {
    const { X, Y, update, lr = parameters.lr } = feed;
    held.clear(accumulators);

    // Generators, at the old discriminators: G(X) judged and brought back, then F(Y).
    const pair = feed.pairedMask ?? new Float32Array(batch);
    const x = await overBatch(direction, held, { own: X, other: Y, pair });
    const y = await overBatch(direction, held, { own: Y, other: X, pair }, exchanged);
    const sameY = identity && (await overBatch(identity, held, { image: Y }));
    const sameX = identity && (await overBatch(identity, held, { image: X }, exchanged));

    // Discriminators, one at a time, on the fakes of the old generators.
    const [gx, fy] = [x.image, y.image];
    const shown = feed.shownFakes?.(gx, fy) ?? { gx, fy };
    const dx = await overBatch(discriminator, held, { real: X, shown: shown.fy });
    const dy = await overBatch(discriminator, held, { real: Y, shown: shown.gx }, exchanged);

    // One update of all four.
    const scalars = adamInputs({ ...parameters, lr }, update);
    const norm = async (program: Program): Promise<number> => {
      const one = await program.run(held, scalars);
      const two = await program.run(held, scalars, exchanged);
      return Math.sqrt((one['square']?.[0] as number) + (two['square']?.[0] as number));
    };
    const [gradG, gradD] = [await norm(generatorUpdate), await norm(discriminatorUpdate)];

    const measured: Record<Exclude<StepMetric, 'loss/G' | 'loss/D' | 'grad/G' | 'grad/D'>, number> = {
      'loss/D_x': meanOf(dx.means, 'loss'),
      'loss/D_y': meanOf(dy.means, 'loss'),
      'loss/G_adv': meanOf(x.means, 'adversarial'),
      'loss/F_adv': meanOf(y.means, 'adversarial'),
      'loss/cycle': meanOf(x.means, 'cycle') + meanOf(y.means, 'cycle'),
      'loss/identity': sameX && sameY ? meanOf(sameY.means, 'identity') + meanOf(sameX.means, 'identity') : 0,
      'd/acc_real': (meanOf(dx.means, 'acc_real') + meanOf(dy.means, 'acc_real')) / 2,
      'd/acc_fake': (meanOf(dx.means, 'acc_fake') + meanOf(dy.means, 'acc_fake')) / 2,
    };
    const loss_paired =
      parameters.paired !== 0 ? meanOf(x.means, 'paired') + meanOf(y.means, 'paired') : undefined;
    return {
      metrics: {
        ...measured,
        ...(loss_paired === undefined ? {} : { 'loss/paired': loss_paired }),
        'loss/D': measured['loss/D_x'] + measured['loss/D_y'],
        'loss/G':
          measured['loss/G_adv'] +
          measured['loss/F_adv'] +
          measured['loss/cycle'] +
          measured['loss/identity'] +
          (loss_paired ?? 0),
        'grad/G': gradG,
        'grad/D': gradD,
      },
      gx,
      fy,
    };
  };
  return {
    microBatch: micro,
    memory: () => ({ peak: peakMemory(), predicted: plan.predicted, micro_batch: micro }),
    run: (held, feed) =>
      run(held, feed).catch((error: unknown) => {
        throw explainMemory(error, parameters, plan);
      }),
    dispose: async () => {
      for (const program of compiled) await program.dispose();
    },
  };
}

/** Makes the bank's filters in Winograd's form, where it has any, from the filters that it holds. */
export async function transformFilters(
  engine: Engine,
  bank: Bank,
  parameters: TrialParameters,
): Promise<void> {
  const filters = Object.keys(networkShapes(parameters, 'G')).filter((name) =>
    isTransformed(name, bank.shapes),
  );
  if (filters.length === 0) return;
  const program = await engine.compile(
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
  await program.run(bank, {});
  await program.run(bank, {}, exchanged);
  await program.dispose();
}

/** @throws RangeError that says which micro-batches there are */
function checkMicroBatch(parameters: TrialParameters, micro: number): void {
  const { batch } = parameters;
  if (!Number.isInteger(micro) || micro < 1 || batch % micro !== 0) {
    const divisors = microBatches(batch).join(', ');
    throw new RangeError(`micro_batch ${micro} does not divide batch ${batch}; what does: ${divisors}`);
  }
  if (micro !== batch && parameters.norm === 'batch') {
    throw new RangeError(
      `micro_batch ${micro} of batch ${batch} with norm batch: its statistics are those of the whole batch, so parts of ` +
        'it give another update. Use micro_batch equal to batch, or norm instance',
    );
  }
}

/** The micro-batches that a batch can be trained in, largest first. */
export function microBatches(batch: number): number[] {
  return Array.from({ length: batch }, (_, index) => batch - index).filter((micro) => batch % micro === 0);
}

/** G for F, F for G, D_X for D_Y, D_Y for D_X. */
function exchanged(name: string): string {
  const slash = name.indexOf('/');
  const other = { G: 'F', F: 'G', D_X: 'D_Y', D_Y: 'D_X' }[name.slice(0, slash)];
  return other === undefined ? name : other + name.slice(slash);
}

function meanOf(means: Record<string, number>, name: string): number {
  return means[name] ?? 0;
}

/** What every program that computes gradients is made from. */
interface Terms {
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
  return accumulating('generators', of, inputs, { trained, read: ['D_Y'] }, (tensors) => {
    const { G, F, D_Y } = networks(parameters, tensors, { ...smooth, recompute: of.recompute });
    const own = get(tensors, 'own') as tf.Tensor4D;
    const fake = G(own);
    const adversarial = losses.adversarialLoss(parameters.gan_loss, D_Y(fake));
    const terms: TensorMap = { adversarial };
    // A term without weight is not computed.
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

/** What D_X loses on real images and shown fakes; with the names exchanged D_Y. Inputs `real`, `shown`. */
function discriminatorStep(of: Terms): ProgramSpec {
  const { parameters, micro, smooth } = of;
  const { patch } = parameters;
  const patches = [micro, patch, patch, 1];
  const inputs = { real: patches, shown: patches };
  return accumulating('discriminator', of, inputs, { trained: ['D_X'] }, (tensors) => {
    const { D_X } = networks(parameters, tensors, { activation: smooth.activation });
    const [real, fake] = [get(tensors, 'real'), get(tensors, 'shown')] as [tf.Tensor4D, tf.Tensor4D];
    const [judgedReal, judgedFake] = [D_X(real), D_X(fake)];
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

// ---- Translation

export interface TranslateOptions {
  /** Also translate back. */
  cycle?: boolean;
  /** Shapes of the bank: where it holds filters in Winograd's form and the image fits tiles, those are used. */
  held?: Record<string, Shape>;
}

/**
 * Translates whole images by G (X→Y) or F (Y→X).
 * Input: `image`, [1, height, width, 1] in [-1, 1], sides multiples of `sideMultiple`. Outputs of the same shape: `gx`, and with
 * `cycle` `fgx`; for F `fy` and `gfy`. Reads the weights of the generators that it needs, writes nothing.
 */
export function translate(
  parameters: TrialParameters,
  direction: 'G' | 'F',
  height: number,
  width: number,
  { cycle = false, held = {} }: TranslateOptions = {},
): ProgramSpec {
  const multiple = sideMultiple(parameters);
  if (height % multiple !== 0 || width % multiple !== 0) {
    throw new RangeError(
      `the generator wants sides that are multiples of ${multiple}, not ${height}x${width}`,
    );
  }
  const back = direction === 'G' ? 'F' : 'G';
  const [there, andBack] = direction === 'G' ? ['gx', 'fgx'] : ['fy', 'gfy'];
  return {
    name: `translate ${direction} ${height}x${width}`,
    inputs: { image: [1, height, width, 1] },
    reads: [direction, ...(cycle ? [back] : [])].flatMap((name) =>
      computedNames(parameters, name as Network, trunkFitsTiles(height, width) ? held : {}),
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
