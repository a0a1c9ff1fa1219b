/** @file The figures: which curves there are, in which order, with the lines and words that help to read them. */
import { KNOW_NOTHING } from '../../adversarial.js';
import { METRICS, type Metric } from '../../metrics.js';
import type { SweepRecord, TrialRecord } from '../../store/queries.js';
import { unfinished, type Cell } from '../cells.js';
import { decimal, integer } from '../format.js';
import { firstTenth, interpolate, onCommonGrid, thinning, type Grid } from '../grid.js';
import { mean } from '../statistics.js';
import { finalValue, statusText } from '../summary.js';

/** A gap is null: JSON has no NaN. */
type Gaps = (number | null)[];

export interface Curve {
  /** Which of the cell's grids the values stand on. */
  grid: number;
  seeds: number[];
  /** [seeds][points] */
  values: Gaps[];
}

export interface Single {
  seed: number;
  status: string;
  updates: number[];
  pixels: number[];
  seconds: number[];
  curves: Record<string, Gaps>;
}

/** What the page's script draws from. */
export interface FigureData {
  axes: { id: 'updates' | 'pixels' | 'seconds'; short: string; title: string; divisor: number }[];
  axis: 'updates' | 'pixels';
  cells: {
    label: string;
    light: string;
    dark: string;
    dash: string;
    grids: Grid[];
    curves: Record<string, Curve>;
    /** Trials that are in no mean; drawn thin. */
    unfinished: Single[];
    /** Where a trial went on with a smaller micro-batch, since there was no memory for more. */
    halvings: Record<FigureData['axis'] | 'seconds', number>[];
  }[];
  panels: Pick<Panel, 'metric' | 'references' | 'range' | 'loss'>[];
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
  /** Losses start at zero and may be drawn on a logarithmic axis. */
  loss: boolean;
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
  const losses = new Set(cells.flatMap((cell) => cell.trials.map((trial) => trial.parameters.gan_loss)));
  const [loss] = losses;
  if (losses.size !== 1 || loss === undefined) return undefined;
  const { D, adversarial } = KNOW_NOTHING[loss];
  const values: Record<string, number> = {
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
    loss: metric.startsWith('loss/'),
  };
}

function textOf(metric: string, cells: readonly Cell[]): string {
  const texts = cells.flatMap((cell) => {
    const numbers = (values: number[]) => values.filter((value) => Number.isFinite(value));
    const start = numbers(cell.done.map((trial) => firstTenth(trial.series[metric], trial.updates)));
    const end = numbers(cell.done.map(finalValue(metric)));
    if (end.length === 0) return [];
    const from = start.length > 0 ? `${decimal(mean(start))} to ` : 'ends at ';
    return [`${from}${decimal(mean(end))} (${cell.label})`];
  });
  if (texts.length === 0) return 'No finished trial has numbers for this figure.';
  return `From the first to the last tenth of the budget: ${texts.join('; ')}.`;
}

function dataOf(sweep: SweepRecord, cells: readonly Cell[], panels: readonly Panel[]): FigureData {
  const longest = Math.max(
    0,
    ...sweep.trials.flatMap((trial) =>
      Object.values(trial.series).map((series) => series.seconds.at(-1) ?? 0),
    ),
  );
  const unit =
    longest > 3 * 3600
      ? (['hours', 3600] as const)
      : longest > 300
        ? (['minutes', 60] as const)
        : (['seconds', 1] as const);
  return {
    axes: [
      { id: 'updates', short: 'updates', title: 'Updates', divisor: 1 },
      { id: 'pixels', short: 'pixels', title: 'Pixels seen of each domain', divisor: 1 },
      { id: 'seconds', short: 'time', title: `Time of training (${unit[0]})`, divisor: unit[1] },
    ],
    axis: sweep.trials.some((trial) => 'updates' in trial.budget) ? 'updates' : 'pixels',
    cells: cells.map((cell) => ({
      label: cell.label,
      ...cell.style,
      ...curvesOf(cell, panels),
      unfinished: unfinished({ ...sweep, trials: cell.trials }).flatMap((trial) => singleOf(trial, panels)),
      halvings: cell.trials.flatMap((trial) => halvingsOf(trial).map((update) => placeOf(trial, update))),
    })),
    panels: panels.map(({ metric, references, range, loss }) => ({
      metric,
      references,
      range,
      loss,
    })),
  };
}

function curvesOf(cell: Cell, panels: readonly Panel[]): { grids: Grid[]; curves: Record<string, Curve> } {
  const grids: Grid[] = [];
  const curves: Record<string, Curve> = {};
  for (const { metric } of panels) {
    const trials = cell.done.filter((trial) => (trial.series[metric]?.step.length ?? 0) > 0);
    const common = onCommonGrid(trials.map((trial) => trial.series[metric]!));
    if (!common) continue;
    const grid = roundedGrid(common.grid);
    const text = JSON.stringify(grid);
    const found = grids.findIndex((one) => JSON.stringify(one) === text);
    curves[metric] = {
      grid: found < 0 ? grids.push(grid) - 1 : found,
      seeds: trials.map((trial) => trial.seed),
      values: common.values.map(gaps),
    };
  }
  return { grids, curves };
}

/** One trial alone, on the steps of its metric with the most records. */
function singleOf(trial: TrialRecord, panels: readonly Panel[]): Single[] {
  const series = panels.flatMap(({ metric }) => trial.series[metric] ?? []);
  const longest = series.reduce<(typeof series)[number] | null>(
    (a, b) => (a && a.step.length >= b.step.length ? a : b),
    null,
  );
  if (!longest || longest.step.length === 0) return [];
  const common = onCommonGrid([longest])!;
  const curves: Record<string, Gaps> = {};
  for (const { metric } of panels) {
    const own = trial.series[metric];
    if (own && own.step.length > 0) {
      curves[metric] = gaps(common.grid.updates.map((update) => interpolate(own.step, own.value, update)));
    }
  }
  const { updates, pixels, seconds } = roundedGrid(common.grid);
  return [{ seed: trial.seed, status: statusText(trial), updates, pixels, seconds, curves }];
}

/** Updates at which a trial went on with a smaller micro-batch. */
function halvingsOf({ attempts }: TrialRecord): number[] {
  return attempts.flatMap(({ from, microBatch }, at) => {
    const before = attempts[at - 1];
    if (before?.class !== 'out-of-memory' || microBatch === null || before.microBatch === null) return [];
    return microBatch < before.microBatch ? [from] : [];
  });
}

/** An update of a trial on each of the axes. */
function placeOf(trial: TrialRecord, update: number) {
  const [series] = Object.values(trial.series);
  const on = (values: number[] = []) =>
    update === 0 || series === undefined ? 0 : interpolate(series.step, values, update);
  return { updates: update, pixels: Math.round(on(series?.pixels)), seconds: on(series?.seconds) };
}

function gaps(values: readonly number[]): Gaps {
  return values.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(5)) : null));
}

function roundedGrid(grid: Grid): Grid {
  const tenths = (values: number[]) => values.map((value) => Math.round(value * 10) / 10);
  return {
    updates: tenths(grid.updates),
    pixels: grid.pixels.map(Math.round),
    seconds: tenths(grid.seconds),
    seedSeconds: grid.seedSeconds.map(tenths),
  };
}

function methodOf(sweep: SweepRecord, cells: readonly Cell[]): string[] {
  const seeds = Math.max(0, ...cells.map((cell) => cell.done.length));
  const points = Math.max(
    0,
    ...sweep.trials.flatMap((trial) => Object.values(trial.series).map((series) => series.step.length)),
  );
  const left = unfinished(sweep).length;
  const halved = cells.flatMap((cell) =>
    cell.trials.flatMap((trial) => {
      const updates = halvingsOf(trial);
      return updates.length === 0
        ? []
        : [`${cell.label}, seed ${trial.seed}: from update ${updates.map(integer).join(' and ')}`];
    }),
  );
  return [
    seeds > 1
      ? 'Bold line: mean over seeds at the same update. Band: from the lowest to the highest seed. A gap in a mean is where a seed had no number.'
      : 'One seed a setting: a line is a single run, so there is no band and nothing is known of chance.',
    'Smoothed is a centred running mean over about a twentieth of the curve; raw shows each record.',
    ...(seeds > 1 ? ['Along the time axis a mean stands at the mean time of its seeds.'] : []),
    ...(thinning(points) > 1
      ? [`Curves with more than 400 records are drawn as means of ${thinning(points)} neighbouring records.`]
      : []),
    ...(halved.length > 0
      ? [
          `Dashed upright lines: where a trial went on with a smaller micro-batch, since there was no memory for more; its updates are the same, up to rounding (${halved.join('; ')}).`,
        ]
      : []),
    ...(left > 0
      ? [
          left === 1
            ? 'One trial that is not done is left out of every mean; as far as it came, it is a thin line among the single seeds.'
            : `${left} trials that are not done are left out of every mean; as far as they came, they are thin lines among the single seeds.`,
        ]
      : []),
  ];
}
