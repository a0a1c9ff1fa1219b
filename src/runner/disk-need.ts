/** @file Whether a sweep's checkpoints and samples have room: before it starts, and while it runs. Pure. */

/** Sample pictures, events and logs of a trial, bytes: 28 pictures of 256 pixels a side and 200 metric events are about 3 MB. */
const BESIDE = 4e6;
/** Left free for what is not foreseen, bytes. */
const RESERVE = 64e6;

export interface DiskNeed {
  /** What all trials leave behind: the last checkpoint, the best, and those asked for. */
  all: number;
  /** What those that run at once need at most: a new checkpoint is whole before an old one goes. */
  atOnce: number;
  /** With less than this free, those that run can no longer be sure to save. */
  floor: number;
  trials: number;
  /** Bytes of the largest checkpoint. */
  largest: number;
}

/**
 * @param checkpoints bytes of one checkpoint, of each trial that is to run
 * @param asked checkpoints that the sweep file keeps beside the last and the best
 * @param most trials that run at once
 */
export function diskNeed(checkpoints: readonly number[], asked: number, most: number): DiskNeed {
  const kept = 2 + asked;
  const sorted = [...checkpoints].sort((a, b) => b - a);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const running = sorted.slice(0, most);
  return {
    all: sum(sorted.map((bytes) => kept * bytes + BESIDE)) + sum(running),
    atOnce: sum(running.map((bytes) => (kept + 1) * bytes + BESIDE)) + RESERVE,
    floor: sum(running) + RESERVE,
    trials: checkpoints.length,
    largest: sorted[0] ?? 0,
  };
}

/** Why a sweep cannot start, or what its user should know; undefined where there is room, or where nobody can tell. */
export function judgeSpace(
  need: DiskNeed,
  free: number | undefined,
): { refuse: boolean; message: string } | undefined {
  if (free === undefined || free >= need.all + RESERVE) return undefined;
  const refuse = free < Math.min(need.atOnce, need.all + RESERVE);
  const what = `up to ${megabytes(need.all)} (${need.trials} trial${need.trials === 1 ? '' : 's'} with checkpoints of up to ${megabytes(need.largest)}), and ${megabytes(free)} are free`;
  return {
    refuse,
    message: refuse
      ? `The disk has no room for this sweep: it takes ${what}; the trials that run at once need ${megabytes(need.atOnce)}.\n` +
        'Make room, give another folder with --results DIR, or keep fewer checkpoints (checkpoints: {keep: [...]}).'
      : `the disk may not hold all of this sweep: it takes ${what}; with less than ${megabytes(need.floor)} free it stops, and goes on when there is room`,
  };
}

/** Why a running sweep must stop now, while its trials can still save; undefined while there is room. */
export function spaceLow({ floor }: DiskNeed, free: number | undefined): string | undefined {
  if (free === undefined || free >= floor) return undefined;
  return `The disk is nearly full: ${megabytes(free)} are free, and the running trials need ${megabytes(floor)} to be sure to save. Make room and run the same command again.`;
}

function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
