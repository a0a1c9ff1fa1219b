/** @file Losses and metrics as curves, with their means. */
import type { Cell } from '../cells.js';
import { figuresOf } from '../figures/curves.js';
import type { Section } from '../section.js';
import { differenceTable, lossTable } from '../tables.js';

export const curves: Section = {
  name: 'curves',
  title: 'Losses',
  view: ({ sweep, cells }) => {
    const figures = figuresOf(sweep, cells);
    return {
      data: figures.data,
      figures,
      anyFigure: figures.main.length + figures.terms.length > 0,
      legend: legendOf(cells),
      // With many settings the bar would cover what it steers.
      stickyControls: cells.length <= 6,
      singlesOnly: cells.every((cell) => cell.done.length === 0),
      lossTable: lossTable(sweep, cells),
      differenceTable: differenceTable(cells),
    };
  },
};

/** One list of cells, under headings of patch sizes where the patch varies and a size has several cells. */
function legendOf(
  cells: readonly Cell[],
): { group: string | null; cells: { label: string; index: number; dash: string; drawn: boolean }[] }[] {
  const grouped = cells.some((cell, i) => cells.findIndex((one) => one.group === cell.group) !== i);
  const groups = new Map<string | null, { label: string; index: number; dash: string; drawn: boolean }[]>();
  cells.forEach((cell, index) => {
    const group = grouped ? cell.group : null;
    const dash = { solid: 'none', dash: '8 4', dot: '2 3', dashdot: '8 3 2 3', longdash: '14 4' }[
      cell.style.dash
    ];
    const drawn = cell.trials.some((trial) => Object.keys(trial.series).length > 0);
    groups.set(group, [...(groups.get(group) ?? []), { label: cell.label, index, dash, drawn }]);
  });
  return [...groups].map(([group, members]) => ({ group, cells: members }));
}
