/** @file When a trial ends, and how far it has come: updates, pixels, epochs exactly, minutes by the time spent on updates. */
import type { Budget, TrialParameters } from '../protocol.js';

/** What a trial has used of its budget. */
export interface Progress {
  /** Updates done. */
  step: number;
  /** Seconds spent on drawing patches and on updates, over all attempts; not on starting, checkpoints, validation and the exam. */
  seconds: number;
}

export interface BudgetMeter {
  /** Updates that the budget allows; null for minutes. */
  updates: number | null;
  /** Share of the budget that is used, 0 to 1. */
  share(progress: Progress): number;
  /** Which of `parts` equal parts of the budget is reached: 0 at the start, `parts` at the end. */
  part(progress: Progress, parts: number): number;
}

/**
 * A budget in pixels of each domain is rounded to whole updates, at least one. An epoch shows every training image of the larger domain
 * once on average: ceil(images / batch) updates (the seed's 500 images: 32 at batch 16, 250 at batch 2). Minutes end with the
 * update in which they run out.
 * @param images training images of the larger domain
 */
export function budgetMeter(
  budget: Budget,
  { patch, batch }: Pick<TrialParameters, 'patch' | 'batch'>,
  images: number,
): BudgetMeter {
  if ('minutes' in budget) {
    return meter(null, ({ seconds }) => seconds, 60 * budget.minutes);
  }
  let updates: number;
  if ('updates' in budget) updates = budget.updates;
  else if ('pixels' in budget) updates = Math.max(1, Math.round(budget.pixels / (batch * patch * patch)));
  else updates = budget.epochs * Math.ceil(images / batch);
  return meter(updates, ({ step }) => step, updates);
}

function meter(updates: number | null, used: (progress: Progress) => number, total: number): BudgetMeter {
  return {
    updates,
    share: (progress) => Math.min(1, used(progress) / total),
    part: (progress, parts) => Math.min(parts, Math.floor((used(progress) * parts) / total)),
  };
}

/**
 * Adam's step size after a share of the budget (Zhu et al. 2017): constant, or constant for the first half and then linear to 0.
 * @param share of the budget used before the update
 */
export function learningRate(
  { lr, schedule }: Pick<TrialParameters, 'lr' | 'schedule'>,
  share: number,
): number {
  return schedule === 'constant' ? lr : lr * Math.min(1, 2 * (1 - share));
}
