/** @file The table of all checks: a row a group, a column an engine and device. */
import type { CheckResult } from './run.js';

export type Column = RanColumn | MissingColumn;

export interface RanColumn {
  /** Engine and device, e.g. `onnx/cpu`. */
  title: string;
  versions: Record<string, string>;
  seconds: number;
  results: CheckResult[];
  /** Why it ended before all checks were done, if it did. */
  broken?: string;
}

/** An engine or a device that is not there. */
export interface MissingColumn {
  title: string;
  missing: string;
}

export function failuresOf(column: Column): string[] {
  if ('missing' in column) return [];
  const failed = column.results.filter(({ passed }) => !passed);
  const lines = failed.map(({ group, name, failure }) => `${group}: ${name}: ${failure}`);
  return column.broken === undefined ? lines : [...lines, column.broken];
}

/**
 * One table to print. A cell holds the largest relative error of its group, or how many of its checks failed; what failed is
 * named below, and so are versions, and engines and devices that are not there.
 */
export function renderTable(columns: readonly Column[]): string {
  const ran = columns.filter((column): column is RanColumn => !('missing' in column));
  const groups = [...new Set(ran.flatMap(({ results }) => results.map(({ group }) => group)))];
  const rows = groups.map((group) => {
    const own = ran.map(({ results }) => results.filter((result) => result.group === group));
    const tolerances = own.map((results) => Math.max(...results.map((result) => result.tolerance)));
    const limits = [...new Set(tolerances.filter(Number.isFinite))].sort((a, b) => a - b);
    const count = Math.max(...own.map(({ length }) => length));
    return [
      group,
      String(count),
      limits.map((limit) => limit.toExponential()).join(' or '),
      ...own.map((results) => cell(results, count)),
    ];
  });
  const head = ['largest relative error', 'checks', 'limit', ...ran.map(({ title }) => title)];
  const lines = rows.length === 0 ? [] : aligned([head, ...rows]);
  for (const { title, versions, seconds, results } of ran) {
    const of = Object.entries(versions).map(([name, version]) => `, ${name} ${version}`);
    lines.push(`${title}: ${results.length} checks in ${seconds.toFixed(0)} s${of.join('')}`);
  }
  for (const column of columns) {
    for (const failure of failuresOf(column)) lines.push(`FAILED on ${column.title}: ${failure}`);
    if ('missing' in column) lines.push(`${column.title} is not here: ${column.missing}`);
  }
  return lines.join('\n');
}

function cell(results: readonly CheckResult[], expected: number): string {
  if (results.length < expected) return `${expected - results.length} NOT RUN`;
  const failed = results.filter(({ passed }) => !passed).length;
  if (failed > 0) return `${failed} FAILED`;
  return Math.max(...results.map(({ error }) => error ?? NaN)).toExponential(1);
}

function aligned(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) =>
    row.map((text, at) => (at === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[at]!))).join('  '),
  );
}
