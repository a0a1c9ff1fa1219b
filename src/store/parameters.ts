/** @file Parameters of a trial as the store gives them out. */
import { LATER_PARAMETERS } from '../definition/key.js';
import type { ParameterValues } from '../protocol.js';

/** As they were stored and, where the trial is older than a parameter of ours, with what that trial did. A foreign trainer has other names. */
export function storedParameters(parameters: ParameterValues): ParameterValues {
  // Twice, for the order: what is there stays where it is.
  return 'gan_loss' in parameters ? { ...parameters, ...LATER_PARAMETERS, ...parameters } : parameters;
}
