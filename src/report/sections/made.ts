/** @file How it was made, and how to make it again. */
import { withoutNames } from '../../definition/redact.js';
import { NUMERICS_VERSION, type TrialFacts } from '../../protocol.js';
import type { AttemptRecord, SweepRecord, TrialRecord } from '../../store/queries.js';
import type { Cell } from '../cells.js';
import { integer, spelled, withoutPaths } from '../format.js';
import type { Section } from '../section.js';
import { budgetWords, trialLabel } from '../summary.js';

export const made: Section = {
  name: 'made',
  title: 'How it was made',
  view: ({ sweep, cells }) => ({
    run: runFacts(sweep, cells),
    source: withoutPaths(withoutNames(sweep.source)),
    fileName: sweepFileName(sweep),
  }),
};

/** The file's real name may be an id: the sweep's stands for it. */
export function sweepFileName({ name }: SweepRecord): string {
  return /^[\w.-]+$/.test(name) ? `${name}.yaml` : 'sweep.yaml';
}

export interface RunFact {
  name: string;
  /** One value where all trials agree; else each value with its trials. */
  values: { text: string; trials: string | null }[];
}

/** How it was run; what differs between trials shows, for it may explain a difference. */
export function runFacts(sweep: SweepRecord, cells: readonly Cell[]): RunFact[] {
  const perAttempt: [string, (attempt: AttemptRecord) => string | null][] = [
    ['Engine', (attempt) => attempt.engine],
    ['Reason for the engine', (attempt) => attempt.engineReason && withoutPaths(attempt.engineReason)],
    ['Device', (attempt) => attempt.device],
    ['Form of residual blocks', (attempt) => attempt.form],
    ['Threads', (attempt) => (attempt.threads === null ? null : String(attempt.threads))],
    ['Processor', (attempt) => attempt.cpu],
    ['Machine (hashed name)', (attempt) => attempt.host],
    ['Commit of this program', (attempt) => commitText(attempt.versions)],
    [
      'Versions',
      (attempt) =>
        attempt.versions &&
        Object.keys(attempt.versions)
          .filter((name) => name !== 'commit')
          .sort()
          .map((name) => `${name} ${attempt.versions![name]!}`)
          .join(', '),
    ],
  ];
  const perTrial: [string, (trial: TrialRecord) => string[]][] = [
    ['Budget of a trial', ({ budget }) => [budgetWords(budget)]],
    ['Data fingerprint', ({ dataFingerprint }) => [dataFingerprint]],
    ['Images of X and Y', ({ facts }) => (facts ? [imagesText(facts)] : [])],
    ['Went on after', retriesOf],
    ['Steps down for want of memory', microSteps],
  ];
  const facts = perAttempt.map(([name, value]) =>
    factOf(name, sweep, cells, (trial) => trial.attempts.map(value).filter((text) => text !== null)),
  );
  const common = commonParameters(sweep);
  return [
    ...perTrial.map(([name, values]) => factOf(name, sweep, cells, values)),
    ...facts,
    ...(common === '' ? [] : [{ name: 'Parameters in common', values: [{ text: common, trials: null }] }]),
    { name: 'Numerics version of this program', values: [{ text: String(NUMERICS_VERSION), trials: null }] },
  ].filter((fact) => fact.values.length > 0);
}

/** `40 training, 4 validation and 4 test images of each domain`, in short. */
function imagesText({ images }: TrialFacts): string {
  const parts = ['train', 'validation', 'test'] as const;
  return parts.map((part) => `${part} ${images[part].map(integer).join(' and ')}`).join('; ');
}

/** The first twelve digits say enough; null where it was not recorded. */
function commitText(versions: AttemptRecord['versions']): string | null {
  const commit = versions?.commit;
  if (commit === undefined) return null;
  return commit.slice(0, 12) + (commit.endsWith('-dirty') ? ', with changes that were not committed' : '');
}

/** Why a trial needed more than one attempt: the class of each end but the last, e.g. `out-of-memory`. */
function retriesOf({ attempts }: TrialRecord): string[] {
  const ends = attempts.slice(0, -1).map((attempt) => attempt.class ?? attempt.outcome ?? 'lost');
  return [...new Set(ends)].map((end) => {
    const times = ends.filter((one) => one === end).length;
    return end.replaceAll('-', ' ') + (times > 1 ? ` (${spelled(times)} times)` : '');
  });
}

/** Where an attempt computed fewer patches at once than the one before. */
function microSteps({ attempts }: TrialRecord): string[] {
  return attempts.flatMap(({ microBatch, from }, at) => {
    const before = attempts.slice(0, at).findLast((attempt) => attempt.microBatch !== null)?.microBatch;
    if (!before || microBatch === null || microBatch >= before) return [];
    return [`micro-batch ${before}, then ${microBatch} from update ${integer(from)}`];
  });
}

function factOf(
  name: string,
  sweep: SweepRecord,
  cells: readonly Cell[],
  valuesOf: (trial: TrialRecord) => string[],
): RunFact {
  const found = new Map<string, Set<TrialRecord>>();
  for (const trial of sweep.trials) {
    for (const text of valuesOf(trial)) found.set(text, (found.get(text) ?? new Set()).add(trial));
  }
  const named = (trials: Set<TrialRecord>) => [...trials].map((trial) => trialLabel(trial, cells)).join('; ');
  return {
    name,
    values: [...found].map(([text, trials]) => ({ text, trials: found.size > 1 ? named(trials) : null })),
  };
}

function commonParameters(sweep: SweepRecord): string {
  const [first] = sweep.trials;
  if (!first) return '';
  return Object.entries(first.parameters)
    .filter(([name]) => !(sweep.varied as string[]).includes(name))
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}
