/**
 * @file The parts of docs/study.md that are numbers. Verdicts, effects and intervals are those of `sweep report`, from the same functions:
 * nothing is judged here a second time.
 */
import { fullCost } from './cost.mjs';
import { GPU_RATES, QUESTIONS, REPETITION, SIDES, STUDIES } from './studies.mjs';
import { EXAM_VARIANTS, metricOf } from '../../dist/metrics.js';
import { capital, duration, fixed, integer, list, NONE, signed } from '../../dist/report/format.js';
import { markdownTable } from '../../dist/report/formats.js';
import { seedsFor } from '../../dist/report/inference.js';
import { isBetter, placesFor as scorePlaces, WAYS } from '../../dist/report/quality.js';
import { factsTable } from '../../dist/report/sections/incomparable.js';
import { runFacts } from '../../dist/report/sections/made.js';
import { mean, standardDeviation } from '../../dist/report/statistics.js';
import { baselineOf, examValue } from '../../dist/report/summary.js';
import { table } from '../../dist/report/tables.js';
import { marginText, placesFor, pText } from '../../dist/report/verdict-words.js';
import { exploratoryVerdicts } from '../../dist/report/verdicts.js';

/** Text by the name of its block in the page. `studies`: those that the store holds, as gather() made them. */
export function blocksOf(studies) {
  const questions = answered(studies);
  return {
    answer: answerBlock(questions, studies),
    claims: claimsBlock(questions, studies),
    exam: examBlock(studies),
    phantom: phantomBlock(studies),
    losses: lossesBlock(studies),
    health: healthBlock(studies),
    unsettled: unsettledBlock(questions),
    cost: costBlock(),
    plans: plansBlock(studies),
    made: madeBlock(studies),
  };
}

/** A number for every claim, so that tables and notes can speak of it: the question's and its own. */
function answered(studies) {
  const left = studies.flatMap((study) => study.verdicts.map((verdict) => ({ study, verdict })));
  return QUESTIONS.map((question, at) => {
    const takes = ({ verdict }) => question.takes({ ...verdict, about: (...names) => names.some((name) => parametersOf(verdict).includes(name)) }); // prettier-ignore
    const own = left.filter(takes);
    for (const one of own) left.splice(left.indexOf(one), 1);
    own.sort((a, b) => Number(b.verdict.primary) - Number(a.verdict.primary));
    return { ...question, claims: own.map((one, n) => ({ ...one, id: `${at + 1}.${n + 1}` })) };
  });
}

/** Parameters that a contrast is of. */
function parametersOf({ contrast }) {
  if (contrast.kind === 'patch-against-batch') return ['patch', 'batch'];
  if (contrast.kind === 'factor') return [contrast.name];
  const { a, b } = contrast;
  return Object.keys({ ...a, ...b }).filter((name) => a[name] !== b[name]);
}

const REPEATED = {
  supported: 'reproduced',
  contradicted: 'not reproduced',
  'no relevant difference': 'not reproduced',
};

function verdictText({ study, verdict: { kind, n } }) {
  if (kind === 'open') return 'no numbers';
  if (kind === 'estimate') return `${study.repetition ? 'not settled' : 'estimate'} (n\u00a0=\u00a0${n})`;
  return (study.repetition && REPEATED[kind]) || kind;
}

const dataText = ({ data, name }) => `${data} (${name})`;

function missingText(studies) {
  const missing = STUDIES.filter(({ name }) => !studies.some((study) => study.name === name));
  return missing.length === 0 ? [] : [`Not in this store: ${list(missing.map(({ name }) => name))}.`];
}

/** Claims down, data sets across: what a reader came for. */
function answerBlock(questions, studies) {
  const places = [...new Set(STUDIES.filter(({ repetition }) => !repetition).map(({ data }) => data)), REPETITION]; // prettier-ignore
  const rows = questions.map(({ title, claims }) => [
    title,
    ...places.map((place) =>
      shortAnswer(claims.filter(({ study }) => (study.repetition ? REPETITION : study.data) === place)),
    ),
  ]);
  return text(
    tableText('', ['Claim', ...places], rows, places),
    'Of primary contrasts where there are any; in brackets their numbers in the tables below.',
    ...missingText(studies),
  );
}

function shortAnswer(claims) {
  const primary = claims.filter(({ verdict }) => verdict.primary);
  if (claims.length === 0) return NONE;
  const kinds = new Map();
  for (const claim of primary.length > 0 ? primary : claims)
    kinds.set(verdictText(claim), [...(kinds.get(verdictText(claim)) ?? []), claim.id]);
  const words = [...kinds].map(([kind, ids]) => `${kind} (${ids.join(', ')})`);
  return `${words.join(', ')}${primary.length > 0 ? '' : '; exploratory'}`;
}

/** Columns of claims that are no numbers. */
const WORDS = ['Data', 'Contrast', 'Outcome', 'Verdict', 'Kind'];

function claimsBlock(questions, studies) {
  const columns = [
    '',
    ...WORDS.slice(0, 4),
    'Effect',
    '95 % interval',
    'Margin',
    'Seeds',
    'p (Holm)',
    'Kind',
    'The same of Y→X, no claim',
  ];
  return text(
    ...questions.flatMap(({ title, claims, discriminator }) => [
      `### ${title}`,
      claims.length === 0
        ? 'No study in this store asks it.'
        : tableText('', columns, claims.map(claimRow), WORDS),
      ...notesOf(claims),
      ...(title.startsWith('3.') ? sidesText(studies) : []),
      ...(discriminator ? discriminatorText(studies) : []),
    ]),
    ...missingText(studies),
  );
}

/** What a claim is of, and what was found: what its rows in all tables begin with. */
function headOf(claim) {
  const { id, study, verdict } = claim;
  return [
    id,
    dataText(study),
    contrastText(claim),
    outcomeText(verdict),
    verdictText(claim),
    effectText(verdict),
  ];
}

/** Scores of the exam without a suffix are of G: X→Y. */
function outcomeText({ outcome, outcomeLabel }) {
  return outcome.startsWith('exam/') ? `${outcomeLabel}, X→Y` : outcomeLabel;
}

/** Effect and interval of the same claim in the other direction, where the exam has it. */
function otherWay({ sweep }, claim) {
  if (!claim.outcome.startsWith('exam/')) return NONE;
  const [other] = exploratoryVerdicts(sweep, [{ ...claim, outcome: `${claim.outcome}_yx` }]);
  return other.interval === null ? NONE : `${effectText(other)} (${intervalText(other)})`;
}

function intervalText(verdict) {
  const places = placesFor(verdict);
  const { interval } = verdict;
  return interval === null ? NONE : `${signed(interval.low, places)} to ${signed(interval.high, places)}`;
}

/** Patch and batch one at a time, where both are crossed. */
function sidesText(studies) {
  return studies
    .filter(({ verdicts }) =>
      verdicts.some(
        ({ contrast, interaction }) => contrast.kind === 'patch-against-batch' && interaction !== null,
      ),
    )
    .flatMap((study) => [
      `The sides of the crossed grid, one by one, asked after the numbers had been seen (${study.name}):`,
      tableText(
        '',
        ['Contrast', 'Outcome', 'Effect', '95 % interval', 'Seeds', 'The same of Y→X'],
        SIDES.map((side) => {
          const [verdict] = exploratoryVerdicts(study.sweep, [side]);
          return [`${verdict.b} against ${verdict.a}`, outcomeText(verdict), effectText(verdict), intervalText(verdict), integer(verdict.n), otherWay(study, side)]; // prettier-ignore
        }),
        ['Contrast', 'Outcome'],
      ),
    ]);
}

/** Terms of the losses, which are not on one scale and not of one kind. */
const TERMS = ['loss/D', ['loss/G_adv', 'loss/F_adv'], 'loss/cycle', 'loss/identity', 'loss/paired'];

function lossesBlock(studies) {
  const rows = studies.flatMap(({ name, cells }) =>
    cells.map((cell) => [
      name,
      cell.label,
      ...TERMS.map((terms) => {
        const values = cell.done.map(({ tail }) => sum([terms].flat().map((term) => tail[term] ?? NaN)));
        const known = values.filter(Number.isFinite);
        return known.length === 0 ? NONE : fixed(mean(known), 3);
      }),
    ]),
  );
  return rows.length === 0
    ? 'No trial has begun.'
    : tableText('', ['Study', 'Setting', 'Discriminators', 'Adversarial, G and F', 'Cycle', 'Identity', 'Paired'], rows, ['Study', 'Setting']); // prettier-ignore
}

/** Trials that a flag of health was raised in, by setting: collapses and the like, which count as done. */
function healthBlock(studies) {
  const lines = studies.flatMap(({ name, cells }) =>
    cells.flatMap(({ label, trials }) => {
      const codes = trials.flatMap(({ messages }) => [...new Set(messages.filter(({ type }) => type === 'health').map(({ code }) => code))]); // prettier-ignore
      return [...new Set(codes)].map(
        (code) =>
          `- ${name}, ${label}: \`${code}\` in ${integer(codes.filter((one) => one === code).length)} of ${integer(trials.length)} trials`,
      );
    }),
  );
  return lines.length === 0 ? 'No trial of any study raised a flag.' : lines.join('\n');
}

function effectText(verdict) {
  const { effect, unit } = verdict;
  if (effect === null) return NONE;
  return `${signed(effect, placesFor(verdict))}${unit === '' ? '' : `\u00a0${unit}`}`;
}

function claimRow(claim) {
  const { verdict } = claim;
  const { effect, n, seeds, holm } = verdict;
  return [
    ...headOf(claim),
    intervalText(verdict),
    effect === null ? NONE : marginText(verdict),
    n === seeds ? integer(n) : `${integer(n)} of ${integer(seeds)}`,
    holm === null ? NONE : pText(holm),
    verdict.primary ? 'primary' : 'exploratory',
    otherWay(claim.study, { ...verdict, margin: { absolute: verdict.margin } }),
  ];
}

function contrastText({ study, verdict: { a, b, contrast, confounded } }) {
  const main = contrast.kind === 'factor' && confounded === null && study.sweep.varied.length > 1;
  const how = contrast.kind === 'patch-against-batch' ? ', per doubling' : main ? ', main effect' : '';
  return `${b} against ${a}${how}`;
}

/** Why a claim is not settled, or what else must be known of it: each reason once, with the claims that it is of. */
function notesOf(claims) {
  const found = new Map();
  for (const { id, verdict } of claims) {
    for (const reason of verdict.reasons) found.set(reason, [...(found.get(reason) ?? []), id]);
  }
  const notes = [...found].map(([reason, ids]) => `- ${ids.join(', ')}: ${reason}`);
  return notes.length === 0 ? [] : [notes.join('\n')];
}

/** The report's own sentence: a correlation within settings, and no verdict. */
function discriminatorText(studies) {
  const told = studies.filter(({ discriminator }) => discriminator !== null);
  return told.length === 0
    ? []
    : [told.map((study) => `- ${dataText(study)}: ${study.discriminator.sentence}`).join('\n')];
}

/** The first that a study has, of scores that say the same of the body and of the whole image. */
const SCORES = [['psnr_body', 'psnr'], ['ssim_body', 'ssim'], ['spectrum'], ['kid'], ['critic']].map(
  (names) => names.map((name) => `exam/${name}`),
);
const BASELINES = ['untranslated', 'histogram', 'linear'];

function examBlock(studies) {
  return text(
    ...studies.flatMap((study) => {
      const has = (name) => study.cells.some(({ done }) => done.some((trial) => Number.isFinite(examValue(name)(trial)))); // prettier-ignore
      const scores = SCORES.flatMap((names) => names.find(has) ?? []);
      const columns = scores.flatMap((name) => WAYS.map(({ suffix, arrow }) => ({ name, suffix, arrow })));
      if (columns.length === 0) return [`### ${capital(dataText(study))}`, 'No finished trial was examined.'];
      return [
        `### ${capital(dataText(study))}`,
        scoreTable(study, columns, BASELINES),
        `Test images: ${WAYS.map(({ suffix, arrow }) => `${integer(baselineOf(study.cells, `exam/n${suffix}`))} (${arrow})`).join(', ')}.`,
      ];
    }),
    ...missingText(studies),
  );
}

const PHANTOM_COLUMNS = [
  { name: 'exam/dice', suffix: '_yx', arrow: 'Y→X' },
  ...['nodule_contrast', 'nodules_missed', 'nodules_invented'].flatMap((name) =>
    WAYS.map(({ suffix, arrow }) => ({ name: `exam/${name}`, suffix, arrow })),
  ),
];

function phantomBlock(studies) {
  const drawn = studies.filter(({ data }) => data === 'phantom');
  return text(
    ...drawn.flatMap((study) => [
      `### ${capital(dataText(study))}`,
      ...(baselineOf(study.cells, 'exam/nodule_contrast') === null
        ? ['No finished trial of it has these exams.']
        : [scoreTable(study, PHANTOM_COLUMNS, ['untranslated', 'ceiling'])]),
    ]),
    ...missingText(studies).filter(() => drawn.length < STUDIES.filter(({ data }) => data === 'phantom').length), // prettier-ignore
  );
}

/** Settings down, scores across: the mean over seeds, and the worst seed. */
function scoreTable({ cells }, columns, baselines) {
  const title = ({ name, arrow }) => {
    const { label, unit } = metricOf(name);
    return `${label}${unit === '' ? '' : ` (${unit})`}, ${arrow}`;
  };
  const without = baselines
    .map((variant) => [variant, columns.map(({ name, suffix }) => baselineOf(cells, `${name}_${variant}${suffix}`))]) // prettier-ignore
    .filter(([, values]) => values.some((value) => value !== null))
    .map(([variant, values]) => [
      capital(EXAM_VARIANTS[variant].label),
      NONE,
      ...values.map((value, at) => (value === null ? NONE : fixed(value, scorePlaces(columns[at].name, value)))),
    ]); // prettier-ignore
  const models = cells
    .filter(({ done }) => done.length > 0)
    .map((cell) => [
      cell.label,
      integer(cell.done.length),
      ...columns.map(({ name, suffix }) => spreadText(cell, name, suffix)),
    ]);
  return tableText('', ['Setting', 'Seeds', ...columns.map(title)], [...without, ...models]); // prettier-ignore
}

function spreadText(cell, name, suffix) {
  const values = cell.done.map(examValue(name + suffix)).filter(Number.isFinite);
  if (values.length === 0) return NONE;
  const better = metricOf(name).direction;
  // Of a contrast that is kept, 1 is all of it: the worst is farthest from it.
  const worst = values.reduce((a, b) =>
    better === 'neither' ? (Math.abs(a - 1) > Math.abs(b - 1) ? a : b) : isBetter({ better }, a, b) ? b : a,
  );
  const places = scorePlaces(name, mean(values));
  return `${fixed(mean(values), places)} (${fixed(worst, places)})`;
}

function unsettledBlock(questions) {
  const open = questions
    .flatMap(({ claims }) => claims)
    .filter(({ verdict: { kind, interval } }) => ['not settled', 'estimate'].includes(kind) && interval);
  if (open.length === 0) return 'Every claim that has numbers is settled.';
  const seedsText = (seeds) => (seeds === null ? 'over 1000' : integer(seeds));
  const rows = open.map((claim) => {
    const { verdict } = claim;
    const { effect, differences, margin } = verdict;
    const spread = standardDeviation(differences);
    return [
      ...headOf(claim),
      marginText(verdict),
      fixed(spread, placesFor(verdict) + 1),
      seedsText(seedsFor(effect / spread)),
      seedsText(seedsFor(margin / spread)),
      seedsText(verdict.seedsToSettle),
    ];
  });
  return tableText(
    '',
    ['', ...WORDS.slice(0, 4), 'Effect', 'Margin', 'Standard deviation', 'Seeds to tell the effect seen from none', 'Seeds to tell one of the margin from none', 'Seeds to tell the effect seen from the margin'], // prettier-ignore
    rows,
    WORDS,
  );
}

function costBlock() {
  const { words, trial, study } = fullCost();
  const hours = (work, rate) => {
    const value = work / rate / 3600;
    return value < 10 ? value.toPrecision(2) : integer(value);
  };
  return text(
    words,
    tableText(
      '',
      ['Rate', 'GPU hours of one trial', 'of all trials', 'By'],
      GPU_RATES.map(({ rate, source }) => [
        `${(rate / 1e12).toFixed(1)} TFLOP/s`,
        hours(trial, rate),
        hours(study, rate),
        source,
      ]),
      ['By'],
    ),
  );
}

function plansBlock(studies) {
  const rows = studies.map(({ name, sweep: { trials }, plan }) => {
    // What was done before the prediction is no part of it, and what is not done yet no part of the truth.
    const predicted = new Map(plan?.trials.filter(({ state }) => state !== 'done').map((trial) => [trial.key, trial.predicted.seconds])); // prettier-ignore
    const compared = trials.filter(({ key, status }) => status === 'done' && predicted.has(key));
    const attempts = trials.flatMap((trial) => trial.attempts);
    const ended = compared.flatMap((trial) => trial.attempts).filter(({ seconds }) => seconds !== null);
    const count = (outcome) => integer(attempts.filter((attempt) => attempt.outcome === outcome).length);
    const having = (status) => trials.filter((trial) => trial.status === status).length;
    return [
      name,
      `${integer(having('done'))} of ${integer(trials.length)}`,
      duration(sum(compared.map(({ key }) => predicted.get(key) ?? NaN))),
      duration(sum(ended.map(({ seconds }) => seconds))),
      duration(plan?.left?.wallSeconds),
      duration(timeCovered(ended)),
      count('stopped'),
      count('lost'),
      integer(trials.flatMap((trial) => trial.attempts.slice(1)).filter(({ from }) => from > 0).length),
      count('failed'),
      integer(having('failed')),
    ];
  });
  return text(
    tableText(
      '',
      ['Study', 'Trials done', 'Their time, predicted', 'Their time, true', 'By the clock, predicted', 'By the clock, true', 'Attempts stopped', 'Attempts lost', 'Resumed', 'Attempts failed', 'Trials failed'], // prettier-ignore
      rows,
    ),
    ...missingText(studies),
  );
}

const sum = (values) => values.reduce((all, value) => all + value, 0);

/** Seconds during which at least one attempt ran. */
function timeCovered(attempts) {
  let [covered, until] = [0, -Infinity];
  for (const { started, seconds } of attempts.toSorted((a, b) => a.started - b.started)) {
    const end = started + seconds;
    covered += Math.max(0, end - Math.max(started, until));
    until = Math.max(until, end);
  }
  return covered;
}

/** Facts of a run that say nothing of what was computed. */
const NOT_TOLD = ['Machine (hashed name)', 'Parameters in common'];
/** Rows of the report's table of facts that say how much each setting was trained. */
const AMOUNTS = ['Pixels of each domain in one update', 'Updates in the budget', 'Epochs in the budget', 'Blank patches, of all drawn', 'Weights: generator', 'Weights: discriminator']; // prettier-ignore

function madeBlock(studies) {
  const facts = new Map();
  for (const { name, sweep, cells } of studies) {
    for (const fact of [...runFacts(sweep, cells), { name: 'Seeds', values: [{ text: seedsOf(sweep) }] }]) {
      if (NOT_TOLD.includes(fact.name)) continue;
      const values = facts.get(fact.name) ?? new Map();
      for (const { text } of fact.values) values.set(text, [...(values.get(text) ?? []), name]);
      facts.set(fact.name, values);
    }
  }
  const lines = [...facts].map(([name, values]) => {
    const told = [...values].map(([text, names]) =>
      names.length === studies.length ? text : `${text} (${list([...new Set(names)])})`,
    );
    return `- ${name}: ${told.join('; ')}`;
  });
  const rows = studies.flatMap(({ name, cells }) => amountsOf(name, cells));
  return text(
    lines.join('\n'),
    rows.length === 0 ? 'No trial has begun.' : tableText('', ['Study', 'Setting', ...AMOUNTS], rows, ['Setting']), // prettier-ignore
    ...missingText(studies),
  );
}

function seedsOf({ trials }) {
  return list([...new Set(trials.map(({ seed }) => seed))].sort((a, b) => a - b).map(String));
}

/** The report's table of facts, its columns as rows. */
function amountsOf(study, cells) {
  const facts = factsTable(cells);
  if (facts === null) return [];
  const rows = AMOUNTS.map((wanted) => {
    const row = facts.rows.find(({ head }) => head === wanted);
    if (row === undefined) throw new Error(`The report's table of facts has no row ${wanted}.`);
    return row;
  });
  return facts.columns
    .slice(1)
    .map(({ text: setting }, at) => [study, setting, ...rows.map(({ cells }) => cells[at].text)]);
}

function tableText(caption, columns, rows, words) {
  return markdownTable(table(caption, columns, rows, [], words));
}

function text(...parts) {
  return parts.join('\n\n');
}
