/** @file What is found of the work of a runner that died, at any instant and with any trainer. */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../store/open.js';
import { readOutcomes } from '../store/queries.js';
import { storeSweep } from '../store/writer.js';
import { appendJournal, newAttempt, readJournal } from './journal.js';
import { attemptDirectory, eventsFile, journalFile, lastCheckpoint, trialDirectory } from './layout.js';
import { takeLock } from './lock.js';
import { recover } from './recover.js';
import { CAN_FIND_STRAYS, findStrays } from './strays.js';

const KEY = '0123456789ab';
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-recover-')));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let results: string;
let store: Store;
let said: string[];
let number = 0;

beforeEach(() => {
  results = path.join(folder, String(++number));
  store = openStore(results);
  said = [];
  const sweep = { name: 's', question: '', source: '', varied: [], updated: 1 };
  storeSweep(store, sweep, [
    { key: KEY, parameters: {}, seed: 1, budget: { updates: 2 }, dataFingerprint: '' },
  ]);
});
afterEach(() => store.close());

const look = () => recover(store, [KEY], (message) => said.push(message));
const status = () => readOutcomes(store).get(KEY)?.status;
const rows = (sql: string) => store.db.$client.prepare(sql).all();

/** An attempt as a runner leaves it that is killed while its trial runs. */
function attempt(at: number, text: string): void {
  fs.mkdirSync(attemptDirectory(results, KEY, at), { recursive: true });
  appendJournal(results, KEY, {
    t: 'attempt',
    attempt: at,
    wall: 100 * at,
    device: 'cpu',
    threads: 1,
    resume: null,
  });
  fs.writeFileSync(eventsFile(results, KEY, at), text);
}

const METRIC = '{"t":"metric","step":1,"wall":5,"pixels":9,"v":{"loss/G":0.5}}\n';

describe('a trial whose runner was killed', () => {
  it('is done if it wrote so, also with the blanks that other languages put into JSON', async () => {
    attempt(1, `${METRIC}{"t": "done", "step": 2, "reason": "finished"}\n`);
    await look();
    expect(status()).toBe('done');
  });

  it('is not done because a message speaks of it, or because half a line says so', async () => {
    attempt(
      1,
      `{"t":"warning","step":1,"code":"x","message":"\\"t\\":\\"done\\""}\n{"t":"done","step":2,"reas`,
    );
    await look();
    expect(status()).toBe('pending');
    expect(rows('select outcome from attempts')).toEqual([{ outcome: 'lost' }]);
  });

  it('that diverged is not tried again', async () => {
    attempt(1, `{"t":"health","step":1,"code":"diverged","message":"training diverged"}\n`);
    await look();
    expect(status()).toBe('failed');
  });

  it('keeps what it wrote behind the end that was recorded', async () => {
    attempt(1, METRIC);
    await look();
    fs.appendFileSync(eventsFile(results, KEY, 1), METRIC.replace('"step":1', '"step":2'));
    await look();
    expect(rows('select step from metrics order by step')).toEqual([{ step: 1 }, { step: 2 }]);
  });
});

describe('a journal', () => {
  it('that ends in half a line goes on on a new one', async () => {
    attempt(1, METRIC);
    fs.appendFileSync(journalFile(results, KEY), '{"t":"end","attempt":1,"wa');
    await look();
    expect(readJournal(results, KEY).map(({ t }) => t)).toEqual(['attempt', 'end']);
    expect(status()).toBe('pending');
  });

  it('that was never begun is no hindrance, and gives no number twice', async () => {
    fs.mkdirSync(attemptDirectory(results, KEY, 1), { recursive: true });
    await look();
    expect(rows('select attempt, outcome from attempts')).toEqual([{ attempt: 1, outcome: 'lost' }]);
    fs.rmSync(attemptDirectory(results, KEY, 1), { recursive: true });
    expect(newAttempt(results, KEY)).toBe(2);
  });
});

describe('what somebody removed', () => {
  it('is forgotten: a trial that another attempt finished stays done', async () => {
    attempt(1, METRIC);
    attempt(2, `${METRIC}{"t":"done","step":2,"reason":"finished"}\n`);
    await look();
    fs.rmSync(attemptDirectory(results, KEY, 1), { recursive: true });
    await look();
    expect(rows('select attempt from metrics')).toEqual([{ attempt: 2 }]);
    expect(status()).toBe('done');
    fs.rmSync(attemptDirectory(results, KEY, 2), { recursive: true });
    await look();
    expect(rows('select * from metrics')).toEqual([]);
    expect(status()).toBe('pending');
    expect(said.join()).toContain('were removed');
  });
});

describe('a checkpoint', () => {
  it('that a loss of power broke is set aside, and the one before it is taken', async () => {
    attempt(1, METRIC);
    const checkpoints = path.join(trialDirectory(results, KEY), 'checkpoints');
    for (const [step, state] of [
      [10, '{"step":10}'],
      [20, '{"st'],
    ] as const) {
      fs.mkdirSync(path.join(checkpoints, `step-${step}`), { recursive: true });
      fs.writeFileSync(path.join(checkpoints, `step-${step}`, 'state.json'), state);
    }
    await look();
    expect(lastCheckpoint(results, KEY)).toBe(path.join(checkpoints, 'step-10'));
    expect(said.join()).toContain('step-20');
  });
});

describe.skipIf(!CAN_FIND_STRAYS)('a process that a killed runner left', () => {
  /** Writes where a trial writes, until it is told to leave; nobody wrote down that it runs. */
  function start(where: string): ChildProcess {
    const output = path.join(attemptDirectory(where, KEY, 1), 'output.log');
    fs.mkdirSync(path.dirname(output), { recursive: true });
    const log = fs.openSync(output, 'a');
    const leave = "process.stdin.resume().on('end', () => process.exit())";
    const child = spawn(process.execPath, ['-e', leave], { stdio: ['pipe', log, log], detached: true });
    fs.closeSync(log);
    return child;
  }

  it('is found by where it writes, also when the folder has moved since, and is waited for', async () => {
    const child = start(results);
    expect(findStrays(results)).toEqual([{ pid: child.pid, key: KEY }]);
    const moved = `${results}-moved`;
    fs.renameSync(results, moved);
    expect(findStrays(moved)).toHaveLength(1);
    fs.renameSync(moved, results);
    const over = look();
    child.stdin!.end();
    await over;
    expect(findStrays(results)).toEqual([]);
  });

  it('of one folder is none of its copy', async () => {
    const child = start(results);
    const copy = `${results}-copy`;
    fs.cpSync(results, copy, { recursive: true });
    expect(findStrays(copy)).toEqual([]);
    child.stdin!.end();
    await new Promise((resolve) => child.once('exit', resolve));
  });
});

describe('the lock of a results folder', () => {
  it('that is no lock is told with what to do', () => {
    fs.writeFileSync(path.join(results, 'runner.lock'), 'x'.repeat(200));
    expect(() => takeLock(results)).toThrow(/remove the file/);
  });
});
