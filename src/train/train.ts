/**
 * @file A trial, from top to bottom: read this and you know CycleGAN.
 *
 * Zhu et al. 2017, https://arxiv.org/abs/1703.10593, with the seed's losses (losses.ts) and Adam (adam.ts).
 * The update itself is step.ts, the networks are networks.ts; this file feeds them and keeps what comes out.
 */
import os from 'node:os';
import { chooseEngine } from '../engines/choose.js';
import type { Bank, Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { hostHash } from '../machine.js';
import { ENVIRONMENT, NUMERICS_VERSION, type MetricValues, type TrialConfig } from '../protocol.js';
import { checkoutCommit, packageVersion } from '../version.js';
import { budgetMeter, learningRate } from './budget.js';
import { loadCheckpoint, saveCheckpoint, type TrialState } from './checkpoint.js';
import { loadTrialImages, patchSource, thresholdsOf, type TrialImages } from './data.js';
import type { Emit } from './events.js';
import { sitExam } from './exam.js';
import { openTranslator } from './exam/translator.js';
import { explosion, judge, newHealth, openHealthMeter, watch } from './health.js';
import { BASE, deviceMemoryLimit, residentMemory, wholeImageMemory } from './memory.js';
import { networkFacts } from './networks.js';
import { openInForm } from './lane.js';
import { openPool } from './pool.js';
import { normal, randomFromSeed, randomFromState } from './random.js';
import type { NamedTensor } from './safetensors.js';
import { openSampler } from './samples.js';
import { compileStep } from './step.js';
import { bankShapes, initialBank, savedShapes } from './bank.js';
import { openValidator } from './validation.js';
import { describeForm } from './form.js';
import type { Form } from './winograd.js';

export interface TrialIo {
  emit: Emit;
  /** Asked between updates; once true, the trial saves and leaves. */
  stopRequested: () => boolean;
  /** Called whenever the engine has computed something: what does not progress hangs. */
  progressed?: () => void;
  trialDirectory: string;
  /** Checkpoint folder to go on from. */
  resume: string | undefined;
  threads: number;
  /** `cpu`, `cuda:0`, `webgpu:1`; without it (by hand) the trial chooses. */
  device: string | undefined;
  /** Bytes of decoded images to keep; by default what the machine can spare. */
  imageMemory?: number;
}

/** A loss exploded or became no number: going on is useless. */
export class TrainingDiverged extends Error {}

/** Metric events a trial writes, at most; a multiple of CHECKPOINTS. */
const METRIC_EVENTS = 200;
/** A checkpoint, a validation and a judgement of health at every tenth of the budget; at least this often in between, in milliseconds, a checkpoint. */
const CHECKPOINTS = 10;
const CHECKPOINT_EVERY = 5 * 60_000;
/** How often a held-out crop is translated and shown; a divisor of CHECKPOINTS. */
const SAMPLES = 5;

/** Trains until the budget is used up, or until asked to stop. */
export async function train(config: TrialConfig, io: TrialIo): Promise<void> {
  const { parameters, keep = [] } = config;
  const { patch, batch } = parameters;

  // The images of both domains, the budget, and the engine that computes the step.
  const images = await loadTrialImages(config, io.imageMemory);
  const drawPatches = patchSource(config, images);
  const budget = budgetMeter(config.budget, parameters, Math.max(...images.counts.train));
  const { engine, reason, form } = await openFor(config, io);
  const bank = engine.createBank(bankShapes(parameters, form));

  // Weights, optimiser moments, past fakes, step and random states: new, or as a checkpoint left them.
  const { state, tensors } = io.resume === undefined ? begin(config) : loadCheckpoint(io.resume);
  const chosenBefore = io.resume !== undefined && (config.microBatch ?? 'auto') === 'auto';
  const microBatch = chosenBefore ? state.microBatch : config.microBatch;
  fill(bank, Object.keys(savedShapes(parameters)), tensors);
  const held = residentMemory();
  const onGpu = await deviceMemoryLimit(io.device ?? engine.device);
  const step = await compileStep(engine, bank, parameters, { microBatch, form, onGpu });
  state.microBatch = step.microBatch;
  const pools = {
    X: openPool(parameters.pool, patch, tensors['pool/X']),
    Y: openPool(parameters.pool, patch, tensors['pool/Y']),
  };
  const health = openHealthMeter(parameters, tensors);
  const random = { patches: randomFromState(state.random.patches), pool: randomFromState(state.random.pool) };
  const translator = openTranslator(parameters, engine, bank);
  const validator = await openValidator(config, images, translator);
  const sample = await openSampler(parameters, images, translator, io);
  const checkout = checkoutCommit();
  const commit: Record<string, string> = checkout === undefined ? {} : { commit: checkout };
  io.emit({
    t: 'start',
    engine: engine.name,
    engineReason: reason,
    device: engine.device,
    threads: engine.threads * form.lanes,
    versions: { cyclesweep: packageVersion(), ...commit, node: process.version, ...engine.versions },
    pid: process.pid,
    host: hostHash(),
    cpu: `${os.cpus().length} x ${os.cpus()[0]?.model.trim() ?? 'unknown'}`,
    updates: budget.updates,
    from: state.step,
    facts: { ...networkFacts(parameters), images: images.counts, range: images.range },
    form: describeForm(form),
  });
  // What an attempt that runs out of memory was computed with.
  io.emit({ t: 'memory', ...step.memory() });

  const examPeak = await examMemory(config, images, onGpu === undefined ? held : undefined);
  const predicted =
    Number(process.env[ENVIRONMENT.memoryPredicted]) || Math.max(step.memory().predicted, examPeak);
  const tellMemory = () => io.emit({ t: 'memory', ...step.memory(), predicted });

  let savedAt = performance.now();
  let savedStep = io.resume === undefined ? undefined : state.step;
  const save = async (asked = false) => {
    state.random = { patches: random.patches.state(), pool: random.pool.state() };
    await step.gather(bank);
    const held: Record<string, NamedTensor> = { 'pool/X': pools.X.save(), 'pool/Y': pools.Y.save() };
    for (const [name, shape] of Object.entries(savedShapes(parameters)))
      held[name] = { shape, values: await bank.read(name) };
    for (const saved of saveCheckpoint(io.trialDirectory, state, { ...held, ...health.save() }, asked))
      io.emit({ t: 'checkpoint', step: state.step, ...saved });
    tellMemory();
    [savedAt, savedStep] = [performance.now(), state.step];
  };
  const examAt = (config.exam?.at ?? []).filter((share) => share < 1);
  const exam = () =>
    sitExam(config, { ...images, thresholds: thresholdsOf(images) }, engine, bank, state.step, io);
  const leaveExam = () =>
    io.emit({
      t: 'stopped',
      step: state.step,
      reason: 'asked to stop during the exam, which it sits when it goes on',
    });
  /** Milliseconds since the last metric event: drawing patches, and all of the updates. */
  let [waiting, working] = [0, 0];

  while (budget.share(state) < 1) {
    if (io.stopRequested()) {
      await save();
      io.emit({ t: 'stopped', step: state.step, reason: 'asked to stop; saved a checkpoint' });
      return;
    }
    const before = { step: state.step, seconds: state.seconds };
    const begun = performance.now();

    // One update: fresh random patches of both domains, one step of all four networks.
    const { X, Y, pairedMask, blank } = await drawPatches(random.patches);
    const drawn = performance.now();
    const { metrics, gx, fy } = await step.run(bank, {
      X,
      Y,
      pairedMask,
      update: state.step + 1,
      lr: learningRate(parameters, budget.share(state)),
      // The discriminators are shown past fakes, too.
      shownFakes: (gx, fy) => ({ gx: pools.Y.show(random.pool, gx), fy: pools.X.show(random.pool, fy) }),
    });
    const ended = performance.now();
    state.step++;
    state.seconds += (ended - begun) / 1000;
    state.patches.drawn += 2 * batch;
    state.patches.blank += blank;
    [waiting, working] = [waiting + drawn - begun, working + ended - begun];

    // What is broken stops here, before it is saved; what is unhealthy is told.
    const broken = explosion(metrics, state.health);
    if (broken !== undefined) {
      const kept = savedStep === undefined ? 'no checkpoint' : `the checkpoint of update ${savedStep}`;
      const message = `training diverged at update ${state.step}: ${broken}; ${kept} is kept`;
      io.emit({ t: 'health', step: state.step, code: 'diverged', message });
      throw new TrainingDiverged(message);
    }
    const values = { ...metrics, ...health.measure({ X, Y, gx, fy }, metrics) };
    add(state.pending, values);
    watch(state.health, values);

    const reached = (parts: number) => budget.part(state, parts) > budget.part(before, parts);
    const tenth = reached(CHECKPOINTS);
    const flags = tenth ? judge(state.health, parameters.gan_loss) : [];
    for (const flag of flags) io.emit({ t: 'health', step: state.step, ...flag });
    const validated = tenth ? await validator?.measure() : undefined;
    if (reached(SAMPLES)) await sample?.(state.step);

    // Metric events hold the mean since the last one.
    if (reached(METRIC_EVENTS)) {
      const { drawn, blank } = state.patches;
      const data = { 'data/blank_share': blank / drawn, 'data/wait_share': waiting / working };
      const v = { ...means(state.pending), ...data, ...validated };
      const pixels = state.step * batch * patch * patch;
      io.emit({ t: 'metric', step: state.step, wall: Date.now() / 1000, pixels, v });
      state.pending = { sums: {}, counts: {} };
      [waiting, working] = [0, 0];
    }
    const score = validated && validator!.score(validated);
    if (score !== undefined && score > (state.best?.score ?? -Infinity))
      state.best = { step: state.step, score };
    // Before the checkpoint: a trial that is killed in between sits this exam again.
    const due = examAt.some((share) => budget.share(state) >= share && budget.share(before) < share);
    if (due && !(await exam())) return leaveExam();
    const asked = keep.some((share) => budget.share(before) < share && share <= budget.share(state));
    if (due || asked || tenth || performance.now() - savedAt > CHECKPOINT_EVERY) await save(asked);
  }
  await translator.dispose();
  await step.dispose();

  // Whole held-out images, translated with the trained generators.
  if (!(await exam())) return leaveExam();
  tellMemory();
  io.emit({ t: 'done', step: state.step, reason: 'its budget is used up' });
  await engine.dispose();
}

/** Predicted peak of the exam, whose whole images are of the test set's size, bytes; none of the host's where a GPU translates them. */
async function examMemory(
  { parameters }: TrialConfig,
  { test }: TrialImages,
  held: number | undefined,
): Promise<number> {
  const image = await [...test.x, ...test.y][0]?.image();
  if (image === undefined || held === undefined) return 0;
  return Math.max(BASE, held) + wholeImageMemory(parameters, image.width * image.height);
}

/** What the runner chose, or, by hand, what is chosen here. */
async function openFor(
  config: TrialConfig,
  { device, threads, progressed }: TrialIo,
): Promise<{ engine: Engine; reason: string; form: Form }> {
  const { engine, engineReason } = config;
  const chosen =
    engine !== 'auto' && device !== undefined
      ? { engine, device, reason: engineReason ?? `${engine} on ${device} was asked for` }
      : await chooseEngine({ engine, device: device ?? 'auto' }).then(({ engine, devices, reason }) => {
          return { engine, device: devices[0]!, reason };
        });
  const open = (threads: number) => openEngine(chosen.engine, { threads, device: chosen.device });
  const opened = await openInForm(config, threads, open);
  return { ...opened, engine: withProgress(opened.engine, progressed), reason: chosen.reason };
}

/** The same engine, which tells when a program of its has ended. */
function withProgress(engine: Engine, progressed: TrialIo['progressed']): Engine {
  if (progressed === undefined) return engine;
  return {
    ...engine,
    async compile(spec, bank) {
      const program = await engine.compile(spec, bank);
      progressed();
      return {
        ...program,
        async run(...args) {
          const outputs = await program.run(...args);
          progressed();
          return outputs;
        },
      };
    },
  };
}

/** The first state of a trial: all of it follows from the seed. */
function begin({ parameters, seed }: TrialConfig): ReturnType<typeof loadCheckpoint> {
  const weights = randomFromSeed(seed, 'weights');
  const shapes = savedShapes(parameters);
  const values = initialBank(parameters, () => normal(weights));
  const random = {
    patches: randomFromSeed(seed, 'patches').state(),
    pool: randomFromSeed(seed, 'pool').state(),
  };
  return {
    state: {
      numerics: NUMERICS_VERSION,
      step: 0,
      seconds: 0,
      microBatch: 0, // until the step is compiled
      random,
      pending: { sums: {}, counts: {} },
      patches: { drawn: 0, blank: 0 },
      health: newHealth(),
      best: null,
    },
    tensors: Object.fromEntries(
      Object.entries(values).map(([name, values]) => [name, { shape: shapes[name]!, values }]),
    ),
  };
}

function fill(bank: Bank, names: readonly string[], tensors: Record<string, NamedTensor>): void {
  for (const name of names) {
    const tensor = tensors[name];
    if (tensor === undefined) throw new Error(`The checkpoint lacks ${name}: it is not of these networks.`);
    bank.write(name, tensor.values);
  }
}

function add({ sums, counts }: TrialState['pending'], metrics: MetricValues): void {
  for (const [name, value] of Object.entries(metrics)) {
    sums[name] = (sums[name] ?? 0) + value;
    counts[name] = (counts[name] ?? 0) + 1;
  }
}

function means({ sums, counts }: TrialState['pending']): MetricValues {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / counts[name]!]));
}
