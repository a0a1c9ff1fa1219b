/** @file Text in columns. */

/** Cells in columns as wide as the widest needs, two spaces apart; empty columns are left out. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => (row[at] ?? '').length)),
  );
  return rows.map((row) =>
    widths
      .map((width, at) => (width === 0 ? '' : (row[at] ?? '').padEnd(width + 2)))
      .join('')
      .trimEnd(),
  );
}
