/** @file The rules for early stopping, held to straightforward simulations of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EarlyStop } from '../definition/early-stop.js';
import { judge, openRace, rungsOf, type Arrival, type Passed } from './early-stop.js';

const asha = (more: Partial<EarlyStop & { method: 'asha' }> = {}): EarlyStop => {
  return { method: 'asha', metric: 'val/ssim', mode: 'max', grace: 0.1, reduction: 3, ...more };
};
const medianRule = (more: Partial<EarlyStop & { method: 'median' }> = {}): EarlyStop => {
  return { method: 'median', metric: 'val/ssim', mode: 'max', grace: 0.2, min_trials: 3, ...more };
};
const at = (value: number): Arrival => ({ value, best: value, mean: value });

const mode = fc.constantFrom('max' as const, 'min' as const);
const grace = fc.integer({ min: 1, max: 19 }).map((n) => n / 20);
const rules = fc.oneof(
  fc.record({ mode, grace, reduction: fc.integer({ min: 2, max: 5 }) }).map(asha),
  fc.record({ mode, grace, min_trials: fc.integer({ min: 1, max: 5 }) }).map(medianRule),
);
/** Few different ones, so that there are ties; and what is no number. */
const value = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: -5, max: 5 }) },
  { weight: 1, arbitrary: fc.constant(NaN) },
);

describe('rungs', () => {
  it('of ASHA are multiples by the reduction factor, of the median rule every tenth', () => {
    expect(rungsOf(asha())).toEqual([0.1, 0.3, 0.9]);
    expect(rungsOf(asha({ grace: 0.25, reduction: 2 }))).toEqual([0.25, 0.5]);
    expect(rungsOf(medianRule({ grace: 0.25 }))).toEqual([0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    expect(rungsOf(medianRule({ grace: 0.3 }))[1]).toBe(0.4);
  });

  it('lie between grace and the end, and ascend', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const rungs = rungsOf(rule);
        expect(rungs[0]).toBe(rule.grace);
        expect(rungs.every((rung, i) => rung < 1 && rung > (rungs[i - 1] ?? 0))).toBe(true);
      }),
    );
  });
});

describe('ASHA', () => {
  it('lets one of three go on, and stops none before three have come', () => {
    expect(judge(asha(), [], at(0.1)).stop).toBe(false);
    expect(judge(asha(), [at(0.9)], at(0.1)).stop).toBe(false);
    expect(judge(asha(), [at(0.9), at(0.8)], at(0.7))).toEqual({
      stop: true,
      compared: 0.7,
      cutoff: 0.9,
      before: 2,
    });
    expect(judge(asha(), [at(0.2), at(0.1)], at(0.7)).stop).toBe(false);
    expect(judge(asha({ mode: 'min' }), [at(0.2), at(0.1)], at(0.7)).stop).toBe(true);
  });

  it('is what sorting all that came, and taking the first floor(n / reduction), gives', () => {
    fc.assert(
      fc.property(
        rules.filter(({ method }) => method === 'asha'),
        fc.array(value, { maxLength: 30 }),
        value,
        (rule, others, own) => {
          const reduction = rule.method === 'asha' ? rule.reduction : 0;
          const worse = rule.mode === 'max' ? -Infinity : Infinity;
          const number = (v: number) => (Number.isNaN(v) ? worse : v);
          // The trial itself stands first among equals.
          const all = [
            { own: true, v: number(own) },
            ...others.map((v) => ({ own: false, v: number(v) })),
          ].sort((a, b) => (a.v === b.v ? 0 : rule.mode === 'max' ? b.v - a.v : a.v - b.v));
          const kept = Math.floor(all.length / reduction);
          const goesOn = kept === 0 || all.slice(0, kept).some((one) => one.own);
          expect(judge(rule, others.map(at), at(own)).stop).toBe(!goesOn);
        },
      ),
    );
  });
});

describe('the median rule', () => {
  it("compares a trial's best so far with the median of the others' means so far", () => {
    const others = [1, 2, 6].map((mean) => ({ value: 0, best: 9, mean }));
    expect(judge(medianRule(), others, { value: 0, best: 2, mean: 0 }).stop).toBe(false);
    expect(judge(medianRule(), others, { value: 9, best: 1.9, mean: 9 })).toEqual({
      stop: true,
      compared: 1.9,
      cutoff: 2,
      before: 3,
    });
    expect(judge(medianRule({ min_trials: 4 }), others, at(0)).stop).toBe(false);
    expect(judge(medianRule(), [...others, { value: 0, best: 0, mean: 4 }], at(2.5)).cutoff).toBe(3);
  });

  it('stops a trial if and only if more than half of the others, or half and the middle, are better', () => {
    fc.assert(
      fc.property(
        rules.filter(({ method }) => method === 'median'),
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: -9, max: 9 }),
        (rule, means, best) => {
          const before = means.map((mean) => ({ value: 0, best: 0, mean }));
          const { stop } = judge(rule, before, { value: 0, best, mean: 0 });
          const least = rule.method === 'median' ? rule.min_trials : 0;
          // Without sorting: the median is the number with as many below as above.
          const sign = rule.mode === 'max' ? 1 : -1;
          const rank = (k: number) =>
            means.find((candidate) => {
              const below = means.filter((mean) => sign * mean < sign * candidate).length;
              const equal = means.filter((mean) => mean === candidate).length;
              return below <= k && k < below + equal;
            })!;
          const middle = (rank((means.length - 1) >> 1) + rank(means.length >> 1)) / 2;
          expect(stop).toBe(means.length >= least && sign * best < sign * middle);
        },
      ),
    );
  });
});

interface Measured {
  key: string;
  step: number;
  value: number;
}

const UPDATES = 40;

/** Trials that measure at steps of their own, interleaved at random. */
const races = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
      gap: fc.integer({ min: 1, max: 12 }),
      value,
    }),
    { maxLength: 80 },
  )
  .map((raw) => {
    const steps = new Map<string, number>();
    return raw.flatMap(({ key, gap, value }): Measured[] => {
      const step = (steps.get(key) ?? 0) + gap;
      if (step > UPDATES) return [];
      steps.set(key, step);
      return [{ key, step, value }];
    });
  });

function run(rule: EarlyStop, measured: Measured[], race = openRace(rule)): Passed[] {
  return measured.flatMap(({ key, step, value }) => race.saw(key, step, step / UPDATES, value) ?? []);
}

describe('a race', () => {
  it('judges each trial once at each rung, as a simulation with all measurements at hand does', () => {
    fc.assert(
      fc.property(rules, races, (rule, measured) => {
        const rungs = rungsOf(rule);
        const rungOf = ({ step }: Measured) => rungs.findLast((rung) => step / UPDATES >= rung - 1e-9);
        const expected = measured.flatMap((one, now) => {
          const rung = rungOf(one);
          const earlier = measured.slice(0, now).filter(({ key }) => key === one.key);
          if (rung === undefined || earlier.some((before) => rungOf(before) === rung)) return [];
          const arrival = (key: string, until: number): Arrival => {
            const values = measured.slice(0, until + 1).filter((m) => m.key === key);
            const numbers = values.map((m) => m.value).filter((v) => !Number.isNaN(v));
            return {
              value: values.at(-1)!.value,
              best:
                numbers.length === 0
                  ? NaN
                  : rule.mode === 'max'
                    ? Math.max(...numbers)
                    : Math.min(...numbers),
              mean: numbers.reduce((sum, v) => sum + v, 0) / numbers.length,
            };
          };
          const firsts = measured.slice(0, now).flatMap((other, index) => {
            const first = measured.findIndex((m) => m.key === other.key && rungOf(m) === rung);
            return first === index && other.key !== one.key ? [arrival(other.key, index)] : [];
          });
          return [{ key: one.key, rung, stop: judge(rule, firsts, arrival(one.key, now)).stop }];
        });
        expect(run(rule, measured).map(({ key, rung, stop }) => ({ key, rung, stop }))).toEqual(expected);
      }),
    );
  });

  it('that a runner takes up again after it was killed decides as if it had gone on', () => {
    fc.assert(
      fc.property(rules, races, fc.nat(), fc.nat(), (rule, measured, cut, more) => {
        const whole = run(rule, measured);
        const killed = cut % (measured.length + 1);
        // What was decided is on record; what was only measured, perhaps some more than that, is measured again from the start.
        const decided = run(rule, measured.slice(0, killed));
        const again = openRace(rule);
        decided.forEach((passed) => again.restore(passed));
        const known = measured.slice(0, killed);
        const repeated = known.slice(more % (known.length + 1));
        const rest = [...known, ...repeated, ...measured.slice(killed)];
        expect([...decided, ...run(rule, rest, again)]).toEqual(whole);
      }),
    );
  });

  it('judges at the last rung that a trial passes at once', () => {
    const race = openRace(asha());
    expect(race.saw('a', 5, 0.05, 1)).toBeUndefined();
    expect(race.saw('a', 50, 0.5, 1)).toMatchObject({ rung: 0.3, step: 50 });
    expect(race.saw('a', 60, 0.6, 1)).toBeUndefined();
    expect(race.saw('a', 90, 0.9, 1)).toMatchObject({ rung: 0.9 });
  });
});
