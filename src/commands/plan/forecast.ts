/** @file What the runner is told that each trial will hold, by the same prediction that a plan shows. */
import type { Definition } from '../../definition/schema.js';
import type { AnyTrialConfig } from '../../protocol.js';
import { isForeignTrial } from '../../runner/plan.js';
import type { Expected, Forecaster } from '../../runner/run-sweep.js';
import { memoryFacts } from './facts.js';
import { memoryPredictor, networkOf, type Measured, type MemoryFacts } from './memory.js';
import { probeMemory } from './memory-probe.js';
import { MEMORY_FACTOR } from './predict.js';

/** More networks are not probed: what is left goes by the layers, until the first trial has shown what it holds. */
const MOST_PROBES = 4;

/**
 * Where memory may keep trials from running side by side, and nothing is known of a network, a short probe measures it first.
 * @param given bytes that one trial may have, where somebody set that: it ends before it holds more
 */
export async function forecaster(
  definition: Definition,
  { plan, placement, shares, wanted, peaks }: Expected,
  given: number | undefined,
  say: (message: string) => void,
): Promise<Forecaster> {
  const facts = await memoryFacts(definition, plan, placement, shares, given);
  const counts = { host: given === undefined ? facts.limit.bytes : undefined, device: facts.deviceLimit };
  const unknown = given === undefined ? inDoubt(wanted, facts, peaks, shares.most) : [];
  const probed: Measured[] = [];
  if (unknown.length > 0) say(`Memory decides how many trials run at once: measuring ${unknown.length} of their networks`); // prettier-ignore
  for (const trial of unknown) probed.push(...(await probeMemory(trial, facts)));
  return (held) => {
    const predict = memoryPredictor(facts, [...held, ...probed]);
    return (trial) => {
      const { memoryBytes, deviceBytes } = predict(trial);
      const host = given === undefined ? memoryBytes : Math.min(given, memoryBytes ?? given);
      return { host, device: deviceBytes, counts };
    };
  };
}

/** Of each network of which no trial has finished here, the largest trial; none where all that run at once fit in any case. */
function inDoubt(
  wanted: readonly AnyTrialConfig[],
  facts: MemoryFacts,
  peaks: readonly Measured[],
  most: number,
) {
  if (facts.device !== 'cpu') return [];
  const predict = memoryPredictor(facts, peaks);
  const ours = wanted.flatMap((trial) => (isForeignTrial(trial) ? [] : [{ trial, ...predict(trial) }]));
  ours.sort((a, b) => (b.memoryBytes ?? 0) - (a.memoryBytes ?? 0));
  const atOnce = ours.slice(0, most).reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0);
  if (MEMORY_FACTOR * atOnce <= most * facts.limit.bytes) return [];
  const networks = new Map<string, (typeof ours)[number]>();
  for (const each of ours) {
    const network = networkOf({ ...each.trial.parameters });
    if (each.learntFrom === 0 && !networks.has(network)) networks.set(network, each);
  }
  return [...networks.values()].slice(0, MOST_PROBES).map(({ trial }) => trial);
}
