/**
 * @file Where a sweep stands: what runs, waits and failed, how far, how fast, until when, on which device. Pure: facts of the store, the
 * journals and the registry in, plain data out. `sweep status`, `top` and `watch` show it.
 */
import { trialLabel } from '../definition/label.js';
import type { MetricValues, ParameterValues } from '../protocol.js';
import type { StoredTrial, Told } from '../store/progress.js';
import { openJob, type JournalEntry } from './journal.js';
import type { Reservation } from './registry.js';

/** What a runner has taken on: `results/sweeps/NAME/run.json`, written when it starts. */
export interface RunRecord {
  /** When it began, Unix seconds. */
  wall: number;
  pid: number;
  /** Hash that stands for its machine. */
  host: string;
  /** Trials at once, at most. */
  most: number;
  /** Keys of the trials that it runs, in their order. */
  wanted: string[];
}

/** What a trial took of the machine when it was last looked at; null: nobody could tell. */
export interface Load {
  /** Cores. */
  cpu: number | null;
  /** Bytes. */
  memory: number | null;
  /** Of its GPU, whoever else used it: share of the time in which it computed, bytes, watts, degrees Celsius. */
  gpu: number | null;
  gpuMemory: number | null;
  power: number | null;
  temperature: number | null;
}

/** All that is known of a trial, from the store and its journal. */
export interface TrialFacts extends Omit<StoredTrial, 'id'> {
  /** Empty for one that is settled: what the store says then counts. */
  journal: JournalEntry[];
  /** Whether the process of its last attempt lives; undefined where that cannot be told from here. */
  alive: boolean | undefined;
  told: Told | undefined;
  load: Load | undefined;
}

export interface StatusFacts {
  sweep: { name: string; question: string; varied: readonly string[]; updated: number };
  /** In the order of the grid. */
  trials: readonly TrialFacts[];
  /** What the runner that works here has taken on of this sweep; undefined where none does. */
  run: RunRecord | undefined;
  /** What is taken of this machine, by whomever. */
  reservations: readonly Reservation[];
  /** Cores of this machine. */
  cores: number;
  /** Unix seconds. */
  now: number;
}

/**
 * `starting` until it tells its first number; `waiting` for a place, `retrying` after a failure, `queued` in a batch system: a runner or
 * that system will start it. `interrupted`, `stopped` and `pending`: nobody will before the next `sweep run`.
 */
export type TrialState =
  | 'running'
  | 'starting'
  | 'retrying'
  | 'queued'
  | 'waiting'
  | 'pending'
  | 'stopped'
  | 'interrupted'
  | 'failed'
  | 'early-stopped'
  | 'done';

export interface TrialProgress {
  key: string;
  /** e.g. `patch 64 batch 16 seed 2`. */
  label: string;
  /** Those that differ between trials. */
  parameters: ParameterValues;
  seed: number;
  state: TrialState;
  /** Why it waits, or ended as it did. */
  reason: string | null;
  /** Class of its failure (docs/failures.md). */
  class: string | null;
  /** The last one; null for a trial that has not begun. */
  attempt: number | null;
  device: string | null;
  engine: string | null;
  /** Seconds that its attempts took so far, all together. */
  seconds: number;
  /** Updates done, and those that the budget allows. */
  step: number;
  updates: number | null;
  /** Of the budget, 0 to 1; null where that cannot be told. */
  share: number | null;
  /** Updates a second of the attempt that runs. */
  rate: number | null;
  /** Seconds until it is done, once it has a place, and the Unix time at which it will be, if it runs. */
  secondsLeft: number | null;
  until: number | null;
  /** The last value of each metric, while it runs. */
  metrics: MetricValues;
  load: Load | null;
  /** How many of the queue are before it; null where it does not wait. */
  before: number | null;
  /** Of a batch system. */
  job: string | null;
}

export interface DeviceProgress {
  /** `cpu`, `cuda:0`; a GPU that only others use is known by its own id. */
  device: string;
  /** Keys of this sweep's trials on it. */
  trials: string[];
  /** Trials of other sweeps on it. */
  others: number;
  /** Trials that a place on it is kept for. */
  claims: number;
  /** Cores that are taken, and bytes that are set aside on the device: null where nobody said. */
  cores: number;
  memory: number | null;
  load: Load | null;
}

export interface SweepStatus {
  sweep: string;
  question: string;
  /** Unix seconds of this state, and of the sweep's last start. */
  now: number;
  started: number;
  /** Null where no runner works on this sweep. */
  runner: { pid: number; most: number; since: number } | null;
  counts: Record<TrialState | 'trials', number>;
  /** Of all trials' budgets, 0 to 1. */
  share: number;
  /** Updates a second, of all running trials together. */
  rate: number | null;
  /** Until all that runs or waits is done; null where nothing does, or no trial has shown how fast it is. */
  secondsLeft: number | null;
  until: number | null;
  /** In the order of the grid. */
  trials: TrialProgress[];
  /** Of this machine. */
  devices: DeviceProgress[];
  cores: number;
}

const STATES: readonly TrialState[] = [
  'running',
  'starting',
  'retrying',
  'queued',
  'waiting',
  'pending',
  'stopped',
  'interrupted',
  'failed',
  'early-stopped',
  'done',
];
const RUNS: ReadonlySet<TrialState> = new Set(['running', 'starting']);
const WAITS: ReadonlySet<TrialState> = new Set(['retrying', 'queued', 'waiting']);

export const runs = ({ state }: Pick<TrialProgress, 'state'>): boolean => RUNS.has(state);
export const waits = ({ state }: Pick<TrialProgress, 'state'>): boolean => WAITS.has(state);

export function statusOf({ sweep, trials, run, reservations, cores, now }: StatusFacts): SweepStatus {
  const wanted = new Set(run?.wanted);
  const told = trials.map((trial) => progressOf(trial, sweep.varied, run, wanted, now));
  const known = withTimes(trials, told, now);
  const running = known.filter(runs);
  const queue = inOrder(known.filter(waits), run?.wanted ?? []);
  explainQueue(queue, run, running.length);
  const rates = running.flatMap(({ rate }) => rate ?? []);
  const secondsLeft = timeLeft(running, queue, Math.max(run?.most ?? 0, running.length));
  const counts = Object.fromEntries([...STATES.map((state) => [state, 0]), ['trials', known.length]]) as SweepStatus['counts']; // prettier-ignore
  for (const { state } of known) counts[state]++;
  return {
    sweep: sweep.name,
    question: sweep.question,
    now,
    started: sweep.updated,
    runner: run === undefined ? null : { pid: run.pid, most: run.most, since: run.wall },
    counts,
    share: known.length === 0 ? 0 : known.reduce((sum, { share }) => sum + (share ?? 0), 0) / known.length,
    rate: rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0),
    secondsLeft,
    until: secondsLeft === null ? null : now + secondsLeft,
    trials: known,
    devices: devicesOf(reservations, trials, known),
    cores,
  };
}

/** What the last attempt of a journal came to. */
function lastAttempt(journal: readonly JournalEntry[]) {
  const begun = journal.findLast((entry) => entry.t === 'attempt');
  if (begun === undefined) return undefined;
  const end = journal.findLast((entry) => entry.t === 'end' && entry.attempt === begun.attempt);
  const retry = journal.findLast((entry) => entry.t === 'retry' && entry.attempt === begun.attempt);
  return {
    begun,
    end: end?.t === 'end' ? end : undefined,
    retry: retry?.t === 'retry' ? retry : undefined,
  };
}

function progressOf(
  trial: TrialFacts,
  varied: readonly string[],
  run: RunRecord | undefined,
  wanted: ReadonlySet<string>,
  now: number,
): TrialProgress {
  const { key, parameters, seed, journal, attempt, told } = trial;
  const last = lastAttempt(journal);
  const job = jobOf(journal);
  const { state, reason } = stateOf(trial, last, job, run, wanted.has(key), now);
  const isRunning = RUNS.has(state);
  const step = Math.max(trial.step, isRunning ? (told?.last.step ?? 0) : 0);
  const span = told === undefined ? 0 : told.last.wall - told.first.wall;
  const minutes = 'minutes' in trial.budget ? trial.budget.minutes : undefined;
  const spent = trial.seconds + (isRunning && attempt !== null ? Math.max(0, now - attempt.started) : 0);
  let share = trial.updates ? Math.min(1, step / trial.updates) : null;
  // A budget of minutes does not say how many updates it holds.
  if (share === null && minutes !== undefined) share = Math.min(1, spent / (60 * minutes));
  return {
    key,
    label: trialLabel(varied, trial),
    parameters: Object.fromEntries(varied.flatMap((name) => (parameters[name] === undefined ? [] : [[name, parameters[name]]]))), // prettier-ignore
    seed,
    state,
    reason,
    class: state === 'failed' || state === 'retrying' ? (last?.end?.class ?? attempt?.class ?? null) : null,
    attempt: last?.begun.attempt ?? attempt?.attempt ?? null,
    device: attempt?.device ?? last?.begun.device ?? null,
    engine: attempt?.engine ?? null,
    seconds: spent,
    step,
    updates: trial.updates,
    share: state === 'done' ? 1 : (share ?? 0),
    rate: isRunning && told !== undefined && span > 0 && step !== trial.updates ? (told.last.step - told.first.step) / span : null, // prettier-ignore
    secondsLeft: null,
    until: null,
    metrics: isRunning ? (told?.values ?? {}) : {},
    load: isRunning ? (trial.load ?? null) : null,
    before: null,
    job,
  };
}

function stateOf(
  { status, reason, attempt, alive, told, journal }: TrialFacts,
  last: ReturnType<typeof lastAttempt>,
  job: string | null,
  run: RunRecord | undefined,
  wanted: boolean,
  now: number,
): { state: TrialState; reason: string | null } {
  if (status === 'done' || (status === 'early-stopped' && !wanted)) return { state: status, reason };
  const queued = openJob(journal);
  if (queued !== undefined && (last === undefined || last.end !== undefined)) {
    return { state: 'queued', reason: `in the queue of Slurm${job === null ? '' : `, job ${job}`}` };
  }
  if (last !== undefined && last.end === undefined) {
    // Of another machine, and of a process that is not written down yet, only the runner knows; and that a process which it
    // started has just ended, it writes down in a moment.
    const itsOwn = run !== undefined && wanted && last.begun.wall >= run.wall;
    const lives = itsOwn || (alive ?? (run !== undefined || job !== null));
    if (!lives) return { state: 'interrupted', reason: 'its runner and its process are gone' };
    const spoke = told !== undefined && attempt?.attempt === last.begun.attempt;
    return { state: spoke ? 'running' : 'starting', reason: null };
  }
  if (last?.retry !== undefined && run !== undefined && wanted) {
    const { wall, delay, attempt: failed } = last.retry;
    const seconds = Math.max(0, Math.ceil(wall + delay - now));
    return {
      state: 'retrying',
      reason: `${last.retry.reason}; attempt ${failed + 1} follows in ${seconds} s`,
    };
  }
  const ended = last?.end?.wall ?? attempt?.ended;
  if (run !== undefined && wanted && !(ended != null && ended >= run.wall)) {
    const latest = journal.at(-1);
    const why = latest?.t === 'waiting' && latest.wall >= run.wall ? `waits for ${latest.reason}` : null;
    return { state: 'waiting', reason: why };
  }
  const outcome = last?.end?.outcome ?? status;
  if (outcome === 'failed' && last?.retry === undefined)
    return { state: 'failed', reason: last?.end?.reason ?? reason };
  if (outcome === 'done' || outcome === 'early-stopped') return { state: outcome, reason };
  return attempt === null && last === undefined
    ? { state: 'pending', reason: null }
    : { state: 'stopped', reason: last?.end?.reason ?? reason };
}

/** The batch system's name of the job that the journal speaks of last. */
function jobOf(journal: readonly object[]): string | null {
  const told = journal.findLast((entry): entry is { job: string | number } => 'job' in entry);
  return told === undefined ? null : String(told.job);
}

/** Times left, from a trial's own rate; for one that has none yet, from what others took: those of its own setting before all others. */
function withTimes(
  facts: readonly TrialFacts[],
  told: readonly TrialProgress[],
  now: number,
): TrialProgress[] {
  const spent = told.map(({ seconds }) => seconds);
  const own = told.map((trial, at): number | null => {
    const { budget } = facts[at]!;
    if ('minutes' in budget) return Math.max(0, 60 * budget.minutes - spent[at]!);
    if (trial.updates !== null && trial.step >= trial.updates) return 0; // at its exam
    if (trial.rate === null || trial.rate <= 0 || trial.updates === null) return null;
    return Math.max(0, trial.updates - trial.step) / trial.rate;
  });
  const cells = told.map(({ parameters }) => JSON.stringify(parameters));
  const wholes = new Map<string, number[]>();
  const all: number[] = [];
  told.forEach((trial, at) => {
    const left = trial.state === 'done' ? 0 : own[at];
    if (left == null || (left === 0 && spent[at] === 0)) return;
    const whole = spent[at]! + left;
    all.push(whole);
    wholes.set(cells[at]!, [...(wholes.get(cells[at]!) ?? []), whole]);
  });
  const mean = (values: number[] | undefined) =>
    values === undefined || values.length === 0 ? null : values.reduce((sum, one) => sum + one, 0) / values.length; // prettier-ignore
  return told.map((trial, at) => {
    if (!runs(trial) && !waits(trial)) return trial;
    const whole = mean(wholes.get(cells[at]!)) ?? mean(all);
    const expected = whole === null ? null : whole * (1 - (trial.share ?? 0));
    const secondsLeft = own[at] ?? expected;
    return { ...trial, secondsLeft, until: secondsLeft === null || !runs(trial) ? null : now + secondsLeft };
  });
}

function inOrder(queue: TrialProgress[], wanted: readonly string[]): TrialProgress[] {
  const place = new Map(wanted.map((key, at) => [key, at]));
  return queue.toSorted((a, b) => (place.get(a.key) ?? Infinity) - (place.get(b.key) ?? Infinity));
}

/** Seconds until the last trial ends, if each of the queue takes the place that is free first. */
function timeLeft(running: TrialProgress[], queue: TrialProgress[], places: number): number | null {
  if (running.length + queue.length === 0) return null;
  const known = [...running, ...queue].flatMap(({ secondsLeft }) => secondsLeft ?? []);
  if (known.length < running.length + queue.length) return null;
  const ends = running.map(({ secondsLeft }) => secondsLeft!);
  while (ends.length < Math.max(1, places)) ends.push(0);
  for (const { secondsLeft } of queue) {
    const first = ends.indexOf(Math.min(...ends));
    ends[first]! += secondsLeft!;
  }
  return Math.max(...ends);
}

/** Says of each trial of the queue how many are before it, and what it waits for. */
function explainQueue(queue: TrialProgress[], run: RunRecord | undefined, running: number): void {
  queue.forEach((trial, before) => {
    trial.before = before;
    if (trial.state !== 'waiting' || trial.reason !== null) return;
    if (before > 0) trial.reason = `${before} before it`;
    else if (run === undefined || running < run.most) trial.reason = 'its place is looked for';
    else
      trial.reason = `waits for ${run.most === 1 ? 'the trial that runs' : `one of the ${running} trials that run`} to end`;
  });
}

function devicesOf(
  reservations: readonly Reservation[],
  facts: readonly TrialFacts[],
  told: readonly TrialProgress[],
): DeviceProgress[] {
  const holders = new Map<number, number>();
  facts.forEach(({ journal }, at) => {
    const process = journal.findLast((entry) => entry.t === 'process');
    if (process?.t === 'process' && runs(told[at]!)) holders.set(process.pid, at);
  });
  const devices = new Map<string, DeviceProgress>();
  const names = new Map<string, string>();
  for (const { device, claim, child, cores, memory } of reservations) {
    const at = child === undefined ? undefined : holders.get(child.pid);
    const known = devices.get(device) ?? {
      ...{ device, trials: [], others: 0, claims: 0, cores: 0, memory: null, load: null },
    };
    devices.set(device, known);
    if (claim) {
      known.claims++;
      continue;
    }
    known.cores += cores;
    if (memory !== null) known.memory = (known.memory ?? 0) + memory;
    if (at === undefined) {
      known.others++;
      continue;
    }
    const trial = told[at]!;
    known.trials.push(trial.key);
    if (trial.device !== null) names.set(device, trial.device);
    // Of the GPU every trial on it tells the same; cores and memory are each trial's own.
    const { load } = trial;
    if (load !== null)
      known.load = {
        ...load,
        cpu: sum(known.load?.cpu, load.cpu),
        memory: sum(known.load?.memory, load.memory),
      };
  }
  const place = new Map(told.map(({ key }, at) => [key, at]));
  return [...devices.values()].map((each) => ({
    ...each,
    device: names.get(each.device) ?? each.device,
    trials: each.trials.toSorted((a, b) => place.get(a)! - place.get(b)!),
  }));
}

function sum(a: number | null | undefined, b: number | null): number | null {
  return a == null ? b : b === null ? a : a + b;
}
