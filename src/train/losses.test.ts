/** @file Each loss against values computed by hand, and its gradient against theirs on every engine. */
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GanLoss } from '../adversarial.js';
import { DECISION_THRESHOLD, KNOW_NOTHING } from '../adversarial.js';
import { runOnce } from '../engines/compare.js';
import type { Engine } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import * as losses from './losses.js';

const GAN_LOSSES = ['least-squares', 'cross-entropy', 'hinge'] as const;

let engines: Record<'cpu' | 'onnx', Engine>;
beforeAll(async () => {
  await tf.setBackend('cpu');
  const [cpu, onnx] = await Promise.all([
    openEngine('cpu', { threads: 1 }),
    openEngine('onnx', { threads: 1 }),
  ]);
  engines = { cpu, onnx };
});
afterAll(() => Promise.all(Object.values(engines).map((engine) => engine.dispose())));

const map = (...values: number[]): tf.Tensor => tf.tensor4d(values, [1, 1, values.length, 1]);
const value = (loss: tf.Scalar): number => loss.dataSync()[0] as number;
/** ln(1 + e^x) */
const softplus = (x: number): number => Math.log1p(Math.exp(x));

describe('the adversarial loss of a generator', () => {
  it('least squares: the fakes should be called 1', () => {
    expect(value(losses.adversarialLoss('least-squares', map(1, 0, 0.5)))).toBeCloseTo((0 + 1 + 0.25) / 3, 6);
  });

  it('cross-entropy: -ln sigmoid', () => {
    const expected = (Math.LN2 + softplus(-3) + softplus(2)) / 3; // 0.6931, 0.0486, 2.1269
    expect(value(losses.adversarialLoss('cross-entropy', map(0, 3, -2)))).toBeCloseTo(expected, 6);
    expect(expected).toBeCloseTo(0.956221, 5);
  });

  it('hinge: the more real a fake is called the better, without bound', () => {
    expect(value(losses.adversarialLoss('hinge', map(3, -1, 0.5)))).toBeCloseTo(-2.5 / 3, 6);
  });
});

describe('the loss of a discriminator, half of it for each kind', () => {
  it('least squares: real should be called 1 and fake 0', () => {
    expect(value(losses.discriminatorLoss('least-squares', map(1, 0.5), map(0, 1)))).toBeCloseTo(
      (0.125 + 0.5) / 2,
      6,
    );
  });

  it('cross-entropy: -ln sigmoid of real, -ln (1 - sigmoid) of fake', () => {
    const expected = ((softplus(-2) + softplus(1)) / 2 + softplus(-1)) / 2; // 0.1269, 1.3133; 0.3133
    expect(value(losses.discriminatorLoss('cross-entropy', map(2, -1), map(-1)))).toBeCloseTo(expected, 6);
    expect(expected).toBeCloseTo(0.516678, 5);
  });

  it('hinge: nothing to gain beyond 1 for real and -1 for fake', () => {
    // Real 2, 0.5, -1 lose 0, 0.5, 2; fake -3, 0, 1 lose 0, 1, 2.
    expect(value(losses.discriminatorLoss('hinge', map(2, 0.5, -1), map(-3, 0, 1)))).toBeCloseTo(
      (2.5 / 3 + 1) / 2,
      6,
    );
  });
});

describe('distances', () => {
  it('least square is the mean of the squares', () => {
    expect(value(losses.leastSquare(map(1, 2, 4), map(1, 0, 1)))).toBeCloseTo((0 + 4 + 9) / 3, 6);
    expect(value(losses.leastSquare(map(3, -1), 1))).toBeCloseTo((4 + 4) / 2, 6);
  });

  it('cycle: lambda times the mean distances of both domains', () => {
    const loss = losses.cycleLoss(10, [map(1, 2), map(0, 4)], [map(-1, 0.5), map(-1, 0)]);
    expect(value(loss)).toBeCloseTo(10 * (1.5 + 0.25), 5);
  });

  it('identity: gamma times the mean distances of both domains', () => {
    const loss = losses.identityLoss(5, [map(1, 1), map(0, 0.5)], [map(0, 0), map(-0.5, 0)]);
    expect(value(loss)).toBeCloseTo(5 * (0.75 + 0.25), 5);
  });

  it('paired: its weight times the mean distances of translations from true partners', () => {
    const loss = losses.pairedLoss(2, [map(1, 1), map(0, 0.5)], [map(0, 0), map(-0.5, 0)]);
    expect(value(loss)).toBeCloseTo(2 * (0.75 + 0.25), 5);
  });

  it('paired: samples without a partner add nothing', () => {
    const batch = (...values: number[]): tf.Tensor => tf.tensor4d(values, [values.length / 2, 1, 2, 1]);
    const mask = tf.tensor1d([1, 0]);
    const loss = losses.pairedLoss(
      2,
      [batch(1, 1, 9, 9), batch(0, 0.5, 0, 0)],
      [batch(0, 0, 7, 7), batch(-0.5, 0, 0, 0)],
      mask,
    );
    expect(value(loss)).toBeCloseTo((2 * (0.75 + 0.25)) / 2, 5); // one of two samples
  });
});

describe.each(GAN_LOSSES)('%s', (ganLoss) => {
  it('of discriminators that know nothing is the line that is drawn', () => {
    const unsure = map(...Array.from({ length: 3 }, () => DECISION_THRESHOLD[ganLoss]));
    const { D, adversarial } = KNOW_NOTHING[ganLoss];
    expect(2 * value(losses.discriminatorLoss(ganLoss, unsure, unsure))).toBeCloseTo(D, 6); // D_X and D_Y
    expect(value(losses.adversarialLoss(ganLoss, unsure))).toBeCloseTo(adversarial, 6);
  });

  it('counts outputs on the right side of its threshold, and the threshold itself as wrong', () => {
    const t = DECISION_THRESHOLD[ganLoss];
    const judged = map(t + 0.1, t, t - 0.1, t + 2, t + 3);
    expect(value(losses.realAccuracy(ganLoss, judged))).toBeCloseTo(3 / 5, 6);
    expect(value(losses.fakeAccuracy(ganLoss, judged))).toBeCloseTo(1 / 5, 6);
  });
});

/** The lines that losses.test draws by hand. */
it('of know-nothing discriminators: 0.5 and 0.25, 2 ln 2 and ln 2, 2 and 0', () => {
  expect(KNOW_NOTHING).toEqual({
    'least-squares': { D: 0.5, adversarial: 0.25 },
    'cross-entropy': { D: 2 * Math.log(2), adversarial: Math.log(2) },
    hinge: { D: 2, adversarial: 0 },
  });
});

/** Gradients by hand, for outputs real and fake of a discriminator; each mean is over that many outputs. */
const BY_HAND: Record<
  GanLoss,
  { g: (fake: number) => number; real: (x: number) => number; fake: (x: number) => number }
> = {
  'least-squares': { g: (x) => 2 * (x - 1), real: (x) => x - 1, fake: (x) => x },
  'cross-entropy': {
    g: (x) => -1 / (1 + Math.exp(x)),
    real: (x) => -0.5 / (1 + Math.exp(x)),
    fake: (x) => 0.5 / (1 + Math.exp(-x)),
  },
  hinge: { g: () => -1, real: (x) => (x < 1 ? -0.5 : 0), fake: (x) => (x > -1 ? 0.5 : 0) },
};

describe.each(['cpu', 'onnx'] as const)('gradients on %s', (name) => {
  it.each(GAN_LOSSES)('of %s are those by hand, also far out', async (ganLoss) => {
    const real = Float32Array.of(-200, -30, -2, -0.3, 0.4, 0.9, 1.2, 4, 30, 200);
    const fake = Float32Array.of(200, 31, 3, 0.5, -0.6, -0.8, -1.1, -5, -31, -200);
    const shape = [2, 1, 5, 1];
    const spec = {
      name: ganLoss,
      inputs: { real: shape, fake: shape },
      reads: [],
      writes: [],
      run: (tensors: Record<string, tf.Tensor>) => {
        const [r, f] = [tensors['real'] as tf.Tensor, tensors['fake'] as tf.Tensor];
        const judge = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => losses.discriminatorLoss(ganLoss, a, b);
        const [onReal, onFake] = tf.grads(judge)([r, f]) as [tf.Tensor, tf.Tensor];
        const g = tf.grad((each: tf.Tensor) => losses.adversarialLoss(ganLoss, each))(f);
        return { onReal, onFake, g, D: judge(r, f), G: losses.adversarialLoss(ganLoss, f) };
      },
    };
    const { outputs } = await runOnce(engines[name], spec, { real, fake });
    const by = BY_HAND[ganLoss];
    const expectAll = (which: string, values: Float32Array, slope: (x: number) => number): void =>
      values.forEach((x, i) => {
        expect(outputs[which]?.[i], `${which} at ${x}`).toBeCloseTo(slope(x) / values.length, 6);
      });
    expectAll('onReal', real, by.real);
    expectAll('onFake', fake, by.fake);
    if (ganLoss !== 'least-squares') expectAll('g', fake, by.g);
    else fake.forEach((x, i) => expect((outputs['g']?.[i] as number) / by.g(x)).toBeCloseTo(0.1, 5));
    expect(Number.isFinite(outputs['D']?.[0])).toBe(true);
    expect(Number.isFinite(outputs['G']?.[0])).toBe(true);
  });

  it('of the distances are their weights over the number of pixels, towards the other image', async () => {
    const shape = [2, 1, 3, 1];
    const a = Float32Array.of(1, -2, 0.5, 3, 0.1, -0.7);
    const b = Float32Array.of(0, -1, 0.7, 1, 0.3, -0.9);
    const spec = {
      name: 'distances',
      inputs: { a: shape, b: shape, mask: [2] },
      reads: [],
      writes: [],
      run: (tensors: Record<string, tf.Tensor>) => {
        const [x, y, mask] = ['a', 'b', 'mask'].map((key) => tensors[key]) as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const grad = (f: (each: tf.Tensor) => tf.Scalar): tf.Tensor => tf.grad(f)(x);
        return {
          cycle: grad((each) => losses.cycleLoss(10, [y, each], [y, y])),
          identity: grad((each) => losses.identityLoss(5, [y, each], [y, y])),
          paired: grad((each) => losses.pairedLoss(4, [y, each], [y, y], mask)),
        };
      },
    };
    const { outputs } = await runOnce(engines[name], spec, { a, b, mask: Float32Array.of(1, 0) });
    a.forEach((x, i) => {
      const sign = Math.sign(x - (b[i] as number));
      expect(outputs['cycle']?.[i]).toBeCloseTo((10 * sign) / 6, 5);
      expect(outputs['identity']?.[i]).toBeCloseTo((5 * sign) / 6, 5);
      expect(outputs['paired']?.[i]).toBeCloseTo(i < 3 ? (4 * sign) / 6 : 0, 5);
    });
  });
});
