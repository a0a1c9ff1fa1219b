/**
 * @file A results folder that machines share: each keeps a database of its own, made from the folder's files. Another machine is
 * another cache and state folder that sees the same results.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import Database from 'better-sqlite3';
import { contains, listTrials, sweepIn, temporaryFolder, until, writeImages } from './support.js';

const folder = temporaryFolder();
const results = path.join(folder, 'results');
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Writes 20 updates and is done; asked to, it waits after 10 for a file to appear. */
const TRAINER = `
import fs from 'node:fs';
const say = (event) => fs.appendFileSync(process.env.SWEEP_EVENTS, JSON.stringify(event) + '\\n');
const [cell, seed] = process.argv.slice(2).map(Number);
for (let step = 1; step <= 20; step++) {
  say({ t: 'metric', step, wall: 1000 + step, pixels: 100 * step, v: { 'loss/G': cell / step, 'loss/D': seed / step } });
  if (step === 2) say({ t: 'warning', step, code: 'seen', message: 'it is stored once' });
  if (step === 10 && fs.existsSync('hold')) while (!fs.existsSync('go')) await new Promise((next) => setTimeout(next, 20));
}
say({ t: 'done', step: 20, reason: 'budget' });
`;

/** `sweep ARGS` on a machine of this name. */
const on = (machine: string, ...args: string[]) =>
  sweepIn(
    {
      CYCLESWEEP_CACHE: path.join(folder, machine, 'cache'),
      CYCLESWEEP_STATE: path.join(folder, machine, 'state'),
    },
    folder,
    ...args,
  );

async function reportOf(machine: string): Promise<string> {
  const out = path.join(folder, `${machine}.html`);
  const run = await on(machine, 'report', '--out', out);
  expect(run.exitCode, run.all).toBe(0);
  return fs.readFileSync(out, 'utf8');
}

/** The database of a machine, as a program that knows nothing of it sees it. */
function ask<Row>(machine: string, query: string): Row[] {
  const databases = path.join(folder, machine, 'cache', 'databases');
  const [name = ''] = fs.readdirSync(databases);
  const db = new Database(path.join(databases, name, 'sweep.db'), { readonly: true });
  try {
    return db.prepare<[], Row>(query).all();
  } finally {
    db.close();
  }
}

const points = (machine: string) => ask<{ n: number }>(machine, 'select count(*) n from metrics')[0]!.n;

/** What lies in the results folder, with sizes and times: who only reads changes nothing of it. */
function snapshot(): string[] {
  return fs
    .readdirSync(results, { recursive: true, withFileTypes: true })
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => `${file} ${fs.statSync(file).size} ${fs.statSync(file).mtimeMs}`)
    .sort();
}

beforeAll(async () => {
  await writeImages(folder);
  fs.writeFileSync(path.join(folder, 'trainer.mjs'), TRAINER);
  fs.writeFileSync(
    path.join(folder, 'sweep.yaml'),
    `name: shared
data: {x: x, y: y}
command: [node, trainer.mjs, '{cell}', '{seed}']
grid: {cell: [1, 2]}
seeds: 2
budget: {updates: 20}
`,
  );
  fs.mkdirSync(results);
  fs.writeFileSync(path.join(results, 'shared'), '');
  fs.writeFileSync(path.join(folder, 'hold'), '');
});

describe('a results folder that machines share', () => {
  test('a sweep that runs on one machine is seen on another as it goes on, and nothing is read twice', async () => {
    const run = on('one', 'run', 'sweep.yaml');
    const events = () => listTrials(results).map((key) => path.join(results, 'trials', key, 'attempts/1/events.ndjson')); // prettier-ignore
    await until(
      () =>
        fs.existsSync(path.join(results, 'trials')) &&
        events().filter((file) => contains(file, '"step":10')).length >= 1,
      'a trial is half done',
    );
    const begun = events().find((file) => contains(file, '"step":10'))!;
    await reportOf('two');
    expect(points('two')).toBeGreaterThanOrEqual(20);
    expect(ask('two', "select key from trials where status = 'running'")).not.toEqual([]);
    fs.writeFileSync(path.join(folder, 'go'), '');
    expect((await run).exitCode).toBe(0);
    expect(contains(begun, '"t":"done"')).toBe(true);

    await reportOf('two');
    expect(points('two')).toBe(4 * 20 * 2);
    expect(ask('two', "select id from messages where code = 'seen'")).toHaveLength(4);
    expect(ask('two', "select key from trials where status = 'done'")).toHaveLength(4);
  });

  test('no database lies in the folder, reading changes nothing in it, and two machines’ reports are the same byte for byte', async () => {
    expect(fs.readdirSync(results).filter((name) => name.startsWith('sweep.db'))).toEqual([]);
    const before = snapshot();
    expect(await reportOf('two')).toBe(await reportOf('one'));
    expect(snapshot()).toEqual(before);
  });

  test('programs of one machine that read a folder into their first database at once do not disturb each other', async () => {
    const runs = await Promise.all(
      ['a', 'b', 'c'].map((name) => on('three', 'report', '--out', path.join(folder, `three-${name}.html`))),
    );
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(points('three')).toBe(4 * 20 * 2);
    const report = await reportOf('one');
    for (const name of ['a', 'b', 'c'])
      expect(fs.readFileSync(path.join(folder, `three-${name}.html`), 'utf8')).toBe(report);
  });

  test('sweep fsck finds the database, finds it whole on every machine, and makes it anew where rows are gone', async () => {
    for (const machine of ['one', 'two']) {
      const check = await on(machine, 'fsck', '--json');
      expect(check.exitCode, check.all).toBe(0);
      expect(JSON.parse(check.stdout)).toMatchObject({ findings: [], rows: 4 * (20 * 2 + 1) });
    }
    const { database } = JSON.parse((await on('two', 'fsck', '--json')).stdout) as { database: string };
    const db = new Database(database);
    db.exec('delete from metrics where step > 10');
    db.close();
    const damaged = await on('two', 'fsck');
    expect(damaged.exitCode).toBe(4);
    expect(damaged.all).toContain('are not in the database');
    expect((await on('two', 'fsck', '--rebuild')).exitCode).toBe(0);
    expect(await reportOf('two')).toBe(await reportOf('one'));
  });

  test('another machine goes on with a sweep, and the first one sees what it did', async () => {
    const run = await on('two', 'run', 'sweep.yaml', '--set', 'seeds=3');
    expect(run.all).toContain('4 done before, 2 to run');
    expect(await reportOf('one')).toBe(await reportOf('two'));
    expect(points('one')).toBe(6 * 20 * 2);
  });

  test('what is removed from the folder is gone from every database', async () => {
    const [gone = ''] = listTrials(results);
    fs.rmSync(path.join(results, 'trials', gone), { recursive: true });
    await reportOf('one');
    expect(points('one')).toBe(5 * 20 * 2);
    expect(ask('one', `select status from trials where key = '${gone}'`)).toEqual([{ status: 'pending' }]);
  });
});
