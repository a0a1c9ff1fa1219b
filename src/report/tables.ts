/** @file The report's tables, as plain text by row and column. */
import { METRICS, metricOf } from '../metrics.js';
import type { Statistic, SweepRecord, SystemRecord, TrialRecord } from '../store/queries.js';
import { unfinished, type Cell } from './cells.js';
import { bytes, capital, fixed, integer, list, NONE, percent, placesOf, withoutPaths } from './format.js';
import {
  contrast,
  contrastText,
  examValue,
  finalValue,
  spreadOf,
  statusText,
  trialLabel,
} from './summary.js';

export interface Table {
  caption: string;
  columns: { text: string; number: boolean }[];
  rows: { head: string; cells: { text: string; number: boolean }[] }[];
  notes: string[];
}

/** Rows of text; columns are numbers but for those in `words`. */
export function table(
  caption: string,
  columns: string[],
  rows: string[][],
  notes: string[] = [],
  words: string[] = [],
): Table {
  const number = columns.map((column, i) => i > 0 && !words.includes(column));
  return {
    caption,
    columns: columns.map((text, i) => ({ text, number: number[i]! })),
    rows: rows.map(([head = '', ...rest]) => ({
      head,
      cells: rest.map((text, i) => ({ text, number: number[i + 1]! })),
    })),
    notes,
  };
}

function metricLabel(name: string): string {
  return metricOf(name)?.label ?? name;
}

/** Rows: metrics. Columns: cells. */
export function lossTable(sweep: SweepRecord, cells: readonly Cell[]): Table | null {
  const measured = cells.filter((cell) => cell.done.length > 0);
  const seen = new Set(sweep.trials.flatMap((trial) => Object.keys(trial.series)));
  const known = Object.keys(METRICS).filter((name) => seen.has(name));
  const names = [...known, ...[...seen].filter((name) => !known.includes(name)).sort()];
  if (measured.length === 0 || names.length === 0) return null;
  const rows = names.map((name) => [
    metricLabel(name),
    ...measured.map((cell) => {
      const { n, mean, sd } = spreadOf(cell, finalValue(name));
      if (n === 0) return NONE;
      const spread = n > 1 ? ` ± ${fixed(sd, placesOf(mean))}` : '';
      return `${fixed(mean, placesOf(mean))}${spread}${n === cell.done.length ? '' : ` (n\u00a0=\u00a0${n})`}`;
    }),
  ]);
  return table(
    'Mean over the last tenth of the budget: mean ± standard deviation over seeds',
    ['Metric', ...measured.map((cell) => `${cell.label} (n\u00a0=\u00a0${cell.done.length})`)],
    rows,
  );
}

/** Each cell against the first, over the seeds that they share. */
export function differenceTable(cells: readonly Cell[]): Table | null {
  const [first, ...others] = cells.filter((cell) => cell.done.length > 0);
  if (!first || others.length === 0) return null;
  const candidates = [
    { title: 'Discriminator loss', value: finalValue('loss/D'), places: 3 },
    { title: 'Generator loss', value: finalValue('loss/G'), places: 3 },
    { title: 'PSNR, test images (dB)', value: examValue('exam/psnr'), places: 2 },
    { title: 'SSIM, test images', value: examValue('exam/ssim'), places: 4 },
  ];
  const columns = candidates.filter(({ value }) => others.some((cell) => contrast(first, cell, value)));
  if (columns.length === 0) return null;
  const pairs = (cell: Cell) => Math.max(...columns.map(({ value }) => contrast(first, cell, value)?.n ?? 0));
  return table(
    `Paired differences over seeds, each setting minus ${first.label}`,
    ['Setting', 'Pairs of seeds', ...columns.map(({ title }) => title)],
    others.map((cell) => [
      cell.label,
      String(pairs(cell)),
      ...columns.map(({ value, places }) => contrastText(contrast(first, cell, value), places)),
    ]),
    [
      'In brackets the 95 % t interval of the mean difference. Losses: last tenth of the budget. One seed gives no interval; with few seeds intervals are wide, as they should be.',
    ],
  );
}

function cellLabel(trial: TrialRecord, cells: readonly Cell[]): string {
  return cells.find((cell) => cell.trials.includes(trial))?.label ?? '';
}

/** What each trial took of the machine; columns of which nothing is known are left out. */
export function systemTable(sweep: SweepRecord, cells: readonly Cell[]): Table | null {
  const known = sweep.trials.flatMap((trial) =>
    trial.system === null ? [] : [{ trial, use: trial.system }],
  );
  if (known.length === 0) return null;
  const pair = (statistic: Statistic | null, text: (value: number) => string) =>
    statistic === null ? NONE : `${text(statistic.mean)} / ${text(statistic.peak)}`;
  const all: { title: string; cell: (use: SystemRecord) => string }[] = [
    { title: 'Cores', cell: ({ cpu }) => pair(cpu, (value) => fixed(value, 2)) },
    { title: 'Memory', cell: ({ memory }) => pair(memory, bytes) },
    { title: 'GPU use', cell: ({ gpu }) => pair(gpu, percent) },
    { title: 'GPU memory', cell: ({ gpuMemory }) => pair(gpuMemory, bytes) },
    { title: 'Power, W', cell: ({ power }) => pair(power, (value) => fixed(value, 0)) },
    { title: 'Temperature, °C', cell: ({ temperature }) => pair(temperature, (value) => fixed(value, 0)) },
    { title: 'Energy, kJ', cell: ({ energy }) => (energy === null ? NONE : fixed(energy / 1000, 1)) },
  ];
  const columns = all.filter(({ cell }) => known.some(({ use }) => cell(use) !== NONE));
  const onGpu = known.some(({ use }) => use.gpu !== null || use.power !== null);
  return table(
    'What trials took of the machine: mean / peak',
    ['Trial', ...columns.map(({ title }) => title), 'Samples'],
    known.map(({ trial, use }) => [
      trialLabel(trial, cells),
      ...columns.map(({ cell }) => cell(use)),
      integer(use.samples),
    ]),
    [
      'Sampled every ten seconds: processor and resident memory of all of a trial’s processes.',
      ...(onGpu
        ? [
            'Figures of a GPU are of the whole GPU, whoever else used it; energy is its power over the time of the trial, processor and memory of the machine not counted.',
          ]
        : []),
    ],
  );
}

/** The trials that count in no mean, and why; seeds of one setting with the same fate together. */
export function leftOut(sweep: SweepRecord, cells: readonly Cell[]): string[] {
  const alike = new Map<string, { label: string; why: string; seeds: number[] }>();
  for (const trial of unfinished(sweep)) {
    const label = cellLabel(trial, cells);
    const reason = trial.reason ?? trial.attempts.at(-1)?.reason;
    const ran = trial.step > 0 ? ` after ${integer(trial.step)} of ${integer(trial.updates)} updates` : '';
    const why = `${statusText(trial)}${ran}${reason ? `. ${capital(withoutPaths(reason))}` : ''}`;
    const entry = alike.get(`${label} ${why}`) ?? { label, why, seeds: [] };
    entry.seeds.push(trial.seed);
    alike.set(`${label} ${why}`, entry);
  }
  return [...alike.values()].map(
    ({ label, why, seeds }) =>
      `${label}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${list(seeds.map(String))}: ${why}`,
  );
}

/** Warnings and health flags, once each with the trials that raised them. */
export function messagesOf(sweep: SweepRecord, cells: readonly Cell[]): string[] {
  const raised = new Map<string, Set<string>>();
  for (const trial of sweep.trials) {
    for (const message of trial.messages) {
      const text = withoutPaths(message.text);
      raised.set(text, (raised.get(text) ?? new Set()).add(trialLabel(trial, cells)));
    }
  }
  return [...raised].map(([text, labels]) =>
    labels.size === sweep.trials.length && labels.size > 1
      ? `${text} (all trials)`
      : `${text} (${[...labels].join('; ')})`,
  );
}
