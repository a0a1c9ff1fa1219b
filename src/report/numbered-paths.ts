/** @file Sweeps as a report may tell them: a number for each path that a parameter names. */
import { withoutPaths } from '../definition/redact.js';
import type { ParameterValues } from '../protocol.js';
import type { SweepRecord } from '../store/queries.js';

/**
 * Paths can name people: each that is a parameter's value gets a number in its place, here and in the sweep file's text, so that
 * settings which only it tells apart stay apart, and claims on them still find them.
 */
export function withNumberedPaths(sweeps: readonly SweepRecord[]): readonly SweepRecord[] {
  const values = sweeps.flatMap(({ trials }) =>
    trials.flatMap(({ parameters }): unknown[] => Object.values(parameters)),
  );
  const paths = [...new Set(values)].filter(
    (value): value is string => typeof value === 'string' && withoutPaths(value) !== value,
  );
  if (paths.length === 0) return sweeps;
  const words = new Map<unknown, string>(
    paths.map((value, at) => [value, withoutPaths(value).replaceAll('[path left out]', `(path ${at + 1} left out)`)]), // prettier-ignore
  );
  // As they stand in a sweep file, plain or in double quotes: whole, since of a path that goes on the rest would stay.
  const written = [...words].flatMap(([value, word]) =>
    [String(value), JSON.stringify(value).slice(1, -1)].map((path) => {
      const pattern = path.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
      return { path: new RegExp(`(?<![^\\s"'\`([{,=:])${pattern}(?![^\\s"'\`,;)\\]}])`, 'g'), word };
    }),
  );
  return sweeps.map((sweep) => ({
    ...sweep,
    source: written.reduce((text, { path, word }) => text.replace(path, () => word), sweep.source),
    trials: sweep.trials.map((trial) => ({
      ...trial,
      parameters: Object.fromEntries(
        Object.entries(trial.parameters as unknown as ParameterValues).map(([name, value]) => [name, words.get(value) ?? value]), // prettier-ignore
      ) as unknown as typeof trial.parameters,
    })),
  }));
}
