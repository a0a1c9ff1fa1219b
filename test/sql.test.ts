/** @file `sweep sql`, and the queries of docs/store.md, on a sweep that was trained and one that failed; and other tools beside a live runner. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLI, listTrials, readEvents, requirePython, smallSweep, sweep, writeImages } from './support.js';
import { toldSweep, twoRun, writeTold } from './told.js';

const DOCS = fileURLToPath(new URL('../docs/store.md', import.meta.url));
const told = toldSweep([]);
const { folder, results } = told;
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  await writeImages(folder);
  writeTold(folder, 'told', ['bad:64']);
  told.let('go');
  expect((await told.run()).exitCode).toBe(2);
  fs.writeFileSync(path.join(folder, 'small.yaml'), smallSweep());
  const { exitCode, all } = await sweep(folder, 'run', 'small.yaml');
  expect(exitCode, all).toBe(0);
});

type Row = Record<string, string | number | null>;
const ask = (query: string) => told.json<Row[]>('sql', query);

test('the five queries of docs/store.md tell what they promise', async () => {
  const queries = [...fs.readFileSync(DOCS, 'utf8').matchAll(/```sql\n([\s\S]*?)```/g)].map(
    ([, query]) => query!,
  );
  expect(queries).toHaveLength(5);
  const [states, losses, exams, failures, hours] = await Promise.all(queries.map(ask));

  expect(states!.map(({ patch, batch, seed, status, step }) => [patch, batch, seed, status, step])).toEqual([
    [16, 4, 1, 'done', 8],
    [16, 4, 2, 'done', 8],
    [32, 1, 1, 'done', 8],
    [32, 1, 2, 'done', 8],
  ]);
  // Of eight updates the last tenth is the eighth.
  const last = states!.map(({ key, patch }) => {
    const events = readEvents(results, String(key)).flat();
    const metric = events.findLast((event) => event.t === 'metric' && 'loss/D' in event.v);
    return { patch, value: metric?.t === 'metric' ? metric.v['loss/D']! : NaN };
  });
  const mean = (patch: number) => {
    const values = last.filter((one) => one.patch === patch).map(({ value }) => value);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  expect(losses!.map(({ metric, patch, seeds }) => [metric, patch, seeds])).toEqual([
    ['loss/D', 16, 2],
    ['loss/D', 32, 2],
    ['loss/G', 16, 2],
    ['loss/G', 32, 2],
  ]);
  expect(losses![0]!.mean).toBeCloseTo(mean(16), 10);
  expect(losses![1]!.mean).toBeCloseTo(mean(32), 10);

  expect(exams).toHaveLength(4);
  const scores = exams!.map(({ psnr }) => psnr as number);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(scores.every((score) => score > 0)).toBe(true);
  expect(failures).toMatchObject([{ attempt: 1, class: 'configuration', exit_code: 64 }]);
  expect(hours!.map(({ sweep: name, device, trials }) => [name, device, trials]).sort()).toEqual([
    ['small', 'cpu', 4],
    ['told', 'cpu', 1],
  ]);
});

test('docs/store.md names every table and every column', async () => {
  const text = fs.readFileSync(DOCS, 'utf8');
  const columns = await ask(
    `select m.name as "table", c.name as "column" from sqlite_schema m, pragma_table_info(m.name) c
     where m.type = 'table' and m.name not like 'sqlite%' and m.name not like '\\_\\_%' escape '\\'`,
  );
  const missing = columns.filter(
    (row) => !text.includes(`\`${row.table}\``) || !text.includes(`\`${row.column}\``),
  );
  expect(missing).toEqual([]);
});

test('prints a table, CSV or JSON', async () => {
  const query = "select 'a,\"b' as text, 1.5 as number, null as missing, x'0aff' as bytes";
  expect((await told.sweep('sql', query, '--format', 'csv')).stdout).toBe(
    'text,number,missing,bytes\n"a,""b",1.5,,0aff',
  );
  expect(await ask(query)).toEqual([{ text: 'a,"b', number: 1.5, missing: null, bytes: '0aff' }]);
  expect((await told.sweep('sql', 'select name from sweeps order by name')).stdout).toBe(
    'name\n-----\nsmall\ntold',
  );
});

test('reads a query from standard input', () => {
  const env = { ...process.env, CYCLESWEEP_STATE: path.join(folder, 'state') };
  const input = 'select count(*) as trials from trials';
  const printed = execFileSync(process.execPath, [CLI, 'sql', '-', '--json'], { cwd: folder, env, input });
  expect(JSON.parse(printed.toString())).toEqual([{ trials: expect.any(Number) as number }]);
});

test('changes nothing, and says what is wrong with a query', async () => {
  const before = await ask('select count(*) as n from trials');
  for (const [query, complaint] of [
    ['delete from trials', 'Only statements that read'],
    ['select 1; delete from trials', 'more than one statement'],
    ['create temp table t (a)', 'Only statements that read'],
    [`vacuum into '${path.join(folder, 'copy.db')}'`, 'Only statements that read'],
    ['pragma journal_mode = delete', 'Only statements that read'],
    ['select * from trails', 'There are the tables attempts, checkpoints'],
  ] as const) {
    const { exitCode, all } = await told.sweep('sql', query);
    expect([query, exitCode, all]).toEqual([query, 2, expect.stringContaining(complaint)]);
  }
  expect(fs.existsSync(path.join(folder, 'copy.db'))).toBe(false);
  expect(await ask('select count(*) as n from trials')).toEqual(before);
});

test('the database opens in another SQLite program while a sweep runs', async ({ skip }) => {
  requirePython(skip);
  const busy = toldSweep(['a', 'b']);
  const running = busy.run();
  await busy.untilStatus(twoRun, 'both trials run');
  const script = `import sqlite3
db = sqlite3.connect("file:results/sweep.db?mode=ro", uri=True)
print(db.execute("select count(*) from metrics").fetchone()[0], db.execute("pragma integrity_check").fetchone()[0])`;
  const answer = execFileSync('python3', ['-c', script], { cwd: busy.folder, encoding: 'utf8' });
  expect(answer).toBe('16 ok\n'); // two trials, four updates, two losses
  // A reader that keeps its transaction open is in nobody's way.
  const reader = new Database(path.join(busy.results, 'sweep.db'), { readonly: true });
  reader.exec('begin');
  reader.prepare('select count(*) from metrics').get();
  busy.let('go');
  expect((await running).exitCode).toBe(0);
  reader.close();
  expect(listTrials(busy.results)).toHaveLength(2);
  fs.rmSync(busy.folder, { recursive: true, force: true });
});
