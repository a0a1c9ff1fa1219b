/** @file Memory that a trial asks Slurm for. Pure. */
import type { JournalEntry } from '../../journal.js';

const MEBIBYTE = 2 ** 20;
/** A prediction is off by some tenths, and the wrapper and the images' decoders need their share. */
const MARGIN = 1.4;
const BESIDE = 512;
/** Trials whose needs differ by less go in one array. */
const STEP = 512;

/**
 * Mebibytes: what the sweep file says, or the prediction with a margin; twice as much for each time that the trial ran out before.
 * @param predicted bytes at its peak; null: not known
 */
export function memoryFor(
  setting: 'auto' | 'off' | number,
  predicted: number | null,
  journal: readonly JournalEntry[],
): number | undefined {
  if (setting === 'off') return undefined;
  const first = setting === 'auto' ? (predicted === null ? undefined : (MARGIN * predicted) / MEBIBYTE + BESIDE) : setting; // prettier-ignore
  if (first === undefined) return undefined;
  const ranOut = journal.filter((entry) => entry.t === 'end' && entry.class === 'out-of-memory').length;
  return STEP * Math.ceil((first * 2 ** ranOut) / STEP);
}
