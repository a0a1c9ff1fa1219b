/** @file `compare` of a sweep file: the claims that its report judges, each with one outcome and one contrast, written before the run. */
import { z } from 'zod';
import { EXAM_VARIANTS, examScore, metricOf } from '../metrics.js';
import type { ParameterValue } from '../protocol.js';
import { toSetting, type Names } from './grid-schema.js';
import type { Setting } from './grid.js';

/** What is set against what; an effect is the outcome of b minus that of a. */
export type Contrast =
  /** Two settings, each picked by as many parameters as tell it from all others. */
  | { kind: 'pair'; a: Setting; b: Setting }
  /** One parameter's main effect, from a to b, over all values of the others at which both occur. Without them the smallest and the largest value. */
  | { kind: 'factor'; name: string; from?: ParameterValue; to?: ParameterValue }
  /** Gain per doubling of the pixels of an update by the patch (b) minus that by the batch (a). */
  | { kind: 'patch-against-batch' };

export type Expectation = 'higher' | 'lower' | 'same';

/** The smallest effect that matters: in the outcome's unit, or as a share of its mean over the settings compared. */
export type Margin = { absolute: number } | { share: number };

export interface Claim {
  /** In the words of whoever made it. */
  claim: string;
  /** Name of a metric: a score of the exam, or the mean over the last tenth of the budget of any other. */
  outcome: string;
  contrast: Contrast;
  /** Of b against a. */
  expect: Expectation;
  margin: Margin;
  /** Whether it was to be decided by this sweep; all other claims are exploratory. */
  primary: boolean;
}

/** Fewer seeds give estimates and no verdict: an interval over three is three times as wide as one over eight. */
export const SEEDS_FOR_A_VERDICT = 8;

const COMPARE =
  'a list of claims, e.g. [{claim: "…", outcome: exam/psnr, contrast: {factor: patch}, expect: higher, primary: true}]';
const CLAIM = 'a sentence that the sweep supports or contradicts';
const OUTCOME = 'the name of a metric, e.g. exam/psnr_body or loss/D';
const CONTRAST =
  '{a: {patch: 64, batch: 16}, b: {patch: 128, batch: 4}}, {factor: patch}, {factor: lambda, from: 5, to: 10}, or patch-against-batch';
const EXPECT =
  'higher, lower or same: the outcome of b against that of a, of the larger value against the smaller, or of the patch against the batch';
const MARGIN =
  "the smallest difference that matters, a number above 0 in the metric's unit, or a share such as 10% of its mean";
const SETTING = 'parameters and one value each that pick one setting, e.g. {patch: 64, batch: 16}';
const FACTOR = 'the name of a parameter that the grid varies';
const LEVEL = 'a value that the parameter takes in the grid';

/** `compare` as a user writes it. `setting`: the schema of parameters with one value each. */
export function compareSchema(setting: z.ZodType, names: Names) {
  const picked = setting.refine((values) => Object.keys(values as object).length > 0, { error: SETTING });
  const level = z.union([z.number({ error: LEVEL }), z.string({ error: LEVEL }), z.boolean({ error: LEVEL })], { error: LEVEL }); // prettier-ignore
  const contrast = z
    .strictObject(
      {
        a: picked.optional().describe('The setting that the other is compared with.'),
        b: picked.optional().describe('The setting that is compared with it.'),
        factor: z
          .string({ error: FACTOR })
          .refine((name) => names.nameOf(name) !== undefined, { error: FACTOR })
          .optional()
          .describe('A parameter whose main effect is asked for, over all values of the others.'),
        from: level.optional().describe("The factor's value to compare with; the smallest by default."),
        to: level.optional().describe("The factor's value that is compared; the largest by default."),
      },
      { error: CONTRAST },
    )
    .superRefine(({ a, b, factor, from, to }, context) => {
      const pair = a !== undefined && b !== undefined;
      const half = (a === undefined) !== (b === undefined);
      const says = half
        ? `${a === undefined ? 'b' : 'a'} has nothing to be compared with`
        : pair === (factor !== undefined)
          ? `a contrast ${pair ? 'of two settings and of a factor at once' : 'of nothing'}`
          : factor === undefined && (from !== undefined || to !== undefined)
            ? 'from and to without a factor'
            : undefined;
      if (says !== undefined)
        context.addIssue({ code: 'custom', path: [], message: CONTRAST, params: { says } });
    });
  return z
    .array(
      z.strictObject(
        {
          claim: z.string({ error: CLAIM }).min(1, { error: CLAIM }).describe('The claim, in your words.'),
          outcome: z
            .string({ error: OUTCOME })
            .min(1, { error: OUTCOME })
            .describe('The metric that decides: a score of the exam, or the last tenth of the budget of any other.'), // prettier-ignore
          contrast: z
            .union([z.literal('patch-against-batch'), contrast], { error: CONTRAST })
            .describe(
              'What is set against what: two settings a and b; a factor; or patch-against-batch, the gain per doubling of the pixels of an update.',
            ),
          expect: z
            .enum(['higher', 'lower', 'same'], { error: EXPECT })
            .describe('What the claim says of the outcome of b against that of a.'),
          margin: z
            .union(
              [
                z.number({ error: MARGIN }).positive({ error: MARGIN }),
                z.string({ error: MARGIN }).regex(/^(?=.*[1-9])\d+(\.\d+)?\s*%$/, { error: MARGIN }),
              ],
              { error: MARGIN },
            )
            .optional()
            .describe(
              "The smallest difference that matters, in the metric's unit or as 10% of its mean; by default 0.5 dB for PSNR, 0.01 for SSIM, 10% for most others.",
            ),
          primary: z
            .boolean({ error: 'true or false' })
            .default(false)
            .describe('Whether the sweep was made to decide this claim; all others are exploratory.'),
        },
        { error: COMPARE },
      ),
      { error: COMPARE },
    )
    .default([])
    .describe('The claims that the report judges. They change no key.');
}

export type WrittenClaims = z.output<ReturnType<typeof compareSchema>>;

export function toClaims(written: WrittenClaims, names: Names): Claim[] {
  return written.map(({ claim, outcome, contrast, expect, margin, primary }) => ({
    claim,
    outcome,
    contrast: contrast === 'patch-against-batch' ? { kind: contrast } : toContrast(contrast, names),
    expect,
    margin:
      margin === undefined
        ? defaultMargin(outcome)
        : typeof margin === 'number'
          ? { absolute: margin }
          : { share: parseFloat(margin) / 100 },
    primary,
  }));
}

function toContrast(
  { a, b, factor, from, to }: Exclude<WrittenClaims[number]['contrast'], string>,
  names: Names,
): Contrast {
  if (factor === undefined)
    return { kind: 'pair', a: toSetting(a as Setting, names), b: toSetting(b as Setting, names) };
  return {
    kind: 'factor',
    name: names.nameOf(factor)!,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

/** The smallest difference that matters where the file does not say. */
export function defaultMargin(outcome: string): Margin {
  const metric = examScore(outcome)?.metric ?? outcome;
  if (metric.includes('psnr')) return { absolute: 0.5 };
  if (metric.includes('ssim')) return { absolute: 0.01 };
  if (metric === 'exam/dice') return { absolute: 0.02 };
  if (/nodule|critic/.test(metric)) return { absolute: 0.1 };
  return { share: 0.1 };
}

/** Why a metric cannot be the outcome of a claim, and what could; undefined for one that can. */
export function unfitOutcome(
  outcome: string,
  { ours, paired }: { ours: boolean; paired: boolean },
): { message: string; expected: string } | undefined {
  const variant = examScore(outcome)?.variant;
  if (variant !== undefined && variant !== 'tiles') {
    const message = `${outcome} is the score of a translation without a network (${EXAM_VARIANTS[variant].label}), the same for all trials`;
    return { message, expected: outcome.replace(`_${variant}`, '') };
  }
  if (!ours) return undefined;
  if (metricOf(outcome) === undefined) {
    return {
      message: `no metric is called ${outcome}`,
      expected: `${OUTCOME}; docs/metrics.md lists them`,
    };
  }
  if (!paired && /^(exam|val)\/(psnr|ssim|ms_ssim|mae)/.test(outcome)) {
    return {
      message: `${outcome} compares a translated image with its partner, and data.pairing is none`,
      expected: 'exam/kid, exam/spectrum or exam/wasserstein; or data.pairing by-name or an index file',
    };
  }
  return undefined;
}
