/** @file Runs the checks on an engine and compares what it gives with the reference. */
import type { Values } from '../engines/compare.js';
import { relativeErrors, runOnce } from '../engines/compare.js';
import type { Engine, Shape, TensorMap } from '../engines/engine.js';
import { messageOf } from '../errors.js';
import type { Check, EngineWork, ProgramWork } from './check.js';
import { kernelChecks } from './kernels.js';
import { layerChecks, lossChecks, networkChecks, translationChecks } from './networks.js';
import { stepChecks } from './step.js';

export interface CheckResult extends Omit<Check, 'work'> {
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
  const bundles = new Map<string, Check[]>();
  for (const check of checks) bundles.set(check.bundle, [...(bundles.get(check.bundle) ?? []), check]);
  const results: CheckResult[] = [];
  for (const bundle of bundles.values()) {
    const actual = await computeBundle(engine, bundle);
    for (const [index, check] of bundle.entries()) {
      const result = judge(check, await expectedOf(check, reference), actual[index]!);
      results.push(result);
      onResult?.(result);
    }
  }
  return results;
}

const known = new WeakMap<Check, Promise<Values>>();

function expectedOf(check: Check, reference: Engine): Promise<Values> {
  const expected = known.get(check) ?? compute(reference, check);
  known.set(check, expected);
  return expected;
}

function judge({ group, bundle, name, tolerance }: Check, expected: Values, actual: Values | Error): CheckResult {
  const check = { group, bundle, name, tolerance };
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

/** What each check of a bundle gives, or why it cannot be computed. */
async function computeBundle(engine: Engine, bundle: readonly Check[]): Promise<(Values | Error)[]> {
  if (bundle.length > 1 && bundle.every(isProgram)) {
    try {
      return await computeTogether(engine, bundle);
    } catch {
      // Each by itself tells which it is.
    }
  }
  const results: (Values | Error)[] = [];
  for (const check of bundle) {
    results.push(
      await compute(engine, check).catch((error: unknown) => new Error(messageOf(error), { cause: error })),
    );
  }
  return results;
}

function isProgram(check: Check): check is Check & { work: ProgramWork } {
  return typeof check.work !== 'function';
}

async function compute(engine: Engine, { work }: Check): Promise<Values> {
  if (isEngineWork(work)) return work(engine);
  return (await runOnce(engine, work.spec, work.inputs)).outputs;
}

function isEngineWork(work: Check['work']): work is EngineWork {
  return typeof work === 'function';
}

/** All programs of a bundle as one; inputs and results of each are told apart by its number. */
async function computeTogether(
  engine: Engine,
  bundle: readonly (Check & { work: ProgramWork })[],
): Promise<Values[]> {
  const inputs: Values = {};
  const shapes: Record<string, Shape> = {};
  bundle.forEach(({ work }, index) => {
    for (const [name, shape] of Object.entries(work.spec.inputs)) {
      shapes[`${index} ${name}`] = shape;
      inputs[`${index} ${name}`] = work.inputs[name]!;
    }
  });
  const run = (tensors: TensorMap): TensorMap => {
    const results: TensorMap = {};
    bundle.forEach(({ work }, index) => {
      const own = Object.keys(work.spec.inputs).map((name) => [name, tensors[`${index} ${name}`]!] as const);
      for (const [name, tensor] of Object.entries(work.spec.run(Object.fromEntries(own)))) {
        results[`${index} ${name}`] = tensor;
      }
    });
    return results;
  };
  const name = bundle[0]!.bundle;
  const { outputs } = await runOnce(engine, { name, inputs: shapes, reads: [], writes: [], run }, inputs);
  return bundle.map((_, index) => {
    const prefix = `${index} `;
    const own = Object.entries(outputs).filter(([each]) => each.startsWith(prefix));
    return Object.fromEntries(own.map(([each, values]) => [each.slice(prefix.length), values]));
  });
}
