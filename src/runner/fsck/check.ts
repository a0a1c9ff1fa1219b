/**
 * @file Checks the invariants of a results folder (DESIGN section 7): that what the files say is in the database, once. Reads only; beside
 * a live runner it judges what that runner has stored so far, and says what it had to leave out.
 */
import fs from 'node:fs';
import path from 'node:path';
import { asc, eq } from 'drizzle-orm';
import { messageOf, systemCode, UserError } from '../../errors.js';
import { databasePath, openForReading, type Db } from '../../store/open.js';
import { databaseFolder, isShared } from '../../store/place.js';
import type { TrialEvent } from '../../protocol.js';
import { attempts, sweeps, sweepTrials, trials } from '../../store/schema.js';
import { parseEvent } from '../ingest.js';
import { entriesOf, readJournal, type JournalEntry } from '../journal.js';
import { eventsFile, listAttempts, listRemoved, listSweeps, listTrials } from '../layout.js';
import { liveRunner } from '../lock.js';
import { readSweepRecord, readTrialEntry } from '../recover.js';
import { deadReservations } from '../registry.js';
import { findStrays } from '../strays.js';
import { checkJournal, checkNamedFiles, wholeLines } from './files.js';
import { GO_ON, REBUILD, type Finding, type Report } from './finding.js';
import { beyond, expectedRows, storedRows } from './rows.js';

export interface Check {
  findings: Finding[];
  /** Absolute path of the database: in the results folder, or on this machine's own disk where machines share the folder. */
  database: string;
  /** Process id of the runner that works in the folder while it is checked. */
  runner: string | undefined;
  /** What was looked at. */
  trials: number;
  attempts: number;
  events: number;
  rows: number;
  /** What could not be judged, in words. */
  unjudged: string[];
}

type Attempt = typeof attempts.$inferSelect;
type Trial = typeof trials.$inferSelect;

interface Work {
  results: string;
  db: Db;
  check: Check;
  report: Report;
}

/** @throws the system's error if the folder cannot be read */
export function checkResults(results: string): Check {
  const findings: Finding[] = [];
  const runner = liveRunner(results);
  const database = databasePath(results);
  const check: Check = {
    findings,
    database,
    runner,
    trials: 0,
    attempts: 0,
    events: 0,
    rows: 0,
    unjudged: [],
  };
  const report: Report = (finding) => findings.push(finding);
  if (runner !== undefined) check.unjudged.push(`what runner ${runner} has not stored yet`);
  else checkProcesses(results, report);
  checkRegistry(report);
  checkOldDatabase(results, report);

  const opened = openDatabase(results, report);
  if (opened === undefined) return check;
  try {
    // One transaction: all of the database is of one instant.
    opened.db.transaction((db) => {
      const work: Work = { results, db: db as unknown as Db, check, report };
      checkSweeps(work);
      checkTrials(work);
    });
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined || !code.startsWith('SQLITE_')) throw error;
    const mend = `${REBUILD}; so does the next sweep run`;
    if (/no such table: sweeps/.test(messageOf(error)))
      report({ ...unusable('it holds nothing: it was killed while it was made'), code: 'no-database', mend });
    else if (/no such (table|column)/.test(messageOf(error))) {
      check.unjudged.push('the database');
      const what = 'it is of an earlier version';
      report({ level: 'unfinished', code: 'database-old', where: 'sweep.db', what, mend: `${GO_ON}: it is brought up to date first` }); // prettier-ignore
    } else report(unusable(`it cannot be read: ${messageOf(error)}`));
  } finally {
    opened.close();
  }
  return check;
}

function unusable(what: string): Finding {
  return { level: 'damaged', code: 'database-damaged', where: 'sweep.db', what, mend: REBUILD };
}

function checkOldDatabase(results: string, report: Report): void {
  if (databaseFolder(results) === results || !fs.existsSync(path.join(results, 'sweep.db'))) return;
  const what = 'it is from the time before machines shared the folder, and nothing reads it any more';
  report({ level: 'note', code: 'database-unused', where: 'sweep.db', what, mend: 'remove it, and sweep.db-wal and sweep.db-shm' }); // prettier-ignore
}

function openDatabase(results: string, report: Report) {
  const file = databasePath(results);
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size;
  const wal = fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (size === undefined || (size === 0 && wal === 0)) {
    const what = size === undefined ? 'there is none' : 'the file is empty';
    report({ ...unusable(what), code: 'no-database', mend: `${REBUILD}; so does the next sweep run` });
    return undefined;
  }
  try {
    const opened = openForReading(results);
    const faults = opened.faults();
    if (faults.length === 0) return opened;
    opened.close();
    report(unusable(`SQLite finds it damaged: ${faults.slice(0, 3).join('; ')}`));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined || !code.startsWith('SQLITE_')) throw error;
    report(unusable(`it cannot be opened: ${messageOf(error)}`));
  }
  return undefined;
}

function checkProcesses(results: string, report: Report): void {
  for (const { pid, key } of findStrays(results)) {
    report({
      level: 'damaged',
      code: 'stray',
      where: `trial ${key}`,
      what: `process ${pid} runs, and no runner holds it`,
      mend: `wait some seconds, for a trial whose runner was killed saves and leaves; else ${GO_ON}, which ends it, or kill ${pid}`,
    });
  }
}

function checkRegistry(report: Report): void {
  const where = 'devices of this machine';
  try {
    const dead = deadReservations();
    if (dead === 0) return;
    const what = `${dead} reservation${dead === 1 ? ' is' : 's are'} of processes that are gone`;
    report({ level: 'note', code: 'reservation-dead', where, what, mend: 'nothing: they count for nothing, and the next sweep run removes them' }); // prettier-ignore
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [what = '', ...mend] = error.message.split('. ');
    report({ level: 'damaged', code: 'registry-damaged', where, what, mend: mend.join('. ') });
  }
}

/** Each sweep's record and its rows say the same. The record is written first: where it is newer, the runner was killed in between. */
function checkSweeps({ results, db, check, report }: Work): void {
  const stored = db.select().from(sweeps).all();
  const names = listSweeps(results);
  for (const { name } of stored.filter((row) => !names.includes(row.name))) {
    report({
      level: 'damaged',
      code: 'record-missing',
      where: `sweep ${name}`,
      what: `sweeps/${name}/sweep.json is gone; the database alone knows which trials it holds`,
      mend: 'run its sweep file again, which writes the record',
    });
  }
  for (const name of names) {
    const where = `sweep ${name}`;
    const record = readSweepRecord(results, name);
    if (typeof record === 'string') {
      const mend = 'run its sweep file again, which writes the record anew';
      report({ level: 'damaged', code: 'record-broken', where, what: `sweeps/${name}/sweep.json cannot be read: ${record}`, mend }); // prettier-ignore
      continue;
    }
    const row = stored.find((each) => each.name === name);
    const held = db
      .select({ key: trials.key })
      .from(sweepTrials)
      .innerJoin(trials, eq(trials.id, sweepTrials.trial))
      .where(eq(sweepTrials.sweep, row?.id ?? -1))
      .orderBy(asc(sweepTrials.position))
      .all();
    const { question, source, varied, updated } = record.sweep;
    const keys = record.trials.map(({ key }) => key);
    const same =
      row !== undefined &&
      JSON.stringify([row.question, row.source, row.varied, held.map(({ key }) => key)]) ===
        JSON.stringify([question, source, varied, keys]);
    if (same) continue;
    if (check.runner !== undefined) check.unjudged.push(where);
    else if (row === undefined || row.updated < updated)
      report({ level: 'unfinished', code: 'sweep-behind', where, what: 'the database lacks its last change', mend: GO_ON }); // prettier-ignore
    else report({ level: 'damaged', code: 'sweep-differs', where, what: 'record and database differ', mend: REBUILD }); // prettier-ignore
  }
}

function checkTrials(work: Work): void {
  const { results, db, check, report } = work;
  const rows = db.select().from(trials).all();
  const held = new Set(db.select({ trial: sweepTrials.trial }).from(sweepTrials).all().map(({ trial }) => trial)); // prettier-ignore
  const folders = listTrials(results);
  for (const key of folders) {
    const row = rows.find((each) => each.key === key);
    if (row === undefined && check.runner === undefined) {
      report({
        level: 'unfinished',
        code: 'trial-unknown',
        where: `trial ${key}`,
        what: 'the database does not know it',
        mend: `${GO_ON}, or ${REBUILD}`,
      });
    } else if (row !== undefined && !held.has(row.id)) {
      report({
        level: 'note',
        code: 'trial-orphan',
        where: `trial ${key}`,
        what: 'no sweep holds it any more',
        mend: `nothing; if it is not wanted, remove trials/${key}`,
      });
    }
  }
  for (const folder of check.runner === undefined ? listRemoved(results) : []) {
    report({
      level: 'note',
      code: 'leftover',
      where: `trials/${path.basename(folder)}`,
      what: 'its removal was killed',
      mend: 'nothing; the next sweep rm or sweep gc removes it',
    });
  }
  for (const row of rows) checkTrial(work, row);
  check.trials = rows.length;
}

function checkTrial(work: Work, trial: Trial): void {
  const { results, db, check, report } = work;
  const { key } = trial;
  const where = `trial ${key}`;
  const stored = db.select().from(attempts).where(eq(attempts.trial, trial.id)).orderBy(asc(attempts.attempt)).all(); // prettier-ignore
  const there = listAttempts(results, key);
  const live = check.runner !== undefined;
  const journal = there.length === 0 ? [] : readJournal(results, key);
  if (there.length > 0) {
    const entry = readTrialEntry(results, key);
    const what = typeof entry === 'string' ? `config.json cannot be read: ${entry}` : undefined;
    if (what !== undefined) report({ level: 'damaged', code: 'config-broken', where, what, mend: GO_ON });
    checkJournal(results, key, journal.length, report);
  }
  for (const { attempt } of stored.filter((row) => !there.includes(row.attempt))) {
    report({
      level: 'damaged',
      code: 'attempt-gone',
      where: `${where} attempt ${attempt}`,
      what: 'its files are gone; the database alone holds what was read from them',
      mend: 'put the folder back; the next sweep run forgets the attempt, and runs the trial again unless another one finished it',
    });
  }
  const events: TrialEvent[] = [];
  for (const attempt of there) {
    const row = stored.find((each) => each.attempt === attempt);
    events.push(...checkAttempt(work, trial, attempt, row, entriesOf(journal, attempt))); // prettier-ignore
  }
  if (!live) checkNamedFiles(results, key, events, journal, report);
  checkStatus(work, trial, stored, journal);
}

/** @returns the events of its whole lines */
function checkAttempt(
  { results, db, check, report }: Work,
  { id, key }: Trial,
  attempt: number,
  row: Attempt | undefined,
  journal: JournalEntry[],
): TrialEvent[] {
  const where = `trial ${key} attempt ${attempt}`;
  const file = eventsFile(results, key, attempt);
  const over = row?.outcome != null;
  if (!over && check.runner === undefined) {
    const unknown =
      row === undefined ? 'the database does not know it yet' : 'nobody wrote down how it ended';
    // In a folder that machines share a trial may run elsewhere, and its runner has left on purpose.
    const what = isShared(results)
      ? 'it has not ended, or no runner looked since'
      : `${unknown}: its runner was killed`;
    report({ level: 'unfinished', code: 'attempt-open', where, what, mend: GO_ON });
  }
  if (row === undefined) return [];
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size < row.ingested) {
    const what = `events.ndjson has ${size} bytes, ${row.ingested} were read from it: it was cut off`;
    report({ level: 'damaged', code: 'events-short', where, what, mend: 'put the file back as it was' });
    return [];
  }
  const events = wholeLines(file, over ? Infinity : row.ingested).map(parseEvent);
  const [expected, there] = [expectedRows(events), storedRows(db, id, attempt)];
  const missing = beyond(expected, there);
  // What an events file said before it was shortened or replaced stays.
  const extra = row.rewritten > 0 ? [] : beyond(there, expected);
  check.attempts++;
  check.events += events.length;
  check.rows += [...there.values()].reduce((sum, count) => sum + count, 0);
  const damaged = (code: string, what: string) =>
    report({ level: 'damaged', code, where, what, mend: REBUILD });
  if (missing.length > 0)
    damaged('rows-missing', `${missing.length} rows that its events tell are not in the database, the first is ${missing[0]}`); // prettier-ignore
  if (extra.length > 0)
    damaged('rows-extra', `${extra.length} rows of the database stand in no line of its events, the first is ${extra[0]}`); // prettier-ignore
  checkEnd(
    row,
    journal,
    events.some(({ t }) => t === 'done'),
    damaged,
  );
  return events;
}

/** Journal, events and database agree on how an attempt began and ended. */
function checkEnd(
  row: Attempt,
  journal: JournalEntry[],
  saidDone: boolean,
  damaged: (code: string, what: string) => void,
): void {
  const begun = journal.findLast((entry) => entry.t === 'attempt');
  if (begun?.t === 'attempt' && begun.wall !== row.started)
    damaged('attempt-differs', 'journal and database give it two beginnings');
  if (row.outcome === null) return;
  const ends = journal.filter((entry) => entry.t === 'end');
  const end = ends.at(-1);
  if (end === undefined) return damaged('end-missing', `the database says ${row.outcome}, its journal tells no end`); // prettier-ignore
  if (new Set(ends.map(({ outcome }) => outcome)).size > 1)
    damaged('two-ends', `its journal tells two ends: ${ends.map(({ outcome }) => outcome).join(', ')}`);
  const told = [
    end.outcome,
    end.class ?? null,
    end.reason,
    end.exitCode,
    end.signal,
    end.lastLines ?? null,
    end.wall,
  ];
  // A decision to stop it early, made while or after it ran, has the last word.
  const early = journal.some((entry) => entry.t === 'early-stop');
  if (row.outcome === 'early-stopped' && early && (end.outcome === 'stopped' || end.outcome === 'lost'))
    return;
  if (JSON.stringify(told) !== JSON.stringify([row.outcome, row.class, row.reason, row.exitCode, row.signal, row.lastLines, row.ended]))
    damaged('end-differs', `its journal says ${end.outcome} (${end.reason}), the database ${row.outcome} (${row.reason})`); // prettier-ignore
  // A program may write that it is done and yet end with an error: then it is not.
  if (saidDone && row.outcome === 'failed' && row.exitCode) return;
  if (saidDone !== (row.outcome === 'done'))
    damaged('done-differs', saidDone ? `it wrote that it is done, and is stored as ${row.outcome}` : 'it is stored as done, and never wrote so'); // prettier-ignore
}

/** A trial is what its last attempt made of it, and nothing that was finished ran again. */
function checkStatus(
  { check, report }: Work,
  trial: Trial,
  stored: Attempt[],
  journal: JournalEntry[],
): void {
  const where = `trial ${trial.key}`;
  const last = stored.at(-1);
  const running = last?.outcome === null;
  const again = journal.some((entry) => entry.t === 'retry' && entry.attempt === last?.attempt);
  const open = last === undefined || last.outcome === 'lost' || again;
  const expected = open ? 'pending' : (last.outcome ?? 'running');
  const early = trial.status === 'early-stopped' && journal.some((entry) => entry.t === 'early-stop');
  if (trial.status !== expected && !early && !(running && check.runner === undefined)) {
    const what = `it is stored as ${trial.status}, its last attempt makes it ${expected}`;
    report({ level: 'damaged', code: 'status-differs', where, what, mend: REBUILD });
  }
  const finished = stored.find(({ outcome }) => outcome === 'done');
  if (finished !== undefined && finished !== last) {
    const what = `attempt ${finished.attempt} finished it, and attempt ${last!.attempt} ran it again`;
    report({
      level: 'damaged',
      code: 'repeated',
      where,
      what,
      mend: 'please report this: it must not happen',
    });
  }
}
