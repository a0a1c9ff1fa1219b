/** @file A larger grid as a whole: every trial as a line, what goes with which parameter, two parameters crossed. */
import { heatMaps } from '../figures/heat-map.js';
import { importanceFigure } from '../figures/importance.js';
import { parallelFigure } from '../figures/parallel.js';
import { count, list } from '../format.js';
import { outcomesOf } from '../outcomes.js';
import type { Section } from '../section.js';

export const grid: Section = {
  name: 'grid',
  title: 'The grid as a whole',
  view: ({ sweep, cells }) => {
    const outcomes = outcomesOf(sweep.trials);
    const heat = heatMaps(sweep, outcomes);
    const importance = cells.length >= 4 ? importanceFigure(sweep, outcomes) : null;
    const parallel = parallelFigure(sweep, cells, outcomes);
    if (heat.length === 0 && importance === null && parallel === null) return null;
    const losses = sweep.varied.includes('patch') && outcomes.some(({ name }) => name.startsWith('loss/'));
    return {
      heat,
      importance,
      together: importance && importance.together.length > 0 ? list(importance.together) : '',
      parallel,
      left: parallel && parallel.left > 0 ? count(parallel.left, 'trial') : '',
      losses,
      data: parallel?.data ?? null,
    };
  },
};
