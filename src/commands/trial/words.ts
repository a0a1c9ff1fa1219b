/** @file A trial's journal in plain words: why this device, why it waited, why it was tried again, why it stopped. */
import { policyOf } from '../../runner/failures.js';
import type { JournalEntry } from '../../runner/journal.js';
import { bytes, duration } from '../../report/format.js';
import type { AttemptStory, TrialStory } from './read.js';

/** Local time to the second, e.g. `2026-11-25 22:10:03`. */
export function clock(wall: number | null | undefined): string {
  return typeof wall === 'number' && wall > 0 ? new Date(wall * 1000).toLocaleString('sv-SE') : '-';
}

/** A line for each entry, and one for what comes next. */
export function tellWhy({ journal, attempts, status }: TrialStory): string[] {
  const lines = journal.flatMap((entry) => {
    const said = sentences(entry, attempts);
    const time = 'wall' in entry ? clock(entry.wall) : '';
    return said.map((sentence, at) => `${(at === 0 ? time : '').padEnd(19)}  ${sentence}`);
  });
  return [...lines, '', whatNext(status, attempts.at(-1))];
}

function sentences(entry: JournalEntry, attempts: AttemptStory[]): string[] {
  switch (entry.t) {
    case 'attempt': {
      const { attempt, device, threads, resume, where } = entry;
      const story = attempts.find((one) => one.attempt === attempt);
      const from = resume === null ? 'from the beginning' : `from the checkpoint of update ${resume}`;
      const why = story?.engineReason ? [`computed by ${story.engineReason}`] : []; // prettier-ignore
      return [
        `attempt ${attempt} starts on ${device}, ${threads} thread${threads === 1 ? '' : 's'}, ${from}${where === undefined ? '' : `, as job ${where}`}`,
        ...why,
      ];
    }
    case 'queued':
      return [
        `is handed to Slurm: task ${entry.task} of array ${entry.token} (slurm/${entry.token}/array.sh)`,
      ];
    case 'submitted':
      return [`Slurm calls it job ${entry.job}`];
    case 'requeued':
      return [`Slurm starts it again, time ${entry.count}: ${entry.reason}`];
    case 'dequeued':
      return [`its job is over before it began: ${entry.reason}`];
    case 'process':
      return [`attempt ${entry.attempt} is process ${entry.pid}`];
    case 'end': {
      const policy = entry.class == null ? undefined : policyOf(entry.class);
      const what = entry.class == null ? entry.outcome : `${entry.outcome}, ${entry.class}`;
      const told = [`attempt ${entry.attempt} ends (${what}): ${entry.reason}`];
      return policy === undefined ? told : [...told, `what is done about that: ${policy.policy}`];
    }
    case 'retry': {
      const { attempt, delay, microBatch } = entry;
      const wait = delay > 0 ? ` after ${delay.toFixed(1)} s` : ' at once';
      const less =
        microBatch === undefined
          ? ''
          : `, with a micro-batch of ${microBatch} at the same batch, which needs less memory and gives the same update`;
      return [`attempt ${attempt + 1} follows${wait}${less}`];
    }
    case 'rung': {
      const { rung, value, before } = entry;
      const metric = entry.rule.split(' ')[1] ?? 'the metric';
      const after = before === 0 ? 'as the first' : `after ${before} other${before === 1 ? '' : 's'}`;
      return [`reaches ${Number((100 * rung).toPrecision(3))} % of its budget ${after}, with ${metric} ${value ?? 'no number'}`]; // prettier-ignore
    }
    default:
      return [tellOther({ ...entry })];
  }
}

/** Entries of other parts of the runner, and of other versions. */
function tellOther(entry: Record<string, unknown> & { t: string }): string {
  const { attempt, device, reason, waited, predicted, step, rule, from } = entry;
  const number = (value: unknown) => (typeof value === 'number' ? value : undefined);
  switch (entry.t) {
    case 'placed': {
      const wait = (number(waited) ?? 0) >= 1 ? ` after waiting ${duration(number(waited))}` : '';
      const memory = number(predicted) === undefined ? '' : `; predicted to need ${bytes(number(predicted))}`;
      return `attempt ${String(attempt)} gets ${String(device)}${wait}: ${String(reason)}${memory}`;
    }
    case 'waiting':
      return `waits: ${String(reason)}`;
    case 'early-stop':
      return `is stopped early at update ${String(step)} by ${String(rule)}: ${String(reason)}`;
    case 'removed':
      return `sweep gc removes ${(entry.checkpoints as string[]).join(', ')}`;
    case 'extended':
      return `goes on from trial ${String(from).slice(0, 10)}, update ${String(step)}`;
  }
  const fields = Object.entries(entry).filter(([name]) => name !== 't' && name !== 'wall');
  return [entry.t, ...fields.map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)].join(', '); // prettier-ignore
}

/** What the trial waits for, or what would start it again. */
export function whatNext(status: string, last: AttemptStory | undefined): string {
  const checkpoint =
    last?.checkpoints.at(-1)?.step ?? (last === undefined || last.from === 0 ? undefined : last.from);
  const from =
    checkpoint === undefined ? 'from the beginning' : `from the checkpoint of update ${checkpoint}`;
  switch (status) {
    case 'pending':
      return 'It has not been started: the next sweep run of its file does.';
    case 'queued':
      return `Slurm has it and starts it, ${from}: squeue --me tells when; sweep stop takes it back.`;
    case 'running':
      return 'It runs.';
    case 'waiting':
      return `Another attempt follows, ${from}; should its runner be gone, at the next sweep run.`;
    case 'done':
      return 'It is finished, and not run again.';
    case 'early-stopped':
      return `It was stopped early, and is not run again while the rule stands in the sweep file; without it the next sweep run goes on ${from}.`;
    case 'failed': {
      const advice = last?.class == null ? undefined : policyOf(last.class)?.advice;
      return `It has failed: --retry-failed runs it again, ${from}.${advice === undefined ? '' : ` What to do first: ${advice}.`}`;
    }
    case 'stopped':
    case 'lost':
    case 'interrupted':
      return `It is not finished: the next sweep run goes on ${from}.`;
    default:
      return `Its last attempt ended: ${status}.`;
  }
}
