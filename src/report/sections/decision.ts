/** @file The decision box: what someone who must choose a setting needs to know, and what forbids to choose one. */
import { EXAM_VARIANTS } from '../../metrics.js';
import type { SweepRecord, TrialRecord } from '../../store/queries.js';
import type { Cell } from '../cells.js';
import { qualityEnergy } from '../figures/quality-energy.js';
import { qualityMemory } from '../figures/quality-memory.js';
import { qualityTime } from '../figures/quality-time.js';
import { letterOf, type Scatter } from '../figures/scatter.js';
import {
  capital,
  shareText,
  count,
  decimal,
  duration,
  fixed,
  integer,
  list,
  NONE,
  percent,
  signed,
} from '../format.js';
import { commonLevel, overtaking, pacesOf, reachOf, tracksOf, type Track } from '../pace.js';
import {
  baselinesOf,
  blankShare,
  COSTS,
  costOf,
  isBetter,
  placesFor,
  qualityOf,
  scoredCells,
  scoreText,
  WAYS,
  type Cost,
  type Quality,
  type Scored,
  type Way,
} from '../quality.js';
import { mean, quantile } from '../statistics.js';
import { predictionInterval } from '../inference.js';
import { contrast, examValue } from '../summary.js';
import { table, type Table } from '../tables.js';
import { hasCollapsed, hasFailed } from '../counting.js';
import type { Section } from '../section.js';

export const decision: Section = {
  name: 'decision',
  title: 'Which to choose',
  view: ({ sweep, cells }) => decisionOf(sweep, cells),
};

export interface Decision {
  data: {
    /** Behind the figures: a header, then a row a finished trial. */
    rows: (string | number | null)[][];
    reach: ReachData | null;
  };
  /** What is decided by. */
  quality: string;
  /** Where no network beats them all. */
  neither: string[];
  /** What the means say, no stronger than the seeds allow. */
  lead: string[];
  tables: Table[];
  costs: Table;
  memory: { table: Table; words: string } | null;
  figures: Scatter[];
  pace: { words: string; table: Table } | null;
  reach: { metrics: { name: string; label: string; level: string }[]; table: Table } | null;
  /** Letters beside the figures. */
  legend: { letter: string; label: string; index: number }[];
}

/** What the page's script reckons the time to a chosen level from. */
export interface ReachData {
  metrics: { name: string; better: 'higher' | 'lower'; level: number }[];
  cells: {
    label: string;
    memory: string;
    /** By metric, by seed. */
    tracks: Record<string, { seconds: number[]; value: number[] }[]>;
  }[];
}

/** Two settings whose memory differs by less are taken for equal in it. */
const EQUAL_MEMORY = 0.1;
/** More make the table no clearer. */
const MOST_ALTERNATIVES = 4;

/** Null where no finished trial was examined. */
export function decisionOf(sweep: SweepRecord, cells: readonly Cell[]): Decision | null {
  const quality = qualityOf(cells);
  if (quality === undefined) return null;
  const tracks = tracksOf(cells);
  const ways = WAYS.map((way) => ({ way, scored: scoredCells(cells, quality, way) })).filter(
    ({ scored }) => scored.length > 0,
  );
  const figures = [qualityMemory, qualityTime, qualityEnergy].flatMap(
    (figure) => figure(cells, quality) ?? [],
  );
  return {
    data: { rows: rowsOf(cells, quality), reach: reachData(tracks, cells) },
    quality: `${quality.label}${quality.unit === '' ? '' : ` in ${quality.unit}`}, ${quality.better} is better`,
    neither: ways.flatMap(({ way, scored }) => neitherText(cells, quality, way, scored)),
    lead: ways.flatMap(({ way, scored }) => leadText(quality, way, scored)),
    tables: ways.map(({ way, scored }) => qualityTable(cells, quality, way, scored)),
    costs: costTable(cells),
    memory: memoryTable(sweep, cells, quality),
    figures,
    pace: paceOf(quality, tracks),
    reach: reachTable(tracks, cells),
    legend: cells.map((cell, index) => ({ letter: letterOf(index), label: cell.label, index })),
  };
}

function labelOf(cells: readonly Cell[], cell: Cell): string {
  return `${letterOf(cells.indexOf(cell))}: ${cell.label}`;
}

// ---- In words

function neitherText(
  cells: readonly Cell[],
  quality: Quality,
  way: Way,
  scored: readonly Scored[],
): string[] {
  const [best] = baselinesOf(cells, quality, way);
  const top = bestOf(quality, scored);
  if (!best || !isBetter(quality, best.value, top.mean.mean)) return [];
  const what = best.variant === 'untranslated' ? 'The untranslated image' : best.variant === 'linear' ? 'A fitted linear filter' : 'Histogram matching'; // prettier-ignore
  const none = { 1: 'do not use it', 2: 'use neither' }[scored.length] ?? 'use none of them';
  return [
    `${way.arrow}: ${none}. ${what} scores ${scoreText(quality, best.value)}, the mean of the best setting is ${scoreText(quality, top.mean.mean)}, and it needs no training.`,
  ];
}

function bestOf(quality: Quality, scored: readonly Scored[]): Scored {
  return scored.reduce((best, one) => (isBetter(quality, one.mean.mean, best.mean.mean) ? one : best));
}

function leadText(quality: Quality, way: Way, scored: readonly Scored[]): string[] {
  const top = bestOf(quality, scored);
  const n = top.trials.length;
  const figure = scoreText(quality, top.mean.mean);
  const others = scored.filter((one) => one !== top);
  if (others.length === 0) {
    return [`${way.arrow}: ${top.cell.label} scores ${figure}${n > 1 ? ` on average over ${count(n, 'seed')}` : ' with its one seed'}.`]; // prettier-ignore
  }
  if (scored.every(({ trials }) => trials.length === 1)) {
    const figures = scored.map(({ cell, mean }) => `${cell.label} ${scoreText(quality, mean.mean)}`);
    return [`${way.arrow}: ${list(figures)}. One seed each: which is better cannot be told.`];
  }
  const next = bestOf(quality, others);
  const difference = contrast(next.cell, top.cell, examValue(quality.name + way.suffix));
  const apart =
    !difference || difference.n < 2
      ? 'Too few seeds are done in both to say more of their difference.'
      : `The next, ${next.cell.label}, differs by ${signed(difference.difference, 2)} (95\u00a0% interval ${signed(difference.low, 2)} to ${signed(difference.high, 2)}, ${count(difference.n, 'pair')} of seeds)${difference.low <= 0 && difference.high >= 0 ? ': these seeds do not tell the two apart.' : '. The two were picked by their means, so that interval is too narrow: the verdicts hold, not this.'}`;
  return [`${way.arrow}: ${top.cell.label} has the ${quality.better === 'higher' ? 'highest' : 'lowest'} mean, ${figure} over ${count(n, 'seed')}. ${apart}`]; // prettier-ignore
}

// ---- Quality

function qualityTable(cells: readonly Cell[], quality: Quality, way: Way, scored: readonly Scored[]): Table {
  const text = (value: number) => fixed(value, placesFor(quality.name, value));
  const span = (range: { low: number; high: number } | null) =>
    range && Number.isFinite(range.low) ? `${text(range.low)} to ${text(range.high)}` : NONE;
  const error = errorName(scored, way);
  const ofImages = scored.some(({ trials }) => trials.some(({ trial }) => worstImage(trial, quality, way)));
  const images = Math.max(0, ...scored.flatMap(({ trials }) => trials.map(({ trial }) => imagesOf(trial, quality.name + way.suffix).length))); // prettier-ignore
  const baselines = baselinesOf(cells, quality, way).map(({ variant, value }) => [
    capital(EXAM_VARIANTS[variant].label), NONE, text(value), NONE, NONE, NONE,
    ...(ofImages ? [NONE, NONE] : []),
  ]); // prettier-ignore
  const rows = scored.map((one) => {
    const { cell, trials, mean } = one;
    const image = trials
      .flatMap(({ trial }) => worstImage(trial, quality, way) ?? [])
      .reduce<WorstImage | null>((a, b) => (a && isBetter(quality, b.value, a.value) ? a : b), null);
    return [
      labelOf(cells, cell),
      `${integer(cell.done.length)} of ${integer(cell.trials.length)}`,
      text(mean.mean),
      span(mean),
      span(predictionInterval(trials.map(({ value }) => value))),
      worstSeed(quality, one, text),
      ...(ofImages
        ? [
            image ? `${text(image.value)} (image ${image.index}, seed ${image.seed})` : NONE,
            error ? decimal(mean95(trials, error)) : NONE,
          ]
        : []),
    ];
  });
  return table(
    `${way.title}, ${quality.label}${quality.unit === '' ? '' : ` (${quality.unit})`}`,
    [
      'Setting',
      'Trials done',
      'Mean over seeds',
      '95 % interval of the mean',
      '95 % prediction of one new model',
      'Worst seed',
      ...(ofImages ? ['Worst image', '95th percentile of the error over images'] : []),
    ],
    [...baselines, ...rows],
    [
      'People deploy one model: one more training of a setting is expected within the prediction interval, if seeds scatter as the normal distribution does. Failed and collapsed trials count as the worst.',
      ...(ofImages
        ? [
            `Error of an image: mean absolute error${error?.includes('_body') ? ' inside the body' : ''}, mean over seeds; ${count(images, 'test image')}${images < 20 ? ', so that the percentile is hardly less than the worst' : ''}.`,
          ]
        : ['Without known partners an image has no error of its own: there is no worst one.']),
    ],
    ['Worst seed', 'Worst image'],
  );
}

/** A setting's worst trial: one that failed, else one that collapsed, else that of the worst score. */
function worstSeed(quality: Quality, { cell, trials }: Scored, text: (value: number) => string): string {
  const seeds = (broken: TrialRecord[]) => broken.map(({ seed }) => seed).join(', ');
  const [failed, collapsed] = [cell.trials.filter(hasFailed), cell.trials.filter(hasCollapsed)];
  if (failed.length > 0) return `failed (seed ${seeds(failed)})`;
  if (collapsed.length > 0) return `collapsed (seed ${seeds(collapsed)})`;
  const worst = trials.reduce((a, b) => (isBetter(quality, a.value, b.value) ? b : a));
  return `${text(worst.value)} (seed ${worst.trial.seed})`;
}

interface WorstImage {
  value: number;
  index: number;
  seed: number;
}

function imagesOf(trial: TrialRecord, name: string): { index: number; value: number }[] {
  return (trial.exam?.images ?? []).flatMap(({ index, v }) => {
    const value = v[name];
    return value === undefined ? [] : [{ index, value }];
  });
}

function worstImage(trial: TrialRecord, quality: Quality, way: Way): WorstImage | null {
  const images = imagesOf(trial, quality.name + way.suffix);
  if (images.length === 0) return null;
  const worst = images.reduce((a, b) => (isBetter(quality, a.value, b.value) ? b : a));
  return { ...worst, seed: trial.seed };
}

/** The mean absolute error that images have: inside the body where it is known. */
function errorName(scored: readonly Scored[], { suffix }: Way): string | undefined {
  const names = [`exam/mae_body${suffix}`, `exam/mae${suffix}`];
  return names.find((name) =>
    scored.some(({ trials }) => trials.some(({ trial }) => imagesOf(trial, name).length > 0)),
  );
}

function mean95(trials: Scored['trials'], name: string): number {
  const ofTrials = trials.map(({ trial }) => imagesOf(trial, name).map(({ value }) => value));
  return mean(ofTrials.filter((values) => values.length > 0).map((values) => quantile(values, 0.95)));
}

// ---- Costs

function costTable(cells: readonly Cell[]): Table {
  const measured = cells.filter(({ done }) => done.length > 0);
  const columns: { title: string; text: (cell: Cell) => string }[] = [
    ...Object.values(COSTS).map((cost) => ({
      title: cost.title,
      text: (cell: Cell) => costText(cell, cost),
    })),
    {
      title: 'Blank patches',
      text: ({ done }: Cell) => {
        const shares = done.map(blankShare).filter(Number.isFinite);
        return shares.length === 0 ? NONE : shareText(mean(shares));
      },
    },
    {
      title: 'Failed or collapsed',
      text: ({ trials }: Cell) =>
        integer(trials.filter((trial) => hasFailed(trial) || hasCollapsed(trial)).length),
    },
  ].filter(({ text }) => measured.some((cell) => text(cell) !== NONE));
  return table(
    'What a trial costs: mean over seeds',
    ['Setting', ...columns.map(({ title }) => title)],
    measured.map((cell) => [labelOf(cells, cell), ...columns.map(({ text }) => text(cell))]),
    [
      'Time holds reading, training and exams, on the machine named below; trials that ran side by side slowed each other.',
      ...(columns.some(({ title }) => title === 'Blank patches')
        ? [
            'A blank patch holds less than 1 % of body: it teaches nothing but air, and patches of another size meet it more or less often.',
          ]
        : []),
    ],
  );
}

function costText(cell: Cell, cost: Cost): string {
  const { n, mean: centre } = costOf(cell, cost);
  return n === 0 ? NONE : cost.text(centre);
}

/** For every setting, those that need as much memory; and how each of them scores. */
function memoryTable(sweep: SweepRecord, cells: readonly Cell[], quality: Quality): Decision['memory'] {
  const known = cells
    .map((cell) => ({ cell, memory: costOf(cell, COSTS.memory).mean }))
    .filter(({ memory }) => Number.isFinite(memory));
  if (known.length < 2) return null;
  const score = (cell: Cell) => {
    const [one] = scoredCells([cell], quality, WAYS[0]);
    return one ? scoreText(quality, one.mean.mean) : NONE;
  };
  const alternatives = (cell: Cell, memory: number) =>
    known
      .filter((other) => other.cell !== cell && Math.abs(other.memory - memory) <= EQUAL_MEMORY * memory)
      .sort((a, b) => Math.abs(a.memory - memory) - Math.abs(b.memory - memory));
  const rows = known.map(({ cell, memory }) => {
    const equal = alternatives(cell, memory);
    const shown = equal.slice(0, MOST_ALTERNATIVES).map((other) => `${other.cell.label} (${COSTS.memory.text(other.memory)}; ${score(other.cell)})`); // prettier-ignore
    const more = equal.length - shown.length;
    return [
      labelOf(cells, cell),
      COSTS.memory.text(memory),
      score(cell),
      shown.length === 0 ? 'none in this sweep' : shown.join('; ') + (more > 0 ? `; ${more} more` : ''),
    ];
  });
  return {
    table: table(
      'Alternatives of equal memory',
      [
        'Setting',
        COSTS.memory.title,
        `${quality.label}, ${WAYS[0].arrow}`,
        'Settings within 10 % of its memory',
      ],
      rows,
      [],
      ['Settings within 10 % of its memory'],
    ),
    words: equalMemoryWords(
      sweep,
      known.map(({ cell }) => cell),
    ),
  };
}

/** Which settings of equal pixels at once the sweep lacks, and what frees memory from the batch. */
function equalMemoryWords(sweep: SweepRecord, cells: readonly Cell[]): string {
  const micro =
    'A batch can be computed in parts (micro_batch) with the same result, so memory need not decide the batch: one patch of the largest size that fits is the least that any batch of it takes.';
  if (!sweep.varied.includes('patch')) return micro;
  const pairs = cells.map(({ trials: [trial] }) => trial!.parameters);
  const has = (patch: number, batch: number) => pairs.some((one) => one.patch === patch && one.batch === batch); // prettier-ignore
  const patches = [...new Set(pairs.map(({ patch }) => patch))];
  const missing = pairs.flatMap(({ patch, batch }) =>
    patches.flatMap((other) => {
      const equal = (patch / other) ** 2 * batch;
      return other !== patch && Number.isInteger(equal) && equal >= 1 && !has(other, equal)
        ? [`${other}×${other}, batch ${equal} (as many pixels at once as ${patch}×${patch}, batch ${batch})`]
        : [];
    }),
  );
  const named = [...new Set(missing)].slice(0, MOST_ALTERNATIVES);
  return named.length === 0
    ? micro
    : `Not in this sweep, and a fair rival at equal memory: ${list(named)}. ${micro}`;
}

// ---- Pace

/** The measure over time that is closest to what is decided by. */
function closestTrack(quality: Quality, tracks: readonly Track[]): Track | undefined {
  const bare = quality.name.replace(/^exam\//, '').replace(/_body$/, '');
  return (
    tracks.find(({ name }) => name === quality.name) ??
    tracks.find(({ name }) => name === `val/${bare}`) ??
    tracks[0]
  );
}

function paceOf(quality: Quality, tracks: readonly Track[]): Decision['pace'] {
  const track = closestTrack(quality, tracks);
  if (track === undefined) return null;
  const paces = pacesOf(track);
  if (paces.length === 0) return null;
  const [first, ...more] = overtaking(paces, track);
  const words =
    paces.length < 2
      ? 'How fast quality still changes at the end of the budget:'
      : first
        ? `The ranking may still change. At the pace of the second half of the budget ${first.behind.cell.label} would pass ${first.ahead.cell.label} after ${percent(first.tenths / 10)} of the budget more${more.length > 0 ? `, and ${count(more.length, 'other pair')} would change places, too` : ''}.`
        : 'At the pace of the second half of the budget no setting would pass another within half of the budget more.';
  const text = (value: number) => signed(value, Math.min(6, placesFor(track.name, value) + 1));
  return {
    words,
    table: table(
      `${track.label}: change per tenth of the budget, over its second half`,
      ['Setting', 'At the end', 'Change per tenth', '95 % interval'],
      paces.map(({ cell, end, slope }) => [
        cell.label,
        scoreText(track, end),
        text(slope.mean),
        Number.isFinite(slope.low) ? `${text(slope.low)} to ${text(slope.high)}` : NONE,
      ]),
      track.name.startsWith('val/') ? ['On validation images: the exam is sat once, at the end. exam: {at: [0.5, 0.75, 1]} in the sweep file sits it on the way, too.'] : [], // prettier-ignore
    ),
  };
}

function reachTable(tracks: readonly Track[], cells: readonly Cell[]): Decision['reach'] {
  const [track] = tracks;
  if (track === undefined) return null;
  const level = commonLevel(track);
  return {
    metrics: tracks.map((one) => ({
      name: one.name,
      label: one.unit === '' ? one.label : `${one.label} (${one.unit})`,
      level: String(commonLevel(one)),
    })),
    table: table(
      `Until ${track.label} is ${scoreText(track, level)}${track.better === 'higher' ? ' or more' : ' or less'}`,
      ['Setting', 'Seeds that reach it', 'Time of training, median of those', 'Memory'],
      track.cells.map(({ cell, trials }) => {
        const { reached, of, seconds } = reachOf(trials, track, level);
        return [
          labelOf(cells, cell),
          `${reached} of ${of}`,
          reached === 0 ? NONE : duration(seconds),
          costText(cell, COSTS.memory),
        ];
      }),
      [
        'The level that every finished trial comes to. Time until it was first measured; measurements stand at tenths of the budget.',
      ],
    ),
  };
}

function reachData(tracks: readonly Track[], cells: readonly Cell[]): ReachData | null {
  if (tracks.length === 0) return null;
  return {
    metrics: tracks.map((track) => ({
      name: track.name,
      better: track.better,
      level: commonLevel(track),
    })),
    cells: cells
      .map((cell) => ({
        label: labelOf(cells, cell),
        memory: costText(cell, COSTS.memory),
        tracks: Object.fromEntries(
          tracks.flatMap((track) => {
            const own = track.cells.find((one) => one.cell === cell);
            return own ? [[track.name, own.trials.map(({ seconds, value }) => ({ seconds: seconds.map(rounded), value: value.map(rounded) }))]] : []; // prettier-ignore
          }),
        ),
      }))
      .filter(({ tracks: own }) => Object.keys(own).length > 0),
  };
}

/** Enough for a page. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** What the figures show, as a table for other programs. */
function rowsOf(cells: readonly Cell[], quality: Quality): Decision['data']['rows'] {
  const number = (value: number) => (Number.isFinite(value) ? rounded(value) : null);
  return [
    [
      'setting',
      'seed',
      ...WAYS.map(({ suffix }) => quality.name + suffix),
      'memory bytes',
      'seconds',
      'energy joules',
    ],
    ...cells.flatMap((cell) =>
      cell.done.map((trial) => [
        labelOf(cells, cell),
        trial.seed,
        ...WAYS.map(({ suffix }) => number(examValue(quality.name + suffix)(trial))),
        ...Object.values(COSTS).map(({ of }) => number(of(trial))),
      ]),
    ),
  ];
}
