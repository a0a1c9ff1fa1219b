/** @file The exam on whole test images. */
import { examTables } from '../exam.js';
import type { Section } from '../section.js';

export const exam: Section = {
  name: 'exam',
  title: 'Whole test images',
  view: ({ cells }) => examTables(cells),
};
