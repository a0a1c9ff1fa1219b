/** @file What no number on the page can show. */
import type { Section } from '../section.js';

export const warning: Section = {
  name: 'warning',
  title: 'For study and training data, not for diagnosis',
  view: () => ({}),
};
