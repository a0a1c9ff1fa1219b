/** @file Runs one trial: its attempts, one after another, each followed from its start to the end of its events. */
import fs from 'node:fs';
import path from 'node:path';
import { openDataset, openImageCache } from '../imaging/dataset.js';
import { listDomains } from '../imaging/folder.js';
import { DataError } from '../imaging/image.js';
import { EXIT, type AnyTrialConfig, type TrialData, type TrialEvent } from '../protocol.js';
import type { Store } from '../store/open.js';
import { localExecutor } from './executors/local.js';
import type { IngestThread } from './ingest-thread.js';
import { appendJournal } from './journal.js';
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
import { isForeignTrial } from './plan.js';
import { identify } from './processes.js';
import type { Slot } from './placer.js';
import { duration, type Progress } from './progress.js';
import type { Steering } from './steering.js';
import { GRACE, type Stopping } from './stop.js';
import type { SystemWatch } from './system.js';

export interface TrialWork {
  store: Store;
  ingest: IngestThread;
  config: AnyTrialConfig;
  slot: Slot;
  label: string;
  retries: number;
  memoryLimit: number | undefined;
  progress: Progress;
  stopping: Stopping;
  steering: Steering;
  system: SystemWatch;
}

/** Runs a trial until it is done, stopped, or has used up its attempts. */
export async function runTrial(work: TrialWork): Promise<void> {
  const { store, config, slot, label, retries, progress, stopping } = work;
  const begun = performance.now();
  writeFileWhole(
    path.join(trialDirectory(store.results, config.key), 'config.json'),
    JSON.stringify(config, null, 2) + '\n',
  );
  progress.started(config.key, label);
  let verdict: Verdict;
  let results: string;
  for (let failures = 0; ; failures++) {
    ({ verdict, results } = await runAttempt(work));
    const again = verdict.outcome === 'failed' && verdict.retry && failures < retries && !stopping.requested;
    if (!again) break;
    progress.say(
      `${label}  ${verdict.reason}; attempt ${failures + 2} of ${retries + 1} goes on from its last checkpoint`,
    );
  }
  const { outcome, reason } = verdict;
  const told =
    outcome === 'failed'
      ? await explainFailure(store, config, verdict)
      : outcome === 'done'
        ? results || reason
        : reason;
  const took = duration((performance.now() - begun) / 1000);
  progress.ended(config.key, `${label}  ${outcome} on ${slot.device} in ${took}  ${told}`);
}

interface Attempt {
  verdict: Verdict;
  /** What it came to, in a few numbers; empty before the first metric. */
  results: string;
}

async function runAttempt({
  store,
  ingest,
  config,
  slot,
  memoryLimit,
  progress,
  stopping,
  steering,
  system,
}: TrialWork): Promise<Attempt> {
  const { key } = config;
  const { results } = store;
  const attempt = (listAttempts(results, key).at(-1) ?? 0) + 1;
  const resume = lastCheckpoint(results, key);
  const started = Date.now() / 1000;
  fs.mkdirSync(attemptDirectory(results, key, attempt), { recursive: true });
  const resumeStep = resume === undefined ? null : Number(path.basename(resume).slice('step-'.length));
  const { device, threads, environment } = slot;
  appendJournal(results, key, { t: 'attempt', attempt, wall: started, device, threads, resume: resumeStep });
  ingest.call('startAttempt', key, attempt, started);

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
  if (running.pid !== undefined) {
    slot.started(running.pid);
    appendJournal(results, key, { t: 'process', attempt, ...identify(running.pid) });
  }
  stopping.watch(running);
  const unwatch = system.watch({ key, attempt, pid: running.pid, device: slot.device });
  const seen: Seen = {};
  const following = ingest.follow(key, attempt, (events) => {
    see(seen, events);
    progress.saw(key, events);
    if (steering.saw(key, attempt, events)) running.stop(GRACE);
  });
  const exit = await running.exited;
  await following.finished();

  unwatch();
  const verdict = steering.verdict(key, judgeExit(exit, seen.end));
  const { outcome, reason, exitCode, signal } = verdict;
  const ended = Date.now() / 1000;
  appendJournal(results, key, { t: 'end', attempt, wall: ended, outcome, reason, exitCode, signal });
  ingest.call('endAttempt', key, attempt, { outcome, reason, exitCode, signal }, ended);
  return { verdict, results: inWords(seen) };
}

/** The last events that tell how an attempt ended and what it came to. */
interface Seen {
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
  const lastLine = fs.readFileSync(output, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  return `${verdict.reason}${lastLine === '' ? '' : `: ${lastLine}`}\n     its output: ${output}`;
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
