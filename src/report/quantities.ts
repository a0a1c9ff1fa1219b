/** @file All that is known of trials, one quantity a column: what the table of trials sorts, what two trials are compared by, what the CSV holds. */
import { METRICS, metricOf } from '../metrics.js';
import type { SweepRecord, TrialRecord } from '../store/queries.js';
import { parameter } from './cells.js';
import { capital, withoutPaths } from './format.js';
import { statusText } from './summary.js';

export type QuantityKind = 'number' | 'bytes' | 'seconds' | 'joules' | 'word';

export interface Quantity {
  /** As programs call it, e.g. `exam/psnr`: the CSV's column. */
  id: string;
  label: string;
  group: 'Parameters' | 'Course' | 'Losses, mean over the last tenth' | 'Exam, whole test images' | 'Cost';
  kind: QuantityKind;
  /** One a trial; null where there is none. */
  values: (number | string | null)[];
}

/** Quantities that at least one trial has, in the order in which a reader asks for them. */
export function quantitiesOf(sweep: SweepRecord): Quantity[] {
  const { trials } = sweep;
  const all = [...parametersOf(sweep), ...courseOf(trials), ...measuredOf(trials), ...costOf(trials)];
  return all.filter(({ values }) => values.some((value) => value !== null));
}

/** Those that vary first, in the file's order. */
function parametersOf({ trials, varied }: SweepRecord): Quantity[] {
  const names = new Set<string>([...varied, ...trials.flatMap((trial) => Object.keys(trial.parameters))]);
  return [...names].map((name) => {
    const values = trials.map((trial) => {
      const value = parameter(trial, name);
      if (value === undefined || value === null) return null;
      if (typeof value === 'number') return value;
      return withoutPaths(typeof value === 'string' ? value : JSON.stringify(value));
    });
    const number = values.every((value) => value === null || typeof value === 'number');
    const label = capital(name.replaceAll('_', ' '));
    return { id: name, label, group: 'Parameters', kind: number ? 'number' : 'word', values };
  });
}

function courseOf(trials: readonly TrialRecord[]): Quantity[] {
  const of = (
    id: string,
    label: string,
    kind: QuantityKind,
    value: (trial: TrialRecord) => number | string | null,
  ): Quantity => ({ id, label, group: 'Course', kind, values: trials.map(value) });
  return [
    of('seed', 'Seed', 'number', ({ seed }) => seed),
    of('status', 'Status', 'word', statusText),
    of('attempts', 'Attempts', 'number', ({ attempts }) => attempts.length),
    of('updates', 'Updates done', 'number', ({ step }) => step),
    of('updates_allowed', 'Updates allowed', 'number', ({ updates }) => updates),
    of('pixels', 'Pixels seen', 'number', pixelsSeen),
  ];
}

function measuredOf(trials: readonly TrialRecord[]): Quantity[] {
  const known = Object.keys(METRICS);
  const rank = (name: string) => (known.includes(name) ? known.indexOf(name) : known.length);
  const sorted = (names: string[]) => [...new Set(names)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)); // prettier-ignore
  const quantity = (
    id: string,
    group: Quantity['group'],
    value: (trial: TrialRecord) => number | undefined,
  ): Quantity => {
    const metric = metricOf(id);
    const unit = metric?.unit ? ` (${metric.unit})` : '';
    const values = trials.map((trial) => finite(value(trial)));
    return { id, label: `${metric?.label ?? id}${unit}`, group, kind: 'number', values };
  };
  return [
    ...sorted(trials.flatMap(({ tail }) => Object.keys(tail))).map((name) =>
      quantity(name, 'Losses, mean over the last tenth', ({ tail }) => tail[name]),
    ),
    ...sorted(trials.flatMap(({ exam }) => Object.keys(exam?.values ?? {}))).map((name) =>
      quantity(name, 'Exam, whole test images', ({ exam }) => exam?.values[name]),
    ),
  ];
}

function costOf(trials: readonly TrialRecord[]): Quantity[] {
  const of = (
    id: string,
    label: string,
    kind: QuantityKind,
    value: (trial: TrialRecord) => number | string | null | undefined,
  ): Quantity => ({
    id,
    label,
    group: 'Cost',
    kind,
    values: trials.map((trial) => {
      const one = value(trial);
      return typeof one === 'number' ? finite(one) : one || null;
    }),
  });
  const each = (
    trial: TrialRecord,
    text: (attempt: TrialRecord['attempts'][number]) => string | number | null,
  ) => [...new Set(trial.attempts.map(text).filter((one) => one !== null && one !== ''))].join(', then ');
  return [
    of('seconds', 'Time', 'seconds', secondsOf),
    of('peak_memory', 'Memory at its peak', 'bytes', ({ attempts }) =>
      Math.max(...attempts.map(({ peakMemory }) => peakMemory ?? -Infinity)),
    ),
    of('predicted_memory', 'Memory predicted', 'bytes', ({ attempts }) => attempts.at(-1)?.predictedMemory),
    of('gpu_memory', 'GPU memory at its peak', 'bytes', ({ system }) => system?.gpuMemory?.peak),
    of('energy', 'Energy of the GPU', 'joules', ({ system }) => system?.energy),
    of('micro_batch', 'Micro-batch', 'word', (trial) => each(trial, ({ microBatch }) => microBatch)),
    of('engine', 'Engine, device', 'word', (trial) =>
      each(trial, ({ engine, device }) => [engine, device].filter(Boolean).join(', ')),
    ),
  ];
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}

/** Null before the first end of an attempt. */
function secondsOf({ attempts }: TrialRecord): number | null {
  const seconds = attempts.reduce((sum, attempt) => sum + (attempt.seconds ?? 0), 0);
  return seconds > 0 ? seconds : null;
}

/** Of each domain; null before the first update. */
function pixelsSeen(trial: TrialRecord): number | null {
  const last = Math.max(0, ...Object.values(trial.series).map((series) => series.pixels.at(-1) ?? 0));
  if (last > 0) return last;
  const computed = trial.step * trial.parameters.patch ** 2 * trial.parameters.batch;
  return computed > 0 ? computed : null;
}
