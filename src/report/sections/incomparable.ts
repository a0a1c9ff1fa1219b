/** @file What makes losses incomparable: geometry and amounts that differ between settings, and are no result. */
import { generatorLayers, paddingShare } from '../../geometry.js';
import type { TrialFacts } from '../../protocol.js';
import type { SweepRecord, TrialRecord } from '../../store/queries.js';
import { parameterText, type Cell } from '../cells.js';
import { capital, decimal, exact, integer, list, NONE, percent, shareText } from '../format.js';
import { blankShare } from '../quality.js';
import type { Section } from '../section.js';
import { mean } from '../statistics.js';
import { table, type Table } from '../tables.js';

export const incomparable: Section = {
  name: 'incomparable',
  title: 'What makes losses incomparable',
  view: ({ sweep, cells }) => {
    const facts = factsTable(cells);
    return facts && { facts: factsInWords(sweep, cells), factsTable: facts };
  },
};

/** A setting by one of its trials that has told its facts. */
interface Known {
  cell: Cell;
  trial: TrialRecord;
  facts: TrialFacts;
}

function knownOf(cells: readonly Cell[]): Known[] {
  return cells.flatMap((cell) => {
    const trial = cell.trials.find((one) => one.facts);
    return trial?.facts ? [{ cell, trial, facts: trial.facts }] : [];
  });
}

/** A row a fact, a column a setting. Null where no trial has begun. */
export function factsTable(cells: readonly Cell[]): Table | null {
  const known = knownOf(cells);
  if (known.length === 0) return null;
  const most = Math.max(...known.map(({ trial }) => trial.updates ?? 0));
  const rows: [string, (one: Known) => string][] = [
    ['Patch, pixels', ({ trial }) => parameterText('patch', trial.parameters.patch)],
    ['Receptive field of a discriminator output, pixels', ({ facts }) => String(facts.discriminatorReceptiveField)],
    ['Output map of the discriminator', ({ facts }) => parameterText('patch', facts.discriminatorMap)],
    ['Discriminator outputs that touch padding', ({ facts }) => percent(facts.discriminatorPaddingShare)],
    ['Receptive field of a generator output, pixels', ({ facts }) => String(facts.generatorReceptiveField)],
    ['Generator outputs that touch padding', ({ trial }) => generatorPadding(trial)],
    ['Blank patches, of all drawn', ({ cell }) => blankText(cell)],
    ['Pixels of each domain in one update', ({ trial }) => integer(pixelsAnUpdate(trial))],
    ['Updates an epoch', ({ trial, facts }) => integer(updatesAnEpoch(trial, facts))],
    [
      'Updates in the budget',
      ({ trial }) => {
        const updates = trial.updates ?? 0;
        const share =
          updates > 0 && updates < most ? ` (1/${Number((most / updates).toPrecision(2))} of the most)` : '';
        return `${integer(trial.updates)}${share}`;
      },
    ],
    [
      'Epochs in the budget',
      ({ trial, facts }) =>
        trial.updates === null ? NONE : decimal((trial.updates * trial.parameters.batch) / largestDomain(facts)),
    ],
    ['Weights: generator', ({ facts }) => integer(facts.generatorWeights)],
    ['Weights: discriminator', ({ facts }) => integer(facts.discriminatorWeights)],
  ]; // prettier-ignore
  return table(
    'Beside the losses: computed, but for the blank patches, which are counted',
    ['', ...known.map(({ cell }) => cell.label)],
    rows.map(([name, text]) => [name, ...known.map(text)]),
    [
      'A blank patch holds less than 1 % of body. An epoch shows every training image of the larger domain once, on average.',
    ],
  );
}

function pixelsAnUpdate({ parameters: { patch, batch } }: TrialRecord): number {
  return patch ** 2 * batch;
}

function largestDomain({ images }: TrialFacts): number {
  return Math.max(...images.train);
}

function updatesAnEpoch({ parameters }: TrialRecord, facts: TrialFacts): number {
  return Math.ceil(largestDomain(facts) / parameters.batch);
}

/** At the training patch; on whole images hardly any output does. Trainers that are not ours have other generators. */
function generatorPadding({ parameters }: TrialRecord): string {
  const layers = generatorLayers(parameters) as ReturnType<typeof generatorLayers> | undefined;
  return layers ? percent(paddingShare(layers, parameters.patch)) : NONE;
}

function blankText({ trials }: Cell): string {
  const shares = trials.map(blankShare).filter(Number.isFinite);
  return shares.length === 0 ? NONE : shareText(mean(shares));
}

/** What the table means, in sentences. */
export function factsInWords(sweep: SweepRecord, cells: readonly Cell[]): string[] {
  const known = knownOf(cells);
  const words = sweep.varied.includes('patch')
    ? ['Losses at different patch sizes are not on one scale: another patch gives the discriminators another task.'] // prettier-ignore
    : [];
  const sorted = known
    .filter(({ trial }) => trial.updates !== null)
    .sort((a, b) => a.trial.updates! - b.trial.updates!);
  const [fewest, most] = [sorted[0], sorted.at(-1)];
  if (fewest && most && fewest.trial.updates! < most.trial.updates!) {
    const [few, many] = [fewest.trial.updates!, most.trial.updates!];
    words.push(
      `At this budget ${fewest.cell.label} makes ${integer(few)} updates and ${most.cell.label} makes ${integer(many)}: ${Number((many / few).toPrecision(2))} times as many. Equal pixels are not equal updates.`,
    );
  }
  const small = patchesWhere(known, ({ trial, facts }) => facts.discriminatorReceptiveField > trial.parameters.patch); // prettier-ignore
  if (small) {
    words.push(
      `${small.label} a discriminator output looks at ${small.first.facts.discriminatorReceptiveField} pixels a side, more than the patch has: every output sees padding.`,
    );
  }
  const narrow = patchesWhere(known, ({ trial, facts }) => facts.generatorReceptiveField > trial.parameters.patch); // prettier-ignore
  if (narrow) {
    words.push(
      `${narrow.label} a generator output looks at ${narrow.first.facts.generatorReceptiveField} pixels a side, so it sees padding, too, which it hardly will on a whole image.`,
    );
  }
  const blank = known
    .map((one) => ({ ...one, share: mean(one.cell.trials.map(blankShare).filter(Number.isFinite)) }))
    .filter(({ share }) => Number.isFinite(share))
    .sort((a, b) => a.share - b.share);
  const [least, worst] = [blank[0], blank.at(-1)];
  if (least && worst && worst.share >= 0.05 && worst.share > 1.5 * least.share) {
    words.push(
      `${capital(shareText(worst.share))} of the patches of ${worst.cell.label} are blank, ${shareText(least.share)} of those of ${least.cell.label}: patch and content change together, unless crop is inside-mask.`,
    );
  }
  if (known.some(({ trial }) => trial.parameters.crop === 'fixed-per-run')) {
    words.push(
      'With crop fixed-per-run every image is cut at one place for the whole run: at a smaller patch the discriminators see the same few pixels again and again, and can learn them by heart.',
    );
  }
  const [one] = known;
  if (one) {
    const [low, high] = one.facts.range;
    words.push(
      `The networks work on intensities in [\u22121, 1] (\u22121 and 1 stand for ${exact(low)} and ${exact(high)} of the data). Lambda and gamma weigh L1 distances on that range; on [0, 1] the same numbers would weigh half.`,
    );
  }
  return words;
}

/** `At patch 32×32 and 64×64`: those that a condition holds for. */
function patchesWhere(
  known: readonly Known[],
  holds: (one: Known) => boolean,
): { label: string; first: Known } | undefined {
  const found = known.filter(holds);
  const [first] = found;
  if (!first) return undefined;
  const patches = [...new Set(found.map(({ trial }) => parameterText('patch', trial.parameters.patch)))];
  return { label: `At patch ${list(patches)}`, first };
}
