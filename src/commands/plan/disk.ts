/** @file How large a checkpoint of a trial is, from the shapes of its networks alone. */
import type { AnyTrialConfig } from '../../protocol.js';
import { isForeignTrial } from '../../runner/plan.js';
import { savedShapes } from '../../train/bank.js';

const FLOAT = 4;

/**
 * Bytes of one checkpoint: weights and both moments of all four networks, past fakes, and the last patches that health compares
 * with; 0 for a trainer that is not ours, of which nothing is known.
 */
export function checkpointBytes(trial: AnyTrialConfig): number {
  if (isForeignTrial(trial)) return 0;
  const { patch, pool } = trial.parameters;
  const saved = Object.values(savedShapes(trial.parameters)).map((shape) =>
    shape.reduce((product, side) => product * side, 1),
  );
  return FLOAT * (saved.reduce((sum, size) => sum + size, 0) + (2 * pool + 4) * patch ** 2);
}
