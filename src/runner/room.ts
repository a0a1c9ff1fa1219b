/** @file How much memory is free for another trial, when those that run may still grow to what was predicted for them. Pure. */

/** A trial that runs: bytes predicted for its peak and held now; null: not known. */
export interface Holder {
  predicted: number | null;
  held: number | null;
}

/** Free memory without what the trials that run have yet to take. Of one that nobody can measure, that is all of it. */
export function hostRoom(available: number, holders: readonly Holder[]): number {
  return available - sum(holders.map(({ predicted, held }) => Math.max(0, (predicted ?? 0) - (held ?? 0))));
}

/**
 * The same for a GPU. Its driver tells who holds how much by process, but not in a container: what no process is known to hold
 * is then put down to trials of ours that are not seen to hold any, up to what was predicted for them.
 * @param used bytes in use, by anybody
 * @param foreign bytes that processes hold which are known and none of ours
 */
export function deviceRoom(
  { whole, used }: { whole: number; used: number },
  holders: readonly Holder[],
  foreign: number,
): number {
  const seen = holders.filter(({ held }) => held !== null);
  const unseen = holders.filter(({ held }) => held === null);
  const unexplained = Math.max(0, used - foreign - sum(seen.map(({ held }) => held!)));
  // One of which nothing is known may yet take all.
  const toCome = sum(seen.map(({ predicted, held }) => Math.max(0, (predicted ?? whole) - held!)));
  return (
    whole - used - toCome - Math.max(0, sum(unseen.map(({ predicted }) => predicted ?? whole)) - unexplained)
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
