/** @file The figures: which curves there are, in which order, with the lines and words that help to read them. */
import { KNOW_NOTHING } from '../../adversarial.js';
import { METRICS, type Metric } from '../../metrics.js';
import type { SweepRecord, TrialRecord } from '../../store/queries.js';
import type { Series } from '../../store/series.js';
import { unfinished, type Cell } from '../cells.js';
import { decimal, integer } from '../format.js';
import { interpolate } from '../interpolate.js';
import { groupingsOf, type Grouping } from './groups.js';
import { packed } from './pack.js';
import { mean } from '../statistics.js';
import { finalValue, statusText } from '../summary.js';

/** What the page's script draws from. Numbers are packed; a gap is NaN. */
export interface FigureData {
  axes: {
    id: 'updates' | 'epochs' | 'pixels' | 'wall' | 'device';
    short: string;
    title: string;
    divisor: number;
  }[];
  axis: 'updates' | 'pixels';
  groupings: Grouping[];
  trials: {
    key: string;
    seed: number;
    status: string;
    /** Whether it counts in means. */
    done: boolean;
    /** Updates an epoch; null where nobody knows the number of images. */
    epoch: number | null;
    seams: Seam[];
  }[];
  grids: PackedGrid[];
  panels: (Pick<Panel, 'metric' | 'references' | 'range'> & {
    /** Which trial, on which grid; `thinned`: its mean is followed by the lowest and the highest. */
    curves: { trial: number; grid: number; thinned: boolean }[];
    /** All curves' values, one after another. */
    values: string;
  })[];
}

/** Where points stand on the axes. */
interface PackedGrid {
  updates: string;
  pixels: string;
  wall: string;
  /** Absent where it is the same as `wall`. */
  device?: string;
}

/** Where an attempt took up what another had left. */
export interface Seam {
  updates: number;
  pixels: number;
  wall: number;
  device: number;
  kind: 'resumed' | 'micro-batch';
  text: string;
}

export interface Panel {
  metric: string;
  id: string;
  title: string;
  formula: string;
  /** The figure in words, for who cannot see it. */
  text: string;
  note: string | null;
  references: { value: number; label: string }[];
  range: [number, number] | null;
}

export interface PanelGroup {
  title: string;
  note: string;
  panels: Panel[];
}

export interface Figures {
  main: Panel[];
  terms: PanelGroup[];
  data: FigureData;
  /** How the curves came about. */
  method: string[];
}

const MAIN = ['loss/D', 'loss/G'];

const GROUPS: { title: string; note: string; metrics: string[] }[] = [
  {
    title: 'Adversarial terms',
    note: 'How far the generators are from being taken for real. The line is what they get from a discriminator that knows nothing.',
    metrics: ['loss/G_adv', 'loss/F_adv'],
  },
  {
    title: 'Cycle and identity',
    note: 'Weighted by lambda and gamma (and paired), so settings with other weights are not on one scale.',
    metrics: ['loss/cycle', 'loss/identity', 'loss/paired'],
  },
  {
    title: 'Discriminator accuracy',
    note: 'Both near 1: the discriminators tell every patch. Both near 0.5: they guess.',
    metrics: ['d/acc_real', 'd/acc_fake'],
  },
  {
    title: 'Each discriminator',
    note: 'The two halves of the discriminator loss. The line is a discriminator that knows nothing.',
    metrics: ['loss/D_y', 'loss/D_x'],
  },
  {
    title: 'Validation as training goes',
    note: 'Parts of a few validation images, against their partners or, where none is known, against the style of Y; the best checkpoint is chosen by the first, nothing else is.',
    metrics: ['val/ssim', 'val/psnr', 'val/style', 'val/spectrum', 'val/wasserstein'],
  },
  {
    title: 'Gradient norms',
    note: 'Sudden jumps are instability; a norm near zero is a network that has stopped learning.',
    metrics: ['grad/G', 'grad/D'],
  },
  {
    title: 'Health',
    note: 'Of what the generators make. docs/metrics.md says from where on each is called unhealthy.',
    metrics: ['health/correlation', 'health/diversity', 'health/saturation', 'health/d_distance'],
  },
  {
    title: 'Data',
    note: 'Patches with hardly any of the body in them, and the time that training waits for patches.',
    metrics: ['data/blank_share', 'data/wait_share'],
  },
];

/** The value of a metric beside discriminators that know nothing; undefined where the trials' losses do not agree on one. */
function knowsNothing(metric: string, cells: readonly Cell[]): { value: number; label: string } | undefined {
  if (metric === 'd/acc_real' || metric === 'd/acc_fake') return { value: 0.5, label: '0.5: guessing' };
  const all = cells.flatMap((cell) => cell.trials.map((trial) => trial.parameters));
  const losses = new Set(all.map((parameters) => parameters.gan_loss));
  const weights = new Set(all.map((parameters) => parameters.adversarial));
  const [[loss], [weight]] = [losses, weights];
  if (losses.size !== 1 || loss === undefined) return undefined;
  const { D, adversarial: each } = KNOW_NOTHING[loss];
  const adversarial = weights.size === 1 ? weight! * each : undefined;
  const values: Record<string, number | undefined> = {
    'loss/D': D,
    'loss/D_x': D / 2,
    'loss/D_y': D / 2,
    'loss/G_adv': adversarial,
    'loss/F_adv': adversarial,
  };
  const value = values[metric];
  return value === undefined ? undefined : { value, label: `${Number(value.toPrecision(3))}: knows nothing` };
}

const NOTES: Record<string, string> = {
  'loss/D':
    'The line at 0.5 is a discriminator that knows nothing: it answers 0.5 everywhere, each of the four squares is then 0.25, and half of their sum is 0.5. Far below the line the discriminators tell real from generated; that is no praise for the generators.',
  'loss/G':
    'The sum of both adversarial terms (0.25 each against a discriminator that knows nothing), the cycle and the identity term. Most of it is cycle and identity, which are weighted by lambda and gamma.',
};

function noteOf(metric: string, cells: readonly Cell[]): string | null {
  const leastSquares = cells.every((cell) =>
    cell.trials.every((trial) => trial.parameters.gan_loss === 'least-squares'),
  );
  if (leastSquares) return NOTES[metric] ?? null;
  if (metric !== 'loss/D') return null;
  return knowsNothing(metric, cells) === undefined
    ? 'The trials use different adversarial losses (gan_loss): their losses are not on one scale.'
    : 'The line is the loss of discriminators that know nothing under this adversarial loss (gan_loss). Far below it they tell real from generated; that is no praise for the generators.';
}

export function figuresOf(sweep: SweepRecord, cells: readonly Cell[]): Figures {
  const names = new Set(sweep.trials.flatMap((trial) => Object.keys(trial.series)));
  const known = new Set([...MAIN, ...GROUPS.flatMap((group) => group.metrics)]);
  const panels = (metrics: readonly string[]) =>
    metrics.filter((name) => names.has(name)).map((name) => panelOf(name, cells));
  const main = panels(MAIN);
  const others = [...names].filter((name) => !known.has(name)).sort();
  const terms = [
    ...GROUPS.map(({ title, note, metrics }) => ({ title, note, panels: panels(metrics) })),
    {
      title: 'Other metrics',
      note: 'Reported by the trials under names that this page has no words for.',
      panels: panels(others),
    },
  ].filter((group) => group.panels.length > 0);
  const all = [...main, ...terms.flatMap((group) => group.panels)];
  return { main, terms, data: dataOf(sweep, cells, all), method: methodOf(sweep, cells) };
}

function panelOf(metric: string, cells: readonly Cell[]): Panel {
  const about: Metric | undefined = (METRICS as Record<string, Metric>)[metric];
  const title = about?.unit ? `${about.label} (${about.unit})` : (about?.label ?? metric);
  const reference = knowsNothing(metric, cells);
  return {
    metric,
    id: `figure-${metric.replace(/[^a-zA-Z0-9]+/g, '-')}`,
    title,
    formula: about?.formula ?? '',
    text: textOf(metric, cells),
    note: noteOf(metric, cells),
    references: reference ? [reference] : [],
    range: metric.startsWith('d/acc') ? [0, 1] : null,
  };
}

/** More settings than these nobody reads as a sentence. */
const MOST_IN_WORDS = 8;

function textOf(metric: string, cells: readonly Cell[]): string {
  const ends = cells.flatMap((cell) => {
    const values = cell.done.map(finalValue(metric)).filter(Number.isFinite);
    return values.length > 0 ? [{ label: cell.label, value: mean(values) }] : [];
  });
  if (ends.length > MOST_IN_WORDS) {
    const sorted = ends.sort((a, b) => a.value - b.value);
    const [low, high] = [sorted[0]!, sorted.at(-1)!];
    return `In the last tenth of the budget, over ${ends.length} settings: from ${decimal(low.value)} (${low.label}) to ${decimal(high.value)} (${high.label}).`;
  }
  const texts = cells.flatMap((cell) => {
    const numbers = (values: number[]) => values.filter((value) => Number.isFinite(value));
    const start = numbers(cell.done.map((trial) => trial.head[metric] ?? NaN));
    const end = numbers(cell.done.map(finalValue(metric)));
    if (end.length === 0) return [];
    const from = start.length > 0 ? `${decimal(mean(start))} to ` : 'ends at ';
    return [`${from}${decimal(mean(end))} (${cell.label})`];
  });
  if (texts.length === 0) return 'No finished trial has numbers for this figure.';
  return `From the first to the last tenth of the budget: ${texts.join('; ')}.`;
}

function dataOf(sweep: SweepRecord, cells: readonly Cell[], panels: readonly Panel[]): FigureData {
  const longest = sweep.trials
    .flatMap((trial) => Object.values(trial.series).map((series) => series.wall.at(-1) ?? 0))
    .reduce((a, b) => Math.max(a, b), 0);
  const [unit, divisor] =
    longest > 3 * 3600 ? ['hours', 3600] : longest > 300 ? ['minutes', 60] : (['seconds', 1] as const);
  const grids: PackedGrid[] = [];
  const found = new Map<string, number>();
  const gridOf = (series: Series) => {
    const grid: PackedGrid = {
      updates: packed(series.step),
      pixels: packed(series.pixels),
      wall: packed(series.wall),
      ...(series.device === series.wall ? {} : { device: packed(series.device) }),
    };
    const text = JSON.stringify(grid);
    if (!found.has(text)) found.set(text, grids.push(grid) - 1);
    return found.get(text)!;
  };
  return {
    axes: [
      { id: 'updates', short: 'updates', title: 'Updates', divisor: 1 },
      ...(sweep.trials.some((trial) => epochOf(trial) !== null)
        ? [{ id: 'epochs' as const, short: 'epochs', title: 'Epochs', divisor: 1 }]
        : []),
      { id: 'pixels', short: 'pixels', title: 'Pixels seen of each domain', divisor: 1 },
      { id: 'wall', short: 'wall time', title: `Time since its start, pauses included (${unit})`, divisor },
      { id: 'device', short: 'device time', title: `Time on its device (${unit})`, divisor },
    ],
    axis: sweep.trials.some((trial) => 'updates' in trial.budget) ? 'updates' : 'pixels',
    groupings: groupingsOf(sweep, cells),
    trials: sweep.trials.map((trial) => ({
      key: trial.key.slice(0, 10),
      seed: trial.seed,
      status: statusText(trial),
      done: trial.status === 'done',
      epoch: epochOf(trial),
      seams: seamsOf(trial),
    })),
    panels: panels.map(({ metric, references, range }) => {
      const values: number[] = [];
      const curves = sweep.trials.flatMap((trial, at) => {
        const series = trial.series[metric];
        if (series === undefined || series.step.length === 0) return [];
        const thinned = series.low !== series.value;
        for (const column of thinned ? [series.value, series.low, series.high] : [series.value])
          for (const value of column) values.push(value);
        return [{ trial: at, grid: gridOf(series), thinned }];
      });
      return { metric, references, range, curves, values: packed(values) };
    }),
    grids,
  };
}

/** An epoch shows every training image of the larger domain once on average: src/train/budget.ts. */
function epochOf({ facts, parameters }: TrialRecord): number | null {
  const images = Math.max(...(facts?.images.train ?? [0]));
  return images > 0 && parameters.batch > 0 ? Math.ceil(images / parameters.batch) : null;
}

/** Where a trial went on after a pause or a failure, and where its micro-batch changed. */
export function seamsOf(trial: TrialRecord): Seam[] {
  const { attempts } = trial;
  return attempts.flatMap((attempt, at): Seam[] => {
    const before = attempts[at - 1];
    if (before === undefined || attempt.from === 0) return [];
    const changed =
      attempt.microBatch !== null && before.microBatch !== null && attempt.microBatch !== before.microBatch;
    const why = before.class ?? before.outcome ?? 'lost';
    return [
      {
        ...placeOf(trial, attempt.from),
        kind: changed ? 'micro-batch' : 'resumed',
        text: changed
          ? `micro-batch ${before.microBatch} to ${attempt.microBatch}`
          : `resumed (${why.replaceAll('-', ' ')})`,
      },
    ];
  });
}

/** An update of a trial on each of the axes. */
function placeOf(trial: TrialRecord, updates: number) {
  const series = Object.values(trial.series).reduce<Series | undefined>(
    (a, b) => (a && a.step.length >= b.step.length ? a : b),
    undefined,
  );
  const on = (column: number[] = []) =>
    series === undefined ? 0 : interpolate(series.step, column, updates);
  return {
    updates,
    pixels: Math.round(on(series?.pixels)),
    wall: on(series?.wall),
    device: on(series?.device),
  };
}

function methodOf(sweep: SweepRecord, cells: readonly Cell[]): string[] {
  const seeds = Math.max(0, ...cells.map((cell) => cell.done.length));
  const thinned = sweep.trials.some((trial) =>
    Object.values(trial.series).some(({ low, value }) => low !== value),
  );
  const left = unfinished(sweep).length;
  const seams = cells.flatMap((cell) =>
    cell.trials.flatMap((trial) =>
      seamsOf(trial).map(({ updates, text }) => ({
        text,
        where: `${cell.label}, seed ${trial.seed}: from update ${integer(updates)}`,
      })),
    ),
  );
  return [
    seeds > 1
      ? 'Strong line: mean over the trials of a group where all of them have numbers. Band: from the lowest to the highest of them.'
      : 'One seed a setting: a line is a single run, so there is no band and nothing is known of chance.',
    'Smoothing is a centred running mean; what it was made from stays behind it, faint.',
    ...(thinned
      ? [
          'Curves with very many records are drawn from equal stretches of the budget: the mean of each, and behind it the lowest and highest single record, so that no spike is lost. Means in tables are made from all records.',
        ]
      : []),
    ...(seams.length > 0
      ? [
          `Upright lines: where a trial went on after a stop (dotted) or with another micro-batch (dashed; its updates are the same, up to rounding): ${
            seams.length <= 8
              ? seams.map(({ where, text }) => `${where}, ${text}`).join('; ')
              : `${seams.length} in all, listed with the trials`
          }.`,
        ]
      : []),
    ...(left > 0
      ? [
          left === 1
            ? 'One trial that is not done is left out of every mean; as far as it came, it is a thin line among the single runs.'
            : `${left} trials that are not done are left out of every mean; as far as they came, they are thin lines among the single runs.`,
        ]
      : []),
  ];
}
