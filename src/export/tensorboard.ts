/** @file A sweep as event files of TensorBoard: a run for each trial, and one file that describes the hyper-parameters of all. */
import fs from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../files.js';
import { examScore, metricOf } from '../metrics.js';
import type { ParameterValue } from '../protocol.js';
import type { Store } from '../store/open.js';
import {
  readExams,
  readMetricNames,
  readSamples,
  streamPoints,
  type Seen,
  type StoredSweep,
  type StoredTrial,
} from '../store/stream.js';
import {
  experimentEvent,
  imageEvent,
  restartEvent,
  scalarEvent,
  sessionEndEvent,
  sessionStartEvent,
  versionEvent,
  type ShownMetric,
} from './events.js';
import { pictureFile } from './images.js';
import { record } from './records.js';
import { runNames, scoresByImage } from './runs.js';

type Reader = Pick<Store, 'db' | 'results'>;

/** Bytes that are gathered before they are written. */
const PIECE = 1 << 16;

/** What was written of a trial, for one who comes again. */
interface Run {
  /** Its event file. */
  file: string;
  seen: Seen;
  /** The last attempt whose start is known, and the last step that was written. */
  attempt: number;
  step: number;
  /** Unix seconds of the last point. */
  wall: number;
  /** Exams and samples that were written. */
  written: Set<string>;
  ended: boolean;
}

/** What was written of a sweep. */
export interface Board {
  folder: string;
  /** The name of every event file. */
  fileName: string;
  /** By trial's key. */
  runs: Map<string, Run>;
  /** Whether the hyper-parameters tab has what it needs. */
  described: boolean;
}

/** @param now Unix seconds: a TensorBoard that runs reads on in files that it knows, so files that are made anew have another name */
export function newBoard(folder: string, now: number): Board {
  const fileName = `events.out.tfevents.${Math.floor(now)}.cyclesweep`;
  return { folder, fileName, runs: new Map(), described: false };
}

/** What a board will hold in its folder. */
export function entriesOfBoard({ fileName }: Board, sweep: StoredSweep): string[] {
  return [fileName, ...runNames(sweep).values()];
}

/**
 * Appends what is new of a sweep, at first all of it.
 * @throws the system's error if a file cannot be written
 */
export function writeBoard(board: Board, store: Reader, sweep: StoredSweep): void {
  const names = runNames(sweep);
  for (const trial of sweep.trials) writeRun(board, store, trial, names.get(trial)!);
  if (!board.described && sweep.trials.some(isFinal)) {
    board.described = true;
    const { updated, question } = sweep;
    const described = experimentEvent(
      updated,
      question,
      hyperparametersOf(sweep),
      shownMetrics(store, sweep),
    );
    appendRecords(path.join(board.folder, board.fileName), [versionEvent(updated), described]);
  }
}

/** Whether a trial has come to an end from which only a person sets it going again. */
export function isFinal({ status }: StoredTrial): boolean {
  return status === 'done' || status === 'failed' || status === 'early-stopped';
}

function writeRun(board: Board, store: Reader, trial: StoredTrial, name: string): void {
  const started = trial.attempts[0]?.started;
  let run = board.runs.get(trial.key);
  if (started === undefined || run?.ended) return;
  if (run === undefined) {
    const file = path.join(board.folder, name, board.fileName);
    run = { file, seen: new Map(), attempt: 0, step: -1, wall: started, written: new Set(), ended: false };
    board.runs.set(trial.key, run);
    const { parameters, seed } = trial;
    appendRecords(file, [versionEvent(started), sessionStartEvent(started, { ...parameters, seed })]);
  }
  appendRecords(run.file, news(run, store, trial));
}

/** The events that are new of a trial. */
function* news(run: Run, store: Reader, trial: StoredTrial): Generator<Uint8Array> {
  const begun = trial.attempts.filter(({ attempt, engine }) => attempt > run.attempt && engine !== null);
  const from = Math.min(...begun.map((one) => one.from));
  if (run.step > from) yield restartEvent(begun[0]!.started, from + 1);
  if (begun.length > 0) run.step = Math.min(run.step, from);
  run.attempt = begun.at(-1)?.attempt ?? run.attempt;

  for (const { metric, step, wall, value } of streamPoints(store, trial, run.seen)) {
    run.step = Math.max(run.step, step);
    run.wall = Math.max(run.wall, wall);
    yield scalarEvent(wall, step, metric, value ?? NaN);
  }
  for (const sample of readSamples(store, trial.id)) {
    const { step, name, role } = sample;
    const file = pictureFile(store.results, trial.key, sample);
    if (file && isNew(run, `sample ${sample.attempt} ${step} ${name} ${role}`))
      yield imageEvent(run.wall, step, `${name}/${role}`, fs.readFileSync(file));
  }
  const exams = readExams(store, trial.id);
  for (const { attempt, step, split, values } of exams) {
    if (!isNew(run, `exam ${attempt} ${step} ${split}`)) continue;
    for (const [name, value] of Object.entries(values))
      yield scalarEvent(run.wall, step, split === 'test' ? name : `${split}/${name}`, value ?? NaN);
  }
  if (!isFinal(trial)) return;
  for (const { tag, index, value } of scoresByImage(exams))
    yield scalarEvent(run.wall, index, tag, value ?? NaN);
  yield sessionEndEvent(
    trial.attempts.at(-1)?.ended ?? run.wall,
    trial.status === 'failed' ? 'failure' : 'success',
  );
  run.ended = true;
}

function isNew({ written }: Run, what: string): boolean {
  return !written.has(what) && written.add(what) !== undefined;
}

/** Those that differ between trials first. */
function hyperparametersOf({ varied, trials }: StoredSweep) {
  const names = new Set([...varied, ...trials.flatMap(({ parameters }) => Object.keys(parameters))]);
  const valuesOf = (values: ParameterValue[]) => [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
  const parameters = [...names].map((name) => ({
    name,
    values: valuesOf(trials.flatMap((trial) => trial.parameters[name] ?? [])),
  }));
  const seeds = { name: 'seed', values: valuesOf(trials.map(({ seed }) => seed)) };
  return [...parameters.slice(0, varied.length), seeds, ...parameters.slice(varied.length)];
}

/** What comes first in the table. */
const KINDS = ['exam/', 'val/', 'loss/'];

/** All that is measured as training goes on, and the exam's scores of the model's own whole translation. */
function shownMetrics(store: Reader, { trials }: StoredSweep): ShownMetric[] {
  const tags = new Set<string>();
  for (const { id } of trials) {
    for (const { split, values } of readExams(store, id))
      if (split === 'test')
        for (const name of Object.keys(values)) if (!examScore(name)?.variant) tags.add(name);
    for (const name of readMetricNames(store, id)) tags.add(name);
  }
  const rank = (tag: string) => [...KINDS, ''].findIndex((kind) => tag.startsWith(kind));
  return [...tags]
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((tag) => ({ tag, label: metricOf(tag)?.label ?? tag }));
}

function appendRecords(file: string, events: Iterable<Uint8Array>): void {
  makeFolder(path.dirname(file));
  const to = fs.openSync(file, 'a');
  try {
    let held: Uint8Array[] = [];
    let bytes = 0;
    for (const event of events) {
      held.push(record(event));
      bytes += event.length;
      if (bytes < PIECE) continue;
      fs.writeFileSync(to, Buffer.concat(held));
      [held, bytes] = [[], 0];
    }
    fs.writeFileSync(to, Buffer.concat(held));
  } finally {
    fs.closeSync(to);
  }
}
