/** @file Sweeps as a report may tell them: a number for each path that a parameter names. */
import { replacePaths } from '../definition/redact.js';
import type { ParameterValues } from '../protocol.js';
import type { SweepRecord } from '../store/queries.js';

/**
 * Paths can name people: each that a parameter's value names gets a number in its place, here and in the sweep file's text, so
 * that settings which only it tells apart stay apart, and claims on them still find them.
 */
export function withNumberedPaths(sweeps: readonly SweepRecord[]): readonly SweepRecord[] {
  const words = new Map<string, string>();
  const wordFor = (path: string) => {
    const word = words.get(path) ?? `(path ${words.size + 1} left out)`;
    words.set(path, word);
    return word;
  };
  const parametersOf = (parameters: ParameterValues) =>
    Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, typeof value === 'string' ? replacePaths(value, wordFor) : value]), // prettier-ignore
    );
  const numbered = sweeps.map((sweep) => ({
    ...sweep,
    trials: sweep.trials.map((trial) => ({
      ...trial,
      parameters: parametersOf(
        trial.parameters as unknown as ParameterValues,
      ) as unknown as typeof trial.parameters,
    })),
  }));
  // In double quotes a backslash is written twice. Other paths stay: they are taken out where the text is shown.
  const written = (path: string) => words.get(path) ?? words.get(path.replaceAll('\\\\', '\\')) ?? path;
  return numbered.map((sweep) => ({ ...sweep, source: replacePaths(sweep.source, written) }));
}
