/**
 * @file A trial, from top to bottom: read this and you know CycleGAN.
 *
 * Zhu et al. 2017, https://arxiv.org/abs/1703.10593, with the seed's losses (losses.ts) and Adam (adam.ts).
 * The update itself is step.ts, the networks are networks.ts; this file feeds them and keeps what comes out.
 */
import { createHash } from 'node:crypto';
import os from 'node:os';
import { chooseEngine, openEngine } from '../engines/open.js';
import type { Bank } from '../engines/engine.js';
import { drawPatches } from '../imaging/dataset.js';
import {
  NUMERICS_VERSION,
  type Budget,
  type MetricValues,
  type TrialConfig,
  type TrialParameters,
} from '../protocol.js';
import { packageVersion } from '../version.js';
import { adamInputs } from './adam.js';
import { loadCheckpoint, saveCheckpoint, type TrialState } from './checkpoint.js';
import { loadTrialImages } from './data.js';
import type { Emit } from './events.js';
import { sitExam } from './exam.js';
import { networkFacts } from './networks.js';
import { normal, randomFromSeed, randomFromState } from './random.js';
import type { NamedTensor } from './safetensors.js';
import { bankShapes, initialBank, trainStep } from './step.js';

export interface TrialIo {
  emit: Emit;
  /** Asked between updates; once true, the trial saves and leaves. */
  stopRequested: () => boolean;
  trialDirectory: string;
  /** Checkpoint folder to go on from. */
  resume: string | undefined;
  threads: number;
}

/** A loss became infinite or no number: going on is useless. */
export class TrainingDiverged extends Error {}

/** Metric events a trial writes, about. */
const METRIC_EVENTS = 200;
/** A checkpoint at every tenth of the budget, and at least this often in between, in milliseconds. */
const CHECKPOINTS = 10;
const CHECKPOINT_EVERY = 5 * 60_000;

/** Trains until the budget is used up, or until asked to stop. */
export async function train(config: TrialConfig, io: TrialIo): Promise<void> {
  const { parameters } = config;
  const { patch, batch } = parameters;
  const updates = updatesOf(config.budget, parameters);

  // The images of both domains, and the engine that computes the step.
  const images = await loadTrialImages(config);
  const choice = await chooseEngine(config.engine);
  const engine = await openEngine(choice.name, { threads: io.threads });
  const bank = engine.createBank(bankShapes(parameters));
  const step = await engine.compile(trainStep(parameters), bank);

  // Weights, optimiser moments, step and random state: new, or as a checkpoint left them.
  const state = io.resume === undefined ? begin(config, bank) : resume(io.resume, bank);
  const random = randomFromState(state.random);
  io.emit({
    t: 'start',
    engine: engine.name,
    engineReason: choice.reason,
    device: engine.device,
    threads: engine.threads,
    versions: { cyclesweep: packageVersion(), node: process.version, ...engine.versions },
    pid: process.pid,
    host: createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8),
    cpu: `${os.cpus().length} x ${os.cpus()[0]?.model.trim() ?? 'unknown'}`,
    updates,
    from: state.step,
    facts: { ...networkFacts(parameters), images: images.counts, range: images.range },
  });

  const save = () => {
    state.random = random.state();
    const tensors: Record<string, NamedTensor> = {};
    for (const [name, shape] of Object.entries(bank.shapes))
      tensors[name] = { shape, values: bank.read(name) };
    const saved = saveCheckpoint(io.trialDirectory, state, tensors);
    io.emit({ t: 'checkpoint', step: state.step, kind: 'last', ...saved });
    io.emit({ t: 'memory', peak: process.resourceUsage().maxRSS * 1024 });
  };

  const x = new Float32Array(batch * patch * patch); // [batch, patch, patch, 1], values in [-1, 1]
  const y = new Float32Array(batch * patch * patch);
  const metricEvery = Math.max(1, Math.round(updates / METRIC_EVENTS));
  const checkpointEvery = Math.max(1, Math.round(updates / CHECKPOINTS));
  let saved = performance.now();

  while (state.step < updates) {
    if (io.stopRequested()) {
      save();
      io.emit({ t: 'stopped', step: state.step, reason: 'asked to stop; saved a checkpoint' });
      return;
    }

    // One update: fresh random patches of both domains, one step of all four networks.
    drawPatches(random, images.train.x, patch, batch, images.range, x);
    drawPatches(random, images.train.y, patch, batch, images.range, y);
    const metrics = await step.run(bank, { X: x, Y: y, ...adamInputs(parameters, state.step + 1) });
    state.step++;

    // Metric events hold the mean since the last one.
    add(state.pending, metrics);
    if (!Number.isFinite(metrics['loss/G']?.[0]) || !Number.isFinite(metrics['loss/D']?.[0])) {
      const message = `the losses are no numbers any more since update ${state.step}; the last checkpoint is kept`;
      io.emit({ t: 'health', step: state.step, code: 'diverged', message });
      throw new TrainingDiverged(message);
    }
    if (state.step % metricEvery === 0 || state.step === updates) {
      const pixels = state.step * batch * patch * patch;
      io.emit({ t: 'metric', step: state.step, wall: Date.now() / 1000, pixels, v: means(state.pending) });
      state.pending = { sums: {}, updates: 0 };
    }
    const late = performance.now() - saved > CHECKPOINT_EVERY;
    if (state.step % checkpointEvery === 0 || state.step === updates || late) {
      save();
      saved = performance.now();
    }
  }
  await step.dispose();

  // Whole held-out images, translated with the trained generators.
  await sitExam(config, images, engine, bank, state.step, io);
  io.emit({ t: 'memory', peak: process.resourceUsage().maxRSS * 1024 });
  io.emit({ t: 'done', step: state.step, reason: 'its budget is used up' });
  await engine.dispose();
}

/** Updates that a budget allows; a budget in pixels of each domain is rounded to whole updates, at least one. */
export function updatesOf(budget: Budget, { patch, batch }: TrialParameters): number {
  return 'updates' in budget
    ? budget.updates
    : Math.max(1, Math.round(budget.pixels / (batch * patch * patch)));
}

function begin({ parameters, seed }: TrialConfig, bank: Bank): TrialState {
  const weights = randomFromSeed(seed, 'weights');
  const bankValues = initialBank(parameters, () => normal(weights));
  for (const [name, values] of Object.entries(bankValues)) bank.write(name, values);
  const random = randomFromSeed(seed, 'patches').state();
  return { numerics: NUMERICS_VERSION, step: 0, random, pending: { sums: {}, updates: 0 } };
}

function resume(folder: string, bank: Bank): TrialState {
  const { state, tensors } = loadCheckpoint(folder);
  for (const name of Object.keys(bank.shapes)) {
    const tensor = tensors[name];
    if (tensor === undefined) throw new Error(`The checkpoint ${folder} lacks ${name}`);
    bank.write(name, tensor.values);
  }
  return state;
}

function add(pending: TrialState['pending'], metrics: Record<string, Float32Array>): void {
  for (const [name, values] of Object.entries(metrics)) {
    pending.sums[name] = (pending.sums[name] ?? 0) + values[0]!;
  }
  pending.updates++;
}

function means({ sums, updates }: TrialState['pending']): MetricValues {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / updates]));
}
