/** @file By what the curves can be grouped: the settings, any varied parameter, the seed; each group with its colour and dash. */
import type { SweepRecord } from '../../store/queries.js';
import { parameter, parameterText, stylesOf, type Cell, type CellStyle } from '../cells.js';
import { capital } from '../format.js';

export interface Grouping {
  id: string;
  label: string;
  groups: (CellStyle & { label: string; /** Places in the sweep's list of trials. */ trials: number[] })[];
}

/** More groups than these are no picture but a tangle: another grouping comes first then. */
const MOST_TO_BEGIN_WITH = 12;

/** The first is what the page begins with. */
export function groupingsOf(sweep: SweepRecord, cells: readonly Cell[]): Grouping[] {
  const places = new Map(sweep.trials.map((trial, place) => [trial, place]));
  const settings: Grouping = {
    id: 'setting',
    label: 'Setting',
    groups: cells.map(({ label, style, trials }) => ({
      ...style,
      label,
      trials: trials.map((trial) => places.get(trial)!),
    })),
  };
  const varied = sweep.varied.map((name) =>
    groupingBy(sweep, `parameter-${name}`, capital(name.replaceAll('_', ' ')), (place) => {
      const value = parameter(sweep.trials[place]!, name);
      return value === undefined ? `no ${name}` : parameterText(name, value);
    }),
  );
  const seeds = groupingBy(sweep, 'seed', 'Seed', (place) => `seed ${sweep.trials[place]!.seed}`);
  const useful = [settings, ...varied, seeds].filter(
    ({ id, groups }) => id === 'setting' || groups.length > 1,
  );
  const first = useful.find(({ groups }) => groups.length <= MOST_TO_BEGIN_WITH) ?? settings;
  return [first, ...useful.filter((one) => one !== first)];
}

function groupingBy(
  sweep: SweepRecord,
  id: string,
  label: string,
  nameOf: (place: number) => string,
): Grouping {
  const groups = new Map<string, number[]>();
  sweep.trials.forEach((_, place) =>
    groups.set(nameOf(place), [...(groups.get(nameOf(place)) ?? []), place]),
  );
  const styles = stylesOf([...groups].map(() => null));
  return {
    id,
    label,
    groups: [...groups].map(([name, trials], i) => ({ ...styles[i]!, label: name, trials })),
  };
}
