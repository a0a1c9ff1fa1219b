/** @file `sweep fsck`: what it finds in a results folder that somebody or something damaged, and what it makes of it. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkResults } from '../src/runner/fsck/check.js';
import { rebuild } from '../src/runner/fsck/rebuild.js';
import { listTrials, sweepIn, temporaryFolder, until, writeImages } from './support.js';

const TRAINER = fileURLToPath(new URL('../scripts/chaos/trainer.mjs', import.meta.url));

const folder = temporaryFolder();
const whole = path.join(folder, 'whole');
const results = path.join(folder, 'results');
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  return sweepIn({ CHAOS_RECORD: path.join(folder, 'record') }, folder, ...args);
}

/** What is found, as `level code`. */
function found(where = results): string[] {
  return [...new Set(checkResults(where).findings.map(({ level, code }) => `${level} ${code}`))];
}

function change(sql: string): void {
  const db = new Database(path.join(results, 'sweep.db'));
  db.exec(sql);
  db.close();
}

function attempt(number = 1): string {
  return path.join(results, 'trials', listTrials(results)[0]!, 'attempts', String(number));
}

beforeAll(async () => {
  await writeImages(folder, 4, 16);
  fs.mkdirSync(path.join(folder, 'record'));
  const command = [process.execPath, TRAINER, '{budget}', '{seed}', '{cell}'];
  const file = {
    name: 'counts',
    command,
    data: { x: 'x', y: 'y', pairing: 'by-name' },
    grid: { cell: [1, 2] },
    seeds: 1,
    budget: { updates: 20 },
  };
  fs.writeFileSync(path.join(folder, 'sweep.yaml'), JSON.stringify(file));
  expect((await run('run', 'sweep.yaml', '--results', 'whole')).exitCode).toBe(0);
});

beforeEach(() => {
  fs.rmSync(results, { recursive: true, force: true });
  fs.cpSync(whole, results, { recursive: true });
});

describe('a folder in order', () => {
  test('is told so, with what was looked at, and nothing in it changes', async () => {
    const before = fs.readdirSync(results, { recursive: true }).length;
    const { all, exitCode } = await run('fsck');
    expect(exitCode).toBe(0);
    expect(all).toMatch(
      /^2 trials, 2 attempts, \d+ events, \d+ rows: nothing is lost, nothing is stored twice\.$/,
    );
    expect(fs.readdirSync(results, { recursive: true }).filter((name) => !/-(wal|shm)$/.test(String(name)))).toHaveLength(before); // prettier-ignore
  });

  test('stays so when it is moved or copied', () => {
    const moved = path.join(folder, 'moved');
    fs.renameSync(results, moved);
    expect(found(moved)).toEqual([]);
    fs.rmSync(moved, { recursive: true });
  });

  test('that holds no results is a mistake of the command', async () => {
    const { all, exitCode } = await run('fsck', '--results', 'x');
    expect(exitCode).toBe(2);
    expect(all).toContain('No results in');
  });
});

describe('damage', () => {
  test.each([
    ['a row that is gone', 'delete from metrics where step = 5', 'rows-missing'],
    ['a row with another value', 'update metrics set value = 0.5 where step = 5', 'rows-missing'],
    ['a row that no line tells', 'update metrics set step = 99 where step = 5', 'rows-extra'],
    ['a status that the attempts do not tell', "update trials set status = 'pending'", 'status-differs'],
    ['an end that the journal does not tell', "update attempts set outcome = 'failed'", 'end-differs'],
    ['a sweep that lost a trial', 'delete from sweep_trials where position = 1', 'sweep-differs'],
  ])('in the database, %s, is found; a database made anew is whole', async (_, sql, code) => {
    change(sql);
    expect(found()).toContain(`damaged ${code}`);
    const old = await rebuild(results, () => undefined);
    expect(found()).toEqual([]);
    expect(fs.existsSync(old!)).toBe(true);
  });

  test.each([
    ['without a byte', (file: string) => fs.truncateSync(file, 0)],
    ['that is cut off', (file: string) => fs.truncateSync(file, 20_000)],
    [
      'with pages written over',
      (file: string) => fs.writeFileSync(file, fs.readFileSync(file).fill('?', 4096, 16_384)),
    ],
    ['that is another file', (file: string) => fs.writeFileSync(file, 'Dear diary')],
    ['that is gone', (file: string) => fs.rmSync(file)],
  ])('of the database file, one %s, is told, and mended from the trials’ own files', async (_, damage) => {
    const file = path.join(results, 'sweep.db');
    damage(file);
    const { all, exitCode } = await run('fsck');
    expect(exitCode).toBe(4);
    expect(all).toContain('sweep fsck --rebuild');
    await rebuild(results, () => undefined);
    expect(found()).toEqual([]);
    const again = await run('run', 'sweep.yaml');
    expect(again.all).toContain('2 done before, 0 to run');
  });

  test('of files is found: events cut off, a checkpoint broken or gone, a sample gone, a journal without an end', () => {
    fs.truncateSync(path.join(attempt(), 'events.ndjson'), 100);
    expect(found()).toEqual(['damaged events-short']);
    fs.cpSync(whole, results, { recursive: true });
    const trial = path.dirname(path.dirname(attempt()));
    const state = path.join(trial, 'checkpoints/step-20/state.json');
    fs.truncateSync(state, 3);
    expect(found()).toEqual(['damaged checkpoint-broken']);
    fs.rmSync(path.join(trial, 'checkpoints'), { recursive: true });
    fs.rmSync(path.join(trial, 'samples/20.txt'));
    expect(found()).toEqual(['damaged checkpoint-missing', 'damaged sample-missing']);
    fs.cpSync(whole, results, { recursive: true });
    const journal = path.join(trial, 'runner.ndjson');
    fs.writeFileSync(journal, fs.readFileSync(journal, 'utf8').replace(/.*"t":"end".*\n/, '{"t":"en\n'));
    expect(found()).toEqual(['note journal-torn', 'damaged end-missing']);
  });

  test('of a trial’s folder that is gone is found; the next run forgets what was read from it, and runs it again', async () => {
    fs.rmSync(path.dirname(attempt()), { recursive: true });
    expect(found()).toEqual(['damaged attempt-gone']);
    const again = await run('run', 'sweep.yaml');
    expect(again.all).toContain('the files of attempt 1 were removed');
    expect(again.all).toContain('1 done before, 1 to run');
    // Its journal is there still: the attempt gets a number that was not given before.
    expect(fs.readdirSync(path.dirname(attempt()))).toEqual(['2']);
    expect(found()).toEqual([]);
  });

  test('of all trials’ folders at once is no reason to forget everything', async () => {
    fs.rmSync(path.join(results, 'trials'), { recursive: true });
    const again = await run('run', 'sweep.yaml');
    expect(again.exitCode).toBe(4);
    expect(again.all).toContain('Put the folder back');
  });
});

describe('beside a runner', () => {
  test('what is stored so far is judged, what is not is told, and --rebuild is refused', async () => {
    const long = ['--set', 'budget.updates=100000', '--set', 'resources.trials=1', '--results', 'live'];
    const runner = run('run', 'sweep.yaml', ...long);
    const live = path.join(folder, 'live');
    const stored = () => {
      if (!fs.existsSync(path.join(live, 'sweep.db'))) return 0;
      const db = new Database(path.join(live, 'sweep.db'), { readonly: true });
      try {
        return Number(db.prepare('select count(*) from metrics').pluck().get());
      } catch {
        return 0; // no table yet
      } finally {
        db.close();
      }
    };
    await until(() => stored() > 0, 'the first rows');
    const beside = await run('fsck', '--json', '--results', 'live');
    expect(beside.exitCode).toBe(0);
    expect(JSON.parse(beside.stdout)).toMatchObject({
      damaged: false,
      findings: [],
      unjudged: [expect.stringMatching(/^what runner \d+ has not stored yet$/)],
    });
    const refused = await run('fsck', '--rebuild', '--results', 'live');
    expect(refused.exitCode).toBe(2);
    expect(refused.all).toContain('Another sweep run');

    runner.kill('SIGKILL');
    await runner;
    // Its trial saves and leaves; nobody wrote that down.
    const serious = () => found(live).filter((code) => !code.startsWith('note'));
    await until(() => !serious().includes('damaged stray'), 'the trial to save and leave');
    expect(serious()).toEqual(['unfinished attempt-open']);
  });
});
