/**
 * @file What the trials of a plan will take. Time: from finished trials in the results folder, of this machine, engine and device;
 * else from the arithmetic of the layers and a stated rate. Memory: memory.ts.
 */
import { hostHash } from '../../machine.js';
import type { AnyTrialConfig, Budget, EngineName, ParameterValues, TrialConfig } from '../../protocol.js';
import { isForeignTrial, type PlannedImages } from '../../runner/plan.js';
import type { Peak, Timing } from '../../store/queries.js';
import { budgetMeter } from '../../train/budget.js';
import { kindOf, memoryPredictor, type MemoryFacts, type MemoryPrediction } from './memory.js';
import { translationWork, updateWork } from './work.js';

/** Where and by what a trial would be computed. */
export interface Placement {
  /** Null for a trainer that is not ours. */
  engine: EngineName | null;
  device: string;
  threads: number;
}

export interface Prediction extends MemoryPrediction {
  /** Null where nothing is known. */
  seconds: number | null;
}

export interface Predictions {
  trials: Prediction[];
  /** What the times come from, a sentence, and the factor that they may be off by, either way. */
  time: { from: string; factor: number };
  memory: { from: string; factor: number };
}

export interface Machine {
  placement: Placement;
  memory: MemoryFacts;
  /** Images in the test split. */
  testImages: number;
}

/** What finished trials of this results folder took. */
export interface Known {
  timings: readonly Timing[];
  peaks: readonly Peak[];
}

/** Floating-point operations a second of a thread, or of a GPU, where no trial has been measured. `npm run bench:engines` measures them. */
const STATED_RATES: Record<string, number> = { 'onnx cpu': 25e9, 'wasm cpu': 8e9, 'cpu cpu': 0.1e9 };
const OTHER_RATE = 1e12;
/** From the start of the process to the first update, and between the last and the end, beside the exam's arithmetic. */
const STATED_OVERHEAD = 8;
const STATED_FACTOR = 3;
/** Trials of one setting differ by this much from run to run; other settings, by this much from what arithmetic makes of them. */
const SAME_FACTOR = 1.15;
const SCALED_FACTOR = 1.5;
/** Predicted memory was within this factor of measured peaks, exam included. */
export const MEMORY_FACTOR = 1.3;
const LEARNT_FACTOR = 1.15;

export function predict(
  trials: readonly AnyTrialConfig[],
  images: PlannedImages,
  machine: Machine,
  { timings, peaks }: Known,
): Predictions {
  const { placement } = machine;
  const kind = kindOf(placement.device);
  /** What the speed of a trial grows with: its threads, but on a GPU. */
  const shares = (threads: number | null) => (kind === 'cpu' ? (threads ?? 1) : 1);
  const threads = shares(placement.threads);
  const here = timings.filter(({ host }) => host === null || host === hostHash());
  const ours = here.filter(({ engine, device, updateSeconds }) => {
    return engine === placement.engine && kindOf(device) === kind && updateSeconds !== null;
  });
  const memory = memoryPredictor(machine.memory, peaks);
  const measured = new Map<string, Timing[]>();
  for (const timing of ours) {
    const work = workOf(timing.parameters);
    if (work !== undefined)
      measured.set(shape(timing.parameters), [...(measured.get(shape(timing.parameters)) ?? []), timing]);
  }
  const rates = ours.flatMap((timing) => {
    const work = workOf(timing.parameters);
    return work === undefined ? [] : [work / timing.updateSeconds! / shares(timing.threads)];
  });
  /** Beside the updates, by the data: most of it is the exam, which grows with the images. */
  const overheads = new Map<string, number[]>();
  for (const { dataFingerprint, seconds, updates, updateSeconds } of ours) {
    const known = overheads.get(dataFingerprint) ?? [];
    overheads.set(dataFingerprint, [...known, Math.max(0, seconds - updates * updateSeconds!)]);
  }
  const stated = STATED_RATES[`${placement.engine} ${kind}`] ?? OTHER_RATE;
  const rate = rates.length > 0 ? median(rates) : stated;

  let [same, scaled, foreign] = [0, 0, 0];
  const predictions = trials.map((trial): Prediction => {
    if (isForeignTrial(trial)) {
      const like = here.filter((timing) => isLike(timing, trial));
      foreign += like.length > 0 ? 1 : 0;
      return { ...memory(trial), seconds: fromLike(like, trial.budget) };
    }
    const known = measured.get(shape(trial.parameters)) ?? [];
    if (known.length > 0) same++;
    else scaled++;
    const update =
      known.length > 0
        ? median(known.map((timing) => (timing.updateSeconds! * shares(timing.threads)) / threads))
        : updateWork(trial.parameters) / (rate * threads);
    const exam =
      translationWork(trial.parameters, machine.testImages * machine.memory.imagePixels) / (rate * threads);
    const overhead = overheads.get(trial.dataFingerprint);
    const rest = overhead === undefined ? STATED_OVERHEAD + exam : median(overhead);
    return { seconds: trainingSeconds(trial, images, update) + rest, ...memory(trial) };
  });

  const count = (n: number) => `${n} finished trial${n === 1 ? '' : 's'} on this machine`;
  const spread = rates.length > 1 ? Math.max(...rates) / Math.min(...rates) : 1;
  const time =
    rates.length > 0
      ? scaled === 0
        ? { from: `${count(rates.length)}, of the same settings`, factor: SAME_FACTOR }
        : {
            from: `${count(rates.length)}, scaled by the arithmetic of the layers`,
            factor: Math.max(SCALED_FACTOR, Math.sqrt(spread)),
          }
      : foreign > 0
        ? {
            from: `finished trials of the same command's parameters, scaled by the budget`,
            factor: SCALED_FACTOR,
          }
        : same + scaled > 0
          ? {
              from:
                `the arithmetic of the layers at a stated ${Math.round(stated / 1e9)} GFLOP/s ` +
                `${kind === 'cpu' ? 'a thread' : 'of the GPU'}: no trial of this results folder has been measured here`,
              factor: STATED_FACTOR,
            }
          : { from: 'nothing: no trial of this command has finished in this results folder', factor: NaN };
  return {
    trials: predictions,
    time,
    memory: memoryOrigin(predictions),
  };
}

/** What the memory comes from, and the factor that it may be off by. */
function memoryOrigin(predictions: readonly Prediction[]): Predictions['memory'] {
  const learnt = predictions.filter(({ learntFrom }) => learntFrom > 0);
  const layers = 'the layers, the micro-batch, the images, and the exam, which translates whole images';
  if (learnt.length === 0) return { from: layers, factor: MEMORY_FACTOR };
  const most = Math.max(...learnt.map(({ learntFrom }) => learntFrom));
  const from = `what up to ${most} finished trial${most === 1 ? '' : 's'} of each network held on this machine`;
  if (learnt.length === predictions.length) return { from, factor: LEARNT_FACTOR };
  return { from: `${from}; of networks that none was of, from ${layers}`, factor: MEMORY_FACTOR };
}

function trainingSeconds(trial: TrialConfig, images: PlannedImages, update: number): number {
  if ('minutes' in trial.budget) return 60 * trial.budget.minutes;
  return budgetMeter(trial.budget, trial.parameters, images.trainedBy(trial)).updates! * update;
}

/** What decides the time of an update. */
function shape(parameters: object): string {
  const names = [
    'patch',
    'batch',
    'generator',
    'filters',
    'blocks',
    'norm',
    'upsample',
    'disc_filters',
    'disc_layers',
  ];
  const values = parameters as ParameterValues;
  const terms = ['lambda', 'gamma', 'paired', 'adversarial'].map((name) => values[name] !== 0);
  return [...names.map((name) => values[name]), ...terms].join(' ');
}

/** Undefined for parameters that are not our trainer's. */
function workOf(parameters: ParameterValues): number | undefined {
  if (!('disc_layers' in parameters) || !('blocks' in parameters)) return undefined;
  return updateWork(parameters as unknown as TrialConfig['parameters']);
}

/** Whether a finished trial was of the same trainer: the same data and the same names of parameters. */
function isLike(timing: Timing, trial: AnyTrialConfig): boolean {
  const names = (parameters: object) => Object.keys(parameters).sort().join(' ');
  return (
    timing.dataFingerprint === trial.dataFingerprint &&
    Object.keys(timing.budget)[0] === Object.keys(trial.budget)[0] &&
    names(timing.parameters) === names(trial.parameters)
  );
}

/** Seconds that a trial takes if it is like those, by its budget. */
function fromLike(like: Timing[], budget: Budget): number | null {
  const amount = (of: Budget) => Object.values(of)[0] as number;
  const seconds = like.map((timing) => (timing.seconds / amount(timing.budget)) * amount(budget));
  return seconds.length > 0 ? median(seconds) : null;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
