/** @file A trial stored before some parameters existed: whoever asks the store is told what that trial did. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LATER_PARAMETERS } from '../definition/key.js';
import { resolveParameters } from '../definition/parameters.js';
import type { ParameterValues } from '../protocol.js';
import { openStore } from './open.js';
import { readStoredTrials } from './progress.js';
import { readBudgets, readPeaks, readSweeps, readTimings } from './queries.js';
import { attempts, sweeps, sweepTrials, trials } from './schema.js';
import { readStoredSweep } from './stream.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parameters-'));
const store = openStore(folder);
afterAll(() => {
  store.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const today: ParameterValues = { ...resolveParameters({ patch: 32, filters: 4 }) };
const old = Object.fromEntries(Object.entries(today).filter(([name]) => !(name in LATER_PARAMETERS)));
const foreign = { patch: 32 };
for (const [at, parameters] of [old, foreign].entries()) {
  const id = at + 1;
  const rest = { seed: id, budget: { updates: 10 }, dataFingerprint: '', status: 'done' } as const;
  const ran = { started: 1, ended: 2, from: 0, outcome: 'done', host: 'here', peakMemory: 1 } as const;
  store.db.insert(trials).values({ id, key: `t${id}`, parameters, ...rest }).run(); // prettier-ignore
  store.db.insert(attempts).values({ trial: id, attempt: 1, ...ran }).run(); // prettier-ignore
}
store.db.insert(sweeps).values({ id: 1, name: 's', question: '', source: '', varied: [], updated: 1 }).run(); // prettier-ignore
for (const trial of [1, 2]) store.db.insert(sweepTrials).values({ sweep: 1, trial, position: trial }).run(); // prettier-ignore

test.each(
  Object.entries({
    report: () => readSweeps(store, 'all')[0]!.trials,
    exports: () => readStoredSweep(store).trials,
    status: () => readStoredTrials(store, 1),
    'predicted time': () => readTimings(store),
    'predicted memory': () => readPeaks(store, 'here'),
  }),
)('%s: an old trial has what it did, one of a foreign trainer nothing more', (_, read) => {
  expect(Object.keys(old)).not.toContain('adversarial');
  const found = read().map(({ parameters }) => parameters);
  expect(found).toHaveLength(2);
  expect(found).toContainEqual(today);
  expect(found).toContainEqual(foreign);
});

test('an old trial is known as one of the same setting and seed', () => {
  const { alike } = readBudgets(store);
  expect(alike({ parameters: today, seed: 1 })).toBe(true);
  expect(alike({ parameters: { ...today, adversarial: 0 }, seed: 1 })).toBe(false);
});
