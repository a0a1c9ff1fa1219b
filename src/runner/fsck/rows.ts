/**
 * @file The rows that an attempt's events must have become, and those that are in the database. Written apart from the writer, since a
 * mistake that both shared would not be found.
 */
import { and, eq } from 'drizzle-orm';
import type { TrialEvent } from '../../protocol.js';
import type { Db } from '../../store/open.js';
import { checkpoints, exams, messages, metricNames, metrics, samples } from '../../store/schema.js';

/** Rows as text, each under a heading that says what it is: `metric`, `checkpoint`, `sample`, `exam`, `message`. */
export type Rows = Map<string, number>;

/** Types that become columns of the attempt or the trial, or nothing: no row is theirs. */
const WITHOUT_ROWS: ReadonlySet<string> = new Set(['start', 'memory', 'alive', 'done', 'stopped']);

/** Counts rows that must be there. Of what an attempt tells twice (a metric's step, a sample, an exam) the first counts. */
export function expectedRows(events: readonly TrialEvent[]): Rows {
  const rows: Rows = new Map();
  const told = new Set<string>();
  const once = (identity: unknown[], ...cells: unknown[]) => {
    const text = JSON.stringify(identity);
    if (told.has(text)) return;
    told.add(text);
    add(rows, ...identity, ...cells);
  };
  for (const event of events) {
    if (event.t === 'metric') {
      for (const [name, value] of Object.entries<unknown>(event.v))
        once(
          ['metric', name, event.step],
          event.wall,
          event.pixels,
          typeof value === 'number' ? value : null,
        );
    } else if (event.t === 'sample') once(['sample', event.step, event.name, event.role], event.path);
    else if (event.t === 'exam') once(['exam', event.step, event.split], event.v, event.images);
    else if (event.t === 'checkpoint')
      add(rows, 'checkpoint', event.step, event.kind, event.path, event.bytes);
    else if (event.t === 'health' || event.t === 'warning')
      add(rows, 'message', event.t, event.step, event.code, event.message);
    else if (!WITHOUT_ROWS.has(event.t))
      add(rows, 'message', String(event.t), null, null, JSON.stringify(event));
  }
  return rows;
}

export function storedRows(db: Db, trial: number, attempt: number): Rows {
  const rows: Rows = new Map();
  const of = (table: typeof metrics | typeof samples | typeof exams | typeof checkpoints | typeof messages) =>
    and(eq(table.trial, trial), eq(table.attempt, attempt));
  const points = db
    .select({ row: metrics, name: metricNames.name })
    .from(metrics)
    .leftJoin(metricNames, eq(metricNames.id, metrics.name))
    .where(of(metrics))
    .all();
  for (const { row, name } of points) add(rows, 'metric', name, row.step, row.wall, row.pixels, row.value);
  for (const row of db.select().from(samples).where(of(samples)).all())
    add(rows, 'sample', row.step, row.name, row.role, row.path);
  for (const row of db.select().from(exams).where(of(exams)).all())
    add(rows, 'exam', row.step, row.split, row.values, row.images);
  for (const row of db.select().from(checkpoints).where(of(checkpoints)).all())
    add(rows, 'checkpoint', row.step, row.kind, row.path, row.bytes);
  for (const row of db.select().from(messages).where(of(messages)).all())
    add(rows, 'message', row.type, row.step, row.code, row.text);
  return rows;
}

/** Rows that `more` holds beyond `less`, as often as it does. */
export function beyond(more: Rows, less: Rows): string[] {
  return [...more].flatMap(([row, count]) =>
    Array.from({ length: Math.max(0, count - (less.get(row) ?? 0)) }, () => row),
  );
}

function add(rows: Rows, ...cells: unknown[]): void {
  const text = JSON.stringify(cells);
  rows.set(text, (rows.get(text) ?? 0) + 1);
}
