/** @file What tasks of Slurm have told and no runner has written down: for who looks at a trial while nobody watches it. */
import {
  appendJournal,
  entriesOf,
  openJob,
  readJournal,
  type JournalEntry,
  type QueuedEntry,
} from '../../journal.js';
import { endToldByEvents } from '../../recover.js';
import { claimsOf, readResult } from './files.js';

/** A trial's journal, and what the tasks' own files say beyond it. Writes nothing. */
export function readWholeJournal(results: string, key: string): JournalEntry[] {
  const journal = readJournal(results, key);
  return [...journal, ...unwritten(results, key, journal)];
}

/**
 * Writes into a trial's journal what its tasks have told, for who does not go on with them. The lock of the folder must be held.
 * @returns what Slurm still has of it, as far as its files tell
 */
export function settleEnded(results: string, key: string): QueuedEntry | undefined {
  const journal = readJournal(results, key);
  const entries = unwritten(results, key, journal);
  if (entries.length > 0) appendJournal(results, key, ...entries);
  return openJob([...journal, ...entries]);
}

function unwritten(results: string, key: string, journal: readonly JournalEntry[]): JournalEntry[] {
  const open = openJob(journal);
  if (open === undefined) return [];
  const claims = claimsOf(results, { key, token: open.token, task: open.task, from: open.attempt });
  return claims.flatMap(({ attempt, claim }): JournalEntry[] => {
    const written = entriesOf(journal, attempt).map(({ t }) => t);
    const { wall, device, threads, resume, job, node } = claim;
    const entries: JournalEntry[] = [];
    if (!written.includes('attempt'))
      entries.push({ t: 'attempt', attempt, wall, device, threads, resume, where: `${job} on ${node}` });
    const result = readResult(results, key, attempt);
    if (result === undefined || written.includes('end')) return entries;
    const end = endToldByEvents(results, key, attempt);
    entries.push({ t: 'end', attempt, wall: result.ended, ...end });
    const again = attempt < claims.at(-1)!.attempt || (result.requeue && end.outcome !== 'done');
    if (again) entries.push({ t: 'requeued', attempt, wall: result.ended, reason: end.reason, count: claim.restart + 1 }); // prettier-ignore
    return entries;
  });
}
