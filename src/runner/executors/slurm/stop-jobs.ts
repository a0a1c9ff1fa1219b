/** @file Stops jobs that no runner watches: those that wait are cancelled, those that run save first. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendJournal, openJob, readJournal } from '../../journal.js';
import { GRACE } from '../../stop.js';
import type { SlurmClient } from './client.js';
import { arrayFolder, claimsOf, jobFile, readJson, stopFile } from './files.js';
import { phaseOf } from './queue.js';
import { settleEnded } from './settle.js';
import { pollEvery, settleTime } from './timing.js';

/**
 * The lock of the results folder must be held.
 * @param keys trials of which Slurm has a job
 * @returns how many have not ended, after all that time
 */
export async function stopJobs(
  results: string,
  keys: readonly string[],
  client: SlurmClient,
  say: (message: string) => void,
): Promise<number> {
  const begun = performance.now();
  let cancelled = false;
  let open = [...keys];
  for (let first = true; open.length > 0; first = false) {
    const rows = await client.queue();
    const byName = new Map((rows ?? []).map((row) => [`${row.name} ${row.task}`, row]));
    const late = performance.now() - begun > GRACE + settleTime();
    const toCancel: string[] = [];
    for (const key of open) {
      const job = openJob(readJournal(results, key));
      if (job === undefined) continue;
      const { token, task, attempt } = job;
      const folder = arrayFolder(results, token);
      if (first && fs.existsSync(folder)) fs.writeFileSync(stopFile(folder, task), '');
      const row = byName.get(`${token} ${task}`);
      const phase = row === undefined ? 'ended' : phaseOf(row);
      const id = row?.array ?? readJson<{ id: number }>(jobFile(folder))?.id;
      const ended = rows !== undefined && phase === 'ended' && late;
      if (id !== undefined && phase !== 'ended' && (phase === 'waiting' || (late && !cancelled))) toCancel.push(`${id}_${task}`); // prettier-ignore
      const waits = phase === 'waiting' || (rows !== undefined && phase === 'ended' && claimsOf(results, { key, token, task, from: attempt }).length === 0); // prettier-ignore
      if (waits || ended) appendJournal(results, key, { t: 'dequeued', attempt, wall: Date.now() / 1000, reason: 'sweep stop' }); // prettier-ignore
    }
    if (rows === undefined && first)
      say('Slurm does not answer: running trials see the request all the same.');
    cancelled ||= late;
    if (toCancel.length > 0) {
      const answer = await client.cancel(toCancel);
      if (answer.t !== 'ok') say(`scancel: ${answer.message}`);
    }
    open = open.filter((key) => settleEnded(results, key) !== undefined);
    if (first)
      say(`${keys.length - open.length} jobs that waited are cancelled; ${open.length} save and leave.`);
    if (performance.now() - begun > GRACE + 3 * settleTime()) break;
    if (open.length > 0) await sleep(pollEvery());
  }
  return open.length;
}
