/** @file Checks of the whole update as a trial runs it: term by term, micro-batch by micro-batch, weights held by the bank. */
import * as tf from '@tensorflow/tfjs';
import { resolveParameters } from '../definition/parameters.js';
import type { Values } from '../engines/compare.js';
import type { TrialParameters } from '../protocol.js';
import type { Smooth } from '../train/half.js';
import * as step from '../train/step.js';
import { bankShapes, gradientName, initialBank, weightShapes } from '../train/bank.js';
import { DIRECT, type Form } from '../train/winograd.js';
import type { Check, EngineWork } from './check.js';
import { NETWORK_TOLERANCE } from './check.js';

const RESNET = resolveParameters({ patch: 24, batch: 2, filters: 2, blocks: 1, disc_layers: 2 });

/** Each generator, each adversarial loss, each norm, the paired term, and one batch in parts. */
const UPDATES: Record<string, { parameters: TrialParameters; microBatch: number }> = {
  'resnet, least squares, two micro-batches': { parameters: RESNET, microBatch: 1 },
  'unet, cross-entropy, batch norm, paired': {
    parameters: { ...RESNET, generator: 'unet', blocks: 3, upsample: 'resize', norm: 'batch', gan_loss: 'cross-entropy', paired: 3 },
    microBatch: 2,
  },
  'fullres, hinge at half its weight': {
    parameters: { ...RESNET, generator: 'fullres', blocks: 1, gan_loss: 'hinge', adversarial: 0.5 },
    microBatch: 2,
  },
}; // prettier-ignore

/** Other ways to compute the residual blocks: all must give what the direct form gives. */
const FORMS: Record<string, Form> = {
  'resnet, Winograd': { winograd: true, memory: 'auto', lanes: 1 },
  'resnet, Winograd, recomputed': { winograd: true, memory: 'low', lanes: 1 },
  'resnet, direct, recomputed': { winograd: false, memory: 'low', lanes: 1 },
};

/** Without kinks: at those of relu and L1 any two engines differ, since each rounds to another side now and then. */
const SMOOTH: Smooth = {
  activation: (h) => tf.tanh(h),
  distance: (a, b) => tf.mean(tf.squaredDifference(a, b)),
};

/** Elements that cross a kink on rounding change a gradient by up to 1e-3. */
const KINKED_TOLERANCE = 5e-3;

/** A small generator of noise in [-1, 1), the same at every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
}

/** One update from the same start: gradients of all weights as accumulated, metrics, fakes, and the new weights. */
function updated(parameters: TrialParameters, microBatch: number, smooth: Smooth, form = DIRECT): EngineWork {
  return async (engine) => {
    const { batch, patch } = parameters;
    const draw = noise(3);
    const images = (): Float32Array => Float32Array.from({ length: batch * patch * patch }, draw);
    const feed = { X: images(), Y: images(), update: 1, pairedMask: Float32Array.of(1, 0) };
    const weight = noise(7);
    // Larger than in training, so that no gradient is tiny.
    const start = initialBank(parameters, () => 8 * weight());
    const bank = engine.createBank(bankShapes(parameters, form));
    for (const [name, values] of Object.entries(start)) bank.write(name, values);
    const compiled = await step.compileStep(engine, bank, parameters, {
      microBatch,
      smooth,
      form,
    });
    try {
      const { metrics, gx, fy } = await compiled.run(bank, feed);
      const results: Values = { gx, fy };
      for (const [name, value] of Object.entries(metrics)) results[name] = Float32Array.of(value);
      for (const name of Object.keys(weightShapes(parameters))) {
        results[`gradient of ${name}`] = await bank.read(gradientName(name));
        results[name] = await bank.read(name);
      }
      return results;
    } finally {
      await compiled.dispose();
      bank.dispose();
    }
  };
}

export function stepChecks(): Check[] {
  return [
    ...Object.entries(UPDATES).map(([name, { parameters, microBatch }]) => ({
      group: 'whole step, smooth',
      name,
      tolerance: NETWORK_TOLERANCE,
      work: updated(parameters, microBatch, SMOOTH),
    })),
    ...Object.entries(FORMS).map(([name, form]) => {
      const parameters = { ...RESNET, patch: 32 }; // whose residual blocks fit tiles
      return {
        group: 'whole step, other forms',
        name,
        tolerance: NETWORK_TOLERANCE,
        work: updated(parameters, 1, SMOOTH, form),
        expected: updated(parameters, 1, SMOOTH),
      };
    }),
    {
      group: 'whole step, relu and L1',
      name: 'resnet, least squares',
      tolerance: KINKED_TOLERANCE,
      work: updated(RESNET, RESNET.batch, {}),
    },
  ];
}
