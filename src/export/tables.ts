/** @file A sweep as tables: what csv, json, ndjson and Parquet hold. docs/export.md describes every column. */
import type { ParameterValue } from '../protocol.js';
import type { Store } from '../store/open.js';
import {
  readExams,
  readSystemSamples,
  streamPoints,
  type StoredSweep,
  type StoredTrial,
} from '../store/stream.js';
import type { ExportedImage } from './images.js';

/** Null: not known, not there, or no number. */
export type Cell = string | number | boolean | null;
export type Row = Record<string, Cell>;
export type ColumnType = 'text' | 'integer' | 'number' | 'boolean';

export interface Table {
  name: string;
  /** Names and types, in order. */
  columns: Readonly<Record<string, ColumnType>>;
  /** Made while they are read, one by one: not all of them fit memory. Each has a cell for every column. */
  rows: () => Iterable<Row>;
}

type Reader = Pick<Store, 'db' | 'results'>;

/** @param images those that were copied, by trial */
export function tablesOf(
  store: Reader,
  sweep: StoredSweep,
  images: ReadonlyMap<StoredTrial, readonly ExportedImage[]>,
): Table[] {
  const { trials } = sweep;
  return [
    trialTable(sweep),
    {
      name: 'metrics',
      columns: {
        trial: 'text',
        metric: 'text',
        step: 'integer',
        pixels: 'number',
        seconds: 'number',
        wall: 'number',
        attempt: 'integer',
        value: 'number',
      },
      *rows() {
        for (const trial of trials)
          for (const point of streamPoints(store, trial)) yield { trial: trial.key, ...point };
      },
    },
    {
      name: 'exams',
      columns: {
        trial: 'text',
        split: 'text',
        step: 'integer',
        attempt: 'integer',
        metric: 'text',
        value: 'number',
      },
      *rows() {
        for (const { id, key: trial } of trials)
          for (const { split, step, attempt, values } of readExams(store, id))
            for (const [metric, value] of Object.entries(values))
              yield { trial, split, step, attempt, metric, value };
      },
    },
    {
      name: 'exam_images',
      columns: {
        trial: 'text',
        split: 'text',
        step: 'integer',
        attempt: 'integer',
        domain: 'text',
        image: 'integer',
        metric: 'text',
        value: 'number',
      },
      *rows() {
        for (const { id, key: trial } of trials)
          for (const { split, step, attempt, images } of readExams(store, id))
            for (const { index: image, domain = 'x', v } of images)
              for (const [metric, value] of Object.entries(v))
                yield { trial, split, step, attempt, domain, image, metric, value };
      },
    },
    {
      name: 'samples',
      columns: {
        trial: 'text',
        step: 'integer',
        attempt: 'integer',
        name: 'text',
        role: 'text',
        file: 'text',
      },
      *rows() {
        for (const [{ key: trial }, list] of images) for (const image of list) yield { trial, ...image };
      },
    },
    {
      name: 'system',
      columns: {
        trial: 'text',
        attempt: 'integer',
        wall: 'number',
        cpu: 'number',
        memory: 'number',
        gpu: 'number',
        gpu_memory: 'number',
        power: 'number',
        temperature: 'number',
      },
      *rows() {
        for (const { id, key } of trials)
          for (const { gpuMemory, ...row } of readSystemSamples(store, id))
            yield { ...row, trial: key, gpu_memory: gpuMemory };
      },
    },
  ];
}

/**
 * One row a trial: what became of it, what its last attempt computed with, and its parameters in columns of their own. But for `trial`, no
 * column has a name of another table's, since it is there to be joined with them.
 */
function trialTable({ name: sweep, trials }: StoredSweep): Table {
  const names = [...new Set(trials.flatMap(({ parameters }) => Object.keys(parameters)))];
  const types = Object.fromEntries(names.map((name) => [name, typeOfAll(trials, name)]));
  return {
    name: 'trials',
    columns: {
      trial: 'text',
      sweep: 'text',
      position: 'integer',
      status: 'text',
      reason: 'text',
      seed: 'integer',
      budget: 'number',
      budget_unit: 'text',
      data: 'text',
      updates_done: 'integer',
      updates: 'integer',
      attempts: 'integer',
      started: 'number',
      ended: 'number',
      spent_seconds: 'number',
      engine: 'text',
      device: 'text',
      threads: 'integer',
      processor: 'text',
      host: 'text',
      micro_batch: 'integer',
      peak_memory: 'integer',
      extended_from: 'text',
      extended_at: 'integer',
      ...Object.fromEntries(names.map((name) => [`param_${name}`, types[name]!])),
    },
    *rows() {
      for (const [position, trial] of trials.entries()) {
        const { attempts, parameters, extended } = trial;
        const last = attempts.at(-1);
        const [budgetUnit, budget] = Object.entries(trial.budget)[0] as [string, number];
        const peaks = attempts.flatMap(({ peakMemory }) => peakMemory ?? []);
        yield {
          trial: trial.key,
          sweep,
          position,
          status: trial.status,
          reason: trial.reason,
          seed: trial.seed,
          budget,
          budget_unit: budgetUnit,
          data: trial.dataFingerprint,
          updates_done: trial.step,
          updates: trial.updates,
          attempts: attempts.length,
          ...timesOf(trial),
          engine: last?.engine ?? null,
          device: last?.device ?? null,
          threads: last?.threads ?? null,
          processor: last?.cpu ?? null,
          host: last?.host ?? null,
          micro_batch: last?.microBatch ?? null,
          peak_memory: peaks.length > 0 ? Math.max(...peaks) : null,
          extended_from: extended?.from ?? null,
          extended_at: extended?.step ?? null,
          ...Object.fromEntries(
            names.map((name) => [`param_${name}`, cellOf(parameters[name], types[name]!)]),
          ),
        };
      }
    },
  };
}

/** Unix seconds of the first attempt's start and the last one's end, and the seconds of all attempts that have ended. */
export function timesOf({ attempts }: StoredTrial): {
  started: number | null;
  ended: number | null;
  spent_seconds: number | null;
} {
  const seconds = attempts.flatMap(({ started, ended }) => (ended === null ? [] : ended - started));
  return {
    started: attempts[0]?.started ?? null,
    ended: attempts.at(-1)?.ended ?? null,
    spent_seconds: seconds.length > 0 ? seconds.reduce((sum, one) => sum + one) : null,
  };
}

/** What holds all values of a parameter; those that are of several types are text. */
function typeOfAll(trials: readonly StoredTrial[], name: string): ColumnType {
  const values = trials.flatMap(({ parameters }) => parameters[name] ?? []);
  if (values.every((value) => Number.isSafeInteger(value))) return 'integer';
  if (values.every((value) => typeof value === 'number')) return 'number';
  return values.every((value) => typeof value === 'boolean') ? 'boolean' : 'text';
}

function cellOf(value: ParameterValue | undefined, type: ColumnType): Cell {
  if (value === undefined) return null;
  return type === 'text' ? String(value) : value;
}
