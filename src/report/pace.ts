/** @file How quality grows as training goes: when a level is reached, how fast it still grows at the end, who may yet overtake whom. */
import { examScore, metricOf } from '../metrics.js';
import type { TrialRecord } from '../store/queries.js';
import type { Cell } from './cells.js';
import { interpolate } from './interpolate.js';
import { intervalOf, isBetter, type Interval, type Quality } from './quality.js';
import { mean, quantile } from './statistics.js';

/** One measure of quality over the trainings that finished. */
export interface Track extends Quality {
  cells: { cell: Cell; trials: TrackedTrial[] }[];
}

export interface TrackedTrial {
  trial: TrialRecord;
  /** Of the budget, 0 to 1. */
  share: number[];
  /** Of training until then. */
  seconds: number[];
  value: number[];
}

/** Validation first; scores of the exam where it was sat more than once. None but those of which the better end is known. */
export function tracksOf(cells: readonly Cell[]): Track[] {
  const trials = cells.flatMap(({ done }) => done);
  const validated = trials.flatMap(({ series }) => Object.keys(series).filter((name) => name.startsWith('val/'))); // prettier-ignore
  const examined = trials.flatMap(({ exams }) => (exams.length > 1 ? Object.keys(exams[0]!.values) : []));
  const names = [...new Set([...validated, ...examined.filter((name) => !examScore(name)?.variant)])];
  return names.flatMap((name) => {
    const metric = metricOf(name);
    if (!metric || metric.direction === 'neither') return [];
    const tracked = cells
      .map((cell) => ({ cell, trials: cell.done.flatMap((trial) => trackOf(trial, name) ?? []) }))
      .filter((one) => one.trials.length > 0);
    if (tracked.length === 0) return [];
    return [{ name, label: metric.label, unit: metric.unit, better: metric.direction, cells: tracked }];
  });
}

function trackOf(trial: TrialRecord, name: string): TrackedTrial | undefined {
  const { series, exams, updates } = trial;
  const longest = Object.values(series).sort((a, b) => b.step.length - a.step.length)[0];
  const points = series[name]
    ? series[name].step.map((step, i) => ({
        step,
        seconds: series[name]!.seconds[i]!,
        value: series[name]!.value[i]!,
      }))
    : exams.map(({ step, values }) => ({
        step,
        seconds: longest ? interpolate(longest.step, longest.seconds, step) : NaN,
        value: values[name] ?? NaN,
      }));
  const known = points.filter(({ value }) => Number.isFinite(value));
  if (known.length < 2) return undefined;
  const end = updates ?? known.at(-1)!.step;
  return {
    trial,
    share: known.map(({ step }) => step / end),
    seconds: known.map(({ seconds }) => seconds),
    value: known.map(({ value }) => value),
  };
}

/** Seconds of training until a level was first measured; NaN where it never was. */
export function reachedAfter({ seconds, value }: TrackedTrial, { better }: Track, level: number): number {
  const at = value.findIndex((one) => (better === 'higher' ? one >= level : one <= level));
  return at < 0 ? NaN : seconds[at]!;
}

/** A round level that every trial comes to: a little worse than what the worst of them ends with. */
export function commonLevel(track: Track): number {
  const ends = track.cells.flatMap(({ trials }) => trials.map(({ value }) => value.at(-1)!));
  const worst = ends.reduce((a, b) => (isBetter(track, a, b) ? b : a));
  const step = 10 ** (Math.floor(Math.log10(Math.abs(worst) || 1)) - 3);
  const round = track.better === 'higher' ? Math.floor : Math.ceil;
  return Number((round(worst / step) * step).toPrecision(6));
}

/** Median of the seeds that reached a level, and how many did. */
export function reachOf(trials: readonly TrackedTrial[], track: Track, level: number) {
  const times = trials.map((trial) => reachedAfter(trial, track, level)).filter(Number.isFinite);
  return { reached: times.length, of: trials.length, seconds: quantile(times, 0.5) };
}

/** From when on it counts as the end. */
const LATE = 0.5;
/** How much longer is looked ahead, as a share of the budget. */
const AHEAD = 0.5;

/** Change per tenth of the budget over its second half, by least squares; NaN below two measurements. */
export function slopeOf({ share, value }: TrackedTrial): number {
  const late = share.flatMap((at, i) => (at >= LATE - 1e-9 ? [[10 * at, value[i]!] as const] : []));
  if (late.length < 2) return NaN;
  const [x, y] = [mean(late.map(([at]) => at)), mean(late.map(([, one]) => one))];
  const spread = late.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return late.reduce((sum, [at, one]) => sum + (at - x) * (one - y), 0) / spread;
}

export interface Pace {
  cell: Cell;
  /** Mean over seeds at the end. */
  end: number;
  /** Change per tenth of the budget, over seeds. */
  slope: Interval;
}

export function pacesOf(track: Track): Pace[] {
  return track.cells.flatMap(({ cell, trials }) => {
    const slopes = trials.map(slopeOf).filter(Number.isFinite);
    if (slopes.length === 0) return [];
    return [{ cell, end: mean(trials.map(({ value }) => value.at(-1)!)), slope: intervalOf(slopes) }];
  });
}

/** Settings that would pass another within half as much training again, at the pace of the second half of the budget; the soonest first. */
export function overtaking(
  paces: readonly Pace[],
  track: Pick<Track, 'better'>,
): { ahead: Pace; behind: Pace; tenths: number }[] {
  return paces
    .flatMap((ahead) =>
      paces.flatMap((behind) => {
        if (!isBetter(track, ahead.end, behind.end)) return [];
        const gap = Math.abs(ahead.end - behind.end);
        const gain = (behind.slope.mean - ahead.slope.mean) * (track.better === 'higher' ? 1 : -1);
        const tenths = gap / gain;
        return gain > 0 && tenths <= 10 * AHEAD ? [{ ahead, behind, tenths }] : [];
      }),
    )
    .sort((a, b) => a.tenths - b.tenths);
}
