/** @file Runs one trial: its attempts, one after another, each followed from its start to the end of its events. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Definition } from '../definition/schema.js';
import { freeSpace, isDiskFull } from '../disk.js';
import { openDataset, openImageCache } from '../imaging/dataset.js';
import { listImages } from '../imaging/folder.js';
import { DataError } from '../imaging/image.js';
import { EXIT, type AnyTrialConfig, type TrialEvent } from '../protocol.js';
import type { Store } from '../store/open.js';
import { endAttempt, startAttempt, trialId } from '../store/writer.js';
import type { Exit, RunningTrial } from './executors/executor.js';
import { localExecutor } from './executors/local.js';
import { FAILURES } from './failures.js';
import { Ingest } from './ingest.js';
import { appendJournal, type JournalEntry } from './journal.js';
import {
  attemptDirectory,
  eventsFile,
  lastCheckpoint,
  listAttempts,
  outputFile,
  trialDirectory,
  writeFileWhole,
} from './layout.js';
import { judgeExit, type Verdict } from './outcome.js';
import { nextAttempt, startMicroBatch, type NextAttempt } from './retry.js';
import { isForeignTrial } from './plan.js';
import { duration, type Progress } from './progress.js';
import { GRACE, type Stopping } from './stop.js';
import { hangLimit, openWatch, type Limits, type Watch } from './watch.js';

/** How often a running trial's events are brought into the store, in milliseconds. */
const INGEST_EVERY = 500;
/** Bytes at the end of a trial's output that may tell why it failed. */
const LAST_WORDS = 8192;
/** With fewer bytes free than this a disk is full: not even a line of events is sure of its place. */
const NO_SPACE = 65_536;

/** One place for a trial to run in. */
export interface Slot {
  device: string;
  threads: number;
}

export interface TrialWork {
  store: Store;
  config: AnyTrialConfig;
  slot: Slot;
  label: string;
  retry: Definition['retry'];
  /** Seconds that the trial may run for, all attempts together; null: no limit. */
  timeLimit: number | null;
  memoryLimit: number | undefined;
  progress: Progress;
  stopping: Stopping;
}

/** Runs a trial until it is done, stopped, or has used up its attempts. Where the disk is full it stops the sweep. */
export async function runTrial(work: TrialWork): Promise<Verdict> {
  const { store, config, slot, label, progress, stopping } = work;
  const begun = performance.now();
  progress.started(config.key, label);
  let attempt: Attempt;
  try {
    attempt = await runAttempts(work);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    // What could not be written down is found again in the trial's own events, by the next run.
    const { reason } = FAILURES['disk-full'];
    const verdict = { outcome: 'stopped', reason, class: 'disk-full', exitCode: null, signal: null } as const;
    attempt = { verdict, results: '', seconds: 0 };
  }
  const { verdict, results } = attempt;
  if (verdict.class === 'disk-full') stopping.halt(diskFullMessage(store.results));
  const { outcome, reason } = verdict;
  const told = outcome === 'failed' ? await explainFailure(store, config, verdict) : results || reason;
  const took = duration((performance.now() - begun) / 1000);
  progress.ended(config.key, `${label}  ${outcome} on ${slot.device} in ${took}  ${told}`);
  return verdict;
}

/** What a user is told where nothing more can be written; the terminal may name a folder. */
export function diskFullMessage(results: string): string {
  const free = freeSpace(results);
  const left = free === undefined ? '' : ` (${(free / 1e6).toFixed(1)} MB are left)`;
  return (
    `The disk is full: no more can be written in ${results}${left}. No new trials start, running ones stop.\n` +
    'Nothing is lost: make space, then run the same command again, and it goes on from there.'
  );
}

async function runAttempts(work: TrialWork): Promise<Attempt> {
  const { store, config, retry, label, progress, stopping } = work;
  const { key } = config;
  let microBatch = isForeignTrial(config) ? undefined : startMicroBatch(store.results, config);
  let timeLeft = work.timeLimit;
  for (let failures = 0; ;) {
    const given = microBatch === undefined ? config : { ...config, microBatch };
    writeFileWhole(
      path.join(trialDirectory(store.results, key), 'config.json'),
      JSON.stringify(given, null, 2) + '\n',
    );
    let next: NextAttempt | undefined;
    const attempt = await runAttempt(
      { ...work, config: given, timeLimit: timeLeft },
      (number, verdict, used) => {
        next = nextAttempt(given, number, verdict, { failures, limit: retry.limit, microBatch: used });
        return next;
      },
    );
    if (next === undefined || stopping.requested) return attempt;
    if (next.microBatch === undefined) failures++;
    else microBatch = next.microBatch;
    if (timeLeft !== null) timeLeft -= attempt.seconds;
    progress.say(`${label}  ${attempt.verdict.reason}; ${inWordsOf(next, failures, retry.limit)}`);
    await pause(1000 * next.delay, stopping.signal);
    if (stopping.requested) return { ...attempt, verdict: { ...attempt.verdict, outcome: 'stopped' } };
  }
}

function inWordsOf({ delay, microBatch }: NextAttempt, failures: number, limit: number): string {
  const wait = delay < 0.5 ? '' : ` in ${Math.round(delay)} s`;
  const what =
    microBatch === undefined
      ? `attempt ${failures + 1} of ${limit + 1}`
      : `the next attempt, with micro_batch ${microBatch},`;
  return `${what} goes on from its last checkpoint${wait}`;
}

/** Waits, unless the sweep is stopped meanwhile. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

interface Attempt {
  verdict: Verdict;
  /** What it came to, in a few numbers; empty before the first metric. */
  results: string;
  /** How long it ran. */
  seconds: number;
}

/**
 * Runs one attempt and writes down how it ended.
 * @param decide whether another follows, so that both are written down at once
 */
async function runAttempt(
  { store, config, slot, retry, timeLimit, memoryLimit, progress, stopping }: TrialWork,
  decide: (attempt: number, verdict: Verdict, microBatch: number | undefined) => NextAttempt | undefined,
): Promise<Attempt> {
  const { key } = config;
  const { results } = store;
  const attempt = (listAttempts(results, key).at(-1) ?? 0) + 1;
  const resume = lastCheckpoint(results, key);
  const trial = trialId(store.db, key);
  const started = Date.now() / 1000;
  const begun = performance.now();
  fs.mkdirSync(attemptDirectory(results, key, attempt), { recursive: true });
  const resumeStep = resume === undefined ? null : Number(path.basename(resume).slice('step-'.length));
  appendJournal(results, key, { t: 'attempt', attempt, wall: started, ...slot, resume: resumeStep });
  startAttempt(store, trial, attempt, started);

  const ingest = new Ingest(store, trial, key, attempt);
  const foreign = isForeignTrial(config);
  const running = localExecutor.start({
    key,
    attempt,
    trialDirectory: trialDirectory(results, key),
    eventsFile: eventsFile(results, key, attempt),
    outputFile: outputFile(results, key, attempt),
    resume,
    memoryLimit,
    ...(foreign ? { command: config.command, workingDirectory: config.workingDirectory } : {}),
    ...slot,
  });
  stopping.watch(running);
  const limits = { hang: hangLimit(retry.hang, foreign), time: timeLimit };
  const { exit, seen, limit } = await follow(running, ingest, limits, {
    begun: () => {
      if (running.process !== undefined)
        appendJournal(results, key, { t: 'process', attempt, ...running.process });
    },
    saw: (events) => progress.saw(key, events),
    failed: () => stopping.halt(diskFullMessage(results)),
  });

  const output = lastOutput(outputFile(results, key, attempt));
  const diskFull = (freeSpace(results) ?? Infinity) < NO_SPACE;
  const verdict = judgeExit({ exit, last: seen.end, limit, output, diskFull });
  const next = decide(attempt, verdict, seen.microBatch);
  const { outcome, reason, exitCode, signal } = verdict;
  const end = { outcome, reason, exitCode, signal, class: verdict.class };
  const ended = Date.now() / 1000;
  const entries: JournalEntry[] = [{ t: 'end', attempt, wall: ended, ...end }];
  if (next !== undefined) {
    entries.push({ t: 'retry', attempt, wall: ended, class: verdict.class ?? 'fault', reason, ...next });
  }
  appendJournal(results, key, ...entries);
  endAttempt(store, trial, attempt, end, ended, next !== undefined);
  return { verdict, results: inWords(seen), seconds: (performance.now() - begun) / 1000 };
}

/** The end of what a trial printed; nothing where that cannot be read. */
function lastOutput(file: string): string {
  try {
    const descriptor = fs.openSync(file, 'r');
    try {
      const { size } = fs.fstatSync(descriptor);
      const bytes = Buffer.alloc(Math.min(size, LAST_WORDS));
      fs.readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString('utf8');
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    return '';
  }
}

/** The last events that tell how an attempt ended and what it came to. */
interface Seen {
  /** Patches computed at once. */
  microBatch?: number;
  end?: TrialEvent;
  metric?: TrialEvent & { t: 'metric' };
  exam?: TrialEvent & { t: 'exam' };
}

/** e.g. `D 0.412  G 5.31  PSNR 24.31 dB (untranslated 20.63)`. */
function inWords({ metric, exam }: Seen): string {
  const { 'loss/D': d, 'loss/G': g } = metric?.v ?? {};
  const { 'exam/psnr': psnr, 'exam/psnr_untranslated': untranslated } = exam?.v ?? {};
  return [
    d === undefined ? '' : `D ${d.toFixed(3)}`,
    g === undefined ? '' : `G ${g.toFixed(3)}`,
    psnr === undefined ? '' : `PSNR ${psnr.toFixed(2)} dB (untranslated ${untranslated?.toFixed(2)})`,
  ]
    .filter((part) => part !== '')
    .join('  ');
}

interface Followed {
  exit: Exit;
  seen: Seen;
  /** What the runner ended it for. */
  limit: ReturnType<Watch['overdue']>;
}

interface Follower {
  /** Called once, at the start. */
  begun: () => void;
  saw: (events: TrialEvent[]) => void;
  /** Nothing more can be written down. */
  failed: () => void;
}

/**
 * Brings events into the store while the trial runs, and what is left once it is gone. Ends it where it is overdue.
 * @throws what went wrong in writing, but not before the trial is gone
 */
async function follow(
  running: RunningTrial,
  ingest: Ingest,
  limits: Limits,
  { begun, saw, failed }: Follower,
): Promise<Followed> {
  const seen: Seen = {};
  const now = () => performance.now() / 1000;
  const watch = openWatch(limits, now());
  let fault: Error | undefined;
  const attempt = (work: () => void) => {
    if (fault !== undefined) return;
    try {
      work();
    } catch (error) {
      fault = error instanceof Error ? error : new Error(String(error));
      if (isDiskFull(error)) failed();
      running.stop(GRACE);
    }
  };
  const advance = () => {
    const events = ingest.advance();
    for (const event of events) {
      // Of the health flags only one ends a trial; the others are for the report.
      const diverged = event.t === 'health' && event.code === 'diverged';
      if (event.t === 'done' || event.t === 'stopped' || diverged) seen.end = event;
      else if (event.t === 'metric') seen.metric = event;
      else if (event.t === 'exam') seen.exam = event;
      else if (event.t === 'memory') seen.microBatch = event.micro_batch ?? seen.microBatch;
    }
    watch.saw(events, now());
    saw(events);
  };
  let limit: Followed['limit'];
  attempt(begun);
  const timer = setInterval(() => {
    attempt(advance);
    limit ??= watch.overdue(now());
    if (limit === 'hang') running.kill();
    else if (limit === 'time-limit') running.stop(GRACE);
  }, INGEST_EVERY);
  const exit = await running.exited;
  clearInterval(timer);
  attempt(advance);
  if (fault !== undefined) throw fault;
  return { exit, seen, limit };
}

/** For the terminal alone, which may name files: why a trial failed, and where its output is. */
async function explainFailure(store: Store, config: AnyTrialConfig, verdict: Verdict): Promise<string> {
  const { key, data } = config;
  if (verdict.exitCode === EXIT.dataWrong && !isForeignTrial(config)) {
    const culprit = await findBadImage([data.x, data.y], config.parameters.patch);
    if (culprit !== undefined) return culprit;
  }
  const attempt = listAttempts(store.results, key).at(-1) ?? 1;
  const output = path.relative('.', outputFile(store.results, key, attempt));
  const lastLine = lastOutput(output).trimEnd().split('\n').at(-1) ?? '';
  const advice = verdict.class === null ? '' : `\n     what to do: ${FAILURES[verdict.class].advice}`;
  return `${verdict.reason}${lastLine === '' ? '' : `: ${lastLine}`}${advice}\n     its output: ${output}`;
}

async function findBadImage(folders: string[], patch: number): Promise<string | undefined> {
  try {
    for (const folder of folders) {
      for (const file of (await listImages(folder)).files)
        await openDataset(openImageCache(0), [file], patch);
    }
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
  return undefined;
}
