/** @file The exam of a finished trial: its generators as a checkpoint holds them, on any held-out images. */
import type { Bank, Engine } from '../../engines/engine.js';
import type { TrialConfig } from '../../protocol.js';
import { loadCheckpoint } from '../checkpoint.js';
import { examine, type ExamResult } from '../exam.js';
import { networkShapes } from '../bank.js';
import type { ExamImages } from './images.js';

/**
 * @param checkpoint folder
 * @returns the update that the checkpoint was made at, and what the exam found
 * @throws Error that names the folder if it is no checkpoint of this trial's networks
 */
export async function examineCheckpoint(
  config: TrialConfig,
  checkpoint: string,
  images: ExamImages,
  engine: Engine,
): Promise<ExamResult & { step: number }> {
  const { state, tensors } = loadCheckpoint(checkpoint);
  const bank = generatorBank(config, tensors, checkpoint, engine);
  try {
    const result = await examine(config, images, engine, bank);
    return { step: state.step, ...result! };
  } finally {
    bank.dispose();
  }
}

/** Both generators alone, without what training needs besides. */
function generatorBank(
  { parameters }: TrialConfig,
  tensors: ReturnType<typeof loadCheckpoint>['tensors'],
  checkpoint: string,
  engine: Engine,
): Bank {
  const shapes = { ...networkShapes(parameters, 'G'), ...networkShapes(parameters, 'F') };
  const bank = engine.createBank(shapes);
  for (const name of Object.keys(shapes)) {
    const tensor = tensors[name];
    if (tensor === undefined) throw new Error(`The checkpoint ${checkpoint} lacks ${name}: it is not of these networks.`); // prettier-ignore
    bank.write(name, tensor.values);
  }
  return bank;
}
