/** @file Pace at the end and time to a level, on curves that are straight lines. */
import { describe, expect, test } from 'vitest';
import { syntheticSweep, unthinned } from '../../test/fixtures/sweep-record.js';
import { cellsOf } from './cells.js';
import { commonLevel, overtaking, pacesOf, reachOf, slopeOf, tracksOf } from './pace.js';

/** Two settings, two seeds each: `val/psnr` at the ten tenths of the budget, a hundred seconds apart. */
function sweepOf(first: (tenth: number) => number, second: (tenth: number) => number) {
  const sweep = syntheticSweep({ seeds: [1, 2] });
  sweep.trials.forEach((trial, at) => {
    const tenths = Array.from({ length: 10 }, (_, i) => i + 1);
    trial.updates = 1000;
    trial.series = {
      'val/psnr': unthinned({
        step: tenths.map((tenth) => 100 * tenth),
        pixels: tenths,
        seconds: tenths.map((tenth) => 100 * tenth),
        value: tenths.map((tenth) => (at < 2 ? first : second)(tenth) + 0.1 * (at % 2)),
      }),
    };
    trial.exams = trial.exams.slice(0, 1);
  });
  return sweep;
}

const trackOf = (sweep: ReturnType<typeof sweepOf>) => tracksOf(cellsOf(sweep))[0]!;

describe('pace', () => {
  test('is the slope of the second half of the budget, per tenth', () => {
    const track = trackOf(sweepOf((t) => (t < 5 ? 100 : 20 + 0.5 * t), () => 30)); // prettier-ignore
    expect(slopeOf(track.cells[0]!.trials[0]!)).toBeCloseTo(0.5, 10);
    const [first, second] = pacesOf(track);
    expect(first!.slope.mean).toBeCloseTo(0.5, 10);
    expect(first!.end).toBeCloseTo(25.05, 10);
    expect(second!.slope.mean).toBeCloseTo(0, 10);
  });

  test('says who would pass whom within half of the budget more', () => {
    // 2 dB behind, gaining 0.5 dB a tenth: after four tenths.
    const soon = trackOf(sweepOf((t) => 23 + 0.5 * t, () => 30)); // prettier-ignore
    const [passing] = overtaking(pacesOf(soon), soon);
    expect(passing!.tenths).toBeCloseTo(4, 8);
    expect(passing!.behind.cell.label).toBe('64×64, batch 16');
    const late = trackOf(sweepOf((t) => 23 + 0.3 * t, () => 30)); // prettier-ignore
    expect(overtaking(pacesOf(late), late)).toEqual([]);
    const never = trackOf(sweepOf((t) => 31 + 0.5 * t, () => 30)); // prettier-ignore
    expect(overtaking(pacesOf(never), never)).toEqual([]);
  });
});

describe('time to a level', () => {
  test('is that of the first measurement that has it, median of the seeds that do', () => {
    const track = trackOf(sweepOf((t) => 20 + t, (t) => 20 + 0.5 * t)); // prettier-ignore
    const [fast, slow] = track.cells;
    expect(reachOf(fast!.trials, track, 25)).toEqual({ reached: 2, of: 2, seconds: 500 });
    // The second seed is 0.1 dB ahead.
    expect(reachOf(fast!.trials, track, 25.1)).toEqual({ reached: 2, of: 2, seconds: 550 });
    expect(reachOf(slow!.trials, track, 25.1)).toEqual({ reached: 1, of: 2, seconds: 1000 });
    expect(reachOf(slow!.trials, track, 26).reached).toBe(0);
    // The slow setting's first seed ends at 25.
    expect(commonLevel(track)).toBe(25);
    expect(reachOf(slow!.trials, track, 25)).toMatchObject({ reached: 2, of: 2 });
  });

  test('takes scores of the exam where it was sat more than once', () => {
    const sweep = sweepOf(() => 20, () => 20); // prettier-ignore
    expect(tracksOf(cellsOf(sweep)).map(({ name }) => name)).toEqual(['val/psnr']);
    for (const trial of sweep.trials) {
      trial.exams = [500, 1000].map((step) => ({
        step,
        values: { 'exam/psnr': step / 50, 'exam/psnr_linear': 40, 'exam/n': 8 },
        images: [],
      }));
    }
    const tracks = tracksOf(cellsOf(sweep));
    expect(tracks.map(({ name }) => name)).toEqual(['val/psnr', 'exam/psnr']);
    expect(reachOf(tracks[1]!.cells[0]!.trials, tracks[1]!, 20).seconds).toBe(1000);
  });
});
