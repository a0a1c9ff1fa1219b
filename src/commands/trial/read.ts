/** @file All that is known of one trial, from its folder alone: works beside a live runner, and writes nothing. */
import { eventsFile, listAttempts } from '../../runner/layout.js';
import type { MetricValues, TrialEvent } from '../../protocol.js';
import { readWholeJournal } from '../../runner/executors/slurm/settle.js';
import { openJob, type JournalEntry } from '../../runner/journal.js';
import { readLines } from '../../runner/lines.js';
import { isSame } from '../../runner/processes.js';

export interface AttemptStory {
  attempt: number;
  /** Unix seconds. */
  started: number | null;
  ended: number | null;
  /** `running`, `interrupted` (its runner is gone), or how it ended. */
  outcome: string;
  /** Class of its failure. */
  class: string | null;
  reason: string | null;
  exitCode: number | null;
  signal: string | null;
  engine: string | null;
  engineReason: string | null;
  device: string | null;
  threads: number | null;
  /** Update that it began from, and the last that it told of. */
  from: number;
  step: number;
  /** Updates that the budget allows. */
  updates: number | null;
  /** Bytes. */
  memory: { peak: number | null; predicted: number | null; microBatch: number | null };
  checkpoints: { step: number; kind: string; bytes: number }[];
  /** The last value of each metric, exam included. */
  metrics: MetricValues;
  messages: { step: number | null; code: string; message: string }[];
}

export interface TrialStory {
  /** `pending`, `queued` (with Slurm), `running`, `interrupted`, `waiting` (for another attempt), or how the last attempt ended. */
  status: string;
  attempts: AttemptStory[];
  journal: JournalEntry[];
}

/** @param withEvents without, only what the runner wrote is read: at once, however long the trial has run */
export function readStory(results: string, key: string, withEvents = true): TrialStory {
  const journal = readWholeJournal(results, key);
  const attempts = listAttempts(results, key).map((attempt) => {
    const lines = withEvents ? readLines(eventsFile(results, key, attempt)) : [];
    return tellAttempt(attempt, lines.flatMap(parse), journal);
  });
  const last = attempts.at(-1);
  const waits =
    last !== undefined && journal.some((entry) => entry.t === 'retry' && entry.attempt === last.attempt);
  const queued = openJob(journal) !== undefined && last?.outcome !== 'running';
  const status = queued ? 'queued' : last === undefined ? 'pending' : waits ? 'waiting' : last.outcome;
  return { status, attempts, journal };
}

function parse(line: string): TrialEvent[] {
  try {
    return [JSON.parse(line) as TrialEvent];
  } catch {
    return [];
  }
}

function tellAttempt(attempt: number, events: TrialEvent[], journal: JournalEntry[]): AttemptStory {
  const mine = journal.filter((entry) => 'attempt' in entry && entry.attempt === attempt);
  const begun = mine.find((entry) => entry.t === 'attempt');
  const process = mine.find((entry) => entry.t === 'process');
  const end = mine.findLast((entry) => entry.t === 'end');
  const story: AttemptStory = {
    attempt,
    started: begun?.wall ?? null,
    ended: end?.wall ?? null,
    // Before its process is written down it is being started.
    outcome: end?.outcome ?? (process === undefined || isSame(process) ? 'running' : 'interrupted'),
    class: end?.class ?? null,
    reason: end?.reason ?? null,
    exitCode: end?.exitCode ?? null,
    signal: end?.signal ?? null,
    engine: null,
    engineReason: null,
    device: begun?.device ?? null,
    threads: begun?.threads ?? null,
    from: begun?.resume ?? 0,
    step: begun?.resume ?? 0,
    updates: null,
    memory: { peak: null, predicted: null, microBatch: null },
    checkpoints: [],
    metrics: {},
    messages: [],
  };
  for (const event of events) take(story, event);
  return story;
}

function take(story: AttemptStory, event: TrialEvent): void {
  switch (event.t) {
    case 'start':
      story.engine = event.engine ?? null;
      story.engineReason = event.engineReason ?? null;
      story.device = event.device ?? story.device;
      story.threads = event.threads ?? story.threads;
      story.updates = event.updates ?? null;
      return;
    case 'metric':
    case 'exam':
      Object.assign(story.metrics, event.v);
      story.step = Math.max(story.step, event.step);
      return;
    case 'done':
      story.step = Math.max(story.step, event.step);
      return;
    case 'memory': {
      const { peak, predicted = null, micro_batch: microBatch = null } = event;
      story.memory = { peak, predicted: predicted ?? story.memory.predicted, microBatch };
      return;
    }
    case 'checkpoint':
      story.checkpoints.push({ step: event.step, kind: event.kind, bytes: event.bytes });
      story.step = Math.max(story.step, event.step);
      return;
    case 'health':
    case 'warning':
      story.messages.push({ step: event.step ?? null, code: event.code, message: event.message });
  }
}
