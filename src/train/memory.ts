/**
 * @file How much memory a step needs, how much there is, and the watch over both.
 *
 * The prediction counts what the largest program keeps for its backward pass: of both generators each layer's output,
 * before and after its norm and activation, and its padded copy. Formula and constants: `stepMemory`.
 */
import { readFileSync } from 'node:fs';
import { EngineError } from '../engines/engine.js';
import { countWeights, discriminatorLayers, generatorLayers, sidesOf, type Layer } from '../geometry.js';
import { listGpus } from '../nvidia.js';
import { ENVIRONMENT, type TrialParameters } from '../protocol.js';
import { DIRECT, winogradLayers, type Form } from './winograd.js';

/** What the trial process is before its first step: Node, tfjs, onnxruntime, a trial's images aside, bytes. */
export const BASE = 190e6;
/** Tensors of the size of a layer's output that are held for its backward pass, and what an allocator adds to them. */
const KEPT_PLAIN = 2;
const KEPT_NORMED = 3;
/** What a layer in Winograd's form keeps besides: its input by windows of 6x6 pixels for every 4x4. */
const KEPT_WINDOWS = 36 / 16;
/** Numbers of a transformed filter for each of the filter's. */
const TRANSFORMED = 4;
const ALLOCATOR = 1.4;
/** Copies of every weight: itself, its two moments, its gradient, and the same in a checkpoint that is being written. */
const WEIGHT_COPIES = 8;
/** Copies of every weight that a second lane adds, and what its thread, its engine and its programs are, bytes. */
const COPIES_OF_LANE = 5;
const LANE = 110e6;
/** The prediction was within this factor of the measured peak (see memory.test.ts), either way. */
export const PREDICTION_ERROR = 1.15;
/** Of free memory, what a trial that was told no limit counts on. */
const SHARE_OF_FREE = 0.9;

const FLOAT = 4;

/**
 * Predicted peak of a step on the onnx engine, beyond what the process holds before it, bytes:
 *
 *     4 · (8 · weights + 8 · batch · patch² + 1.4 · micro_batch · (2 · kept(generator) + kept(discriminator)))
 *     kept = sum over layers of channels · side² · (3 with a norm, else 2)
 *
 * It falls in proportion to the micro-batch but for weights and the batch's own images. A residual block in Winograd's form
 * keeps 2.25 more for each of its layers, and four numbers for each weight of them; where it is computed again, only its
 * input, but for the one block that is at work. A second lane keeps as much, but 5 copies of the weights, and its own engine.
 */
export function stepMemory(parameters: TrialParameters, microBatch: number, form: Form = DIRECT): number {
  const { weights, transformed, kept } = numbersHeld(parameters, form);
  const images = 8 * parameters.batch * parameters.patch ** 2;
  const one = WEIGHT_COPIES * weights + transformed + images + ALLOCATOR * microBatch * kept;
  if (form.lanes === 1) return FLOAT * one;
  return FLOAT * (one + COPIES_OF_LANE * weights + transformed + ALLOCATOR * microBatch * kept) + LANE;
}

/** Whether a second lane's copies of the weights are less than what a whole batch keeps for its backward pass. */
export function secondLaneIsCheap(parameters: TrialParameters, form: Form): boolean {
  const { weights, transformed, kept } = numbersHeld(parameters, form);
  return COPIES_OF_LANE * weights + transformed < ALLOCATOR * parameters.batch * kept;
}

/** Numbers: of all weights, of transformed filters, and what one image of each domain leaves behind in the largest program. */
function numbersHeld(
  parameters: TrialParameters,
  { winograd, memory }: Form,
): { weights: number; transformed: number; kept: number } {
  const { patch, blocks } = parameters;
  const [generator, discriminator] = [generatorLayers(parameters), discriminatorLayers(parameters)];
  const inBlocks = winogradLayers(parameters);
  const side = patch / 4;
  const filter = (inBlocks[0]?.in ?? 0) * (inBlocks[0]?.out ?? 0) * 9;
  const pixels = (inBlocks[0]?.out ?? 0) * side ** 2;
  const windows = winograd ? KEPT_WINDOWS * pixels : 0;
  // Of the layers in blocks: what they keep beyond what `keptBy` counts, or, computed again, in its place.
  const more =
    memory === 'auto'
      ? inBlocks.length * windows
      : blocks * pixels + 3 * windows - (inBlocks.length - 4) * KEPT_NORMED * pixels;
  return {
    weights: 2 * (countWeights(generator) + countWeights(discriminator)),
    transformed: winograd ? TRANSFORMED * filter * (memory === 'auto' ? 2 * inBlocks.length : 8) : 0,
    kept: 2 * keptBy(generator, patch) + keptBy(discriminator, patch) + 2 * more,
  };
}

/** Copies of the widest activation, and of the image itself, that a whole image in one pass needs at once; fitted to measured peaks. */
const WIDEST_COPIES = 8;
const IMAGE_COPIES = 64;

/**
 * Memory of translating a whole image of `pixels` pixels, beyond what the process holds: 4 · (64 · pixels + 8 · the largest
 * activation). Measured on the onnx engine at 1024 x 1024 for 4, 8 and 16 filters: within 5 %.
 */
export function wholeImageMemory(parameters: TrialParameters, pixels: number): number {
  const layers = generatorLayers(parameters);
  const side = 2 ** 10; // any that all layers divide
  const sides = sidesOf(layers, side);
  const widest = Math.max(
    ...layers.map((layer, at) =>
      Math.max(layer.in * (sides[at]! / side) ** 2, layer.out * (sides[at + 1]! / side) ** 2),
    ),
  );
  return 4 * pixels * (IMAGE_COPIES + WIDEST_COPIES * widest);
}

/** Beside weights and images, what a process holds that computes on a GPU: CUDA's libraries. On an H200 it was 0.9 and 1.2 GB for two networks. */
const GPU_BASE = 1.05e9;
/**
 * What CUDA's context and its libraries' work space take of a GPU, and what an allocator that grows by doubling adds. From the
 * peaks of three networks on an H200, 2.2, 3.7 and 10.3 GB: predicted are 2.9, 3.6 and 11.3.
 */
const DEVICE_BASE = 2.6e9;
const DEVICE_ALLOCATOR = 1.7;

/** Predicted memory of the host that a step takes which is computed on a GPU, beyond what the process holds: weights lie here, too. */
export function memoryBesideGpu(parameters: TrialParameters): number {
  const weights =
    2 * (countWeights(generatorLayers(parameters)) + countWeights(discriminatorLayers(parameters)));
  return GPU_BASE + FLOAT * (WEIGHT_COPIES * weights + 8 * parameters.batch * parameters.patch ** 2);
}

/** Predicted memory of the GPU itself: the step, or a whole image of the exam, of `imagePixels` pixels. */
export function deviceMemory(
  parameters: TrialParameters,
  microBatch: number,
  imagePixels = 0,
  form: Form = DIRECT,
): number {
  const peak = Math.max(stepMemory(parameters, microBatch, form), wholeImageMemory(parameters, imagePixels));
  return DEVICE_BASE + DEVICE_ALLOCATOR * peak;
}

/** Numbers that one image leaves behind in a network for the backward pass. */
function keptBy(layers: readonly Layer[], patch: number): number {
  const sides = sidesOf(layers, patch);
  return layers.reduce((sum, { out, normed }, index) => {
    return sum + out * (sides[index + 1] as number) ** 2 * (normed ? KEPT_NORMED : KEPT_PLAIN);
  }, 0);
}

export interface MemoryLimit {
  /** Resident memory that the trial may have, bytes. */
  bytes: number;
  /** Set by somebody, so that going beyond it is an error; else what is free here. */
  strict: boolean;
}

/** `SWEEP_MEMORY_LIMIT`, or `SWEEP_MEMORY_PLAN`, or else nine tenths of what the control group or the machine still has. */
export function memoryLimit(environment: NodeJS.ProcessEnv = process.env): MemoryLimit {
  const given = environment[ENVIRONMENT.memoryLimit];
  if (given !== undefined && given !== '') {
    const bytes = Number(given);
    if (!Number.isFinite(bytes) || bytes <= 0) {
      throw new RangeError(`${ENVIRONMENT.memoryLimit} is ${given}; it is to be a number of bytes above 0`);
    }
    return { bytes, strict: true };
  }
  const planned = Number(environment[ENVIRONMENT.memoryPlan]);
  if (planned > 0) return { bytes: planned, strict: false };
  return { bytes: SHARE_OF_FREE * (process.availableMemory() + residentMemory()), strict: false };
}

/**
 * Bytes of its GPU's memory that a trial may count on: `SWEEP_DEVICE_MEMORY`, or else nine tenths of what is free there.
 * Undefined on a processor, and where nobody tells.
 */
export async function deviceMemoryLimit(
  device: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<number | undefined> {
  if (!device.startsWith('cuda')) return undefined;
  const planned = Number(environment[ENVIRONMENT.deviceMemory]);
  if (planned > 0) return planned;
  // The process is shown its own GPU alone.
  const gpu = (await listGpus(environment)).found[0];
  return gpu?.usedBytes == null ? undefined : SHARE_OF_FREE * (gpu.memoryBytes - gpu.usedBytes);
}

/** Bytes of physical memory that this process holds now. */
export function residentMemory(): number {
  return process.memoryUsage.rss();
}

/**
 * The most that it ever held, bytes. On Linux the kernel's own mark of this address space: getrusage's maxRSS also counts what
 * the runner held when it forked, before this program took its place.
 */
export function peakMemory(read: () => string = () => readFileSync('/proc/self/status', 'utf8')): number {
  try {
    const mark = /^VmHWM:\s+(\d+) kB/m.exec(read());
    if (mark) return Number(mark[1]) * 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** A lack of memory, with the micro-batch that there was none for: what to halve. */
export class OutOfMemory extends EngineError {
  constructor(
    message: string,
    readonly microBatch: number,
    options?: ErrorOptions,
  ) {
    super(message, 'out-of-memory', options);
  }
}

export interface MemoryPlan {
  microBatch: number;
  /** Predicted peak of the whole process, bytes. */
  predicted: number;
  limit: MemoryLimit;
}

/**
 * Chooses the largest micro-batch of `candidates` (largest first) whose predicted peak is within the limit. Where nobody
 * set a limit the smallest is tried even if it seems too large: a prediction is no reason to refuse.
 * @param onGpu where it is computed on a GPU whose memory is known: bytes of that which the step may take
 * @throws EngineError out-of-memory if a limit was set and not even the smallest is within it
 */
export function planMemory(
  parameters: TrialParameters,
  candidates: readonly number[],
  form: Form = DIRECT,
  limit: MemoryLimit = memoryLimit(),
  held: number = residentMemory(),
  onGpu?: number,
): MemoryPlan {
  const predict = (micro: number): number =>
    Math.max(held, BASE) +
    (onGpu === undefined ? stepMemory(parameters, micro, form) : memoryBesideGpu(parameters));
  const fits = (micro: number) =>
    predict(micro) <= limit.bytes &&
    (onGpu === undefined || deviceMemory(parameters, micro, 0, form) <= onGpu);
  const smallest = candidates.at(-1);
  if (smallest === undefined) throw new RangeError('no micro-batch to choose from');
  const microBatch = candidates.find(fits) ?? smallest;
  const predicted = predict(microBatch);
  if (limit.strict && predicted > limit.bytes) {
    throw new OutOfMemory(
      `Out of memory: ${describe(parameters, microBatch)} needs about ${gigabytes(predicted)}, the limit is ` +
        `${gigabytes(limit.bytes)}. ${adviceFor(parameters, microBatch, form)}, or raise --memory-limit.`,
      microBatch,
    );
  }
  return { microBatch, predicted, limit };
}

function adviceFor({ generator }: TrialParameters, microBatch: number, { memory }: Form): string {
  if (microBatch > 1) return 'Try micro_batch 1 or auto';
  if (memory === 'auto' && generator === 'resnet')
    return 'Try resources: {memory: low}, a smaller patch or fewer filters';
  return 'Try a smaller patch or fewer filters';
}

/** @throws EngineError out-of-memory if a limit was set and the process has grown beyond it */
export function checkMemory(
  parameters: TrialParameters,
  { microBatch, predicted, limit }: MemoryPlan,
  resident: number = residentMemory(),
): void {
  if (!limit.strict || resident <= limit.bytes) return;
  throw new OutOfMemory(
    `Out of memory: ${describe(parameters, microBatch)} holds ${gigabytes(resident)}, the limit is ` +
      `${gigabytes(limit.bytes)} (predicted were ${gigabytes(predicted)}).`,
    microBatch,
  );
}

/** An engine's own lack of memory, with what was asked for and what was there; any other error as it is. */
export function explainMemory(
  error: unknown,
  parameters: TrialParameters,
  { microBatch, predicted }: MemoryPlan,
): unknown {
  if (
    !(error instanceof EngineError) ||
    error.kind !== 'out-of-memory' ||
    /^Out of memory:/.test(error.message)
  )
    return error;
  return new OutOfMemory(
    `Out of memory: ${describe(parameters, microBatch)} needs about ${gigabytes(predicted)}; this process holds ` +
      `${gigabytes(residentMemory())}, ${gigabytes(process.availableMemory())} are free${addressLimit()}. ${error.message}`,
    microBatch,
    { cause: error },
  );
}

/** The limit of address space (ulimit -v) where one is set: an allocation fails at it with memory still free. */
function addressLimit(): string {
  try {
    const line = /^Max address space +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return line ? `, its address space is limited to ${gigabytes(Number(line[1]))}` : '';
  } catch {
    return '';
  }
}

function describe({ patch, batch, filters, blocks }: TrialParameters, microBatch: number): string {
  return `a step with patch ${patch}, batch ${batch}, micro_batch ${microBatch}, filters ${filters}, blocks ${blocks}`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
