/** @file How much memory a trial of another trainer will hold: what those with the same names of parameters held. */
import type { AnyTrialConfig } from '../../protocol.js';
import type { Forecaster } from '../../runner/run-sweep.js';
import type { Peak } from '../../store/queries.js';

/** Peaks of the finished trials that are like this one, bytes. */
export function heldBefore(trial: AnyTrialConfig, peaks: readonly Peak[]): number[] {
  const names = (parameters: object) => Object.keys(parameters).sort().join(' ');
  const like = peaks.filter((each) => {
    return (
      each.dataFingerprint === trial.dataFingerprint && names(each.parameters) === names(trial.parameters)
    );
  });
  return like.map(({ peak }) => peak);
}

export const forecastLikeBefore: Forecaster = (peaks) => (trial) => {
  const before = peaks.length === 0 ? [] : heldBefore(trial, peaks);
  return { host: before.length === 0 ? null : Math.max(...before), device: null };
};
