/** @file An update on two lanes, a thread for each direction, is that of one lane; its threads are of the compiled project. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveParameters } from '../src/definition/parameters.js';
import type { Bank, Engine } from '../src/engines/engine.js';
import type * as Open from '../src/engines/open.js';
import type * as BankNames from '../src/train/bank.js';
import type * as Step from '../src/train/step.js';
import type { Form } from '../src/train/winograd.js';

const built = (file: string) => new URL(`../dist/${file}`, import.meta.url).href;

const PARAMETERS = resolveParameters({
  patch: 16,
  batch: 2,
  filters: 4,
  blocks: 1,
  disc_filters: 4,
  disc_layers: 1,
  paired: 3,
});
const PIXELS = 2 * 16 * 16;
const form = (lanes: 1 | 2): Form => ({ winograd: true, memory: 'auto', lanes });

type State = Record<string, Float32Array>;

let engine: Engine;
let names: typeof BankNames;
let step: typeof Step;
beforeAll(async () => {
  const { openEngine } = (await import(built('engines/open.js'))) as typeof Open;
  names = (await import(built('train/bank.js'))) as typeof BankNames;
  step = (await import(built('train/step.js'))) as typeof Step;
  engine = await openEngine('onnx', { threads: 1 });
});
afterAll(() => engine.dispose());

function noise(seed: number) {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

/** Fed at update `at`: other images at each, partners in half of them, past fakes in the place of one's own. */
function feed(at: number): Step.StepFeed {
  const draw = noise(at);
  const images = () => Float32Array.from({ length: PIXELS }, draw);
  const [X, Y, older] = [images(), images(), images()];
  const shown = (fakes: Float32Array) =>
    Float32Array.from([...fakes.subarray(PIXELS / 2), ...older.subarray(PIXELS / 2)]);
  return { X, Y, update: at, pairedMask: [1, 0], shownFakes: (gx, fy) => ({ gx: shown(gx), fy: shown(fy) }) };
}

/** Updates `from` to `to`, from a state. */
async function train(lanes: 1 | 2, start: State, from: number, to: number) {
  const bank: Bank = engine.createBank(names.bankShapes(PARAMETERS, form(lanes)));
  for (const [name, values] of Object.entries(start)) bank.write(name, values);
  const compiled = await step.compileStep(engine, bank, PARAMETERS, { microBatch: 1, form: form(lanes) });
  const results: Step.StepResult[] = [];
  for (let at = from; at <= to; at++) results.push(await compiled.run(bank, feed(at)));
  await compiled.gather(bank);
  const state: State = {};
  for (const name of Object.keys(names.savedShapes(PARAMETERS))) state[name] = await bank.read(name);
  await compiled.dispose();
  bank.dispose();
  return { results, state, run: () => compiled.run(bank, feed(1)) };
}

const begin = (): State => names.initialBank(PARAMETERS, noise(7));

it('gives the losses, the fakes and all weights and moments that one lane gives, to rounding', async () => {
  const [one, two] = [await train(1, begin(), 1, 3), await train(2, begin(), 1, 3)];
  for (const [at, { metrics, gx, fy }] of one.results.entries()) {
    const other = two.results[at]!;
    for (const [name, value] of Object.entries(metrics)) {
      const apart = Math.abs(other.metrics[name]! - value);
      expect(apart, `${name} at update ${at + 1}`).toBeLessThan(1e-3 * Math.abs(value) + 1e-6);
    }
    expect(largestDifference(other.gx, gx)).toBeLessThan(1e-4);
    expect(largestDifference(other.fy, fy)).toBeLessThan(1e-4);
  }
  // Adam's first steps follow a gradient's sign: where that is rounding, a weight may move the other way by 2 lr an update.
  for (const [name, values] of Object.entries(one.state)) {
    const within = /\.[mv]$/.test(name) ? 1e-3 * largest(values) + 1e-7 : 3 * 2 * PARAMETERS.lr;
    expect(largestDifference(two.state[name]!, values), name).toBeLessThan(within);
  }
  const moved = Object.keys(one.state).filter(
    (name) => largestDifference(two.state[name]!, begin()[name]!) > 0,
  );
  expect(moved).toEqual(Object.keys(one.state));
});

it('goes on from what was gathered as if it had not stopped', async () => {
  const whole = await train(2, begin(), 1, 4);
  const half = await train(2, begin(), 1, 2);
  const rest = await train(2, half.state, 3, 4);
  expect(rest.results).toEqual(whole.results.slice(2));
  expect(rest.state).toEqual(whole.state);
});

it('fails where its second lane is gone', async () => {
  const { run } = await train(2, begin(), 1, 1);
  await expect(run()).rejects.toThrow(/second lane was closed|disposed/);
});

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function largestDifference(one: Float32Array, two: Float32Array): number {
  return one.reduce((most, value, at) => Math.max(most, Math.abs(value - two[at]!)), 0);
}
