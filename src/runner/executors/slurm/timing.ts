/** @file How often Slurm and the shared folder are looked at, and how long is waited for what may come late. Tests are in more of a hurry. */

export const POLL_VARIABLE = 'SWEEP_SLURM_POLL';

/** Milliseconds between two looks: one call of squeue for all jobs. */
export function pollEvery(): number {
  const seconds = Number(process.env[POLL_VARIABLE]);
  return seconds > 0 ? 1000 * seconds : 5000;
}

/** A file that a task wrote as it ended may be seen later than its end: network file systems remember what was not there. Milliseconds. */
export function settleTime(): number {
  return 6 * pollEvery();
}

/** After so many milliseconds without a sign of life an attempt is dead; it says that it lives every five seconds. */
export function patience(): number {
  return Math.max(12_000, 6 * pollEvery());
}
