/** @file Runs one program on several engines and says how far the results are apart. */
import type { Bank, Engine, ProgramSpec, Shape } from './engine.js';

export type Values = Record<string, Float32Array>;

/** Runs a program once on a bank of its own: the outputs, and what the bank holds afterwards. */
export async function runOnce(
  engine: Engine,
  spec: ProgramSpec,
  inputs: Values,
  bankShapes: Record<string, Shape> = {},
  bankValues: Values = {},
): Promise<{ outputs: Values; bank: Values }> {
  const bank = engine.createBank(bankShapes);
  for (const [name, values] of Object.entries(bankValues)) bank.write(name, values);
  const program = await engine.compile(spec, bank);
  try {
    const outputs = await program.run(bank, inputs);
    return {
      outputs,
      bank: await readAll(bank),
    };
  } finally {
    await program.dispose();
    bank.dispose();
  }
}

/** All that a bank holds. */
export async function readAll(bank: Bank): Promise<Values> {
  const values: Values = {};
  for (const name of Object.keys(bank.shapes)) values[name] = await bank.read(name);
  return values;
}

/** Length of the difference over length of the expected, as vectors (relative L2 error). NaN where either holds one. */
export function relativeError(expected: Float32Array, actual: Float32Array): number {
  if (expected.length !== actual.length)
    throw new RangeError(`${actual.length} values, not ${expected.length}`);
  let difference = 0;
  let length = 0;
  expected.forEach((value, index) => {
    difference += (value - (actual[index] as number)) ** 2;
    length += value ** 2;
  });
  return difference === 0 ? 0 : Math.sqrt(difference / length);
}

/** The relative error of each name. @throws RangeError if the two hold different names */
export function relativeErrors(expected: Values, actual: Values): Record<string, number> {
  const names = Object.keys(expected);
  if (names.length !== Object.keys(actual).length) throw new RangeError('the results have different names');
  return Object.fromEntries(
    names.map((name) => {
      const [a, b] = [expected[name], actual[name]];
      if (!a || !b) throw new RangeError(`a result lacks ${name}`);
      return [name, relativeError(a, b)];
    }),
  );
}
