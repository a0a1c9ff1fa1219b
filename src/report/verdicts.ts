/** @file A sweep's claims judged: numbers and words of each verdict. docs/statistics.md says how, and where to doubt it. */
import { SEEDS_FOR_A_VERDICT, type Claim } from '../definition/compare.js';
import { resolveContrast, type Weights } from '../definition/contrast.js';
import { readClaims } from '../definition/read.js';
import { examScore, metricOf } from '../metrics.js';
import type { SweepRecord } from '../store/queries.js';
import { cellsOf, factorsOf, settingsOf, type Cell } from './cells.js';
import { tableOf } from './counting.js';
import { capital, count, list, signed, spelled } from './format.js';
import {
  blockedAnova,
  correlationWithin,
  finding,
  holm,
  marginP,
  pooledInterval,
  predictionInterval,
  seedsFor,
  signFlip,
  type AnovaRow,
  type Finding,
  type RankCorrelation,
} from './inference.js';
import { mean, meanInterval, standardDeviation } from './statistics.js';
import { ownClaims } from './own-claims.js';
import { qualityOf } from './quality.js';
import { examValue, finalValue } from './summary.js';
import { contrastWords, effectText, marginText, pText, sentenceOf } from './verdict-words.js';

export type VerdictKind =
  | 'supported'
  | 'contradicted'
  | 'no relevant difference'
  | 'not settled'
  /** There are numbers, and too few of them for a verdict. */
  | 'estimate'
  /** There are no numbers. */
  | 'open';

export interface Range {
  low: number;
  high: number;
}

export interface Verdict {
  claim: string;
  primary: boolean;
  /** Whether the sweep file names the claim; else the report asks by itself. */
  named: boolean;
  kind: VerdictKind;
  /** What was found, in a sentence or two. */
  sentence: string;
  /** Why it is not settled, or no verdict; and what else a reader must know. */
  reasons: string[];
  outcome: string;
  /** What was set against what, as the claim has it; `a` and `b` say it in words. */
  contrast: Claim['contrast'];
  outcomeLabel: string;
  unit: string;
  expect: Claim['expect'];
  a: string;
  b: string;
  /** In the unit of the outcome. */
  margin: number;
  /** Pairs of seeds that count, and seeds that the sweep has. */
  n: number;
  seeds: number;
  /** b minus a: mean over seeds. Null without numbers. */
  effect: number | null;
  /** 95 %, paired t over seeds; null below two seeds. */
  interval: Range | null;
  /** Effects of the single seeds. */
  differences: number[];
  /** Of the interval by the margin, and by Holm's correction over the primary claims of all sweeps of the report. */
  p: number | null;
  holm: number | null;
  /** By the pooled error of the analysis of variance, which assumes equal variances; null where the settings are not crossed. */
  pooled: (Range & { degrees: number }) | null;
  anova: AnovaRow[] | null;
  /** Exact sign-flip test, from six seeds. */
  signFlip: number | null;
  /** 95 % range of the effect between one new model and another of the same seed. */
  prediction: Range | null;
  /** Of patch-against-batch: how much more the patch gains, per doubling, at the larger batch than at the smaller. */
  interaction: (Range & { effect: number }) | null;
  /** The same with the norm statistics of tiles of the training patch. */
  tiles: (Range & { effect: number; found: Finding }) | null;
  /** Seeds that would settle it with 80 % power if effect and spread are what they seem; null: over 1000, or unknown. */
  seedsToSettle: number | null;
  confounded: { names: string[]; grid: string | null } | null;
}

export interface SweepVerdicts {
  sweep: string;
  verdicts: Verdict[];
  /** Rank correlation of the discriminator's loss with the exam within settings; null without numbers. */
  discriminator: (RankCorrelation & { outcome: string; sentence: string }) | null;
}

const ALPHA = 0.05;

/** Verdicts of every sweep of a report; primary claims are corrected for the number of all of them together. */
export function verdictsOf(sweeps: readonly SweepRecord[]): SweepVerdicts[] {
  const judged = sweeps.map((sweep) => judgeSweep(sweep));
  const primary = judged.flatMap(({ drafts }) =>
    drafts.filter(({ claim, p }) => claim.primary && p !== null),
  );
  const adjusted = holm(primary.map(({ p }) => p!));
  const holmOf = new Map(primary.map((draft, at) => [draft, adjusted[at]!]));
  return judged.map(({ sweep, drafts, discriminator }) => ({
    sweep: sweep.name,
    verdicts: drafts.map((draft) => concluded(draft, holmOf.get(draft) ?? null, primary.length)),
    discriminator,
  }));
}

/** The same of further claims, which nothing wrote down before the run: exploratory, and corrected for nothing. */
export function exploratoryVerdicts(sweep: SweepRecord, claims: readonly Claim[]): Verdict[] {
  const cells = cellsOf(sweep);
  return claims.map((claim) => concluded(draftOf({ ...claim, primary: false }, true, sweep, cells), null, 0));
}

/** All that the numbers say of a claim, before they are held against each other. */
interface Draft extends Omit<Verdict, 'kind' | 'sentence' | 'holm' | 'claim' | 'primary'> {
  claim: Claim;
  found: Finding;
  /** What the interval says without the trials that count as the worst; undefined where there are none. */
  withoutWorst: Finding | undefined;
  unfinished: number;
  contrastWords: string;
  /** Whether an update sees as many pixels in every setting that is compared. */
  equalPixels: boolean;
  /** Why this sweep cannot answer the claim. */
  problem?: string;
}

function judgeSweep(sweep: SweepRecord) {
  const cells = cellsOf(sweep);
  const written = readClaims(sweep.source);
  const claims = written.length > 0 ? written : ownClaims(sweep, cells);
  return {
    sweep,
    drafts: claims.map((claim) => draftOf(claim, written.length > 0, sweep, cells)),
    discriminator: discriminatorOf(cells),
  };
}

function draftOf(claim: Claim, named: boolean, sweep: SweepRecord, cells: readonly Cell[]): Draft {
  const { outcome, contrast, margin } = claim;
  const metric = metricOf(outcome);
  const resolved = resolveContrast(contrast, settingsOf(cells), sweep.varied);
  const nothing = {
    claim,
    named,
    reasons: [],
    outcome,
    contrast,
    outcomeLabel: metric?.label ?? outcome,
    unit: metric?.unit ?? '',
    expect: claim.expect,
    a: '',
    b: '',
    margin: NaN,
    n: 0,
    seeds: 0,
    effect: null,
    interval: null,
    differences: [],
    p: null,
    pooled: null,
    anova: null,
    signFlip: null,
    prediction: null,
    interaction: null,
    tiles: null,
    seedsToSettle: null,
    confounded: null,
    found: 'unsettled',
    withoutWorst: undefined,
    unfinished: 0,
    contrastWords: '',
    equalPixels: false,
  } satisfies Draft;
  if ('problem' in resolved) {
    return { ...nothing, problem: `${resolved.problem}; expected ${resolved.expected}` };
  }
  const used = cells.filter((_, at) => isUsed(resolved, at));
  const weights = resolved.weights.filter((_, at) => isUsed(resolved, at));
  const table = tableOf(used, cells, outcome);
  const rows = table.seeds.map((seed) => used.map((cell) => table.value(cell, seed)));
  const whole = completeRows(rows);
  const differences = whole.map((row) => weigh(row, weights));
  const level = mean(used.map((_, at) => mean(whole.map((row) => row[at]!))));
  const limit = 'absolute' in margin ? margin.absolute : margin.share * Math.abs(level);
  const { difference, low, high } = meanInterval(differences);
  const interval = differences.length > 1 ? { low, high } : null;
  const measured = completeRows(table.seeds.map((seed) => used.map((cell) => table.measured(cell, seed))));
  const spread = standardDeviation(differences);
  const byCell = used.map((_, at) => whole.map((row) => row[at]!));
  const anova = weights.length > 2 ? blockedAnova(byCell, factorsOf(used, sweep)) : null;
  const interaction = resolved.interaction?.filter((_, at) => isUsed(resolved, at));
  const pixels = settingsOf(used).map(({ patch, batch }) => Number(patch) ** 2 * Number(batch));
  const names = together(claim, resolved);
  const ofPatchAndBatch = names.length === 2 && names.includes('patch') && names.includes('batch');
  const equalPixels = ofPatchAndBatch && new Set(pixels).size === 1;
  return {
    ...nothing,
    reasons: table.notes,
    a: resolved.a,
    b: resolved.b,
    contrastWords: contrastWords(claim, resolved, used, sweep),
    margin: limit,
    n: differences.length,
    seeds: table.seeds.length,
    effect: differences.length > 0 ? difference : null,
    interval,
    differences,
    p: interval === null ? null : marginP(differences, limit),
    pooled: anova === null ? null : pooledInterval(byCell, weights, anova),
    anova: anova?.rows ?? null,
    signFlip: signFlip(differences),
    prediction: predictionInterval(differences),
    interaction: interaction === undefined ? null : effectOf(whole, interaction),
    tiles: tilesOf(outcome, used, cells, weights, limit),
    seedsToSettle: interval === null ? null : seedsFor((Math.abs(difference) - limit) / spread),
    confounded:
      resolved.confounded.length === 0
        ? null
        : // A contrast that keeps the pixels of an update needs both changes: no crossing would tell it better.
          { names, grid: equalPixels ? null : (resolved.grid ?? null) },
    found: interval === null ? 'unsettled' : finding(interval, limit),
    withoutWorst:
      table.worst === 0
        ? undefined
        : finding(meanInterval(measured.map((row) => weigh(row, weights))), limit),
    unfinished: table.unfinished,
    equalPixels,
  };
}

function isUsed({ weights, interaction }: Weights, at: number): boolean {
  return weights[at] !== 0 || (interaction !== undefined && interaction[at] !== 0);
}

function together({ contrast }: Claim, { confounded }: Weights): string[] {
  return contrast.kind === 'factor' ? [contrast.name, ...confounded] : confounded;
}

function weigh(row: readonly number[], weights: readonly number[]): number {
  return row.reduce((sum, value, at) => sum + value * weights[at]!, 0);
}

function completeRows(rows: readonly (readonly number[])[]): (readonly number[])[] {
  return rows.filter((row) => row.every(Number.isFinite));
}

function effectOf(
  rows: readonly (readonly number[])[],
  weights: readonly number[],
): (Range & { effect: number }) | null {
  if (rows.length < 2) return null;
  const { difference, low, high } = meanInterval(rows.map((row) => weigh(row, weights)));
  return { effect: difference, low, high };
}

/** The same contrast on the outcome with norm statistics of tiles; null where trials have no such number, or the outcome is one already. */
function tilesOf(
  outcome: string,
  used: readonly Cell[],
  all: readonly Cell[],
  weights: readonly number[],
  margin: number,
): Verdict['tiles'] {
  const score = examScore(outcome);
  if (score === undefined || score.variant !== undefined) return null;
  const table = tableOf(used, all, `${score.metric}_tiles${score.direction === 'y2x' ? '_yx' : ''}`);
  const rows = completeRows(table.seeds.map((seed) => used.map((cell) => table.value(cell, seed))));
  const effect = effectOf(rows, weights);
  return effect === null ? null : { ...effect, found: finding(effect, margin) };
}

/** A draft becomes a verdict: nothing is settled that one of the checks puts in doubt. */
function concluded(draft: Draft, adjusted: number | null, family: number): Verdict {
  const { claim, found, withoutWorst, unfinished, contrastWords, equalPixels, problem, ...numbers } = draft;
  const { n, interval, tiles, confounded } = draft;
  const unsure: string[] = [];
  if (problem !== undefined) unsure.push(`This sweep cannot answer it: ${problem}.`);
  else if (n === 0) unsure.push('No seed has this outcome in all settings that are compared.');
  if (unfinished > 0) {
    unsure.push(`${capital(count(unfinished, 'trial'))} of these settings ${unfinished === 1 ? 'is' : 'are'} not finished: a look before the end is no verdict.`); // prettier-ignore
  }
  if (n > 0 && n < SEEDS_FOR_A_VERDICT) {
    const interval =
      n === 1 ? 'one seed has no interval, and its difference may be nothing but chance' : 'an estimate';
    unsure.push(
      `${capital(count(n, 'seed'))}: ${interval}; a verdict needs ${spelled(SEEDS_FOR_A_VERDICT)}.`,
    );
  }
  const doubts: string[] = [];
  if (n > 0 && unsure.length === 0) {
    if (found === 'unsettled') doubts.push(`The interval reaches across the margin of ${marginText(draft)}.`);
    else {
      if (adjusted !== null && adjusted > ALPHA) doubts.push(`By itself the interval is clear of the margin; corrected for ${count(family, 'primary claim')} (Holm) it is not (p ${pText(adjusted)}).`); // prettier-ignore
      if (withoutWorst !== undefined && withoutWorst !== found) doubts.push('It hangs on how failed and collapsed trials are counted: without them the interval says something else.'); // prettier-ignore
    }
    if (tiles !== null && tiles.found === found && isOpposite(tiles, draft.effect)) doubts.push(`By tiles of the training patch it is the other way: ${effectText(tiles.effect, tiles, draft)}.`); // prettier-ignore
    if (tiles !== null && tiles.found !== found) doubts.push(`It flips with the norm statistics: by tiles of the training patch the effect is ${effectText(tiles.effect, tiles, draft)}.`); // prettier-ignore
  }
  // Such a main effect is the mean of unlike things.
  const { interaction } = draft;
  const mixed = interaction !== null && (interaction.low > 0 || interaction.high < 0) ? [`Patch and batch interact: the patch's gain per doubling at the larger batch, minus that at the smaller, is ${effectText(interaction.effect, interaction, draft)}.`] : []; // prettier-ignore
  const apart = n > 0 && confounded !== null ? [apartText(confounded.names, equalPixels)] : [];
  const kind: VerdictKind =
    problem !== undefined || n === 0
      ? 'open'
      : unsure.length > 0
        ? 'estimate'
        : doubts.length > 0
          ? 'not settled'
          : verdictBy(found, claim.expect);
  return {
    ...numbers,
    claim: claim.claim,
    primary: claim.primary,
    kind,
    sentence: n === 0 ? '' : sentenceOf(draft, contrastWords),
    reasons: [...unsure, ...doubts, ...apart, ...mixed, ...numbers.reasons],
    interval,
    holm: adjusted,
  };
}

/** An effect that is clear of zero on the other side. */
function isOpposite({ low, high }: Range, effect: number | null): boolean {
  return effect !== null && ((effect < 0 && low > 0) || (effect > 0 && high < 0));
}

/** Patch and batch that change together, so that something else does not, are a choice and no oversight. */
function apartText(names: readonly string[], equalPixels: boolean): string {
  const differ = `${capital(list(names))} differ between the two settings`;
  return equalPixels
    ? `${differ}, so that an update sees as many pixels in both: the effect is of the patch at equal pixels an update, not at an equal batch.`
    : `${differ}: the effect may be of ${names.length > 2 ? 'any of them' : 'either'}.`;
}

function verdictBy(found: Finding, expect: Claim['expect']): VerdictKind {
  if (found === expect) return 'supported';
  return found === 'same' ? 'no relevant difference' : 'contradicted';
}

/** `Too small a discriminator loss is bad`, as a correlation within settings: descriptive, and never a verdict. */
function discriminatorOf(cells: readonly Cell[]): SweepVerdicts['discriminator'] {
  const quality = qualityOf(cells);
  if (quality === undefined) return null;
  const [loss, score] = [finalValue('loss/D'), examValue(quality.name)];
  const groups = cells.map(({ done }) =>
    done.map((trial) => ({ x: loss(trial), y: score(trial) })).filter(({ x, y }) => Number.isFinite(x + y)),
  );
  const found = correlationWithin(groups);
  if (found === null) return null;
  const { rho, n, interval } = found;
  const told = interval !== null && (interval.low > 0 || interval.high < 0);
  const reading = !told
    ? 'not to be told from none'
    : `a lower loss goes with ${rho > 0 === (quality.better === 'higher') ? 'worse' : 'better'} images`;
  const range = interval === null ? 'too few for an interval' : `95\u00a0% interval about ${signed(interval.low, 2)} to ${signed(interval.high, 2)}`; // prettier-ignore
  const settings = count(found.groups, 'setting');
  return {
    ...found,
    outcome: quality.name,
    sentence: `Is too small a discriminator loss bad? Within ${settings}, over ${count(n, 'trial')}, its rank correlation with ${quality.label} is ${signed(rho, 2)} (${range}): ${reading}.`,
  };
}
