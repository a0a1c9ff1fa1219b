/** @file `early_stop` of a sweep file: by which rule, and on which metric, a trial that does worse than the others is stopped. */
import { z } from 'zod';
import { METRICS, type Metric } from '../metrics.js';
import { nearest } from './nearest.js';

/** What a trial is stopped by, every default spelled out. Shares are of the trial's budget, 0 to 1. */
export type EarlyStop = {
  /** Name of the metric, as trials report it. */
  metric: string;
  /** Whether a larger value is better, or a smaller one. */
  mode: 'max' | 'min';
  /** No trial is stopped before this share. */
  grace: number;
} & (
  | {
      method: 'asha';
      /** Of this many trials at a rung one goes on; and each rung is this many times as far as the one before. */
      reduction: number;
    }
  | {
      method: 'median';
      /** Other trials that must have come as far before any is stopped. */
      min_trials: number;
    }
);

const RULE = 'e.g. {method: asha, metric: val/ssim}, or {method: median, metric: val/ssim}';
const METHOD = 'asha or median';
const METRIC = 'the name of a metric, e.g. val/ssim';
const MODE = 'max (a larger value is better) or min (a smaller one is)';
const GRACE = 'a share of the budget above 0 and below 1, e.g. 0.1';
const REDUCTION = 'a whole number from 2: of so many trials at a rung one goes on';
const MIN_TRIALS = 'a whole number from 1: other trials that must have come as far';

const DEFAULT_GRACE = 0.1;
const DEFAULT_REDUCTION = 3;
const DEFAULT_MIN_TRIALS = 3;

/** The rule as a user writes it. `ours`: metrics are those of our own trainer, and known. */
export function earlyStopSchema(ours: boolean) {
  return z
    .strictObject(
      {
        method: z
          .enum(['asha', 'median'], { error: METHOD })
          .describe('asha: asynchronous successive halving; median: the median stopping rule.'),
        metric: z
          .string({ error: METRIC })
          .min(1, { error: METRIC })
          .describe('What trials are compared by: one that is measured on validation images.'),
        mode: z
          .enum(['max', 'min'], { error: MODE })
          .optional()
          .describe('Whether a larger value is better or a smaller one; by default what the metric says.'),
        grace: z
          .number({ error: GRACE })
          .gt(0, { error: GRACE })
          .lt(1, { error: GRACE })
          .optional()
          .describe(`Share of the budget before which no trial is stopped; ${DEFAULT_GRACE} by default.`),
        reduction: z
          .int({ error: REDUCTION })
          .min(2, { error: REDUCTION })
          .optional()
          .describe(
            `asha: of so many trials at a rung one goes on, and each rung is so many times as far as the one before; ${DEFAULT_REDUCTION} by default.`,
          ),
        min_trials: z
          .int({ error: MIN_TRIALS })
          .min(1, { error: MIN_TRIALS })
          .optional()
          .describe(
            `median: other trials that must have come as far before one is stopped; ${DEFAULT_MIN_TRIALS} by default.`,
          ),
      },
      { error: RULE },
    )
    .superRefine((rule, context) => {
      const tell = (path: string, says: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message, params: { says } });
      const { method, metric, mode } = rule;
      const direction = knownMetric(metric)?.direction;
      if (metric.startsWith('exam/')) {
        tell(
          'metric',
          `${metric} is of the exam, by which nothing may be chosen`,
          'a metric of the validation images, e.g. val/ssim',
        );
      } else if (ours && direction === undefined) {
        const known = Object.keys(METRICS).filter((name) => !name.startsWith('exam/'));
        const meant = nearest(metric, known);
        tell(
          'metric',
          `no metric is called ${metric}`,
          meant ?? known.filter((name) => name.startsWith('val/')).join(' or '),
        );
      } else if (mode === undefined && (direction === undefined || direction === 'neither')) {
        tell('metric', `nothing says whether a larger ${metric} is better`, `mode beside it: ${MODE}`);
      } else if (mode !== undefined && modeOf(direction) !== undefined && mode !== modeOf(direction)) {
        tell('mode', `${metric} is better when it is ${direction}`, `mode: ${modeOf(direction)}, or no mode`);
      }
      if (method === 'asha' && rule.min_trials !== undefined)
        tell('min_trials', 'asha has no min_trials', 'reduction, or method: median');
      if (method === 'median' && rule.reduction !== undefined)
        tell('reduction', 'median has no reduction', 'min_trials, or method: asha');
    })
    .optional()
    .describe('By which rule a trial that does worse than the others is stopped before its budget is used.');
}

type WrittenRule = NonNullable<z.output<ReturnType<typeof earlyStopSchema>>>;

/** A checked rule with its defaults. */
export function toEarlyStop({ method, metric, mode, grace, reduction, min_trials }: WrittenRule): EarlyStop {
  const shared = {
    metric,
    mode: mode ?? modeOf(knownMetric(metric)?.direction) ?? 'max',
    grace: grace ?? DEFAULT_GRACE,
  };
  return method === 'asha'
    ? { method, ...shared, reduction: reduction ?? DEFAULT_REDUCTION }
    : { method, ...shared, min_trials: min_trials ?? DEFAULT_MIN_TRIALS };
}

/** A rule in one word group, e.g. `asha val/ssim max from 0.1 by 3`: decisions of one rule do not bind another. */
export function ruleText(rule: EarlyStop): string {
  const last = rule.method === 'asha' ? `by ${rule.reduction}` : `of ${rule.min_trials}`;
  return `${rule.method} ${rule.metric} ${rule.mode} from ${rule.grace} ${last}`;
}

/** Why a metric misleads where it decides which trials go on; undefined for those of validation images. */
export function misleadingMetric({ metric }: Pick<EarlyStop, 'metric'>): string | undefined {
  if (!/^(loss|d|grad|health|data)\//.test(metric)) return undefined;
  const why =
    /^loss\/(D|G|F)/.test(metric) || metric.startsWith('d/')
      ? 'it tells how the two sides of a GAN stand against each other, not how good the images are: it rises when the other side improves, ' +
        'and at another patch size or batch it is on another scale'
      : metric === 'loss/cycle' || metric === 'loss/identity'
        ? 'it is smallest for generators that change nothing, and weighed by a parameter that may differ between trials'
        : 'it is measured on the patches that are trained on, and says nothing of held-out images';
  return `early_stop looks at ${metric}, which misleads: ${why}; val/ssim or val/psnr is measured on validation images`;
}

function knownMetric(name: string): Metric | undefined {
  return (METRICS as Record<string, Metric>)[name];
}

function modeOf(direction: Metric['direction'] | undefined): 'max' | 'min' | undefined {
  return direction === 'higher' ? 'max' : direction === 'lower' ? 'min' : undefined;
}
