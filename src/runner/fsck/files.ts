/** @file What a check finds in a trial's own files: its journal, its checkpoints, its samples. */
import fs from 'node:fs';
import path from 'node:path';
import type { TrialEvent } from '../../protocol.js';
import { checkpointFault } from '../checkpoints.js';
import type { JournalEntry } from '../journal.js';
import { journalFile, trialDirectory } from '../layout.js';
import { GO_ON, type Report } from './finding.js';

/** Whole lines of a file up to a byte; what follows the last newline is half a line, which a kill left. */
export function wholeLines(file: string, bytes = Infinity): string[] {
  if (!fs.existsSync(file)) return [];
  const read = fs.readFileSync(file);
  const whole = read.subarray(0, Math.min(bytes, read.lastIndexOf(0x0a) + 1));
  return whole
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** Lines of the journal that cannot be read are told: each is one decision that a killed runner had half written. */
export function checkJournal(results: string, key: string, readable: number, report: Report): void {
  const torn = wholeLines(journalFile(results, key)).length - readable;
  if (torn <= 0) return;
  report({
    level: 'note',
    code: 'journal-torn',
    where: `trial ${key}`,
    what: `runner.ndjson has ${torn} line${torn === 1 ? '' : 's'} that a kill tore`,
    mend: 'nothing: what the line was to say was found out again',
  });
}

/** Checkpoints that lie there are whole, the last one that was announced lies there (or a later one), and so do the samples. */
export function checkNamedFiles(
  results: string,
  key: string,
  events: readonly TrialEvent[],
  journal: readonly JournalEntry[],
  report: Report,
): void {
  const folder = trialDirectory(results, key);
  const where = `trial ${key}`;
  const checkpoints = path.join(folder, 'checkpoints');
  const there = fs.existsSync(checkpoints) ? fs.readdirSync(checkpoints) : [];
  for (const name of there) {
    const fault = name.startsWith('broken-') ? undefined : checkpointFault(path.join(checkpoints, name));
    const older = there.some((other) => kindOf(other) === kindOf(name) && stepOf(other) > stepOf(name));
    if (name.startsWith('.') || (fault !== undefined && older)) {
      report({
        level: 'note',
        code: 'leftover',
        where,
        what: `checkpoints/${name} is a checkpoint that a kill left half written or half removed`,
        mend: 'nothing: the trial’s next checkpoint removes it, and so does sweep gc',
      });
    } else if (fault !== undefined) {
      report({
        level: 'damaged',
        code: 'checkpoint-broken',
        where,
        what: `checkpoints/${name} is not whole: ${fault}`,
        mend: `${GO_ON}: it sets the checkpoint aside and takes the one before it, or begins anew`,
      });
    }
  }
  const named = events.filter((event) => event.t === 'checkpoint').findLast(({ kind }) => kind === 'last');
  const removed = journal.flatMap((entry) => (entry.t === 'removed' ? entry.checkpoints : []));
  if (
    named !== undefined &&
    !removed.includes(named.path) &&
    !there.some((name) => kindOf(name) === 'step-' && stepOf(name) >= stepOf(named.path))
  ) {
    report({
      level: 'damaged',
      code: 'checkpoint-missing',
      where,
      what: `its last checkpoint, ${named.path}, is gone`,
      mend: `put it back; else ${GO_ON}, and an unfinished trial begins anew`,
    });
  }
  const missing = events
    .filter((event) => event.t === 'sample')
    .filter((sample) => !fs.existsSync(path.join(folder, sample.path)));
  if (missing.length > 0) {
    report({
      level: 'damaged',
      code: 'sample-missing',
      where,
      what: `${missing.length} sample images are gone, the first is ${missing[0]!.path}`,
      mend: 'put them back; the report leaves out what is missing',
    });
  }
}

/** `checkpoints/step-40` and `best-step-40` are of step 40; -1 for another name. */
function stepOf(file: string): number {
  return Number(/step-(\d+)$/.exec(file)?.[1] ?? -1);
}

/** `step-` of `step-40`. */
function kindOf(name: string): string {
  return name.replace(/\d+$/, '');
}
