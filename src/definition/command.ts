/** @file The command line of a trainer that is not ours, and the placeholders in it. */
import type { Budget, ParameterValues } from '../protocol.js';

const PLACEHOLDER = /\{([A-Za-z_][\w.-]*)\}/g;

/** Names in braces: `--lr={lr}` holds `lr`. */
export function placeholders(argument: string): string[] {
  return [...argument.matchAll(PLACEHOLDER)].map((match) => match[1]!);
}

/** A trial's own command: its parameters, its seed and the number of its budget in the place of their names. */
export function fillCommand(
  command: readonly string[],
  { parameters, seed, budget }: { parameters: ParameterValues; seed: number; budget: Budget },
): string[] {
  const values: ParameterValues = { ...parameters, seed, budget: Object.values(budget)[0] as number };
  return command.map((argument) =>
    argument.replace(PLACEHOLDER, (whole, name: string) => String(values[name] ?? whole)),
  );
}
