/** @file Writes down how jobs ended that no runner watched, for who does not go on with them. */
import { appendJournal, entriesOf, openJob, readJournal, type QueuedEntry } from '../../journal.js';
import { endToldByEvents } from '../../recover.js';
import { claimsOf, readResult } from './files.js';

/**
 * Writes the ends of a trial's attempts that its tasks have told into its journal.
 * @returns what Slurm still has of it, as far as its files tell
 */
export function settleEnded(results: string, key: string): QueuedEntry | undefined {
  const journal = readJournal(results, key);
  const open = openJob(journal);
  if (open === undefined) return undefined;
  const claims = claimsOf(results, { key, token: open.token, task: open.task, from: open.attempt });
  for (const { attempt, claim } of claims) {
    const result = readResult(results, key, attempt);
    if (result === undefined || entriesOf(journal, attempt).some(({ t }) => t === 'end')) continue;
    const { wall, device, threads, resume, job, node } = claim;
    if (!entriesOf(journal, attempt).some(({ t }) => t === 'attempt'))
      appendJournal(results, key, { t: 'attempt', attempt, wall, device, threads, resume, where: `${job} on ${node}` }); // prettier-ignore
    const end = endToldByEvents(results, key, attempt);
    const again = attempt < (claims.at(-1)?.attempt ?? 0) || (result.requeue && end.outcome !== 'done');
    const requeued = { t: 'requeued', attempt, wall: result.ended, reason: end.reason, count: result.restart + 1 } as const; // prettier-ignore
    appendJournal(
      results,
      key,
      { t: 'end', attempt, wall: result.ended, ...end },
      ...(again ? [requeued] : []),
    );
  }
  return openJob(readJournal(results, key));
}
