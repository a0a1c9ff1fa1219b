/**
 * @file One update of CycleGAN, term by term and micro-batch by micro-batch, and the translation of whole images.
 *
 * Both gradients are taken at the old weights, then all four networks are updated at once. Without a pool of past fakes
 * this equals the order of Zhu et al.'s code, which updates G and F first: its discriminators then see the fakes made
 * before that update, and its generators are judged by the discriminators before theirs.
 */
import type * as tf from '@tensorflow/tfjs';
import type { Bank, Engine, ProgramSpec, Shape } from '../engines/engine.js';
import { sideMultiple } from '../geometry.js';
import type { MetricName } from '../metrics.js';
import type { TrialParameters } from '../protocol.js';
import { adamInputs } from './adam.js';
import { computedNames, exchanged, gradientName, weightShapes, type Network } from './bank.js';
import {
  compileHalf,
  get,
  networks,
  transformFilters,
  type Generators,
  type Halves,
  type OverBatch,
  type Smooth,
  type Terms,
} from './half.js';
import { onTwoLanes } from './lane.js';
import { checkMemory, explainMemory, peakMemory, planMemory, type MemoryLimit } from './memory.js';
import { DIRECT, trunkFitsTiles, type Form } from './winograd.js';

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
  /** Brings into the bank what only a second lane holds: to be called before all of `savedShapes` is read. */
  gather(bank: Bank): Promise<void>;
  dispose(): Promise<void>;
}

export interface StepOptions {
  /** A divisor of the batch; `auto`: the largest whose predicted memory fits. */
  microBatch?: number | 'auto';
  /** That which the bank was made for. */
  form?: Form;
  /** Without: SWEEP_MEMORY_LIMIT, or what is free here. */
  memoryLimit?: MemoryLimit;
  /** Bytes of the GPU's memory that the step may take; undefined: on a processor, or not known. */
  onGpu?: number | undefined;
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
 * On two lanes (`Form.lanes`) one thread computes one direction and another the other.
 */
export async function compileStep(
  engine: Engine,
  bank: Bank,
  parameters: TrialParameters,
  { microBatch: wanted = 'auto', form = DIRECT, memoryLimit, onGpu, smooth = {} }: StepOptions = {},
): Promise<CompiledStep> {
  const { batch } = parameters;
  const candidates =
    wanted !== 'auto' ? [wanted] : parameters.norm === 'batch' ? [batch] : microBatches(batch);
  for (const candidate of candidates) checkMicroBatch(parameters, candidate);
  const plan = planMemory(parameters, candidates, form, memoryLimit, undefined, onGpu);
  const micro = plan.microBatch;
  const explained = (error: unknown): never => {
    throw explainMemory(error, parameters, plan);
  };
  const terms = { parameters, micro, smooth, recompute: form.memory === 'low', held: bank.shapes };
  const check = () => checkMemory(parameters, plan);
  const opened =
    form.lanes === 2 ? onTwoLanes(engine, bank, terms, form, check) : onOneLane(engine, bank, terms, check);
  const halves = await opened.catch(explained);
  const accumulators = Object.keys(weightShapes(parameters)).map(gradientName);

  const run = async (held: Bank, feed: StepFeed): Promise<StepResult> => {
    const { X, Y, update, lr = parameters.lr } = feed;
    held.clear(accumulators);
    const pair = feed.pairedMask ?? new Float32Array(batch);
    const { x, y, sameX, sameY } = await halves.generators(held, { X, Y, pair });
    const [gx, fy] = [x.image, y.image];
    const shown = feed.shownFakes?.(gx, fy) ?? { gx, fy };
    const { dx, dy } = await halves.discriminators(held, { X, Y, shown });
    const squares = await halves.update(held, adamInputs({ ...parameters, lr }, update));
    return { metrics: measured(parameters, { x, y, sameX, sameY, dx, dy, squares }), gx, fy };
  };
  return {
    microBatch: micro,
    memory: () => ({ peak: peakMemory(), predicted: plan.predicted, micro_batch: micro }),
    run: (held, feed) =>
      run(held, feed).catch(async (error: unknown) => {
        await halves.settled();
        throw explainMemory(error, parameters, plan);
      }),
    gather: (held) => halves.gather(held),
    dispose: () => halves.dispose(),
  };
}

/** One thread computes both halves, one after the other. */
async function onOneLane(engine: Engine, bank: Bank, terms: Terms, check: () => void): Promise<Halves> {
  const half = await compileHalf(engine, bank, terms, { judge: 'D_X', check });
  await transformFilters(engine, bank, terms.parameters);
  return {
    generators: async (held, { X, Y, pair }) => {
      // G(X) judged and brought back, then F(Y).
      const x = await half.direction(held, { own: X, other: Y, pair });
      const y = await half.direction(held, { own: Y, other: X, pair }, exchanged);
      const sameY = await half.identity(held, { image: Y });
      const sameX = await half.identity(held, { image: X }, exchanged);
      return { x, y, sameX, sameY };
    },
    discriminators: async (held, { X, Y, shown }) => {
      const dx = await half.discriminator(held, { real: X, shown: shown.fy });
      const dy = await half.discriminator(held, { real: Y, shown: shown.gx }, exchanged);
      return { dx, dy };
    },
    update: async (held, scalars) => {
      const both = async (network: 'generator' | 'judge') =>
        (await half.update(held, network, scalars)) + (await half.update(held, network, scalars, exchanged));
      return { generators: await both('generator'), discriminators: await both('judge') };
    },
    settled: () => Promise.resolve(),
    gather: () => Promise.resolve(),
    dispose: () => half.dispose(),
  };
}

type Measured = Generators & {
  dx: OverBatch;
  dy: OverBatch;
  squares: { generators: number; discriminators: number };
};

/** STEP_METRICS by name. */
function measured(
  parameters: TrialParameters,
  { x, y, sameX, sameY, dx, dy, squares }: Measured,
): Record<string, number> {
  const of = ({ means }: OverBatch, name: string): number => means[name] ?? 0;
  const both = (one: OverBatch, two: OverBatch, name: string): number => of(one, name) + of(two, name);
  const terms: Record<Exclude<StepMetric, 'loss/G' | 'loss/D'>, number> = {
    'loss/D_x': of(dx, 'loss'),
    'loss/D_y': of(dy, 'loss'),
    'loss/G_adv': of(x, 'adversarial'),
    'loss/F_adv': of(y, 'adversarial'),
    'loss/cycle': both(x, y, 'cycle'),
    'loss/identity': sameX && sameY ? both(sameY, sameX, 'identity') : 0,
    'd/acc_real': both(dx, dy, 'acc_real') / 2,
    'd/acc_fake': both(dx, dy, 'acc_fake') / 2,
    'grad/G': Math.sqrt(squares.generators),
    'grad/D': Math.sqrt(squares.discriminators),
  };
  const paired = parameters.paired !== 0 ? both(x, y, 'paired') : undefined;
  return {
    ...terms,
    ...(paired === undefined ? {} : { 'loss/paired': paired }),
    'loss/D': terms['loss/D_x'] + terms['loss/D_y'],
    'loss/G':
      terms['loss/G_adv'] +
      terms['loss/F_adv'] +
      terms['loss/cycle'] +
      terms['loss/identity'] +
      (paired ?? 0),
  };
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

// ---- Translation

export interface TranslateOptions {
  /** Also translate back. */
  cycle?: boolean;
  /** Images at once; 1 by default. */
  batch?: number;
  /** Shapes of the bank: where it holds filters in Winograd's form and the image fits tiles, those are used. */
  held?: Record<string, Shape>;
}

/**
 * Translates whole images by G (X→Y) or F (Y→X).
 * Input: `image`, [batch, height, width, 1] in [-1, 1], sides multiples of `sideMultiple`. Outputs of the same shape: `gx`, and with
 * `cycle` `fgx`; for F `fy` and `gfy`. Reads the weights of the generators that it needs, writes nothing.
 */
export function translate(
  parameters: TrialParameters,
  direction: 'G' | 'F',
  height: number,
  width: number,
  { cycle = false, batch = 1, held = {} }: TranslateOptions = {},
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
    inputs: { image: [batch, height, width, 1] },
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
