/** @file The report's exam: what models score on whole test images, beside what they must beat. */
import { examScore, EXAM_VARIANTS, metricOf, type ExamVariant } from '../metrics.js';
import type { Cell } from './cells.js';
import { capital, fixed, list, NONE, placesOf } from './format.js';
import { baselineOf, examValue, spreadOf } from './summary.js';
import { table, type Table } from './tables.js';

/** Scores against a partner, or of style where there is none, in the order of the columns; all others stand in a second table. */
const MAIN = [
  'psnr_body',
  'ssim_body',
  'mae_body',
  'ms_ssim_body',
  'psnr',
  'ssim',
  'wasserstein',
  'spectrum',
  'kid',
].map((name) => `exam/${name}`);
/** Said elsewhere, or of no use in a table. */
const LEFT_OUT = ['mae', 'ms_ssim', 'kid_low', 'kid_high', 'frechet', 'n', 'nodules'].map(
  (name) => `exam/${name}`,
);
/** Whose rows stand above the models'. */
const BASELINES = ['untranslated', 'histogram', 'linear', 'ceiling'] as const satisfies ExamVariant[];
const DIRECTIONS = [
  { direction: 'x2y', suffix: '', arrow: 'X→Y', title: 'G: X→Y' },
  { direction: 'y2x', suffix: '_yx', arrow: 'Y→X', title: 'F: Y→X' },
] as const;

/** Null where no finished trial was examined. */
export function examTables(cells: readonly Cell[]): { tables: Table[]; verdicts: string[] } | null {
  const scored = cells.filter((cell) => cell.done.some((trial) => trial.exam));
  if (scored.length === 0) return null;
  const trials = scored.flatMap((cell) => cell.done);
  const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.exam?.values ?? {})))];
  return {
    tables: DIRECTIONS.flatMap(({ direction, suffix, title }) => {
      const metrics = namesOf(names, direction);
      const main = MAIN.filter((metric) => metrics.includes(metric));
      const other = metrics.filter((metric) => ![...MAIN, ...LEFT_OUT].includes(metric));
      return [
        ...(main.length > 0 ? [scoreTable(`${title}, whole test images`, main, suffix, scored, names)] : []),
        ...(other.length > 0 ? [scoreTable(`${title}, further scores`, other, suffix, scored, names)] : []),
      ];
    }),
    verdicts: (['untranslated', 'histogram', 'linear'] as const).flatMap((baseline) =>
      verdictsOf(baseline, scored, names),
    ),
  };
}

/** Metrics of one direction that some model has, without variant and direction. */
function namesOf(names: readonly string[], wanted: string): string[] {
  const metrics = names.flatMap((name) => {
    const score = examScore(name);
    return score?.direction === wanted && score.variant === undefined ? [score.metric] : [];
  });
  return [...new Set(metrics)];
}

function scoreTable(
  caption: string,
  metrics: readonly string[],
  suffix: string,
  scored: readonly Cell[],
  names: readonly string[],
): Table {
  const column = (metric: string) => {
    const { label, unit } = metricOf(metric) ?? { label: metric, unit: '' };
    return unit ? `${label} (${unit})` : label;
  };
  const rowOf = (head: string, cell: Cell, variant: string) => [
    head,
    String(cell.done.filter((trial) => trial.exam).length),
    ...metrics.map((metric) => {
      const { n, mean, sd } = spreadOf(cell, examValue(`${metric}${variant}${suffix}`));
      if (n === 0) return NONE;
      return fixed(mean, places(metric, mean)) + (n > 1 ? ` ± ${fixed(sd, places(metric, mean))}` : '');
    }),
  ];
  const known = (variant: ExamVariant) =>
    metrics.some((metric) => names.includes(`${metric}_${variant}${suffix}`));
  const baselines = BASELINES.filter(known).map((baseline) => [
    capital(EXAM_VARIANTS[baseline].label),
    NONE,
    ...metrics.map((metric) => {
      const value = baselineOf(scored, `${metric}_${baseline}${suffix}`);
      return value === null ? NONE : fixed(value, places(metric, value));
    }),
  ]);
  const models = scored.map((cell) => rowOf(cell.label, cell, ''));
  const tiled = known('tiles') ? scored.map((cell) => rowOf(`${cell.label}, ${EXAM_VARIANTS.tiles.label}`, cell, '_tiles')) : []; // prettier-ignore
  const examined = examinedWords(scored, suffix);
  return table(
    `${caption}: mean ± standard deviation over seeds`,
    ['Setting', 'Seeds', ...metrics.map(column)],
    [...baselines, ...models, ...tiled],
    [
      ...(tiled.length > 0 ? [`By tiles: ${EXAM_VARIANTS.tiles.formula}. A ranking that differs between the two is not settled.`] : []), // prettier-ignore
      ...examined,
    ],
  );
}

/** How many images and nodules stand behind the scores. */
function examinedWords(scored: readonly Cell[], suffix: string): string[] {
  const [images, nodules] = ['n', 'nodules'].map((name) => baselineOf(scored, `exam/${name}${suffix}`));
  return [
    ...(images == null ? [] : [`Images: ${images}.`]),
    ...(nodules == null ? [] : [`Nodules inserted: ${nodules}.`]),
  ];
}

function places(metric: string, value: number): number {
  return metric.includes('psnr') ? 2 : metric.includes('ssim') ? 4 : placesOf(value);
}

/** Says plainly where no network is better than the model, in both directions. */
function verdictsOf(baseline: ExamVariant, scored: readonly Cell[], names: readonly string[]): string[] {
  const lostBy = (cell: Cell) =>
    DIRECTIONS.flatMap(({ suffix, arrow }) => {
      const compared = MAIN.filter((metric) => names.includes(`${metric}_${baseline}${suffix}`));
      const lost = compared.filter((metric) => {
        const better = metricOf(metric)?.direction;
        const value = (name: string) => spreadOf(cell, examValue(name)).mean;
        const gain = value(`${metric}${suffix}`) - value(`${metric}_${baseline}${suffix}`);
        return better === 'lower' ? gain > 0 : better === 'higher' && gain < 0;
      });
      if (lost.length === 0) return [];
      if (lost.length === compared.length && lost.length > 1) return [`every score of ${arrow}`];
      return [`${list(lost.map((metric) => metricOf(metric)?.label ?? metric))} (${arrow})`];
    });
  const worse = scored.map((cell) => ({ cell, lost: list(lostBy(cell)) })).filter(({ lost }) => lost !== '');
  return [...new Set(worse.map(({ lost }) => lost))].map((lost) => {
    const labels = worse.filter((one) => one.lost === lost).map(({ cell }) => cell.label);
    const [what, moral] = PLAINLY[baseline] ?? ['', ''];
    return `${labels.join('; ')}: ${what} scores better than the model in ${lost}. ${moral}`;
  });
}

const PLAINLY: Partial<Record<ExamVariant, [string, string]>> = {
  untranslated: ['the untranslated image', 'By that measure doing nothing is the better translation.'],
  histogram: ['histogram matching', 'By that measure one grey curve is the better translation.'],
  linear: ['a fitted linear filter', 'By that measure no network was needed.'],
};
