/** @file What a sweep's status says of given facts. */
import { describe, expect, test } from 'vitest';
import type { JournalEntry } from './journal.js';
import type { Reservation } from './registry.js';
import { statusOf, type RunRecord, type StatusFacts, type TrialFacts } from './status.js';

const NOW = 1000;
const RUN: RunRecord = { wall: 900, pid: 7, host: 'here', most: 2, wanted: [] };

function trial(key: string, patch: number, more: Partial<TrialFacts> = {}): TrialFacts {
  return {
    ...{
      key,
      parameters: { patch, lambda: 10 },
      seed: 1,
      budget: { updates: 100 },
      status: 'pending',
      reason: null,
    },
    ...{ step: 0, updates: null, seconds: 0, attempt: null, journal: [], alive: undefined, told: undefined },
    load: undefined,
    ...more,
  };
}

const attempt = { attempt: 1, started: 940, ended: null, outcome: null, class: null, engine: 'onnx', device: 'cpu', microBatch: 1 }; // prettier-ignore
const begun: JournalEntry = { t: 'attempt', attempt: 1, wall: 940, device: 'cpu', threads: 1, resume: null };

/** Took 100 s. */
const done = (key: string, patch: number) =>
  trial(key, patch, {
    ...{ status: 'done', step: 100, updates: 100, seconds: 100 },
    attempt: { ...attempt, started: 800, ended: 900, outcome: 'done' },
  });

/** Has run for 60 s, and does 2 updates a second: 20 of 100 are done. */
const running = (key: string, patch: number, more: Partial<TrialFacts> = {}) =>
  trial(key, patch, {
    ...{ status: 'running', step: 20, updates: 100, attempt, journal: [begun], alive: true },
    told: { first: { step: 0, wall: 990 }, last: { step: 20, wall: 1000 }, values: { 'loss/D': 0.5 } },
    ...more,
  });

function facts(
  trials: TrialFacts[],
  run: Partial<RunRecord> | null = {},
  more: Partial<StatusFacts> = {},
): StatusFacts {
  // prettier-ignore
  const wanted = trials.map(({ key }) => key);
  return {
    sweep: { name: 's', question: '?', varied: ['patch'], updated: 899 },
    ...{
      trials,
      run: run === null ? undefined : { ...RUN, wanted, ...run },
      reservations: [],
      cores: 4,
      now: NOW,
    },
    ...more,
  };
}

const states = (status: ReturnType<typeof statusOf>) => status.trials.map(({ state }) => state);
const reasons = (status: ReturnType<typeof statusOf>) => status.trials.map(({ reason }) => reason);

describe('the state of a trial', () => {
  test('runs once it has told a number, and shows how fast and how far', () => {
    const status = statusOf(facts([running('a', 64)]));
    expect(status.trials[0]).toMatchObject({
      ...{
        state: 'running',
        label: 'patch 64 seed 1',
        parameters: { patch: 64 },
        device: 'cpu',
        engine: 'onnx',
      },
      ...{ step: 20, share: 0.2, rate: 2, secondsLeft: 40, until: 1040, metrics: { 'loss/D': 0.5 } },
    });
    expect(status).toMatchObject({ share: 0.2, rate: 2, secondsLeft: 40, until: 1040 });
  });

  test('starts before its first number', () => {
    const fresh = running('a', 64, {
      told: undefined,
      step: 0,
      updates: null,
      attempt: { ...attempt, engine: null },
    });
    expect(states(statusOf(facts([fresh])))).toEqual(['starting']);
  });

  test('is interrupted where its process is gone, whatever the store says', () => {
    const status = statusOf(facts([running('a', 64, { alive: false })], null));
    expect(states(status)).toEqual(['interrupted']);
    expect(status).toMatchObject({ runner: null, rate: null, secondsLeft: null });
  });

  test('runs until its runner has written down how it ended, also where its process has gone', () => {
    const ending = running('a', 64, { alive: false });
    expect(states(statusOf(facts([ending])))).toEqual(['running']);
  });

  test('runs where its process cannot be seen, as long as a runner holds it', () => {
    const elsewhere = running('a', 64, { alive: undefined });
    expect(states(statusOf(facts([elsewhere])))).toEqual(['running']);
    expect(states(statusOf(facts([elsewhere], null)))).toEqual(['interrupted']);
  });

  test('waits if the runner wants it; else nobody will start it', () => {
    const two = [trial('a', 64), trial('b', 64)];
    expect(states(statusOf(facts(two, { wanted: ['b'] })))).toEqual(['pending', 'waiting']);
    expect(states(statusOf(facts(two, null)))).toEqual(['pending', 'pending']);
  });

  test('retries after a failure, and says when', () => {
    const end: JournalEntry = { t: 'end', attempt: 1, wall: 995, outcome: 'failed', class: 'killed', reason: 'it was killed', exitCode: null, signal: 'SIGKILL' }; // prettier-ignore
    const retry: JournalEntry = { t: 'retry', attempt: 1, wall: 995, class: 'killed', reason: 'it was killed', delay: 12.5 }; // prettier-ignore
    const failing = trial('a', 64, { journal: [begun, end, retry], attempt: { ...attempt, ended: 995, outcome: 'failed', class: 'killed' } }); // prettier-ignore
    const status = statusOf(facts([failing]));
    expect(status.trials[0]).toMatchObject({ state: 'retrying', class: 'killed' });
    expect(reasons(status)).toEqual(['it was killed; attempt 2 follows in 8 s']);
    // Without its runner it is one that the next run goes on with.
    expect(states(statusOf(facts([failing], null)))).toEqual(['stopped']);
  });

  test('has failed with class and reason, and is queued again where the runner retries what failed before it came', () => {
    const failed = trial('a', 64, { status: 'failed', reason: 'it failed', attempt: { ...attempt, ended: 890, outcome: 'failed', class: 'fault' } }); // prettier-ignore
    expect(statusOf(facts([failed], null)).trials[0]).toMatchObject({ state: 'failed', class: 'fault', reason: 'it failed' }); // prettier-ignore
    expect(states(statusOf(facts([failed])))).toEqual(['waiting']);
    const sinceThen = { ...failed, attempt: { ...failed.attempt!, ended: 950 } };
    expect(states(statusOf(facts([sinceThen])))).toEqual(['failed']);
  });

  test('is queued with Slurm until its job begins', () => {
    const queued: JournalEntry[] = [
      { t: 'queued', attempt: 1, wall: 930, token: 't', task: 0 },
      { t: 'submitted', attempt: 1, wall: 931, job: '47_0' },
    ];
    const silent = trial('a', 64, { journal: queued });
    expect(statusOf(facts([silent], null)).trials[0]).toMatchObject({ state: 'queued', job: '47_0', reason: 'in the queue of Slurm, job 47_0' }); // prettier-ignore
    const began = running('a', 64, { journal: [...queued, begun], alive: undefined });
    expect(statusOf(facts([began], null)).trials[0]).toMatchObject({ state: 'running', job: '47_0' });
  });
});

test('the queue says what each trial waits for, in the runner’s order', () => {
  const waiting: JournalEntry = {
    t: 'waiting',
    wall: 950,
    reason: '4.0 GB of memory, of which 2.0 GB are free',
  };
  const trials = [trial('a', 64), trial('b', 64), trial('c', 64, { journal: [waiting] })];
  const queue = (first: string[], run: Partial<RunRecord> = {}) =>
    reasons(statusOf(facts(trials, { wanted: first, ...run })));
  expect(queue(['c', 'b', 'a'])).toEqual(['2 before it', '1 before it', 'waits for 4.0 GB of memory, of which 2.0 GB are free']); // prettier-ignore
  // What it waited for in an earlier run says nothing of this one.
  expect(queue(['c', 'b', 'a'], { wall: 960 })[2]).toBe('its place is looked for');
  const full = statusOf(facts([running('r', 64), ...trials], { most: 1 }));
  expect(reasons(full)[1]).toBe('waits for the trial that runs to end');
});

describe('time left', () => {
  test('a queued trial takes as long as those of its own setting', () => {
    const trials = [done('a', 64), running('b', 128), trial('c', 64), trial('d', 128)];
    const [, b, c, d] = statusOf(facts(trials)).trials;
    expect(b!.secondsLeft).toBe(40);
    expect(c!.secondsLeft).toBe(100); // as the finished one of its setting
    expect(d!.secondsLeft).toBe(100); // 60 s spent and 40 s left, as b
  });

  test('one of a setting that nobody knows takes the mean of all, less what is done of it', () => {
    const half = trial('c', 256, { step: 50, updates: 100 });
    const [, , c] = statusOf(facts([done('a', 64), running('b', 128), half])).trials;
    expect(c!.secondsLeft).toBe(50);
  });

  test('each takes the place that is free first', () => {
    const queue = ['c', 'd', 'e'].map((key) => trial(key, 64));
    const trials = [done('a', 64), running('b', 64), ...queue];
    expect(statusOf(facts(trials)).secondsLeft).toBe(200); // b ends after 40, then d, e follows c
    expect(statusOf(facts(trials, { most: 1 })).secondsLeft).toBe(340);
    expect(statusOf(facts(trials, { most: 4 })).secondsLeft).toBe(100);
  });

  test('is not told before any trial has shown how fast it is, nor where nothing runs', () => {
    expect(statusOf(facts([trial('a', 64)])).secondsLeft).toBeNull();
    expect(statusOf(facts([done('a', 64), trial('b', 64)], null)).secondsLeft).toBeNull();
  });

  test('a budget of minutes is its own clock', () => {
    const timed = running('a', 64, { budget: { minutes: 2 }, updates: null });
    expect(statusOf(facts([timed])).trials[0]).toMatchObject({ secondsLeft: 60, share: 0.5 });
  });
});

test('devices: whose trials are on them, what they take, and a GPU by the name that its trial has', () => {
  const process: JournalEntry = { t: 'process', attempt: 1, pid: 70, started: 'x' };
  const gpu = running('a', 64, {
    journal: [begun, process],
    attempt: { ...attempt, device: 'cuda:1' },
    load: { cpu: 0.5, memory: 1e9, gpu: 0.9, gpuMemory: 3e9, power: 200, temperature: 60 },
  });
  const reservation = (
    device: string,
    pid: number | undefined,
    more: Partial<Reservation> = {},
  ): Reservation => ({
    ...{ id: `${device}${pid}`, device, cores: 0, host: null, memory: 2e9, claim: false, ours: false },
    runner: { pid: 7, started: 'x' },
    child: pid === undefined ? undefined : { pid, started: 'x' },
    ...more,
  });
  const reservations = [
    reservation('GPU-1', 70),
    reservation('GPU-1', 71),
    reservation('GPU-1', undefined, { claim: true }),
    reservation('cpu', 72, { cores: 2, memory: null }),
  ];
  expect(statusOf(facts([gpu], {}, { reservations })).devices).toMatchObject([
    { device: 'cuda:1', trials: ['a'], others: 1, claims: 1, memory: 4e9, load: { gpu: 0.9, power: 200 } },
    { device: 'cpu', trials: [], others: 1, claims: 0, cores: 2, memory: null, load: null },
  ]);
});
