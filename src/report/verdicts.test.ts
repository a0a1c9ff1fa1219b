/** @file What a sweep's claims are told: each kind of verdict, and what takes a verdict away. Made-up outcomes, no training. */
import { describe, expect, test } from 'vitest';
import { PARAMETERS, syntheticTrial } from '../../test/fixtures/sweep-record.js';
import type { TrialParameters } from '../protocol.js';
import type { SweepRecord, TrialRecord } from '../store/queries.js';
import { verdictsOf, type Verdict } from './verdicts.js';

const PSNR = 'exam/psnr';
/** Eight seeds that differ; mean 0, standard deviation about 0.1. */
const NOISE = [0.1, -0.12, 0.05, 0.14, -0.08, -0.1, 0.07, -0.06];

interface Made {
  parameters: Partial<TrialParameters>;
  /** Outcome by seed. */
  values: number[];
  tiles?: number[];
}

const CLAIM = { outcome: PSNR, contrast: '{ factor: patch }', expect: 'higher', more: ', primary: true' };

/** A sweep with a claim, whose trials have the outcomes that are given. */
function sweepOf(made: Made[], claims: Partial<typeof CLAIM>[] = [{}]): SweepRecord {
  const lines = claims.map((claim) => {
    const { outcome, contrast, expect, more } = { ...CLAIM, ...claim };
    return `  - { claim: It helps, outcome: ${outcome}, contrast: ${contrast}, expect: ${expect}${more} }\n`;
  });
  const names = [
    ...new Set(made.flatMap(({ parameters }) => Object.keys(parameters))),
  ] as SweepRecord['varied'];
  return {
    name: 'made-up',
    question: '',
    source: claims.length > 0 ? `compare:\n${lines.join('')}` : '',
    varied: names,
    updated: 0,
    trials: made.flatMap(({ parameters, values, tiles }) =>
      values.map((value, at): TrialRecord => {
        const trial = syntheticTrial({ ...PARAMETERS, ...parameters }, at + 1, 65_536 * 20);
        const exam = {
          step: 1,
          images: [],
          values: { [PSNR]: value, ...(tiles ? { [`${PSNR}_tiles`]: tiles[at]! } : {}) },
        };
        return { ...trial, exams: [exam], exam, tail: { 'loss/D': value / 100, 'loss/G': value / 10 } };
      }),
    ),
  };
}

const two = (effect: number, { seeds = 8, spread = 1 } = {}): Made[] => [
  { parameters: { patch: 64 }, values: Array.from({ length: seeds }, (_, at) => 30 + at / 10) },
  {
    parameters: { patch: 128 },
    values: Array.from({ length: seeds }, (_, at) => 30 + at / 10 + effect + spread * NOISE[at % 8]!),
  },
];

const first = (sweep: SweepRecord): Verdict => verdictsOf([sweep])[0]!.verdicts[0]!;

describe('a verdict by the interval and the margin', () => {
  test.each([
    ['supported', 1, 'higher'],
    ['contradicted', -1, 'higher'],
    ['supported', -1, 'lower'],
    ['no relevant difference', 0.1, 'higher'],
    ['supported', 0.1, 'same'],
    ['contradicted', 1, 'same'],
    ['not settled', 0.5, 'higher'],
  ] as const)('%s: an effect of %d dB where the claim expects %s', (kind, effect, expect_) => {
    expect(first(sweepOf(two(effect), [{ expect: expect_ }])).kind).toBe(kind);
  });

  test('says effect, interval, seeds and settings in words', () => {
    const { sentence, effect, interval, n } = first(sweepOf(two(1)));
    expect([effect, n]).toEqual([expect.closeTo(1, 10), 8]);
    expect(interval!.low).toBeGreaterThan(0.9);
    expect(sentence).toMatch(
      /^PSNR, whole image is 1\.00\u00a0dB higher with patch 128 than with patch 64 \(95\u00a0% interval \+0\.\d\d to \+1\.\d\d, eight seeds\)\.$/,
    );
  });

  test('pairs by seed: what all settings of a seed share does not widen it', () => {
    const [a, b] = two(1);
    const shifted = [a!, b!].map((made) => ({
      ...made,
      values: made.values.map((value, at) => value + 5 * at),
    }));
    expect(first(sweepOf(shifted)).interval!.low).toBeCloseTo(first(sweepOf([a!, b!])).interval!.low, 9);
  });

  test('takes a share of the mean as the margin of a loss', () => {
    const verdict = first(sweepOf(two(1), [{ outcome: 'loss/D' }]));
    expect(verdict.margin).toBeCloseTo(0.1 * 0.3085, 3);
    expect(verdict.kind).toBe('no relevant difference');
  });
});

describe('no verdict', () => {
  test.each([1, 2, 3, 5, 7])('of %d seeds, whatever the effect: an estimate', (seeds) => {
    const verdict = first(sweepOf(two(5, { seeds })));
    expect(verdict.kind).toBe('estimate');
    expect(verdict.reasons.join(' ')).toContain('a verdict needs eight');
    expect(verdict.interval === null).toBe(seeds === 1);
  });

  test('while trials are not finished', () => {
    const sweep = sweepOf(two(5, { seeds: 9 }));
    sweep.trials.at(-1)!.status = 'running';
    const verdict = first(sweep);
    expect([verdict.kind, verdict.n, verdict.seeds]).toEqual(['estimate', 8, 9]);
    expect(verdict.reasons[0]).toBe(
      'One trial of these settings is not finished: a look before the end is no verdict.',
    );
  });

  test('without numbers', () => {
    const verdict = first(sweepOf(two(1), [{ outcome: 'exam/kid' }]));
    expect([verdict.kind, verdict.effect, verdict.sentence]).toEqual(['open', null, '']);
  });

  test('where the settings were changed by a flag, and the claim asks for others', () => {
    const verdict = first(sweepOf(two(1), [{ contrast: '{ a: { patch: 256 }, b: { patch: 128 } }' }]));
    expect(verdict.kind).toBe('open');
    expect(verdict.reasons[0]).toContain('a, {patch: 256}, is no setting of this sweep');
  });
});

describe('failures', () => {
  const failing = (at: number, change: Partial<TrialRecord>, effect = 1) => {
    const sweep = sweepOf(two(effect, { seeds: 9 }));
    Object.assign(sweep.trials[at]!, change);
    return first(sweep);
  };
  const failed = (kind: string) => (trial: TrialRecord) => ({
    status: 'failed' as const,
    exam: null,
    exams: [],
    attempts: [{ ...trial.attempts[0]!, class: kind }],
  });
  const template = sweepOf(two(1)).trials[0]!;

  test('of a setting count as the worst finished trial of the sweep', () => {
    const { n, differences, kind, reasons } = failing(9, failed('diverged')(template), 0.7);
    expect(n).toBe(9);
    // The worst is 30, of the smaller patch and the first seed: the pair that failed is 30 against 30.
    expect(differences[0]).toBe(0);
    expect(reasons.at(-1)).toBe(
      'One trial failed: counted as the worst that any finished trial of this sweep has.',
    );
    // It is supported without that trial.
    expect(kind).toBe('not settled');
  });

  test('that change nothing take nothing away', () => {
    expect(failing(0, failed('diverged')(template)).kind).toBe('supported');
  });

  test('collapses are such failures, although they finished', () => {
    const message = { type: 'health', step: 1, code: 'g-collapsed', text: '' };
    const { differences, reasons } = failing(9, { messages: [message] });
    expect(differences[0]).toBe(0);
    expect(reasons.at(-1)).toContain('One trial collapsed');
  });

  test('of the machine are left out with their seed, and counted', () => {
    const { n, kind, reasons } = failing(9, failed('killed')(template));
    expect([n, kind]).toEqual([8, 'supported']);
    expect(reasons[0]).toContain('One trial ended by no fault of the setting');
  });

  test('of a loss, whose worst nothing says, are left out and counted', () => {
    const sweep = sweepOf(two(1, { seeds: 9 }), [{ outcome: 'loss/D' }]);
    Object.assign(sweep.trials[9]!, failed('diverged')(template), { tail: {} });
    const { n, reasons } = first(sweep);
    expect(n).toBe(8);
    expect(reasons[0]).toContain('nothing says which value of this outcome is worst');
  });

  test('trials that were stopped early are left out, and told', () => {
    const { n, reasons } = failing(9, { status: 'early-stopped' });
    expect(n).toBe(8);
    expect(reasons[0]).toContain('the luckier seeds');
  });
});

describe('what takes a verdict away', () => {
  test('norm statistics of tiles that say something else', () => {
    const tiled = (effect: number) => {
      const [a, b] = two(1);
      return first(
        sweepOf([
          { ...a!, tiles: a!.values },
          { ...b!, tiles: b!.values.map((value) => value - effect) },
        ]),
      );
    };
    expect(tiled(0).kind).toBe('supported');
    expect(tiled(2).kind).toBe('not settled');
    expect(tiled(2).reasons[0]).toContain('It flips with the norm statistics');
    expect(tiled(2).tiles!.found).toBe('lower');
  });

  test('the number of primary claims, over all sweeps of the report', () => {
    const near = two(0.6);
    const alone = verdictsOf([sweepOf(near)])[0]!.verdicts[0]!;
    expect([alone.kind, alone.holm]).toEqual(['supported', alone.p]);
    const three = [sweepOf(near), sweepOf(near, [{}, { more: '' }]), sweepOf(near)];
    const together = verdictsOf(three).flatMap(({ verdicts }) => verdicts);
    expect(together.map(({ kind }) => kind)).toEqual([
      'not settled',
      'not settled',
      'supported',
      'not settled',
    ]);
    expect(together.map(({ primary }) => primary)).toEqual([true, true, false, true]);
    expect(together[0]!.holm).toBeCloseTo(3 * alone.p!, 12);
    expect(together[0]!.reasons[0]).toContain('corrected for three primary claims (Holm) it is not');
    expect(together[2]!.holm).toBeNull();
  });
});

describe('a crossed grid', () => {
  const cells = [64, 128].flatMap((patch) =>
    [2, 16].map((batch, at) => ({
      parameters: { patch, batch },
      values: NOISE.map(
        (noise, seed) =>
          30 + seed / 10 + (patch === 128 ? 2 : 0) + at * 0.3 + (patch * (at + 1) * noise) / 400,
      ),
    })),
  );

  test('has the pooled error of all its cells beside the paired interval, and the analysis behind it', () => {
    const { pooled, anova, interval, sentence } = first(sweepOf(cells));
    expect(pooled!.degrees).toBe(21); // (4 - 1)(8 - 1)
    expect((pooled!.low + pooled!.high) / 2).toBeCloseTo((interval!.low + interval!.high) / 2, 10);
    expect(anova!.map(({ source }) => source)).toEqual(['patch', 'batch', 'interaction', 'seeds', 'error']);
    expect(sentence).toContain('averaged over batch 2 and 16');
  });

  test('weighs patch against batch per doubling of pixels, with the interaction', () => {
    const { effect, interaction, sentence } = first(sweepOf(cells, [{ contrast: 'patch-against-batch' }]));
    expect(effect).toBeCloseTo(2 / 2 - 0.3 / 3, 2);
    expect(interaction!.effect).toBeCloseTo(0, 1);
    expect(sentence).toContain('more by the patch 64 → 128 than by the batch 2 → 16 (');
  });
});

describe('parameters that changed together', () => {
  const pair: Made[] = [
    { parameters: { patch: 64, batch: 16 }, values: two(2)[0]!.values },
    { parameters: { patch: 128, batch: 2 }, values: two(2)[1]!.values },
  ];

  test('are named, with the grid that would tell them apart', () => {
    expect(first(sweepOf(pair)).reasons).toEqual([
      'Patch and batch differ between the two settings: the effect may be of either.',
    ]);
    expect(first(sweepOf(pair)).confounded).toEqual({
      names: ['patch', 'batch'],
      grid: '{patch: [64, 128], batch: [2, 16]}',
    });
  });

  test('are a choice where a patch and a batch together keep the pixels of an update', () => {
    const [small, large] = pair as [Made, Made];
    const even = [small, { ...large, parameters: { patch: 128, batch: 4 } }];
    expect(first(sweepOf(even)).reasons).toEqual([
      'Patch and batch differ between the two settings, so that an update sees as many pixels in both: the effect is of the patch at equal pixels an update, not at an equal batch.',
    ]);
    expect(first(sweepOf(even)).confounded).toEqual({ names: ['patch', 'batch'], grid: null });
  });
});

describe('a sweep that names no claims', () => {
  const asked = (made: Made[]) => verdictsOf([sweepOf(made, [])])[0]!.verdicts;

  test('is asked those of the study that its grid can answer, as exploratory ones', () => {
    const claims = asked(two(1));
    expect(claims.map(({ claim }) => claim)).toEqual([
      'The larger patch gives better whole images',
      'The discriminator loss is lower at the smaller patch',
      'The generator loss is lower at the larger patch',
    ]);
    expect(claims.every(({ primary, named, holm }) => !primary && !named && holm === null)).toBe(true);
  });

  test('is asked about lambda, gamma, pairs and images where they vary', () => {
    const values = [1, 2, 3];
    const vary = (...cells: Partial<TrialParameters>[]) =>
      asked(cells.map((parameters) => ({ parameters, values })));
    expect(vary({ lambda: 5 }, { lambda: 10 })[0]!.claim).toBe('A larger lambda gives better images');
    expect(vary({ gamma: 0 }, { gamma: 5 })[0]!.claim).toBe('A larger gamma gives better images');
    expect(vary({ images: 10 }, { images: 'all' })[0]!).toMatchObject({
      claim: 'More images help',
      a: 'images 10',
    });
    expect(
      vary({ paired: 0, pairs: 'all' }, { paired: 10, pairs: 1 }, { paired: 10, pairs: 'all' }).map(
        ({ claim }) => claim,
      ),
    ).toEqual(['A loss on known pairs helps', 'More known pairs help']);
    expect(vary({ filters: 8 }, { filters: 16 })).toEqual([]);
  });
});

test('the discriminator’s loss is correlated with the exam within settings, never across them', () => {
  // In each setting a lower loss goes with a worse exam; the setting with the higher loss is the worse one.
  const sweep = sweepOf(two(1));
  sweep.trials.forEach((trial, at) => {
    trial.tail['loss/D'] = (trial.exam!.values[PSNR]! % 1) / 10 + (at < 8 ? 1 : 0);
  });
  const { rho, n, groups, sentence } = verdictsOf([sweep])[0]!.discriminator!;
  expect([n, groups]).toEqual([16, 2]);
  expect(rho).toBeGreaterThan(0.5);
  expect(sentence).toContain('a lower loss goes with worse images');
});
