/** @file What a check of a results folder can find. */

export interface Finding {
  /**
   * `damaged`: something measured is not where it must be, or stands there too often. `unfinished`: a runner was killed, and the
   * next one goes on from there. `note`: in order, and worth knowing.
   */
  level: 'damaged' | 'unfinished' | 'note';
  /** A name for programs, e.g. `rows-missing`. */
  code: string;
  /** e.g. `trial 3fa9c0d1e2b4 attempt 2`; a file is named relative to the results folder. */
  where: string;
  what: string;
  /** What to do about it. */
  mend: string;
}

export type Report = (finding: Finding) => void;

export const REBUILD = 'sweep fsck --rebuild makes the database anew from the trials’ own files';
export const GO_ON = 'sweep run with its sweep file goes on from there';
