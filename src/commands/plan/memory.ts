/**
 * @file How much memory a trial will hold at its peak. The layers give a line for each network,
 *
 *     peak = a + b · micro_batch · patch²
 *
 * and what a whole image of the exam takes. Trials of the network that finished on this machine correct a, and where they were
 * of several sizes b as well.
 */
import { EngineError } from '../../engines/engine.js';
import type {
  AnyTrialConfig,
  EngineName,
  ParameterValues,
  TrialConfig,
  TrialParameters,
} from '../../protocol.js';
import { isForeignTrial } from '../../runner/plan.js';
import type { Peak } from '../../store/queries.js';
import { BASE, deviceMemory, memoryBesideGpu, planMemory, stepMemory, wholeImageMemory, type MemoryLimit } from '../../train/memory.js'; // prettier-ignore
import { heldBefore } from './held-before.js';
import { microBatches } from '../../train/step.js';
import { describeForm, formOf } from '../../train/form.js';
import type { Form } from '../../train/winograd.js';

export interface MemoryPrediction {
  /** Bytes of the host's memory; null where nothing is known. */
  memoryBytes: number | null;
  /** Of the GPU's; null on a processor. */
  deviceBytes: number | null;
  /** Patches of each domain at once; null for a trainer that is not ours. */
  microBatch: number | null;
  /** Finished trials that it comes from; 0: from the layers alone. */
  learntFrom: number;
  /** What forbids the trial on this machine, in words. */
  refused?: string;
}

/** Where trials are computed, and what of their images they hold. */
export interface MemoryFacts {
  /** Null for a trainer that is not ours. */
  engine: EngineName | null;
  device: string;
  threads: number;
  /** Bytes of the host's memory for one trial, which it chooses its micro-batch by. */
  limit: MemoryLimit;
  /** The same of a GPU's memory; undefined on a processor, or where nobody tells. */
  deviceLimit: number | undefined;
  /** Pixels of one image; bytes of all that a trial holds decoded. */
  imagePixels: number;
  imageBytes: number;
}

/** A peak that was measured: of a whole trial, or in a probe, which sits no exam. */
export type Measured = Peak & { withoutExam?: boolean };

/** How far a measured peak may pull the slope from that of the layers, as a share of it. */
const MOST_SLOPE = 0.5;

/** Predicts by what decides it, once for each. */
export function memoryPredictor(
  facts: MemoryFacts,
  peaks: readonly Measured[],
): (trial: AnyTrialConfig) => MemoryPrediction {
  const known = new Map<string, MemoryPrediction>();
  return (trial) => {
    const { parameters, dataFingerprint } = trial;
    const identity = JSON.stringify([
      parameters,
      dataFingerprint,
      'microBatch' in trial ? trial.microBatch : '',
    ]);
    const before = known.get(identity);
    if (before !== undefined) return before;
    const found = isForeignTrial(trial) ? ofAnother(trial, peaks) : ofOurs(trial, facts, peaks);
    known.set(identity, found);
    return found;
  };
}

function ofOurs(trial: TrialConfig, facts: MemoryFacts, peaks: readonly Measured[]): MemoryPrediction {
  const { engine, device, threads, limit, deviceLimit, imagePixels, imageBytes } = facts;
  const { parameters, microBatch: wanted } = trial;
  const form = formOf(trial, { name: engine ?? 'cpu', device, threads });
  const candidates =
    wanted !== 'auto'
      ? [wanted]
      : parameters.norm === 'batch'
        ? [parameters.batch]
        : microBatches(parameters.batch);
  const held = BASE + imageBytes;
  const choose = (allowed: MemoryLimit) =>
    planMemory(parameters, candidates, form, allowed, held, deviceLimit);
  let refused: string | undefined;
  let microBatch: number;
  try {
    ({ microBatch } = choose(limit));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    refused = error.message;
    ({ microBatch } = choose({ bytes: 0, strict: false }));
  }
  const onGpu = device.startsWith('cuda');
  const base = { microBatch, learntFrom: 0, ...(refused === undefined ? {} : { refused }) };
  if (onGpu) {
    return {
      ...base,
      memoryBytes: Math.round(held + memoryBesideGpu(parameters)),
      deviceBytes: Math.round(deviceMemory(parameters, microBatch, imagePixels, form)),
    };
  }
  const line = (at: TrialParameters, micro: number): Sides => ({
    size: micro * at.patch ** 2,
    step: held + stepMemory(at, micro, form),
    exam: held + wholeImageMemory(at, imagePixels),
  });
  const samples = peaks.flatMap((each): Sample[] => {
    if (!isSameNetwork(each, trial, facts, form) || each.microBatch === null) return [];
    const said = line(each.parameters as unknown as TrialParameters, each.microBatch);
    // A probe holds less than a whole trial does: it can only say that the layers make too little of a step.
    if (each.withoutExam) return [{ ...said, exam: 0, peak: Math.max(each.peak, said.step) }];
    return [{ ...said, peak: each.peak }];
  });
  const memoryBytes = Math.round(correct(line(parameters, microBatch), samples));
  return { ...base, memoryBytes, deviceBytes: null, learntFrom: samples.length };
}

/** Predicted from the layers: peaks of a step and of the exam, bytes, and the size that the step's grows with. */
export interface Sides {
  size: number;
  step: number;
  exam: number;
}

/** The same of a trial whose peak was measured. */
export interface Sample extends Sides {
  peak: number;
}

/** Bytes that a trial will hold at its peak, by what others of its network held. */
export function correct({ size, step, exam }: Sides, samples: readonly Sample[]): number {
  const steps = samples.filter((each) => each.step >= each.exam);
  const exams = samples.filter((each) => each.step < each.exam);
  const factor = exams.length === 0 ? 1 : mean(exams.map((each) => each.peak / each.exam));
  const examined = exam * factor;
  if (steps.length === 0) return Math.max(step, examined);
  // A line through what the layers missed: its middle moves a, its slope b.
  const [middle, missed] = [
    mean(steps.map((each) => each.size)),
    mean(steps.map(({ peak, step: said }) => peak - said)),
  ];
  const spread = steps.reduce((sum, each) => sum + (each.size - middle) ** 2, 0);
  const slope = spread === 0 ? 0 : steps.reduce((sum, { size: at, peak, step: said }) => sum + (at - middle) * (peak - said - missed), 0) / spread; // prettier-ignore
  const most = (MOST_SLOPE * step) / size;
  return Math.max(step + missed + Math.min(most, Math.max(-most, slope)) * (size - middle), examined);
}

/** Whether a finished trial was of the same networks, computed in the same way, on the same images. */
function isSameNetwork(peak: Peak, trial: TrialConfig, { engine, device }: MemoryFacts, form: Form): boolean {
  return (
    peak.engine === engine &&
    kindOf(peak.device) === kindOf(device) &&
    peak.form === describeForm(form) &&
    peak.dataFingerprint === trial.dataFingerprint &&
    networkOf(peak.parameters) === networkOf({ ...trial.parameters })
  );
}

/** What the networks are, whatever they are trained with. */
export function networkOf(values: ParameterValues): string {
  const names = ['generator', 'filters', 'blocks', 'norm', 'upsample', 'disc_filters', 'disc_layers'];
  return names.map((name) => values[name]).join(' ');
}

function ofAnother(trial: AnyTrialConfig, peaks: readonly Peak[]): MemoryPrediction {
  const before = heldBefore(trial, peaks);
  const memoryBytes = before.length === 0 ? null : Math.max(...before);
  return { memoryBytes, deviceBytes: null, microBatch: null, learntFrom: before.length };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** `cuda` of `cuda:1`. */
export function kindOf(device: string | null): string {
  return (device ?? '').split(':')[0]!;
}
