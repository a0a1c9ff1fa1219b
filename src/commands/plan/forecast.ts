/** @file What the runner is told that each trial will hold, by the same prediction that a plan shows. */
import type { Definition } from '../../definition/schema.js';
import type { Plan } from '../../runner/plan.js';
import type { Forecaster, Placement } from '../../runner/run-sweep.js';
import type { Shares } from '../../runner/share.js';
import { memoryFacts } from './facts.js';
import { memoryPredictor } from './memory.js';

/** @param given bytes that one trial may have, where somebody set that: it ends before it holds more */
export async function forecaster(
  definition: Definition,
  plan: Plan,
  placement: Placement,
  shares: Shares,
  given: number | undefined,
): Promise<Forecaster> {
  const facts = await memoryFacts(definition, plan, placement, shares, given);
  const counts = { host: given === undefined ? facts.limit.bytes : undefined, device: facts.deviceLimit };
  return (peaks) => {
    const predict = memoryPredictor(facts, peaks);
    return (trial) => {
      const { memoryBytes, deviceBytes } = predict(trial);
      const host = given === undefined ? memoryBytes : Math.min(given, memoryBytes ?? given);
      return { host, device: deviceBytes, counts };
    };
  };
}
