/** @file A sweep's status as lines of text: all of it, or what fits a terminal. Pure. */
import { styleText } from 'node:util';
import type { MetricValues } from '../../protocol.js';
import { bytes, count, decimal, duration, percent } from '../../report/format.js';
import {
  runs,
  waits,
  type DeviceProgress,
  type SweepStatus,
  type TrialProgress,
} from '../../runner/status.js';
import { columns } from '../columns.js';
import { KEY_SHOWN } from '../trial/find.js';
import { clock } from '../trial/words.js';

export interface Layout {
  /** Columns, beyond which a line is cut off; Infinity: none is. */
  width: number;
  /** Lines, into which all must fit; Infinity: each list shows `MOST` of its trials. */
  height: number;
  colour: boolean;
}

/** Trials that a list shows, at most, where height does not limit it. */
const MOST = 20;
const BAR = 20;

type Colour = 'green' | 'yellow' | 'red' | 'bold';

interface List {
  title: string;
  colour: Colour;
  rows: string[][];
}

/** Lines of at most the width, as many as the height allows. */
export function statusLines(status: SweepStatus, { width, height, colour }: Layout): string[] {
  const paint = (text: string, how: Colour) =>
    colour ? styleText(how, text, { validateStream: false }) : text;
  const head = [...summary(status), ''];
  // A list that is cut off takes at least its title, how many there are, and an empty line.
  const lists = listsOf(status).slice(0, Math.max(1, Math.floor((height - head.length) / 3)));
  const shown = share(
    lists.map(({ rows }) => rows.length),
    height - head.length - 2 * lists.length,
  );
  const lines = head.map((line, at) => (at === 0 ? paint(cut(line, width), 'bold') : cut(line, width)));
  lists.forEach(({ title, colour: how, rows }, at) => {
    const cells = columns(rows.slice(0, shown[at]));
    const left = rows.length - cells.length;
    lines.push(paint(cut(`${title} (${rows.length})`, width), how));
    lines.push(...cells.map((line) => cut(`  ${line}`, width)));
    if (left > 0) lines.push(`  and ${left} more`);
    lines.push('');
  });
  return lines.slice(0, -1).slice(0, height);
}

/** The same for a page: lines, and tables of at most `MOST` rows. */
export function statusTables(status: SweepStatus): {
  lines: string[];
  tables: { title: string; rows: string[][]; more: number }[];
} {
  const tables = listsOf(status).map(({ title, rows }) => {
    return { title, rows: rows.slice(0, MOST), more: Math.max(0, rows.length - MOST) };
  });
  const [, progress = '', ...lines] = summary(status);
  return { lines: [progress.replace(/^[█░]+ /, ''), ...lines], tables };
}

function summary(status: SweepStatus): string[] {
  const { sweep, question, counts, share: part, rate, secondsLeft, until, runner, now } = status;
  const running = counts.running + counts.starting;
  const waiting = counts.waiting + counts.retrying + counts.queued;
  const parts = [
    `${counts.done} of ${counts.trials} done`,
    [running, running === 1 ? 'runs' : 'run'],
    [waiting, waiting === 1 ? 'waits' : 'wait'],
    [counts.failed, 'failed'],
    [counts['early-stopped'], 'stopped early'],
    [counts.pending, 'not begun'],
    [counts.stopped + counts.interrupted, 'to go on with'],
  ].flatMap((part) => (typeof part === 'string' ? part : part[0] === 0 ? [] : part.join(' ')));
  const pace = [
    rate === null ? '' : `${decimal(rate)} updates/s`,
    secondsLeft === null || until === null || secondsLeft < 1
      ? ''
      : `${duration(secondsLeft)} left, until ${endOf(until, now)}`,
    runner === null
      ? counts.pending + counts.stopped + counts.interrupted > 0
        ? 'no runner works on it'
        : ''
      : `process ${runner.pid}, ${runner.most} at once, for ${duration(now - runner.since)}`,
  ].filter((text) => text !== '');
  return [
    question === '' ? sweep : `${sweep}: ${question}`,
    `${bar(part)} ${percent(part)}  ${parts.join(', ')}`,
    ...(pace.length === 0 ? [] : [pace.join('; ')]),
  ];
}

/** In the order in which they are looked for; what is empty is left out. */
function listsOf({ trials, devices, cores, now }: SweepStatus): List[] {
  const failed = trials.filter(({ state }) => state === 'failed');
  const open = trials.filter(({ state }) => state === 'stopped' || state === 'interrupted');
  const queue = trials.filter(waits).toSorted((a, b) => (a.before ?? 0) - (b.before ?? 0));
  const lists: List[] = [
    { title: 'Running', colour: 'green', rows: trials.filter(runs).map((trial) => runningRow(trial, now)) },
    { title: 'Failed', colour: 'red', rows: failed.map((trial) => [...named(trial), `${trial.class === null ? '' : `${trial.class}: `}${trial.reason ?? ''}`]) }, // prettier-ignore
    { title: 'Waiting', colour: 'yellow', rows: queue.map((trial) => [...named(trial), trial.reason ?? '']) }, // prettier-ignore
    { title: 'To go on with', colour: 'yellow', rows: open.map((trial) => [...named(trial), way(trial), trial.reason ?? '']) }, // prettier-ignore
    { title: 'Devices', colour: 'bold', rows: devices.map((device) => deviceRow(device, cores)) },
  ];
  return lists.filter(({ rows }) => rows.length > 0);
}

function named({ key, label }: TrialProgress): string[] {
  return [key.slice(0, KEY_SHOWN), label];
}

function runningRow(trial: TrialProgress, now: number): string[] {
  const { state, share: part, rate, secondsLeft, until, device, metrics, job, step, updates } = trial;
  const examined = updates !== null && step >= updates;
  return [
    ...named(trial),
    `${bar(part ?? 0, BAR / 2)} ${way(trial)}`,
    state === 'starting'
      ? 'starting'
      : examined
        ? 'at its exam'
        : rate === null
          ? ''
          : `${decimal(rate)} updates/s`,
    until === null || examined ? '' : `${duration(secondsLeft)} left, until ${endOf(until, now)}`,
    `${device ?? ''}${job === null ? '' : ` (job ${job})`}`,
    lossesOf(metrics),
  ];
}

/** D and G; of a trainer that has others, the first two that it tells. */
function lossesOf(metrics: MetricValues): string {
  const ours = ['loss/D', 'loss/G'].filter((name) => metrics[name] !== undefined);
  const shown = ours.length > 0 ? ours : Object.keys(metrics).slice(0, 2);
  return shown.map((name) => `${name.replace(/^loss\//, '')} ${decimal(metrics[name])}`).join('  ');
}

function way({ step, updates }: TrialProgress): string {
  return updates === null ? `${step} updates` : `${step}/${updates}`;
}

function deviceRow(
  { device, trials, others, claims, cores, memory, load }: DeviceProgress,
  all: number,
): string[] {
  return [
    device,
    [
      trials.length === 0 ? '' : `${count(trials.length, 'trial')} of this sweep`,
      others === 0 ? '' : `${count(others, 'trial')} of other sweeps`,
      claims === 0 ? '' : `${count(claims, 'trial')} waiting for it`,
      cores === 0 ? '' : `${cores} of ${all} cores taken`,
      memory === null ? '' : `${bytes(memory)} set aside`,
      load?.gpu == null ? '' : `${percent(load.gpu)} busy`,
      load?.gpuMemory == null ? '' : `${bytes(load.gpuMemory)} in use`,
      load?.power == null ? '' : `${decimal(load.power)} W`,
      load?.temperature == null ? '' : `${decimal(load.temperature)} °C`,
      load?.cpu == null ? '' : `uses ${decimal(load.cpu, 2)} cores`,
      load?.memory == null ? '' : `holds ${bytes(load.memory)}`,
    ]
      .filter((text) => text !== '')
      .join(', '),
  ];
}

/** `22:51`, with the day where it is another. */
function endOf(until: number, now: number): string {
  const [day, time = ''] = clock(until).split(' ');
  return `${day === clock(now).split(' ')[0] ? '' : `${day} `}${time.slice(0, 5)}`;
}

function bar(part: number, length = BAR): string {
  const filled = Math.floor(length * Math.min(1, part));
  return '█'.repeat(filled) + '░'.repeat(length - filled);
}

/** How many rows of each list are shown where `lines` are there for all: the short lists whole, the long ones alike. */
function share(lengths: number[], lines: number): number[] {
  if (lines === Infinity) return lengths.map((length) => Math.min(length, MOST));
  const shown = lengths.map(() => 0);
  // A list that is cut off takes one line more, to say so.
  for (let left = Math.max(0, lines - lengths.length); left > 0; left--) {
    const open = lengths.map((length, at) => (shown[at]! < length ? shown[at]! : Infinity));
    const next = open.indexOf(Math.min(...open));
    if (open[next] === Infinity) break;
    shown[next]!++;
  }
  return shown;
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
