/** @file Whether a training is healthy: measured at every update, judged at every tenth of the budget, and stopped where it explodes. */
import { KNOW_NOTHING } from '../adversarial.js';
import type { MetricValues, TrialParameters } from '../protocol.js';
import type { NamedTensor } from './safetensors.js';

/** What a checkpoint keeps of it. */
export interface HealthState {
  /** Codes of the flags that were raised: each is raised once. */
  raised: string[];
  /** Sums of what is judged since it was judged last, and over how many updates. */
  window: { sums: MetricValues; updates: number };
  /** |loss/G| of the first updates. */
  early: number[];
}

export const newHealth = (): HealthState => ({ raised: [], window: { sums: {}, updates: 0 }, early: [] });

/** One update's patches and what the generators made of them, each [batch, patch, patch, 1] in [-1, 1]. */
export interface Translated {
  X: Float32Array;
  Y: Float32Array;
  gx: Float32Array;
  fy: Float32Array;
}

/** Beyond this an intensity counts as saturated. */
const SATURATED = 0.99;
/** Updates whose |loss/G| makes the scale that an explosion is told by, and how often that scale an explosion is. */
const EARLY_UPDATES = 20;
const EXPLOSION = 1e4;
/** A flag is raised over no fewer updates than this. */
const UPDATES_TO_JUDGE = 10;

/** Measures updates one after another; remembers the last patch of each kind, which the first of the next update is compared with. */
export interface HealthMeter {
  measure(translated: Translated, metrics: MetricValues): MetricValues;
  /** The patches that it remembers: for a checkpoint. */
  save(): Record<string, NamedTensor>;
}

const KINDS = ['X', 'Y', 'gx', 'fy'] as const;
const tensorName = (kind: (typeof KINDS)[number]) => `health/${kind}`;

/** @param saved tensors of a checkpoint */
export function openHealthMeter(
  { patch, gan_loss }: Pick<TrialParameters, 'patch' | 'gan_loss'>,
  saved: Record<string, NamedTensor> = {},
): HealthMeter {
  const pixels = patch * patch;
  const last: Partial<Translated> = {};
  for (const kind of KINDS) {
    const tensor = saved[tensorName(kind)];
    if (tensor !== undefined) last[kind] = tensor.values;
  }
  return {
    measure(translated, metrics) {
      const change = (kind: keyof Translated) => changeBetweenSamples(translated[kind], pixels, last[kind]);
      const [before, after] = [change('X') + change('Y'), change('gx') + change('fy')];
      for (const kind of KINDS) last[kind] = translated[kind].slice(-pixels);
      const { X, Y, gx, fy } = translated;
      const correlations = [correlation(X, gx), correlation(Y, fy)].filter(Number.isFinite);
      const values: MetricValues = {
        'health/d_distance': KNOW_NOTHING[gan_loss].D - metrics['loss/D']!,
        'health/saturation': (saturation(gx) + saturation(fy)) / 2,
      };
      if (before > 0) values['health/diversity'] = after / before;
      if (correlations.length > 0) {
        values['health/correlation'] = correlations.reduce((a, b) => a + b) / correlations.length;
      }
      return values;
    },
    save: () =>
      Object.fromEntries(
        KINDS.flatMap((kind) => {
          const values = last[kind];
          return values === undefined ? [] : [[tensorName(kind), { shape: [1, patch, patch, 1], values }]];
        }),
      ),
  };
}

/** Sum over samples and pixels of |sample - the one before it|. */
function changeBetweenSamples(values: Float32Array, pixels: number, before?: Float32Array): number {
  let sum = 0;
  if (before !== undefined) for (let i = 0; i < pixels; i++) sum += Math.abs(values[i]! - before[i]!);
  for (let i = pixels; i < values.length; i++) sum += Math.abs(values[i]! - values[i - pixels]!);
  return sum;
}

function saturation(values: Float32Array): number {
  let count = 0;
  for (const value of values) if (Math.abs(value) > SATURATED) count++;
  return count / values.length;
}

/** Pearson's correlation; NaN where one of the two is constant. */
export function correlation(a: Float32Array, b: Float32Array): number {
  let [sumA, sumB, sumAA, sumBB, sumAB] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    sumA += x;
    sumB += y;
    sumAA += x * x;
    sumBB += y * y;
    sumAB += x * y;
  }
  const n = a.length;
  const [varianceA, varianceB] = [sumAA - (sumA * sumA) / n, sumBB - (sumB * sumB) / n];
  // What is left of a constant is rounding.
  if (varianceA <= 1e-9 * n || varianceB <= 1e-9 * n) return NaN;
  return (sumAB - (sumA * sumB) / n) / Math.sqrt(varianceA * varianceB);
}

export interface Flag {
  code: string;
  message: string;
}

const percent = (share: number) => `${Math.round(100 * share)} %`;

/** What each flag is raised by, over the means of the updates since the last judgement. */
function flagsOf(v: MetricValues, nothing: number): Flag[] {
  const flags: Flag[] = [];
  const { 'd/acc_real': real = 0, 'd/acc_fake': fake = 0, 'loss/D': lossD = Infinity } = v;
  const { 'health/diversity': diversity = 1, 'health/correlation': correlated = 0 } = v;
  if (real >= 0.95 && fake >= 0.95 && lossD <= 0.2 * nothing) {
    flags.push({
      code: 'd-wins',
      message:
        `the discriminators win: they know ${percent(real)} of the real and ${percent(fake)} of the generated patches, loss/D ` +
        `${lossD.toPrecision(2)} where ${nothing.toPrecision(2)} is knowing nothing; the generators learn little from them`,
    });
  }
  if (diversity <= 0.1) {
    flags.push({
      code: 'g-collapsed',
      message: `the generators collapse: their outputs differ among each other ${percent(diversity)} as much as their inputs do`,
    });
  }
  if (correlated <= -0.5) {
    flags.push({
      code: 'inverted',
      message: `the generators invert the intensity: outputs correlate with inputs at ${correlated.toFixed(2)}; what is bright becomes dark`,
    });
  }
  return flags;
}

const JUDGED = ['d/acc_real', 'd/acc_fake', 'loss/D', 'health/diversity', 'health/correlation'];

/** Takes the metrics of one update in. */
export function watch({ window, early }: HealthState, metrics: MetricValues): void {
  for (const name of JUDGED) {
    const value = metrics[name];
    if (value !== undefined) window.sums[name] = (window.sums[name] ?? 0) + value;
  }
  window.updates++;
  if (early.length < EARLY_UPDATES) early.push(Math.abs(metrics['loss/G']!));
}

/** The flags to raise now; starts a new window. Too few updates are not judged, and counted on to. */
export function judge(health: HealthState, ganLoss: TrialParameters['gan_loss']): Flag[] {
  const { sums, updates } = health.window;
  if (updates < UPDATES_TO_JUDGE) return [];
  health.window = { sums: {}, updates: 0 };
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / updates]));
  const flags = flagsOf(means, KNOW_NOTHING[ganLoss].D).filter(({ code }) => !health.raised.includes(code));
  health.raised.push(...flags.map(({ code }) => code));
  return flags;
}

/**
 * What makes going on useless: a loss or gradient that is no number, or |loss/G| above 10,000 times its median over the first 20
 * updates (taken as 0.01 at least). Undefined while all is well.
 */
export function explosion(metrics: MetricValues, { early }: HealthState): string | undefined {
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) return `${name} is ${Number.isNaN(value) ? 'no number' : 'infinite'}`;
  }
  if (early.length < EARLY_UPDATES) return undefined;
  const median = [...early].sort((a, b) => a - b)[EARLY_UPDATES >> 1]!;
  const loss = Math.abs(metrics['loss/G']!);
  if (loss <= EXPLOSION * Math.max(median, 0.01)) return undefined;
  return `loss/G is ${loss.toPrecision(3)}, which was ${median.toPrecision(3)} in the first ${EARLY_UPDATES} updates`;
}
