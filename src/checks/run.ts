/** @file Runs the checks on an engine and compares what it gives with the reference. */
import type { Values } from '../engines/compare.js';
import { relativeErrors, runOnce } from '../engines/compare.js';
import type { Engine } from '../engines/engine.js';
import { messageOf } from '../errors.js';
import type { Check, Work } from './check.js';
import { kernelChecks } from './kernels.js';
import { layerChecks, lossChecks, networkChecks, translationChecks } from './networks.js';
import { stepChecks } from './step.js';

export interface CheckResult extends Omit<Check, 'work' | 'expected'> {
  /** The largest relative error of any of its results; null where there is none: not computed, or no number. */
  error: number | null;
  passed: boolean;
  /** What went wrong, for a reader: which result, how far off, or why it could not be computed. */
  failure?: string;
}

export interface RunOptions {
  /** What must be met: the `cpu` engine. Its results are computed once a check and process. */
  reference: Engine;
  checks?: readonly Check[];
  onResult?: (result: CheckResult) => void;
}

/**
 * cuBLAS rounds the factors of some products to TF32's ten bits whatever NVIDIA_TF32_OVERRIDE says, not the same ones in every run:
 * seen on an H200 in products that are the gradient of a filter, by errors that equal those of such a rounding.
 */
const TEN_BITS = 2e-3;

function toleranceOn({ name, device }: Engine, { tolerance }: Check): number {
  return name === 'onnx' && device.startsWith('cuda') ? Math.max(tolerance, TEN_BITS) : tolerance;
}

let all: readonly Check[] | undefined;

/** The whole table, in the order of its rows: every op, layer, norm, loss and network, and the whole step. */
export function gradientChecks(): readonly Check[] {
  return (all ??= [
    ...kernelChecks(),
    ...layerChecks(),
    ...lossChecks(),
    ...networkChecks(),
    ...translationChecks(),
    ...stepChecks(),
  ]);
}

/** Checks an engine against the reference. A check that fails, or cannot be computed at all, is a result; it throws nothing. */
export async function runChecks(
  engine: Engine,
  { reference, checks = gradientChecks(), onResult }: RunOptions,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const expected = await expectedOf(check, reference);
    const actual = await compute(engine, check.work).catch((error: unknown) => new Error(messageOf(error)));
    const result = judge({ ...check, tolerance: toleranceOn(engine, check) }, expected, actual);
    results.push(result);
    onResult?.(result);
  }
  return results;
}

const known = new WeakMap<Check, Promise<Values>>();

function expectedOf(check: Check, reference: Engine): Promise<Values> {
  const expected = known.get(check) ?? compute(reference, check.expected ?? check.work);
  known.set(check, expected);
  return expected;
}

function judge({ group, name, tolerance }: Check, expected: Values, actual: Values | Error): CheckResult {
  const check = { group, name, tolerance };
  const failed = (failure: string, error: number | null = null): CheckResult => ({ ...check, error, passed: false, failure });
  if (actual instanceof Error) return failed(actual.message);
  let errors: [name: string, error: number][];
  try {
    errors = Object.entries(relativeErrors(expected, actual));
  } catch (error) {
    return failed(messageOf(error));
  }
  // What is no number is the worst.
  const [worst, error] = errors.reduce((a, b) => (b[1] > a[1] || Number.isNaN(b[1]) ? b : a));
  if (error < check.tolerance) return { ...check, error, passed: true };
  const off = `${worst} is off by ${error.toExponential(1)}, more than ${check.tolerance.toExponential()}`;
  return failed(off, Number.isFinite(error) ? error : null);
} // prettier-ignore

async function compute(engine: Engine, work: Work): Promise<Values> {
  if (typeof work === 'function') return work(engine);
  return (await runOnce(engine, work.spec, work.inputs)).outputs;
}
