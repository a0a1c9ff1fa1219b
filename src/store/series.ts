/**
 * @file Reads curves: of every metric no more points than a page can show, each the mean of neighbouring records with their
 * lowest and highest, so that no spike is lost. SQLite thins, since millions of records would take minutes to cross into JavaScript.
 */
import { sql } from 'drizzle-orm';
import type { Db } from './open.js';
import type { attempts as attemptsTable } from './schema.js';

/** One metric over a trial: parallel columns in the order of steps, later attempts superseding what they repeat. */
export interface Series {
  /** Updates done at the last record of the point. */
  step: number[];
  /** Pixels seen of each domain. */
  pixels: number[];
  /** Seconds of training since the trial's first attempt started; pauses between attempts and work that was repeated left out. */
  seconds: number[];
  /** Seconds by the clock on the wall since the trial's first attempt started, pauses included. */
  wall: number[];
  /** Seconds for which the trial had held its device: of all attempts, repeated work included. */
  device: number[];
  /** Mean of the point's records; NaN where one of them is no number. */
  value: number[];
  /** Lowest and highest of them; the same array as `value` where every point is one record. */
  low: number[];
  high: number[];
}

export interface Curves {
  series: Record<string, Series>;
  /** By metric, the means of all records in the first and in the last tenth of the budget that are numbers; NaN where none is. */
  head: Record<string, number>;
  tail: Record<string, number>;
  /** Records in the last tenth that are no number. */
  missing: Record<string, number>;
}

type Attempt = typeof attemptsTable.$inferSelect;

/** What SQLite makes of the records of one metric in one of `points` equal stretches of the budget. */
interface Stretch {
  name: string;
  at: number;
  step: number;
  pixels: number;
  wall: number;
  attempt: number;
  records: number;
  numbers: number;
  sum: number;
  low: number | null;
  high: number | null;
}

export interface Thinning {
  /** At most so many points a curve: a multiple of ten, so that tenths of the budget are whole points. */
  points: number;
  /** Updates at which the last point ends. */
  end: number;
}

/** A trial before its own records: what it goes on from. */
export interface Before {
  trial: number;
  tries: readonly Attempt[];
  /** Its records after this update do not count. */
  until: number;
}

/** Curves of a trial, begun by those of the trials that it went on from, the earliest first. */
export function readCurves(db: Db, chain: readonly Before[], { points, end }: Thinning): Curves {
  const stretches: (Stretch & { seconds: number; clock: number; device: number })[] = [];
  const spent = { seconds: 0, clock: 0, device: 0 };
  for (const { trial, tries, until } of chain) {
    const times = timesOf(db, trial, tries);
    const own = readStretches(db, trial, points, end, until).map((stretch) => {
      const { pause, started, held } = times.get(stretch.attempt) ?? { pause: 0, started: 0, held: 0 };
      return {
        ...stretch,
        seconds: spent.seconds + stretch.wall - pause,
        clock: spent.clock + stretch.wall - (tries[0]?.started ?? started),
        device: spent.device + held + stretch.wall - started,
      };
    });
    stretches.push(...own);
    for (const name of ['seconds', 'clock', 'device'] as const)
      spent[name] = own.reduce((most, one) => Math.max(most, one[name]), spent[name]);
  }
  const curves: Curves = { series: {}, head: {}, tail: {}, missing: {} };
  const columns = new Map<string, number[]>();
  for (const name of [...new Set(stretches.map((one) => one.name))].sort()) {
    const own = stretches.filter((one) => one.name === name);
    const value = own.map(({ sum, records, numbers }) => (numbers < records ? NaN : sum / numbers));
    const single = own.every(({ records }) => records === 1);
    // Most metrics are recorded at the same steps: their columns are one.
    const shared = (column: number[]) => {
      const id = column.join(' ');
      if (!columns.has(id)) columns.set(id, column);
      return columns.get(id)!;
    };
    curves.series[name] = {
      step: shared(own.map(({ step }) => step)),
      pixels: shared(own.map(({ pixels }) => pixels)),
      seconds: shared(own.map(({ seconds }) => seconds)),
      wall: shared(own.map(({ clock }) => clock)),
      device: shared(own.map(({ device }) => device)),
      value,
      low: single ? value : own.map(({ low }) => low ?? NaN),
      high: single ? value : own.map(({ high }) => high ?? NaN),
    };
    const first = own.filter(({ at }) => at < 0.1 * points);
    const last = own.filter(({ at }) => at >= 0.9 * points);
    curves.head[name] = meanOf(first);
    curves.tail[name] = meanOf(last);
    curves.missing[name] = last.reduce((sum, { records, numbers }) => sum + records - numbers, 0);
  }
  return curves;
}

function meanOf(stretches: readonly Stretch[]): number {
  const total = (name: 'sum' | 'numbers') => stretches.reduce((sum, one) => sum + one[name], 0);
  return total('sum') / total('numbers');
}

/**
 * Of each (name, step) the row of the highest attempt counts: a later attempt supersedes the steps that it repeats. SQLite takes
 * the other columns from the row that has the max(), and both groupings follow the table's key, so nothing is sorted.
 */
function readStretches(db: Db, trial: number, points: number, end: number, until: number): Stretch[] {
  return db.all<Stretch>(sql`
    SELECT metric_names.name AS name, at, step, pixels, wall, attempt, records, numbers, sum, low, high FROM (
      SELECT name AS metric, (step * CAST(${points} AS INTEGER) - 1) / CAST(${end} AS INTEGER) AS at, max(step) AS step, max(pixels) AS pixels, max(wall) AS wall,
        max(attempt) AS attempt, count(*) AS records, count(value) AS numbers, total(value) AS sum,
        min(value) AS low, max(value) AS high
      FROM (SELECT name, step, max(attempt) AS attempt, wall, pixels, value FROM metrics
        WHERE trial = ${trial} AND step <= ${until} GROUP BY name, step)
      GROUP BY name, at
    ) JOIN metric_names ON metric_names.id = metric`);
}

/** Of each attempt: what to take off its clock so that seconds count training alone, when it started, and how long others before it ran. */
function timesOf(db: Db, trial: number, tries: readonly Attempt[]) {
  const times = new Map<number, { pause: number; started: number; held: number }>();
  let held = 0;
  tries.forEach((row, at) => {
    const before = tries[at - 1];
    let trained = 0;
    if (before !== undefined) {
      // An attempt goes on where the one before had got to at the step that it starts from.
      const wall = lastWall(db, trial, before.attempt, row.from);
      const { pause, started } = times.get(before.attempt)!;
      trained = (wall ?? started) - pause;
      held += (before.ended ?? lastWall(db, trial, before.attempt) ?? started) - started;
    }
    times.set(row.attempt, { pause: row.started - trained, started: row.started, held });
  });
  return times;
}

function lastWall(db: Db, trial: number, attempt: number, until = Number.MAX_SAFE_INTEGER): number | null {
  const [row] = db.all<{ wall: number | null }>(
    sql`SELECT max(wall) AS wall FROM metrics WHERE trial = ${trial} AND attempt = ${attempt} AND step <= ${until}`,
  );
  return row?.wall ?? null;
}
