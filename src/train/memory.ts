/**
 * @file How much memory a step needs, how much there is, and the watch over both.
 *
 * The prediction counts what the largest program keeps for its backward pass: of both generators each layer's output,
 * before and after its norm and activation, and its padded copy. Formula and constants: `stepMemory`.
 */
import { readFileSync } from 'node:fs';
import { EngineError } from '../engines/engine.js';
import { countWeights, discriminatorLayers, generatorLayers, sidesOf, type Layer } from '../geometry.js';
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

/** `SWEEP_MEMORY_LIMIT`, or else nine tenths of what the control group or the machine still has. */
export function memoryLimit(environment: NodeJS.ProcessEnv = process.env): MemoryLimit {
  const given = environment[ENVIRONMENT.memoryLimit];
  if (given !== undefined && given !== '') {
    const bytes = Number(given);
    if (!Number.isFinite(bytes) || bytes <= 0) {
      throw new RangeError(`${ENVIRONMENT.memoryLimit} is ${given}; it is to be a number of bytes above 0`);
    }
    return { bytes, strict: true };
  }
  return { bytes: SHARE_OF_FREE * (process.availableMemory() + residentMemory()), strict: false };
}

/** Bytes of physical memory that this process holds now. */
export function residentMemory(): number {
  return process.memoryUsage.rss();
}

/** The most that it ever held, bytes. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
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
 * @throws EngineError out-of-memory if a limit was set and not even the smallest is within it
 */
export function planMemory(
  parameters: TrialParameters,
  candidates: readonly number[],
  form: Form = DIRECT,
  limit: MemoryLimit = memoryLimit(),
  held: number = residentMemory(),
): MemoryPlan {
  const predict = (micro: number): number => Math.max(held, BASE) + stepMemory(parameters, micro, form);
  const smallest = candidates.at(-1);
  if (smallest === undefined) throw new RangeError('no micro-batch to choose from');
  const microBatch = candidates.find((micro) => predict(micro) <= limit.bytes) ?? smallest;
  const predicted = predict(microBatch);
  if (limit.strict && predicted > limit.bytes) {
    throw new EngineError(
      `Out of memory: ${describe(parameters, microBatch)} needs about ${gigabytes(predicted)}, the limit is ` +
        `${gigabytes(limit.bytes)}. ${adviceFor(parameters, microBatch, form)}, or raise --memory-limit.`,
      'out-of-memory',
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
  throw new EngineError(
    `Out of memory: ${describe(parameters, microBatch)} holds ${gigabytes(resident)}, the limit is ` +
      `${gigabytes(limit.bytes)} (predicted were ${gigabytes(predicted)}).`,
    'out-of-memory',
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
  return new EngineError(
    `Out of memory: ${describe(parameters, microBatch)} needs about ${gigabytes(predicted)}; this process holds ` +
      `${gigabytes(residentMemory())}, ${gigabytes(process.availableMemory())} are free${addressLimit()}. ${error.message}`,
    'out-of-memory',
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
