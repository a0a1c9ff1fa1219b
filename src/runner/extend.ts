/**
 * @file `sweep run --extend`: trials of a larger budget go on from the last checkpoint of a finished trial that differs in nothing else.
 *
 * With a constant learning rate no update depends on the budget, so the weights are those of a training that was never
 * interrupted. The new trial has a key of its own, since the budget is part of it, and records where it came from.
 */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../errors.js';
import type { AnyTrialConfig, Budget, TrialConfig } from '../protocol.js';
import type { Store } from '../store/open.js';
import { readBudgets } from '../store/queries.js';
import { appendJournal } from './journal.js';
import { lastCheckpoint, listAttempts, stepOf, trialDirectory } from './layout.js';
import { isForeignTrial, type Plan } from './plan.js';

/** Where a trial goes on from. */
export interface Extension {
  /** Key of the finished trial. */
  from: string;
  /** Update that its last checkpoint was saved at. */
  step: number;
}

/**
 * Finds, for each trial that has not begun, the finished one with the largest smaller budget that is the same in all else: its key is
 * that of the trial with the other budget.
 * @throws UserError that says of each trial without one why there is none
 */
export function findExtensions(
  store: Store,
  { keyAt }: Pick<Plan, 'keyAt'>,
  wanted: readonly AnyTrialConfig[],
  label: (trial: AnyTrialConfig) => string,
): Map<string, Extension> {
  const known = readBudgets(store);
  const found = new Map<string, Extension>();
  const refused: string[] = [];
  for (const trial of wanted) {
    if (listAttempts(store.results, trial.key).length > 0) continue; // it goes on from its own checkpoint
    const extension = isForeignTrial(trial)
      ? 'whether a trainer of another program may go on with a larger budget, only that program knows'
      : extensionOf(store, trial, keyAt, known);
    if (typeof extension === 'string') refused.push(`  ${label(trial).trimEnd()}: ${extension}`);
    else found.set(trial.key, extension);
  }
  if (refused.length === 0) return found;
  const most = 10;
  throw new UserError(
    [
      `--extend: ${refused.length} of ${wanted.length} trials cannot go on from a finished one:`,
      ...refused.slice(0, most),
      ...(refused.length > most ? [`  ... and ${refused.length - most} more`] : []),
      'Without --extend they are trained from the start; --only leaves trials out.',
    ].join('\n'),
  );
}

/** The extension, or why there is none. */
function extensionOf(
  store: Store,
  trial: TrialConfig,
  keyAt: Plan['keyAt'],
  { budgets, statuses, alike }: ReturnType<typeof readBudgets>,
): Extension | string {
  if (trial.parameters.schedule !== 'constant')
    return `its learning rate follows the budget (schedule ${trial.parameters.schedule}): an update of a longer training is another from the start`;
  const others = budgets
    .map((budget) => ({ budget, key: keyAt(trial, budget) }))
    .filter(({ key }) => key !== trial.key && statuses.has(key));
  const comparable = others.filter(({ budget }) => kindOf(budget) === kindOf(trial.budget));
  const smaller = comparable.filter(({ budget }) => amountOf(budget) < amountOf(trial.budget));
  const done = smaller
    .filter(({ key }) => statuses.get(key) === 'done')
    .sort((a, b) => amountOf(b.budget) - amountOf(a.budget));
  const [best] = done;
  if (best !== undefined) {
    const checkpoint = lastCheckpoint(store.results, best.key);
    if (checkpoint === undefined)
      return `the checkpoint of the finished trial ${best.key} (${inWords(best.budget)}) is gone`;
    return { from: best.key, step: stepOf(checkpoint) };
  }
  const [unfinished] = smaller;
  if (unfinished !== undefined)
    return `the trial with ${inWords(unfinished.budget)} is not done (${statuses.get(unfinished.key)}): run it to its end first`;
  const [larger] = comparable;
  if (larger !== undefined)
    return `the budget of the finished trial, ${inWords(larger.budget)}, is not smaller than ${inWords(trial.budget)}`;
  const [other] = others;
  if (other !== undefined)
    return `the finished trial counts in ${kindOf(other.budget)} and the new budget in ${kindOf(trial.budget)}: give it in ${kindOf(other.budget)}`;
  return alike(trial)
    ? 'a trial of this setting and seed is there, but its data, its split, its pairing or the version of the numerics is another'
    : 'no trial of this setting and seed is in the results folder';
}

/** Puts the other trial's checkpoint into the folder of the trial, which then goes on from it as from its own. */
export function beginExtended(results: string, key: string, { from, step }: Extension): void {
  const [source, target] = [from, key].map((one) =>
    path.join(trialDirectory(results, one), 'checkpoints'),
  ) as [string, string];
  const names = fs.readdirSync(source).filter((name) => name === `step-${step}` || name.startsWith('best-'));
  appendJournal(results, key, { t: 'extended', wall: Date.now() / 1000, from, step });
  // The one to go on from last: once it is there, so is the best.
  for (const name of names.sort()) copyWhole(path.join(source, name), path.join(target, name));
}

/** Files of checkpoints never change, so a second name for them is a copy that takes no room. */
function copyWhole(source: string, target: string): void {
  if (fs.existsSync(target)) return;
  const unfinished = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { recursive: true });
  for (const file of fs.readdirSync(source)) {
    try {
      fs.linkSync(path.join(source, file), path.join(unfinished, file));
    } catch {
      fs.copyFileSync(path.join(source, file), path.join(unfinished, file)); // a file system without links
    }
  }
  fs.renameSync(unfinished, target);
}

const kindOf = (budget: Budget): string => Object.keys(budget)[0]!;
const amountOf = (budget: Budget): number => Object.values(budget)[0] as number;
const inWords = (budget: Budget): string => `a budget of ${amountOf(budget)} ${kindOf(budget)}`;
