/** @file The exam of a finished trial: its generators as a checkpoint holds them, on any held-out images. */
import type { Engine } from '../../engines/engine.js';
import type { TrialConfig } from '../../protocol.js';
import { networkShapes } from '../bank.js';
import { examine, type ExamResult } from '../exam.js';
import type { NamedTensor } from '../safetensors.js';
import type { ExamImages } from './images.js';

/**
 * @param config of the trial, with the data that is examined; its fingerprint is empty where nothing is to be kept for the next exam
 * @param weights of both generators, e.g. `G/in/filter`
 * @throws Error if a weight is missing
 */
export async function examineWeights(
  config: TrialConfig,
  weights: Record<string, NamedTensor>,
  images: ExamImages,
  engine: Engine,
): Promise<ExamResult> {
  const shapes = { ...networkShapes(config.parameters, 'G'), ...networkShapes(config.parameters, 'F') };
  const bank = engine.createBank(shapes);
  try {
    for (const name of Object.keys(shapes)) {
      const tensor = weights[name];
      if (tensor === undefined) throw new Error(`The checkpoint lacks ${name}: it is not of these networks.`);
      bank.write(name, tensor.values);
    }
    return (await examine(config, images, engine, bank))!;
  } finally {
    bank.dispose();
  }
}
