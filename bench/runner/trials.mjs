/** @file The trials of the ingest benchmark: their keys, their files, their metrics. */
import { eventsFile } from '../../dist/runner/layout.js';

export const NAMES = [
  'loss/D',
  'loss/D_x',
  'loss/D_y',
  'loss/G',
  'loss/G_adv',
  'loss/F_adv',
  'loss/cycle',
  'loss/identity',
  'd/acc_real',
  'd/acc_fake',
];

export function keys(trials) {
  return Array.from({ length: trials }, (_, at) => `trial${at}`);
}

export function eventsFiles(results, trials) {
  return keys(trials).map((key) => eventsFile(results, key, 1));
}
