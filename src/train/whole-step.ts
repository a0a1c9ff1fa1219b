/**
 * @file One update as a single pure function: what the step in parts (step.ts) must equal. Tests and benchmarks compare the
 * two; a trial computes the parts, which hold a fraction of the memory at about the same speed (docs/decisions.md).
 */
import * as tf from '@tensorflow/tfjs';
import type { ProgramSpec, TensorMap } from '../engines/engine.js';
import type { TrialParameters } from '../protocol.js';
import { adam, ADAM_INPUTS } from './adam.js';
import * as losses from './losses.js';
import type { Weights } from './networks.js';
import { type StepMetric } from './step.js';
import { momentNames, networkShapes, savedShapes, weightShapes } from './bank.js';
import { get, gradientsOf, networks, pick, type Smooth } from './half.js';

/**
 * One update. Inputs: `X` and `Y`, [batch, patch, patch, 1] in [-1, 1], and the scalars of `adamInputs`.
 * Reads and writes the whole of `savedShapes`; outputs are the scalars of STEP_METRICS, measured before the update.
 */
export function trainStep(parameters: TrialParameters, smooth: Smooth = {}): ProgramSpec {
  const { batch, patch } = parameters;
  const patches = [batch, patch, patch, 1];
  const weightNames = Object.keys(weightShapes(parameters));
  const bankNames = Object.keys(savedShapes(parameters));
  return {
    name: 'train-step',
    inputs: { X: patches, Y: patches, ...ADAM_INPUTS },
    reads: bankNames,
    writes: bankNames,
    run: (tensors) => {
      const weights = pick(tensors, weightNames);
      const { gradients, metrics } = lossesAndGradients(
        parameters,
        weights,
        get(tensors, 'X'),
        get(tensors, 'Y'),
        smooth,
      );
      const next: TensorMap = { ...metrics };
      for (const name of weightNames) {
        const { m, v } = momentNames(name);
        const state = { weight: get(tensors, name), m: get(tensors, m), v: get(tensors, v) };
        const scalars = [get(tensors, 'adam/step_size'), get(tensors, 'adam/epsilon_hat')] as const;
        const updated = adam(state, get(gradients, name), parameters, ...scalars);
        Object.assign(next, { [name]: updated.weight, [m]: updated.m, [v]: updated.v });
      }
      return next;
    },
  };
}

/** Losses of all networks and the gradient of each tensor of weights: of loss/G for G and F, of loss/D for D_X and D_Y. */
export function lossesAndGradients(
  parameters: TrialParameters,
  weights: Weights,
  x: tf.Tensor,
  y: tf.Tensor,
  smooth: Smooth = {},
): { gradients: TensorMap; metrics: Record<Exclude<StepMetric, 'grad/G' | 'grad/D'>, tf.Tensor> } {
  const { lambda, gamma, adversarial: weight } = parameters;
  const { G, F, D_X, D_Y } = networks(parameters, weights, { activation: smooth.activation });
  const [X, Y] = [x as tf.Tensor4D, y as tf.Tensor4D];

  const generators = gradientsOf(
    pick(weights, Object.keys({ ...networkShapes(parameters, 'G'), ...networkShapes(parameters, 'F') })),
    () => {
      const gx = G(X);
      const fy = F(Y);
      const adversarial = (judged: tf.Tensor): tf.Scalar =>
        tf.mul(weight, losses.adversarialLoss(parameters.gan_loss, judged));
      const [G_adv, F_adv] = [adversarial(D_Y(gx)), adversarial(D_X(fy))];
      // A term without weight is not computed: each costs two passes through the generators.
      const cycle =
        lambda === 0 ? tf.scalar(0) : losses.cycleLoss(lambda, [X, F(gx)], [Y, G(fy)], smooth.distance);
      const identity =
        gamma === 0 ? tf.scalar(0) : losses.identityLoss(gamma, [Y, G(Y)], [X, F(X)], smooth.distance);
      const loss = tf.addN([G_adv, F_adv, cycle, identity]);
      return { loss, kept: { gx, fy, G_adv, F_adv, cycle, identity } };
    },
  );
  const { gx, fy, G_adv, F_adv, cycle, identity } = generators.kept;

  const discriminators = gradientsOf(
    pick(weights, Object.keys({ ...networkShapes(parameters, 'D_X'), ...networkShapes(parameters, 'D_Y') })),
    () => {
      const [realX, fakeX, realY, fakeY] = [D_X(X), D_X(fy as tf.Tensor4D), D_Y(Y), D_Y(gx as tf.Tensor4D)];
      const D_x = losses.discriminatorLoss(parameters.gan_loss, realX, fakeX);
      const D_y = losses.discriminatorLoss(parameters.gan_loss, realY, fakeY);
      const acc_real = tf.div(
        tf.add(
          losses.realAccuracy(parameters.gan_loss, realX),
          losses.realAccuracy(parameters.gan_loss, realY),
        ),
        2,
      );
      const acc_fake = tf.div(
        tf.add(
          losses.fakeAccuracy(parameters.gan_loss, fakeX),
          losses.fakeAccuracy(parameters.gan_loss, fakeY),
        ),
        2,
      );
      return { loss: tf.add(D_x, D_y), kept: { D_x, D_y, acc_real, acc_fake } };
    },
  );
  const { D_x, D_y, acc_real, acc_fake } = discriminators.kept;

  return {
    gradients: { ...generators.gradients, ...discriminators.gradients },
    metrics: {
      'loss/D': discriminators.loss,
      'loss/D_x': D_x,
      'loss/D_y': D_y,
      'loss/G': generators.loss,
      'loss/G_adv': G_adv,
      'loss/F_adv': F_adv,
      'loss/cycle': cycle,
      'loss/identity': identity,
      'd/acc_real': acc_real,
      'd/acc_fake': acc_fake,
    },
  };
}
