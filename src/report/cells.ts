/** @file A sweep's cells: trials that differ in nothing but their seed. What a report compares. */
import type { ParameterValues } from '../protocol.js';
import type { SweepRecord, TrialRecord } from '../store/queries.js';

export interface Cell {
  /** Values of the varied parameters, e.g. `64×64, batch 16`. */
  label: string;
  /** Cells of one patch size stand together, e.g. `Patch 64×64`; null where the patch does not vary. */
  group: string | null;
  style: CellStyle;
  trials: TrialRecord[];
  /** The trials that count: done. */
  done: TrialRecord[];
}

export interface CellStyle {
  light: string;
  dark: string;
  dash: 'solid' | 'dash' | 'dot' | 'dashdot' | 'longdash';
}

/**
 * Told apart by who sees no red, no green or no blue, too (at least 20 in CIELAB, 40 of the first three), each with a contrast of 4.5 on its
 * background: cells.test.ts checks it.
 */
export const COLOURS = [
  { light: '#0067a5', dark: '#62b5ee' },
  { light: '#c24a00', dark: '#ff9a57' },
  { light: '#45062a', dark: '#fbf7d8' },
  { light: '#9a3df0', dark: '#858585' },
  { light: '#9c6464', dark: '#c65cff' },
  { light: '#241380', dark: '#a8ef2a' },
  { light: '#7d0a0a', dark: '#bfa386' },
  { light: '#5f4560', dark: '#35f0ea' },
] as const;
const DASHES: CellStyle['dash'][] = ['solid', 'dash', 'dot', 'dashdot', 'longdash'];

const NAMES: Partial<Record<string, (value: unknown) => string>> = {
  patch: (value) => `${String(value)}×${String(value)}`,
  lambda: (value) => `λ ${String(value)}`,
  gamma: (value) => `γ ${String(value)}`,
  disc_filters: (value) => `discriminator filters ${String(value)}`,
  disc_layers: (value) => `discriminator layers ${String(value)}`,
};

export function parameterText(name: string, value: unknown): string {
  return NAMES[name]?.(value) ?? `${name} ${String(value)}`;
}

/** Value of a parameter by its name; trainers of others may know names that ours does not. */
export function parameter(trial: TrialRecord, name: string): unknown {
  return (trial.parameters as unknown as Record<string, unknown>)[name];
}

export function cellsOf(sweep: SweepRecord): Cell[] {
  const groups = new Map<string, TrialRecord[]>();
  for (const trial of sweep.trials) {
    const id = JSON.stringify(sweep.varied.map((name) => parameter(trial, name)));
    groups.set(id, [...(groups.get(id) ?? []), trial]);
  }
  const named = sweep.varied.length > 0 ? sweep.varied : (['patch', 'batch'] as const);
  const byPatch = sweep.varied.includes('patch');
  const cells = [...groups.values()].map((trials): Omit<Cell, 'style'> => {
    const [first] = trials as [TrialRecord];
    const words = named.filter((name) => parameter(first, name) !== undefined);
    return {
      label: words.map((name) => parameterText(name, parameter(first, name))).join(', ') || 'all trials',
      group: byPatch ? `Patch ${parameterText('patch', first.parameters.patch)}` : null,
      trials,
      done: trials.filter((trial) => trial.status === 'done'),
    };
  });
  const styles = stylesOf(cells.map((cell) => cell.group));
  return cells.map((cell, i) => ({ ...cell, style: styles[i] ?? stylesOf([null])[0]! }));
}

/** Where several cells share a patch size: hue by patch, dash within it. Else a hue and a dash a cell. */
export function stylesOf(groups: readonly (string | null)[]): CellStyle[] {
  const patches = [...new Set(groups)];
  const most = Math.max(0, ...patches.map((patch) => groups.filter((group) => group === patch).length));
  const factorial =
    patches.length > 1 && patches.length <= COLOURS.length && most > 1 && most <= DASHES.length;
  const seen = new Map<string | null, number>();
  return groups.map((group, i) => {
    const within = seen.get(group) ?? 0;
    seen.set(group, within + 1);
    const colour = factorial ? patches.indexOf(group) : i;
    const dash = factorial ? within : i + Math.floor(i / COLOURS.length);
    return { ...COLOURS[colour % COLOURS.length]!, dash: DASHES[dash % DASHES.length]! };
  });
}

/** Sets of varied parameters that change together in every cell, so that their effects cannot be told apart. */
export function changingTogether(sweep: SweepRecord): string[][] {
  const columns = new Map<string, string[]>();
  for (const name of sweep.varied) {
    const values = sweep.trials.map((trial) => JSON.stringify(parameter(trial, name)));
    const kinds = [...new Set(values)];
    if (kinds.length < 2) continue;
    // Two parameters change together when they part the trials in the same way. Of numbers that each trial drew for itself
    // that says nothing: they must also rise, or fall, with each other.
    const parts = values.map((value) => kinds.indexOf(value)).join(' ');
    const order = kinds.length > 3 ? risingOrder(kinds) : '';
    columns.set(parts + order, [...(columns.get(parts + order) ?? []), name]);
  }
  return [...columns.values()].filter((names) => names.length > 1);
}

/** The same for numbers that rise together or against each other; empty for words. */
function risingOrder(kinds: readonly string[]): string {
  const numbers = kinds.map(Number);
  if (numbers.some(Number.isNaN)) return '';
  const sorted = [...numbers].sort((a, b) => a - b);
  const ranks = numbers.map((one) => sorted.indexOf(one));
  const rising = ranks[0]! < ranks[1]!;
  return ` ${ranks.map((rank) => (rising ? rank : ranks.length - 1 - rank)).join(' ')}`;
}

/** Why a trial is not among the means. */
export function unfinished(sweep: SweepRecord): TrialRecord[] {
  return sweep.trials.filter((trial) => trial.status !== 'done');
}

/** The parameters of each setting. */
export function settingsOf(cells: readonly Cell[]): ParameterValues[] {
  return cells.map(({ trials }) => trials[0]!.parameters as unknown as ParameterValues);
}

/** Parameters in which settings differ, with the value of each. */
export function factorsOf(cells: readonly Cell[], sweep: SweepRecord) {
  return sweep.varied
    .map((name) => ({
      name: String(name),
      levels: cells.map(({ trials }) => parameter(trials[0]!, name) ?? null),
    }))
    .filter(({ levels }) => new Set(levels).size > 1);
}
