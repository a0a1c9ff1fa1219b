/** @file Two parameters crossed: the mean of an outcome at each pair of values, with the number of trials behind it. */
import type { SweepRecord } from '../../store/queries.js';
import { changingTogether, parameter } from '../cells.js';
import { capital, decimal, exact, list } from '../format.js';
import type { Outcome } from '../outcomes.js';

/** A number drawn at random has a value a trial: nothing to cross. */
const MOST_VALUES = 10;
/** Pairs beside the first, which alone is shown for every outcome. */
const MORE_PAIRS = 2;

export function heatMaps(sweep: SweepRecord, outcomes: readonly Outcome[]) {
  const [first, ...more] = pairsOf(sweep);
  if (first === undefined) return [];
  const maps = [
    ...outcomes.map((outcome) => heatMap(sweep, first, outcome)),
    ...more
      .slice(0, MORE_PAIRS)
      .flatMap((pair) => outcomes.slice(0, 1).map((outcome) => heatMap(sweep, pair, outcome))),
  ];
  return maps.filter((map) => map !== null);
}

/** Numeric parameters that are crossed, patch and batch first. */
function pairsOf(sweep: SweepRecord): [string, string][] {
  const valuesOf = (name: string) => sweep.trials.map((trial) => parameter(trial, name));
  const numeric = (sweep.varied as string[]).filter((name) => {
    const values = valuesOf(name);
    const kinds = new Set(values).size;
    return values.every((value) => typeof value === 'number') && kinds > 1 && kinds <= MOST_VALUES;
  });
  const order = ['patch', 'batch'];
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const sorted = [...numeric].sort((a, b) => rank(a) - rank(b));
  const together = changingTogether(sweep);
  const pairs = sorted.flatMap((a, i) => sorted.slice(i + 1).map((b): [string, string] => [a, b]));
  return pairs.filter(([a, b]) => !together.some((names) => names.includes(a) && names.includes(b)));
}

function heatMap(sweep: SweepRecord, [down, across]: [string, string], outcome: Outcome) {
  const kinds = (name: string) =>
    [...new Set(sweep.trials.map((trial) => parameter(trial, name) as number))].sort((a, b) => a - b);
  const [rows, columns] = [kinds(down), kinds(across)];
  const cells = rows.map((row) =>
    columns.map((column) => {
      const all = sweep.trials.filter(
        (trial) => parameter(trial, down) === row && parameter(trial, across) === column,
      );
      const values = all
        .filter(({ status }) => status === 'done')
        .map(outcome.value)
        .filter(Number.isFinite);
      return {
        planned: all.length,
        n: values.length,
        mean: values.reduce((sum, one) => sum + one, 0) / values.length,
      };
    }),
  );
  const means = cells.flat().flatMap(({ n, mean }) => (n > 0 ? [mean] : []));
  if (means.length < 3) return null;
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const others = (sweep.varied as string[]).filter((name) => name !== down && name !== across);
  const name = (one: string) => capital(one.replaceAll('_', ' '));
  return {
    title: `${outcome.label}${outcome.unit ? ` (${outcome.unit})` : ''}`,
    down: name(down),
    across: name(across),
    of: `${down} by ${across}`.replaceAll('_', ' '),
    columns: columns.map(exact),
    rows: rows.map((row, i) => ({
      head: exact(row),
      cells: cells[i]!.map(({ planned, n, mean }) => ({
        text: n > 0 ? decimal(mean) : '',
        n: planned === 0 ? 'not in the grid' : n === planned ? `n ${n}` : `n ${n} of ${planned}`,
        // 0 is the lowest of this map, 100 the highest.
        heat: n > 0 && high > low ? Math.round((100 * (mean - low)) / (high - low)) : 0,
        empty: n === 0,
      })),
    })),
    note: [
      others.length > 0 ? `over ${list([...others.map((one) => one.replaceAll('_', ' ')), 'seeds'])}` : 'over seeds', // prettier-ignore
      { lower: 'lower is better', higher: 'higher is better', neither: '' }[outcome.direction],
    ]
      .filter(Boolean)
      .join('; '),
  };
}
