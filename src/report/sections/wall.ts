/** @file Sample pictures. */
import { wallCaption, wallsOf } from '../samples.js';
import type { Section } from '../section.js';

export const wall: Section = {
  name: 'wall',
  title: 'Sample images',
  view: ({ sweep, cells, images, readFile }) => {
    if (!images) return sweep.trials.some(({ samples }) => samples.length > 0) ? { walls: [] } : null;
    const walls = wallsOf(cells, readFile);
    return walls.length > 0 ? { walls, caption: wallCaption(walls) } : null;
  },
};
