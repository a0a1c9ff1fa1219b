/** @file The exam: what models score on whole test images, beside what they must beat. */
import { examScore, EXAM_VARIANTS, metricOf, type ExamVariant } from '../../metrics.js';
import type { Cell } from '../cells.js';
import { capital, fixed, list, NONE } from '../format.js';
import { intervalOf, isBetter, placesFor, qualityOf, scoredCells, WAYS } from '../quality.js';
import type { Section } from '../section.js';
import { baselineOf, examValue, spreadOf } from '../summary.js';
import { table, type Table } from '../tables.js';

export const exam: Section = {
  name: 'exam',
  title: 'The exam: whole test images',
  view: ({ cells }) => examView(cells),
};

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
const LEFT_OUT = [
  'critic',
  'mae', 'ms_ssim', 'kid_low', 'kid_high', 'frechet', 'critic_low', 'critic_high', 'n', 'nodules',
].map((name) => `exam/${name}`); // prettier-ignore
/** Whose rows stand above the models'. */
const BASELINES = ['untranslated', 'histogram', 'linear', 'ceiling'] as const satisfies ExamVariant[];
export interface ExamView {
  /** Where something without a network, or the other way of translating, says otherwise. */
  verdicts: string[];
  tables: Table[];
  critic: Table | null;
}

/** Null where no finished trial was examined. */
export function examView(cells: readonly Cell[]): ExamView | null {
  const scored = cells.filter((cell) => cell.done.some((trial) => trial.exam));
  if (scored.length === 0) return null;
  const trials = scored.flatMap((cell) => cell.done);
  const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.exam?.values ?? {})))];
  return {
    verdicts: [
      ...(['untranslated', 'histogram', 'linear'] as const).flatMap((baseline) =>
        verdictsOf(baseline, scored, names),
      ),
      ...flips(scored),
    ],
    tables: WAYS.flatMap(({ direction, suffix, title }) => {
      const metrics = namesOf(names, direction);
      const main = MAIN.filter((metric) => metrics.includes(metric));
      const other = metrics.filter((metric) => ![...MAIN, ...LEFT_OUT].includes(metric));
      return [
        ...(main.length > 0 ? [scoreTable(`${title}, whole test images`, main, suffix, scored, names)] : []),
        ...(other.length > 0 ? [scoreTable(`${title}, further scores`, other, suffix, scored, names)] : []),
      ];
    }),
    critic: criticTable(scored),
  };
}

/** Says where tiles of the training patch rank settings otherwise than whole images do. */
function flips(scored: readonly Cell[]): string[] {
  const quality = qualityOf(scored);
  if (quality === undefined) return [];
  return WAYS.flatMap((way) => {
    const order = (variant: string) =>
      scoredCells(scored, { ...quality, name: quality.name + variant }, way)
        .sort((a, b) => (isBetter(quality, a.mean.mean, b.mean.mean) ? -1 : 1))
        .map(({ cell }) => cell.label);
    const [whole, tiled] = [order(''), order('_tiles')];
    if (tiled.length < 2 || whole.join() === tiled.join()) return [];
    return [
      whole[0] === tiled[0]
        ? `${way.arrow}: whole images and tiles of the training patch put settings in different orders by ${quality.label}, after the first. What flips between the two is not settled.`
        : `${way.arrow}: by ${quality.label} ${whole[0]!} is first on whole images and ${tiled[0]!} by tiles of the training patch. What flips between the two is not settled.`,
    ];
  });
}

/** The critic's interval over images beside that over seeds: they are about different chances. */
function criticTable(scored: readonly Cell[]): Table | null {
  const judged = scored.filter((cell) => spreadOf(cell, examValue('exam/critic')).n > 0);
  if (judged.length === 0) return null;
  const share = (value: number) => fixed(value, 2);
  const columns = WAYS.flatMap(({ suffix, arrow }) => {
    const of = (cell: Cell, name: string) => spreadOf(cell, examValue(`exam/critic${name}${suffix}`)).mean;
    return [
      {
        title: `${arrow}: accuracy`,
        text: (cell: Cell) => withHalf(cell, `exam/critic${suffix}`, share),
        untranslated: share(baselineOf(judged, `exam/critic_untranslated${suffix}`) ?? NaN),
      },
      {
        title: `${arrow}: interval over images`,
        text: (cell: Cell) => `${share(of(cell, '_low'))} to ${share(of(cell, '_high'))}`,
        untranslated: ['low', 'high'].map((end) => share(baselineOf(judged, `exam/critic_${end}_untranslated${suffix}`) ?? NaN)).join(' to '), // prettier-ignore
      },
    ];
  });
  return table(
    'A fresh critic, the same for every trial',
    ['Setting', ...columns.map(({ title }) => title)],
    [
      ['Untranslated', ...columns.map(({ untranslated }) => untranslated)],
      ...judged.map((cell) => [cell.label, ...columns.map(({ text }) => text(cell))]),
    ],
    [
      'Share of crops of test images, translations and real ones, that it tells rightly: 0.5 it guesses, 1 it tells all. It learnt on validation images. After ± half of the 95 % t interval over seeds; the interval over images takes all crops of one image for one answer, mean over trials. The losses of a trial’s own discriminators cannot be compared so.',
    ],
  );
}

/** Mean, and half of the 95 % t interval over seeds where there are several. */
function withHalf(cell: Cell, name: string, text: (value: number) => string): string {
  const values = cell.done.map(examValue(name)).filter(Number.isFinite);
  if (values.length === 0) return NONE;
  const { n, mean, high } = intervalOf(values);
  return text(mean) + (n > 1 ? ` ± ${text(high - mean)}` : '');
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
      const name = `${metric}${variant}${suffix}`;
      const { mean } = spreadOf(cell, examValue(name));
      return withHalf(cell, name, (value) => fixed(value, placesFor(metric, mean)));
    }),
  ];
  const known = (variant: ExamVariant) =>
    metrics.some((metric) => names.includes(`${metric}_${variant}${suffix}`));
  const baselines = BASELINES.filter(known).map((baseline) => [
    capital(EXAM_VARIANTS[baseline].label),
    NONE,
    ...metrics.map((metric) => {
      const value = baselineOf(scored, `${metric}_${baseline}${suffix}`);
      return value === null ? NONE : fixed(value, placesFor(metric, value));
    }),
  ]);
  const models = scored.map((cell) => rowOf(cell.label, cell, ''));
  const tiled = known('tiles') ? scored.map((cell) => rowOf(`${cell.label}, ${EXAM_VARIANTS.tiles.label}`, cell, '_tiles')) : []; // prettier-ignore
  const examined = examinedWords(scored, suffix);
  return table(
    `${caption}: mean ± half of the 95 % t interval over seeds`,
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

/** Says plainly where no network is better than the model, in both directions. */
function verdictsOf(baseline: ExamVariant, scored: readonly Cell[], names: readonly string[]): string[] {
  const lostBy = (cell: Cell) =>
    WAYS.flatMap(({ suffix, arrow }) => {
      const compared = [...MAIN, 'exam/critic'].filter((metric) =>
        names.includes(`${metric}_${baseline}${suffix}`),
      );
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
