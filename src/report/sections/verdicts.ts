/** @file The first section: each claim of the sweep, what was found, and how sure that is. */
import { crossingGrid } from '../../definition/warnings.js';
import { metricOf } from '../../metrics.js';
import type { SweepRecord } from '../../store/queries.js';
import { changingTogether, settingsOf, unfinished, type Cell } from '../cells.js';
import { forestOf } from '../figures/forest.js';
import { capital, count, decimal, integer, list, signed, spelled, withoutPaths } from '../format.js';
import type { Section } from '../section.js';
import { summaryOf } from '../summary.js';
import { leftOut, table, type Table } from '../tables.js';
import { effectText, marginText, placesFor, pText } from '../verdict-words.js';
import { verdictsOf, type Verdict, type VerdictKind } from '../verdicts.js';
import { sweepFileName } from './made.js';

/** A sign beside the words, so that a verdict is not told by its colour alone. */
const CHIPS: Record<VerdictKind, { sign: string; words: string; look: string }> = {
  supported: { sign: '✓', words: 'supported', look: 'for' },
  contradicted: { sign: '✕', words: 'contradicted', look: 'against' },
  'no relevant difference': { sign: '=', words: 'no relevant difference', look: 'same' },
  'not settled': { sign: '?', words: 'not settled', look: 'unsettled' },
  estimate: { sign: '~', words: 'estimate, no verdict', look: 'unsettled' },
  open: { sign: '–', words: 'no numbers', look: 'unsettled' },
};

export const verdicts: Section = {
  name: 'verdicts',
  title: 'In short',
  view: ({ sweep, sweeps, cells }) => {
    const missing = unfinished(sweep).length;
    const { verdicts, discriminator } = verdictsOf(sweeps)[sweeps.indexOf(sweep)]!;
    // The claims that the sweep was made for stand first.
    const ordered = [
      ...verdicts.filter(({ primary }) => primary),
      ...verdicts.filter(({ primary }) => !primary),
    ];
    return {
      summary: summaryOf(sweep, cells),
      claims: ordered.map(claimView),
      drawn: verdicts.some(({ effect }) => effect !== null),
      unnamed: verdicts.length > 0 && verdicts.every(({ named }) => !named),
      crossings: crossingsOf(sweep, cells, verdicts),
      discriminator: discriminator?.sentence ?? null,
      leftOut: leftOut(sweep, cells),
      leftOutTitle: missing === 1 ? 'One trial is in no mean' : `${integer(missing)} trials are in no mean`,
      empty: sweep.trials.length === 0,
      fileName: sweepFileName(sweep),
    };
  },
};

function claimView(verdict: Verdict) {
  return {
    claim: withoutPaths(verdict.claim),
    chip: CHIPS[verdict.kind],
    mark: verdict.primary ? 'primary' : 'exploratory',
    sentence: verdict.sentence,
    reasons: verdict.reasons.map(withoutPaths),
    forest: forestOf(verdict),
    facts: factsOf(verdict),
    anova: anovaTable(verdict),
  };
}

/** Parameters that cannot be told apart, and the grids that would, each once: of all settings, and of two that are compared. */
function crossingsOf(
  sweep: SweepRecord,
  cells: readonly Cell[],
  verdicts: readonly Verdict[],
): { names: string; grid: string }[] {
  const settings = settingsOf(cells);
  const found = new Map<string, string>();
  for (const names of changingTogether(sweep)) found.set(crossingGrid(settings, names), list(names));
  for (const { confounded } of verdicts) {
    if (confounded !== null && confounded.grid !== null) found.set(confounded.grid, list(confounded.names));
  }
  return [...found].map(([grid, names]) => ({ names: capital(names), grid: `grid: ${grid}` }));
}

/** What the sentence leaves out. */
function factsOf(verdict: Verdict): { name: string; text: string }[] {
  const { outcome, expect, a, b, n, seeds, effect, interval, pooled, prediction } = verdict;
  if (effect === null) return [];
  const places = placesFor(verdict);
  const range = ({ low, high }: { low: number; high: number }) =>
    `${signed(low, places)} to ${signed(high, places)}`;
  const formula = metricOf(outcome)?.formula;
  const facts: [string, string | null][] = [
    ['Outcome', `${outcome}${formula === undefined ? '' : `: ${formula}`}${outcome.startsWith('exam/') ? '' : '; mean over the last tenth of the budget'}`],
    ['Effect', `${b} against ${a}; the claim expects ${expect === 'same' ? 'no relevant difference' : `it to be ${expect}`}`],
    ['Margin of relevance', `${marginText(verdict)}: a smaller difference does not matter`],
    ['Seeds', `${integer(n)} of ${integer(seeds)} count, paired: ${verdict.differences.map((one) => signed(one, places)).join(', ')}`],
    ['95 % interval', interval && `${range(interval)}, paired t over seeds`],
    ['By the pooled error', pooled && `${range(pooled)}: analysis of variance with seeds as blocks, ${integer(pooled.degrees)} degrees of freedom, which assumes that all settings vary alike`],
    ['Interaction', verdict.interaction && `the patch’s gain per doubling at the larger batch, minus that at the smaller: ${effectText(verdict.interaction.effect, verdict.interaction, verdict)}`],
    ['Norm by tiles', verdict.tiles && `${effectText(verdict.tiles.effect, verdict.tiles, verdict)} where each model is given the norm statistics of tiles of its own training patch`],
    ['One new pair of models', prediction && `would differ by ${range(prediction)} (95 % prediction interval): people deploy one model`],
    ['Holm', verdict.holm === null ? null : `p ${pText(verdict.holm)} for the interval to be clear of the margin, corrected for all primary claims of this report (${pText(verdict.p!)} alone)`],
    ['Sign-flip test', verdict.signFlip === null ? null : `p ${pText(verdict.signFlip)} for any difference at all, exact, no assumption of a normal distribution`],
    ['Seeds to settle it', seedsText(verdict)],
  ]; // prettier-ignore
  return facts.flatMap(([name, text]) => (text === null ? [] : [{ name, text }]));
}

function seedsText({ kind, n, interval, seedsToSettle }: Verdict): string | null {
  if (interval === null || (kind !== 'not settled' && kind !== 'estimate')) return null;
  if (seedsToSettle === null)
    return 'over a thousand, if effect and spread are what they seem: the effect is too near to the margin';
  if (seedsToSettle <= n)
    return `${spelled(seedsToSettle)} would do (80 % power), if effect and spread are what they seem`;
  return `about ${integer(seedsToSettle)} (80 % power), if effect and spread are what they seem; ${count(n, 'seed')} so far`;
}

function anovaTable({ anova, n }: Verdict): Table | null {
  if (anova === null) return null;
  return table(
    'Analysis of variance, seeds as blocks',
    ['Source', 'Degrees of freedom', 'Sum of squares', 'F', 'p'],
    anova.map(({ source, degrees, sumOfSquares, f, p }) => [
      source,
      integer(degrees),
      decimal(sumOfSquares),
      decimal(f),
      p === null ? '—' : pText(p),
    ]),
    [
      `Over ${count(n, 'seed')}; assumes that all settings vary alike from seed to seed. Exploratory: p values are not corrected.`,
    ],
  );
}
