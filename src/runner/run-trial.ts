/** @file Runs one trial: its attempts, one after another, each followed from its start to the end of its events. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Definition } from '../definition/schema.js';
import { diskFull, freeSpace } from '../disk.js';
import { openDataset, openImageCache } from '../imaging/dataset.js';
import { listDomains } from '../imaging/folder.js';
import { DataError } from '../imaging/image.js';
import { EXIT, type AnyTrialConfig, type TrialData, type TrialEvent } from '../protocol.js';
import { outOfMemory } from '../out-of-memory.js';
import type { Store } from '../store/open.js';
import { readIngested } from '../store/writer.js';
import type { Exit, RunningTrial, Scheduler, Started } from './executors/executor.js';
import { localExecutor } from './executors/local.js';
import { FAILURES } from './failures.js';
import { parseEvent } from './ingest.js';
import type { IngestThread } from './ingest-thread.js';
import { appendJournal, entriesOf, newAttempt, readJournal, type JournalEntry } from './journal.js';
import {
  attemptDirectory,
  eventsFile,
  lastCheckpoint,
  listAttempts,
  outputFile,
  stepOf,
  trialDirectory,
  writeFileWhole,
} from './layout.js';
import { lastLines } from './last-lines.js';
import { eachLine } from './lines.js';
import { judgeExit, type Verdict } from './outcome.js';
import { nextAttempt, startMicroBatch, type NextAttempt } from './retry.js';
import { isForeignTrial } from './plan.js';
import type { Slot } from './placer.js';
import { duration, type Progress } from './progress.js';
import type { Steering } from './steering.js';
import { GRACE, type Stopping } from './stop.js';
import { readSystem, type SystemWatch } from './system.js';
import { hangLimit, openWatch, type Limits } from './watch.js';

/** How often is looked whether a running trial hangs or is out of time, in milliseconds. */
const LOOK_EVERY = 500;
/** Bytes at the end of a trial's output that may tell why it failed. */
const LAST_WORDS = 8192;
/** With fewer bytes free than this a disk is full: not even a line of events is sure of its place. */
const NO_SPACE = 65_536;

export interface TrialWork {
  store: Store;
  ingest: IngestThread;
  config: AnyTrialConfig;
  /** Where it runs, or who decides that. */
  slot: Slot;
  scheduler: Scheduler | undefined;
  sweep: string;
  label: string;
  retry: Definition['retry'];
  /** Seconds that the trial may run for, all attempts together; null: no limit. */
  timeLimit: number | null;
  memoryLimit: number | undefined;
  progress: Progress;
  stopping: Stopping;
  steering: Steering;
  system: SystemWatch;
}

/**
 * Runs a trial until it is done, stopped, or has used up its attempts. Where its disk is full it stops the sweep.
 * @returns undefined if it goes on without this runner
 */
export async function runTrial(work: TrialWork): Promise<Verdict | undefined> {
  const { store, config, slot, label, progress, stopping } = work;
  const begun = performance.now();
  if (work.scheduler === undefined) progress.started(config.key, label);
  const { verdict, results, left, device = slot.device } = await runAttempts(work);
  if (left) return undefined;
  if (verdict.class === 'disk-full') stopping.request(diskFull(store.results).message);
  const { outcome, reason } = verdict;
  // One that somebody else stopped has a reason that its numbers do not tell.
  const surprising = outcome === 'stopped' && !stopping.requested;
  const told = outcome === 'failed' ? await explainFailure(store, config, verdict) : surprising ? reason : results || reason; // prettier-ignore
  const took = duration((performance.now() - begun) / 1000);
  progress.ended(config.key, `${label}  ${outcome} on ${device} in ${took}  ${told}`);
  return verdict;
}

async function runAttempts(work: TrialWork): Promise<Attempt> {
  const { store, config, retry, label, progress, stopping } = work;
  const { key } = config;
  let microBatch = isForeignTrial(config) ? undefined : startMicroBatch(store.results, config);
  let timeLeft = work.timeLimit;
  let lostAt: string | undefined;
  for (let failures = 0, losses = 0; ;) {
    const given = microBatch === undefined ? config : { ...config, microBatch };
    writeFileWhole(
      path.join(trialDirectory(store.results, key), 'config.json'),
      JSON.stringify(given, null, 2) + '\n',
    );
    let next: NextAttempt | undefined;
    const attempt = await runAttempt(
      { ...work, config: given, timeLimit: timeLeft },
      (number, verdict, used) => {
        next = nextAttempt(given, number, verdict, {
          failures,
          losses,
          limit: retry.limit,
          microBatch: used,
        });
        return next;
      },
    );
    if (attempt.left || (stopping.requested && !attempt.requeued)) return attempt;
    if (timeLeft !== null) timeLeft -= attempt.seconds;
    if (attempt.requeued) {
      progress.say(
        `${label}  ${attempt.verdict.reason}; it goes on from its last checkpoint when it is started again`,
      );
      continue;
    }
    if (next === undefined) return attempt;
    if (attempt.verdict.class === 'lost') {
      const at = lastCheckpoint(store.results, key);
      losses = at === lostAt ? losses + 1 : 1;
      lostAt = at;
    } else if (next.microBatch === undefined) failures++;
    else microBatch = next.microBatch;
    const what = attempt.verdict.class === 'lost' ? 'it is submitted again, and goes on from its last checkpoint' : inWordsOf(next, failures, retry.limit); // prettier-ignore
    progress.say(`${label}  ${attempt.verdict.reason}; ${what}`);
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
  /** Where it ran, if it did. */
  device?: string;
  /** The scheduler starts it again by itself. */
  requeued?: boolean;
  /** This runner leaves it to itself. */
  left?: boolean;
}

type Decide = (attempt: number, verdict: Verdict, microBatch: number | undefined) => NextAttempt | undefined;

/**
 * Runs one attempt and writes down how it ended.
 * @param decide whether another follows, so that both are written down at once
 */
async function runAttempt(work: TrialWork, decide: Decide): Promise<Attempt> {
  const { store, ingest, config, retry, progress, stopping, steering } = work;
  const { key } = config;
  const { results } = store;
  const turn = work.scheduler === undefined ? startHere(work) : await startThere(work, work.scheduler);
  if ('exit' in turn) return neverBegun(work, turn.exit, decide);
  const { attempt, wall, device, running } = turn.started;
  stopping.watch(running);
  if (running.process !== undefined) {
    try {
      work.slot.started(running.process.pid);
      appendJournal(results, key, { t: 'process', attempt, ...running.process });
    } catch (error) {
      running.stop(GRACE);
      await running.exited;
      throw error;
    }
  }
  // Of one that runs already a part of its time is gone.
  const time = work.timeLimit === null ? null : work.timeLimit - (Date.now() / 1000 - wall);
  const watch = watchOver(running, { hang: hangLimit(retry.hang, isForeignTrial(config)), time });
  const here = work.scheduler === undefined;
  const unwatch = here ? work.system.watch({ key, attempt, pid: running.process?.pid, device }) : undefined;
  const seen: Seen = {};
  const saw = (events: TrialEvent[]) => {
    see(seen, events);
    watch.saw(events);
    progress.saw(key, events);
    if (steering.saw(key, attempt, events)) running.stop(GRACE);
  };
  // What it wrote while no runner was there may be in the store already.
  if (!here) for (const line of eachLine(eventsFile(results, key, attempt), readIngested(store, key, attempt).offset)) saw([parseEvent(line)]); // prettier-ignore
  const following = ingest.follow(key, attempt, saw);
  const exit = await running.exited;
  const limit = watch.close();
  await following.finished();

  unwatch?.();
  if (!here) ingest.call('storeSystem', readSystem(results, key, attempt));
  const seconds = Date.now() / 1000 - wall;
  const output = lastOutput(outputFile(results, key, attempt));
  const full = (freeSpace(results) ?? Infinity) < NO_SPACE;
  const verdict = steering.verdict(key, judgeExit({ exit, last: seen.end, limit, output, diskFull: full }));
  if (exit.left) return { verdict, results: '', seconds, left: true };
  const next = decide(attempt, verdict, seen.microBatch);
  const { outcome, reason, exitCode, signal } = verdict;
  const printed = outcome === 'failed' ? lastLines(output, config.data) : null;
  const end = {
    outcome,
    reason,
    exitCode,
    signal,
    class: verdict.class,
    ...(printed !== null && { lastLines: printed }),
  };
  const ended = Date.now() / 1000;
  const entries: JournalEntry[] = [{ t: 'end', attempt, wall: ended, ...end }];
  const requeued = exit.requeued !== undefined && verdict.reason === exit.requeued;
  if (requeued) {
    const before = readJournal(results, key).filter((entry) => entry.t === 'requeued').length;
    entries.push({ t: 'requeued', attempt, wall: ended, reason, count: before + 1 });
  } else if (next !== undefined) {
    entries.push({ t: 'retry', attempt, wall: ended, class: verdict.class ?? 'fault', reason, ...next });
  }
  appendJournal(results, key, ...entries);
  ingest.call('endAttempt', key, attempt, end, ended, requeued || next !== undefined);
  return { verdict, results: inWords(seen), seconds, device, requeued };
}

/** Starts the next attempt as a child process. */
function startHere({ store, ingest, config, slot, memoryLimit }: TrialWork): {
  started: Omit<Started, 'where'>;
} {
  const { key } = config;
  const { results } = store;
  const attempt = newAttempt(results, key);
  const resume = lastCheckpoint(results, key);
  const wall = Date.now() / 1000;
  fs.mkdirSync(attemptDirectory(results, key, attempt), { recursive: true });
  const { device, threads, environment } = slot;
  const resumeStep = resume === undefined ? null : stepOf(resume);
  appendJournal(results, key, { t: 'attempt', attempt, wall, device, threads, resume: resumeStep });
  ingest.call('startAttempt', key, attempt, wall);
  const running = localExecutor.start({
    key,
    attempt,
    trialDirectory: trialDirectory(results, key),
    eventsFile: eventsFile(results, key, attempt),
    outputFile: outputFile(results, key, attempt),
    resume,
    memoryLimit,
    ...(isForeignTrial(config) ? { command: config.command, workingDirectory: config.workingDirectory } : {}),
    device,
    threads,
    environment,
  });
  return { started: { attempt, wall, device, threads, resume: resumeStep, running } };
}

/** Waits until a scheduler has started the next attempt, and writes that down. */
async function startThere(
  { store, ingest, config, slot, sweep, label, progress }: TrialWork,
  scheduler: Scheduler,
): ReturnType<Scheduler['next']> {
  const { key } = config;
  const { results } = store;
  const turn = await scheduler.next({
    key,
    sweep,
    attempt: () => newAttempt(results, key),
    memory: slot.forecast.host,
    environment: slot.environment,
  });
  if ('exit' in turn) return turn;
  const { attempt, wall, device, threads, resume, where } = turn.started;
  // An earlier runner may have seen it begin.
  if (!entriesOf(readJournal(results, key), attempt).some((entry) => entry.t === 'attempt'))
    appendJournal(results, key, { t: 'attempt', attempt, wall, device, threads, resume, where });
  ingest.call('startAttempt', key, attempt, wall);
  progress.started(key, label);
  return turn;
}

/** Its job ended before the trial began: there is no attempt to write down. */
function neverBegun({ store, config }: TrialWork, exit: Exit, decide: Decide): Attempt {
  const judged = judgeExit({ exit });
  const verdict = exit.asked ? { ...judged, reason: 'stopped before it began' } : judged;
  const attempt = newAttempt(store.results, config.key);
  decide(attempt, verdict, undefined);
  return { verdict, results: '', seconds: 0, left: exit.left ?? false };
}

/** Ends a trial that hangs or has run for too long. `close` tells for what it was ended, if it was. */
function watchOver(running: RunningTrial, limits: Limits) {
  const now = () => performance.now() / 1000;
  const watch = openWatch(limits, now());
  let limit: ReturnType<typeof watch.overdue>;
  const timer = setInterval(() => {
    const overdue = watch.overdue(now());
    if (overdue === 'hang') running.kill();
    else if (overdue === 'time-limit') running.stop(GRACE);
    limit ??= overdue;
  }, LOOK_EVERY);
  return {
    saw: (events: TrialEvent[]) => watch.saw(events, now()),
    close() {
      clearInterval(timer);
      return limit;
    },
  };
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

function see(seen: Seen, events: TrialEvent[]): void {
  for (const event of events) {
    // Of the health flags only one ends a trial; the others are for the report.
    const diverged = event.t === 'health' && event.code === 'diverged';
    if (event.t === 'done' || event.t === 'stopped' || diverged) seen.end = event;
    else if (event.t === 'metric') seen.metric = event;
    else if (event.t === 'exam') seen.exam = event;
    else if (event.t === 'memory') seen.microBatch = event.micro_batch ?? seen.microBatch;
  }
}

/** For the terminal alone, which may name files: why a trial failed, and where its output is. */
async function explainFailure(store: Store, config: AnyTrialConfig, verdict: Verdict): Promise<string> {
  const { key, data } = config;
  if (verdict.exitCode === EXIT.dataWrong && !isForeignTrial(config)) {
    const culprit = await findBadImage(data, config.parameters.patch);
    if (culprit !== undefined) return culprit;
  }
  const attempt = listAttempts(store.results, key).at(-1) ?? 1;
  const output = path.relative('.', outputFile(store.results, key, attempt));
  const lines = lastOutput(output).trimEnd().split('\n');
  // A program that breaks off for want of memory may say more after it has said so.
  const telling = verdict.class === 'out-of-memory' ? lines.findLast((line) => outOfMemory(line)) : undefined;
  const lastLine = telling ?? lines.at(-1) ?? '';
  const advice = verdict.class === null ? '' : `\n     what to do: ${FAILURES[verdict.class].advice}`;
  return `${verdict.reason}${lastLine === '' ? '' : `: ${lastLine}`}${advice}\n     its output: ${output}`;
}

async function findBadImage(data: TrialData, patch: number): Promise<string | undefined> {
  try {
    for (const { files } of await listDomains(data)) {
      for (const file of files) await openDataset(openImageCache(0), [file], patch);
    }
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
  return undefined;
}
