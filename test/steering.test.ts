/** @file Early stopping, growing grids and trainers of another program, through the real command on cheap trials of real processes. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { readDefinition } from '../src/definition/read.js';
import { ruleText } from '../src/definition/early-stop.js';
import type { TrialEvent } from '../src/protocol.js';
import { judge } from '../src/runner/early-stop.js';
import { readJournal, type EarlyStopEntry, type RungEntry } from '../src/runner/journal.js';
import { fakeGpus, NO_OP } from './fake-gpus.js';
import {
  contains,
  listTrials,
  readEvents,
  requirePython,
  sweep,
  sweepIn,
  temporaryFolder,
  until,
} from './support.js';

const TRAINER = fileURLToPath(new URL('../sweeps/python/train.py', import.meta.url));

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));
beforeEach(({ skip }) => requirePython(skip));

/** Learning rate, and seconds that an update takes longer: those to be stopped take so long that they cannot be done before. */
type Cell = [lr: number, pause: number];
const CELLS: Cell[] = [
  [0.02, 0],
  [0.03, 0],
  [0.003, 0.1],
  [0.0003, 0.1],
];

/** A sweep of the trainer that fits a line, one trial after another: without noise the larger learning rate is the better. */
function project(more = '', cells = CELLS) {
  const folder = temporaryFolder();
  folders.push(folder);
  const file = path.join(folder, 'line.yaml');
  write(file, more, cells);
  return { folder, results: path.join(folder, 'results'), file };
}

function write(file: string, more = '', cells = CELLS): void {
  fs.writeFileSync(
    file,
    `name: line
data: {phantom: radiograph, count: 3, size: 16}
command: [python3, ${TRAINER}, --noise, '0', --lr, '{lr}', --pause, '{pause}']
grid: [${cells.map(([lr, pause]) => `{lr: ${lr}, pause: ${pause}}`).join(', ')}]
budget: {updates: 200}
resources: {trials: 1, threads: 1}
${more}`,
  );
}

const BAD = ['lr 0.003 pause 0.1 seed 1', 'lr 0.0003 pause 0.1 seed 1'];
const ASHA = 'early_stop: {method: asha, metric: val/error, mode: min, grace: 0.1, reduction: 2}\n';

interface Summary {
  done: number;
  left: number;
  failed: unknown[];
  earlyStopped: { label: string; reason: string; step: number }[];
}

async function run(folder: string, ...flags: string[]): Promise<Summary> {
  const { stdout, exitCode, all } = await sweep(folder, 'run', 'line.yaml', '--json', ...flags);
  expect(exitCode, all).toBe(0);
  return JSON.parse(stdout) as Summary;
}

const key = (results: string, lr: number) =>
  listTrials(results).find((one) =>
    contains(path.join(results, 'trials', one, 'config.json'), `"lr": ${lr},`),
  );

function journals(results: string) {
  return listTrials(results).flatMap((one) =>
    readJournal(results, one).map((entry) => ({ key: one, ...entry })),
  );
}

/** Of each decision in the journals: what the rule says of it, given all that the journals hold. */
function decidedAgain(results: string, file: string): { key: string; stop: boolean; cutoff: number }[] {
  const rule = readDefinition(fs.readFileSync(file, 'utf8'), file).early_stop!;
  const entries = journals(results);
  const rungs = entries.filter((entry): entry is RungEntry & { key: string } => entry.t === 'rung');
  const stops = entries.filter(
    (entry): entry is EarlyStopEntry & { key: string } => entry.t === 'early-stop',
  );
  const arrival = ({ value, best, mean }: RungEntry) => ({ value: value ?? NaN, best: best ?? NaN, mean: mean ?? NaN }); // prettier-ignore
  return stops.map((stop) => {
    expect(stop).toMatchObject({ sweep: 'line', rule: ruleText(rule) });
    const own = rungs.find((one) => one.key === stop.key && one.rung === stop.rung)!;
    const before = rungs.filter((one) => one.rung === stop.rung && one.before < own.before);
    expect(before).toHaveLength(own.before);
    const judged = judge(rule, before.map(arrival), arrival(own));
    expect(judged).toMatchObject({ compared: stop.compared, cutoff: stop.cutoff });
    return { key: stop.key, stop: judged.stop, cutoff: judged.cutoff };
  });
}

describe('early stopping', () => {
  test('stops what does badly, says so everywhere, and does not run it again while the rule stands', async () => {
    const { folder, results, file } = project(ASHA);
    const first = await run(folder);
    expect(first).toMatchObject({ done: 2, left: 0, failed: [] });
    expect(first.earlyStopped.map(({ label }) => label)).toEqual(BAD);
    expect(first.earlyStopped[0]!.reason).toMatch(
      /^val\/error [\d.]+ at 10 % of the budget is not among the best one of 3 trials there \([\d.]+ or less\)$/,
    );
    expect(first.earlyStopped[0]!.step).toBeLessThan(200);

    const stopped = key(results, 0.003)!;
    expect(readEvents(results, stopped).flat().at(-1)).toMatchObject({ t: 'stopped' });
    expect(journals(results).filter((entry) => entry.key === stopped && entry.t === 'end')).toMatchObject([
      { outcome: 'early-stopped' },
    ]);
    expect(decidedAgain(results, file).map(({ stop }) => stop)).toEqual([true, true]);
    const db = new Database(path.join(results, 'sweep.db'), { readonly: true });
    expect(db.prepare('select count(*) n from early_stops').get()).toEqual({ n: 2 });
    expect(db.prepare("select count(*) n from trials where status = 'early-stopped'").get()).toEqual({
      n: 2,
    });
    db.close();

    const before = listTrials(results).map((one) => readEvents(results, one));
    expect(await run(folder)).toEqual(first);
    expect(listTrials(results).map((one) => readEvents(results, one))).toEqual(before);
    const plan = await sweep(folder, 'plan', 'line.yaml');
    expect(plan.all).toContain('2 done, 2 stopped early');
    await sweep(folder, 'report');
    const page = fs.readFileSync(path.join(results, 'report.html'), 'utf8');
    expect(page).toContain('2 were stopped early');
    expect(page).toContain('is not among the best one of 3 trials there');

    // A database that was lost is made anew with the decisions.
    for (const ending of ['', '-wal', '-shm']) fs.rmSync(path.join(results, `sweep.db${ending}`), { force: true }); // prettier-ignore
    expect(await run(folder)).toEqual(first);
  });

  test('is forgotten with its rule: what was stopped is missing again, and goes on from where it was', async () => {
    const { folder, results, file } = project(ASHA);
    await run(folder);
    const stopped = key(results, 0.003)!;
    const second = path.join(results, 'trials', stopped, 'attempts', '2', 'events.ndjson');
    write(file);
    const rest = sweep(folder, 'run', 'line.yaml');
    await until(() => contains(second, '"t": "start"'), 'a second attempt');
    rest.kill('SIGINT');
    expect((await rest).all).toContain('2 done, 0 failed, 2 left');
    const [then, now] = readEvents(results, stopped);
    const { step } = then!.at(-1) as TrialEvent & { t: 'stopped' };
    expect(now!.find(({ t }) => t === 'start')).toMatchObject({ from: step });
  });

  test('by the median rule', async () => {
    const rule = 'early_stop: {method: median, metric: val/error, mode: min, grace: 0.2, min_trials: 2}\n';
    const { folder, results, file } = project(rule);
    const { earlyStopped, done } = await run(folder);
    expect(done + earlyStopped.length).toBe(4);
    expect(earlyStopped.map(({ label }) => label)).toEqual(BAD);
    expect(earlyStopped[0]!.reason).toMatch(
      /is worse than [\d.]+, the median of the means of 2 other trials$/,
    );
    expect(decidedAgain(results, file).every(({ stop }) => stop)).toBe(true);
  });

  test('decides what a runner that was killed had measured and not decided, and keeps what it had', async () => {
    const { folder, results, file } = project(ASHA);
    const first = sweep(folder, 'run', 'line.yaml');
    // Killed when a trial has been told to stop, perhaps before it left.
    await until(
      () =>
        fs.existsSync(path.join(results, 'trials')) && journals(results).some(({ t }) => t === 'early-stop'),
      'a trial to be stopped early',
    );
    first.kill('SIGKILL');
    await first;
    const decided = decidedAgain(results, file);
    const { done, earlyStopped } = await run(folder);
    expect(done).toBe(2);
    expect(earlyStopped.map(({ label }) => label)).toEqual(BAD);
    const again = decidedAgain(results, file);
    for (const decision of decided) expect(again).toContainEqual(decision);
    expect(again.every(({ stop }) => stop)).toBe(true);
    // Nothing was run again that had been told to stop.
    expect(readEvents(results, key(results, 0.003)!)).toHaveLength(1);
  });

  test('by a rule that is added later judges what is measured already', async () => {
    const { folder, results, file } = project();
    const first = sweep(folder, 'run', 'line.yaml');
    const measured = () => {
      const one = fs.existsSync(path.join(results, 'trials')) ? key(results, 0.003) : undefined;
      const events = one && path.join(results, 'trials', one, 'attempts', '1', 'events.ndjson');
      return events !== undefined && contains(events, 'val/error');
    };
    await until(measured, 'the third trial to measure something');
    first.kill('SIGINT');
    expect((await first).exitCode).toBe(3);
    write(file, ASHA);
    // The two that are done stay done, and the others are compared with them.
    expect(await run(folder)).toMatchObject({ done: 2, earlyStopped: BAD.map((label) => ({ label })) });
    expect(readEvents(results, key(results, 0.003)!)).toHaveLength(1);
  });
});

describe('a grid that grows', () => {
  test('runs only its new cells, also when the file was changed while the sweep ran', async () => {
    const folder = temporaryFolder();
    folders.push(folder);
    const { environment } = fakeGpus(folder);
    const [file, flag, results] = ['a.yaml', 'may-end', 'results'].map((name) => path.join(folder, name)) as [string, string, string]; // prettier-ignore
    const write = (values: string) =>
      fs.writeFileSync(
        file,
        `name: a\ndata: {phantom: radiograph, count: 3, size: 16}\nbudget: {updates: 1}\ngrid: {a: ${values}}\n` +
          `command: [${process.execPath}, ${NO_OP}, 'a={a}', 'wait=${flag}']\n`,
      );
    write('[1, 2]');
    const first = sweepIn(environment, folder, 'run', 'a.yaml');
    await until(() => fs.existsSync(path.join(results, 'trials')), 'the first trial to start');
    write('[1, 2, 3]');
    const refused = await sweepIn(environment, folder, 'run', 'a.yaml');
    expect(refused.exitCode).toBe(2);
    expect(refused.all).toContain('Another sweep run');
    fs.writeFileSync(flag, '');
    const ended = await first;
    expect(ended.all).toContain('2 done, 0 failed, 0 left');
    expect(ended.all).toContain('a.yaml was changed meanwhile');
    const before = listTrials(results);
    const second = await sweepIn(environment, folder, 'run', 'a.yaml');
    expect(second.all).toContain('3 trials, 2 done before, 1 to run');
    expect(listTrials(results)).toHaveLength(3);
    for (const one of before) expect(readEvents(results, one)).toHaveLength(1);
  });

  test('shares its cells with another sweep', async () => {
    const { folder, results, file } = project('', [
      [0.03, 0],
      [0.02, 0],
    ]);
    await run(folder);
    const other = path.join(folder, 'other.yaml');
    fs.writeFileSync(other, fs.readFileSync(file, 'utf8').replace('name: line', 'name: other').replace('lr: 0.03', 'lr: 0.01')); // prettier-ignore
    const second = await sweep(folder, 'run', 'other.yaml');
    expect(second.all).toContain('2 trials, 1 done before, 1 to run');
    expect(listTrials(results)).toHaveLength(3);
    const reports = await Promise.all(
      ['line', 'other'].map((name) => sweep(folder, 'report', name, '--out', path.join(folder, `${name}.html`))),
    ); // prettier-ignore
    for (const report of reports) expect(report.all).toContain('2 of 2 trials done');
  });
});

describe('a trainer of another program', () => {
  /** What the last checkpoint holds: the fit, and the state of the random numbers. */
  const state = (results: string, one: string) => {
    const checkpoints = path.join(results, 'trials', one, 'checkpoints');
    const names = fs.readdirSync(checkpoints);
    expect(names).toEqual(['step-200']);
    return fs.readFileSync(path.join(checkpoints, names[0]!, 'state.json'), 'utf8');
  };

  test('is stopped by Ctrl-C, resumed, killed and resumed, to the same numbers as one that nothing disturbs', async () => {
    const undisturbed = project('', [[0.03, 0]]);
    await run(undisturbed.folder);
    const { folder, results } = project('', [[0.03, 0.1]]);
    const events = (attempt: number) =>
      path.join(
        results,
        'trials',
        listTrials(results)[0] ?? '',
        'attempts',
        String(attempt),
        'events.ndjson',
      );
    const saved = (attempt: number) => () =>
      fs.existsSync(path.join(results, 'trials')) && contains(events(attempt), '"checkpoint"');

    const interrupted = sweep(folder, 'run', 'line.yaml');
    await until(saved(1), 'a first checkpoint');
    interrupted.kill('SIGINT');
    expect((await interrupted).exitCode).toBe(3);
    expect(contains(events(1), '"stopped"')).toBe(true);

    const killed = sweep(folder, 'run', 'line.yaml');
    await until(saved(2), 'a checkpoint of the second attempt');
    const start = readEvents(results, listTrials(results)[0]!)[1]!.find(({ t }) => t === 'start');
    process.kill((start as { pid: number }).pid, 'SIGKILL');
    const ended = await killed;
    expect(ended.exitCode).toBe(0);
    expect(ended.all).toContain('killed (SIGKILL)');
    expect(readEvents(results, listTrials(results)[0]!)).toHaveLength(3);
    const [one, other] = [undisturbed, { results }].map((where) => state(where.results, listTrials(where.results)[0]!)); // prettier-ignore
    expect(other).toBe(one);
  });

  test('whose runner is killed saves and leaves by itself', async () => {
    const { folder, results } = project('', [[0.03, 0.15]]);
    const events = () =>
      path.join(results, 'trials', listTrials(results)[0] ?? '', 'attempts', '1', 'events.ndjson');
    const killed = sweep(folder, 'run', 'line.yaml');
    await until(() => fs.existsSync(path.join(results, 'trials')) && contains(events(), '"checkpoint"'), 'a checkpoint'); // prettier-ignore
    killed.kill('SIGKILL');
    await until(() => contains(events(), '"stopped"'), 'the trial to leave');
    await killed;
  });
});
