/** @file Parallel coordinates: one line a trial through its parameters and what came of them. */
import type { SweepRecord, TrialRecord } from '../../store/queries.js';
import { parameter, type Cell } from '../cells.js';
import { capital, decimal, exact } from '../format.js';
import type { Outcome } from '../outcomes.js';
import { trialLabel } from '../summary.js';

/** Of the drawing, in its own units; the page scales it to its width. */
const [WIDTH, HEIGHT] = [1000, 360];
const MARGIN = { left: 70, right: 70, top: 56, bottom: 14 };
/** Numbers with no more values than these stand at equal distances, as grids are written. */
const MOST_VALUES = 6;
/** Values that spread over more than this factor are drawn on a logarithmic axis: parameters are chosen by factors, outcomes are not. */
const LOGARITHMIC = { given: 20, measured: 1000 };

export function parallelFigure(sweep: SweepRecord, cells: readonly Cell[], outcomes: readonly Outcome[]) {
  const trials = sweep.trials.flatMap((trial, row) =>
    trial.status === 'done' && outcomes.some(({ value }) => Number.isFinite(value(trial)))
      ? [{ trial, row }]
      : [],
  );
  if (sweep.varied.length < 2 || cells.length < 4 || trials.length < 4) return null;
  const columns = [
    ...sweep.varied.map((name) => ({
      title: [capital(name.replaceAll('_', ' '))],
      value: (trial: TrialRecord) => parameter(trial, name) as number | string,
      given: true,
    })),
    ...outcomes.map(({ label, unit, value }) => ({
      title: label.split(/, (?=[^,]*$)/).map((part, i) => (i === 0 && unit ? `${part} (${unit})` : part)),
      value,
      given: false,
    })),
  ];
  const between = (WIDTH - MARGIN.left - MARGIN.right) / (columns.length - 1);
  const scales = columns.map(({ value, given }) =>
    scaleOf(
      trials.map(({ trial }) => value(trial)),
      given,
    ),
  );
  const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
  const axes = columns.map(({ title }, i) => ({
    title,
    x: round(MARGIN.left + i * between),
    top,
    bottom,
    span: bottom - top,
    ticks: scales[i]!.ticks,
  }));
  const shades = outcomes.map(({ value }) => ranks(trials.map(({ trial }) => value(trial))));
  return {
    width: WIDTH,
    height: HEIGHT,
    axes,
    outcomes: outcomes.map(({ label }) => label),
    lines: trials.map(({ trial, row }, i) => ({
      row,
      points: columns
        .map(({ value }, at) => ({ x: axes[at]!.x, y: scales[at]!.y(value(trial)) }))
        .filter(({ y }) => y !== undefined)
        .map(({ x, y }) => `${x},${y}`)
        .join(' '),
      colour: shadeOf(shades[0]?.[i]),
      text: `${trialLabel(trial, cells)}: ${outcomes.map(({ label, value }) => `${label} ${decimal(value(trial))}`).join(', ')}`,
    })),
    opacity: trials.length > 300 ? 0.25 : trials.length > 60 ? 0.5 : 0.85,
    left: sweep.trials.length - trials.length,
    data: {
      // Heights and colours, for brushing and for other outcomes.
      axes: columns.map(({ value }, at) => trials.map(({ trial }) => scales[at]!.y(value(trial)) ?? null)),
      colours: shades.map((shade) => shade.map(shadeOf)),
    },
  };
}

interface Scale {
  /** Undefined where there is no number. */
  y: (value: number | string) => number | undefined;
  ticks: { y: number; text: string }[];
}

function scaleOf(values: (number | string)[], given: boolean): Scale {
  const at = (share: number) => round(HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom));
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value)); // prettier-ignore
  const kinds = [...new Set(values)].filter((value) => typeof value !== 'number' || Number.isFinite(value));
  const words = values.some((value) => typeof value !== 'number');
  if (given && (words || kinds.length <= MOST_VALUES)) {
    const sorted = words ? kinds : kinds.sort((a, b) => Number(a) - Number(b));
    const place = (value: number | string) =>
      at(sorted.length === 1 ? 0.5 : sorted.indexOf(value) / (sorted.length - 1));
    return {
      y: (value) => (sorted.includes(value) ? place(value) : undefined),
      ticks: sorted.map((value) => ({
        y: place(value),
        text: typeof value === 'number' ? exact(value) : String(value),
      })),
    };
  }
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const log = low > 0 && high / low >= (given ? LOGARITHMIC.given : LOGARITHMIC.measured);
  const to = (value: number) => (log ? Math.log(value) : value);
  const back = (value: number) => (log ? Math.exp(value) : value);
  const span = to(high) - to(low);
  const share = (value: number) => (span > 0 ? (to(value) - to(low)) / span : 0.5);
  const shown = span > 0 ? [0, 0.25, 0.5, 0.75, 1].map((part) => back(to(low) + part * span)) : [low];
  return {
    y: (value) => (typeof value === 'number' && Number.isFinite(value) ? at(share(value)) : undefined),
    ticks: shown.map((value) => ({ y: at(share(value)), text: decimal(value) })),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Place of each among all, 0 for the lowest and 1 for the highest: outliers leave the others their colours. */
function ranks(values: readonly number[]): (number | undefined)[] {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return values.map((value) =>
    Number.isFinite(value)
      ? (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2 / Math.max(1, sorted.length - 1)
      : undefined,
  );
}

const [LOW, MIDDLE, HIGH] = [
  [42, 120, 214],
  [138, 143, 152],
  [217, 108, 6],
] as const;

/** Blue for low, grey, orange for high: told apart with every kind of colour blindness, on white and on black. */
function shadeOf(rank: number | undefined): string {
  if (rank === undefined) return '#8a8f98';
  const [from, to, share] = rank < 0.5 ? [LOW, MIDDLE, rank * 2] : [MIDDLE, HIGH, rank * 2 - 1];
  const mixed = from.map((part, i) => Math.round(part + (to[i]! - part) * share));
  return `#${mixed.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}
