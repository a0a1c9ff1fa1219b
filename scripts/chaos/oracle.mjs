/**
 * @file Judges a results folder from raw files, with a parser and queries of its own: nothing of what is judged takes part.
 *
 * lost      a line that the trainer's record holds and the events file lacks; a row that follows from a whole line and is not in the
 *           database; a checkpoint that was saved, and yet a later attempt started before it; at the end an update that no line tells, with
 *           another number than it should have, or a trial that is not finished
 * doubled   rows that no line accounts for; two processes at one trial, or on one GPU, at a time
 * repeated  attempts that began after their trial had written that it was done
 */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { first, next } from './numbers.mjs';

/** Whole lines of a file, without what a kill tore at its end. */
export function wholeLines(file) {
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').split('\n').slice(0, -1).filter(Boolean);
}

/** What the trainers wrote down of themselves: key of the trial, to its entries. */
export function readRecords(folder) {
  return Object.fromEntries(
    fs.readdirSync(folder).map((name) => [name.replace('.ndjson', ''), wholeLines(path.join(folder, name)).map((line) => JSON.parse(line))]), // prettier-ignore
  );
}

/**
 * @param world results and record: folders; trials: what the sweep holds, [{seed, cell, updates}]; ended: whether all must be done,
 *   and in the database
 */
export function judge({ results, record, trials, ended }) {
  const verdict = { rows: 0, lost: 0, doubled: 0, repeated: 0, problems: [] };
  const found = (kind, what) => {
    verdict[kind]++;
    verdict.problems.push(`${kind}: ${what}`);
  };
  const records = readRecords(record);
  const stored = fs.existsSync(path.join(results, 'sweep.db')) ? readDatabase(results) : undefined;
  if (ended && stored === undefined) found('lost', 'there is no database');
  if (ended && Object.keys(records).length !== trials.length)
    found('lost', `${trials.length} trials were asked for, ${Object.keys(records).length} ran`);

  for (const [key, entries] of Object.entries(records)) {
    const attempts = attemptsOf(results, key);
    judgeRecord(key, entries, attempts, found);
    if (stored !== undefined) judgeRows(key, attempts, stored.rows[key] ?? [], ended, found);
    if (ended) {
      judgeWhole(key, attempts, results, trials, found);
      if (stored?.status[key] !== 'done') found('lost', `trial ${key} is ${stored?.status[key]}, not done`);
    }
  }
  verdict.rows = stored?.metrics ?? 0;
  return verdict;
}

function attemptsOf(results, key) {
  const folder = path.join(results, 'trials', key, 'attempts');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).map(Number).sort((a, b) => a - b) : []; // prettier-ignore
  return names.map((attempt) => ({
    attempt,
    lines: wholeLines(path.join(folder, String(attempt), 'events.ndjson')),
  }));
}

/** What the trainer says of itself against what its files say. */
function judgeRecord(key, entries, attempts, found) {
  const there = new Map(attempts.map(({ attempt, lines }) => [attempt, new Set(lines)]));
  let [saved, done] = [0, undefined];
  for (const entry of entries) {
    const where = `trial ${key} attempt ${entry.attempt}`;
    if (entry.t === 'wrote' && !there.get(entry.attempt)?.has(entry.line)) found('lost', `${where}: the line ${entry.line}`); // prettier-ignore
    if (entry.t === 'overlap')
      found('doubled', `${where} ran beside process ${entry.with} of the same trial or GPU`);
    if (entry.t === 'saved') saved = Math.max(saved, entry.step);
    if (entry.t === 'begin' && entry.from < saved) found('lost', `${where} began at ${entry.from}, saved was ${saved}`); // prettier-ignore
    if (entry.t === 'begin' && done !== undefined)
      found('repeated', `${where} began, attempt ${done} was done`);
    if (entry.t === 'done') done = entry.attempt;
  }
}

/** Rows that should follow from the lines, against those that are there. Before the end, lines may wait to be read. */
function judgeRows(key, attempts, stored, ended, found) {
  const left = new Map();
  for (const row of stored) left.set(row, (left.get(row) ?? 0) + 1);
  for (const { attempt, lines } of attempts) {
    for (const row of lines.flatMap((line) => rowsOf(attempt, line))) {
      const count = left.get(row) ?? 0;
      if (count > 0) left.set(row, count - 1);
      else if (ended) found('lost', `trial ${key}: no row ${row}`);
    }
  }
  for (const [row, count] of left) if (count > 0) found('doubled', `trial ${key}: ${count} rows too many: ${row}`); // prettier-ignore
}

function rowsOf(attempt, line) {
  const event = JSON.parse(line);
  const { t, step } = event;
  const row = (...cells) => JSON.stringify([attempt, ...cells]);
  if (t === 'metric') return Object.entries(event.v).map(([name, value]) => row('metric', name, step, value));
  if (t === 'checkpoint') return [row('checkpoint', step, event.path)];
  if (t === 'sample') return [row('sample', step, event.path)];
  if (t === 'exam') return [row('exam', step, event.v)];
  if (t === 'warning') return [row('message', 'warning', event.message)];
  if (t === 'of-its-own') return [row('message', t, line)];
  return [];
}

function readDatabase(results) {
  const db = new Database(path.join(results, 'sweep.db'), { readonly: true });
  try {
    // Killed while it was made: it has no tables yet.
    if (db.prepare("select 1 from sqlite_master where name = 'metrics'").get() === undefined)
      return undefined;
    const rows = {};
    const read = (sql, toRow) => {
      for (const each of db.prepare(sql.replace('TRIAL', 'join trials on trials.id = r.trial')).all()) {
        (rows[each.key] ??= []).push(JSON.stringify([each.attempt, ...toRow(each)]));
      }
    };
    read('select key, r.*, n.name metric from metrics r TRIAL join metric_names n on n.id = r.name', (r) => ['metric', r.metric, r.step, r.value]); // prettier-ignore
    read('select key, r.* from checkpoints r TRIAL', (r) => ['checkpoint', r.step, r.path]);
    read('select key, r.* from samples r TRIAL', (r) => ['sample', r.step, r.path]);
    read('select key, r.* from exams r TRIAL', (r) => ['exam', r.step, JSON.parse(r['values'])]);
    read('select key, r.* from messages r TRIAL', (r) => ['message', r.type, r.text]);
    const status = Object.fromEntries(db.prepare('select key, status from trials').all().map((trial) => [trial.key, trial.status])); // prettier-ignore
    const metrics = db.prepare('select count(*) n from metrics').get().n;
    return { rows, status, metrics };
  } finally {
    db.close();
  }
}

/** A finished trial tells every update, from the first to the last, with the number that it must have. */
function judgeWhole(key, attempts, results, trials, found) {
  const config = JSON.parse(fs.readFileSync(path.join(results, 'trials', key, 'config.json'), 'utf8'));
  const trial = trials.find(({ seed, cell }) => seed === config.seed && cell === config.parameters.cell);
  if (trial === undefined) return found('lost', `trial ${key} is none of the sweep`);
  const told = new Map();
  for (const { lines } of attempts) {
    for (const event of lines.map((line) => JSON.parse(line))) {
      if (event.t === 'metric') told.set(event.step, event.v['loss/G']);
    }
  }
  let x = first(trial.seed, trial.cell);
  for (let step = 1; step <= trial.updates; step++) {
    x = next(x, step);
    if (told.get(step) !== x) found('lost', `trial ${key} update ${step} is ${told.get(step)}, not ${x}`);
  }
}

/** Every table as sorted rows of text, without ids that only count rows, and without when a row was made: to compare two databases. */
export function dump(results) {
  const db = new Database(path.join(results, 'sweep.db'), { readonly: true });
  try {
    const names = (sql) =>
      Object.fromEntries(
        db
          .prepare(sql)
          .all()
          .map(({ id, name }) => [id, name]),
      );
    const known = {
      trial: names('select id, key name from trials'),
      sweep: names('select id, name from sweeps'),
      name: names('select id, name from metric_names'),
    };
    const tables = db.prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name not like '\\_\\_%' escape '\\'").all(); // prettier-ignore
    return Object.fromEntries(
      tables.map(({ name: table }) => {
        const rows = db
          .prepare(`select * from ${table}`)
          .all()
          .map((row) => {
            for (const column of ['id', 'stored']) delete row[column];
            for (const column of ['trial', 'sweep', ...(table === 'metrics' ? ['name'] : [])]) {
              if (column in row) row[column] = known[column][row[column]];
            }
            return JSON.stringify(row);
          });
        return [table, rows.sort()];
      }),
    );
  } finally {
    db.close();
  }
}
