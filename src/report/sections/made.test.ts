/** @file How it was made: what a reader must know of a trial's origin, and nothing that names people, machines or folders. */
import { expect, test } from 'vitest';
import { syntheticSweep } from '../../../test/fixtures/sweep-record.js';
import { cellsOf } from '../cells.js';
import { runFacts } from './made.js';

const factsOf = (sweep: ReturnType<typeof syntheticSweep>) =>
  Object.fromEntries(
    runFacts(sweep, cellsOf(sweep)).map(({ name, values }) => [name, values.map(({ text }) => text)]),
  );

test('tells budget, data, split, engine, machine, versions and commit', () => {
  const sweep = syntheticSweep();
  for (const { attempts } of sweep.trials)
    attempts[0]!.versions = { node: 'v20', commit: `${'0123456789'.repeat(4)}-dirty` };
  expect(factsOf(sweep)).toMatchObject({
    'Budget of a trial': ['40 million pixels of each domain'],
    'Data fingerprint': ['5f0c2a77d1e94b0c8e6a'],
    'Images of X and Y': ['train 48 and 48; validation 8 and 8; test 8 and 8'],
    Engine: ['onnx'],
    'Machine (hashed name)': ['a41f09'],
    'Commit of this program': ['012345678901, with changes that were not committed'],
    Versions: ['node v20'],
  });
  expect(Object.keys(factsOf(syntheticSweep()))).not.toContain('Commit of this program');
});

test('tells retries and steps down for want of memory, and whose they are', () => {
  const sweep = syntheticSweep();
  const [trial] = sweep.trials;
  const [done] = trial!.attempts;
  const before = { ...done!, outcome: 'failed', class: 'out-of-memory', microBatch: 16 } as const;
  trial!.attempts = [before, { ...before, attempt: 2, class: 'killed', microBatch: 8, from: 100 }, { ...done!, attempt: 3, microBatch: 8, from: 150 }]; // prettier-ignore
  const facts = runFacts(sweep, cellsOf(sweep));
  const values = (name: string) => facts.find((fact) => fact.name === name)!.values;
  expect(values('Went on after').map(({ text }) => text)).toEqual(['out of memory', 'killed']);
  expect(values('Steps down for want of memory')).toEqual([
    { text: 'micro-batch 16, then 8 from update 100', trials: null },
  ]);
});
