/** @file What every benchmark prints with: medians, tables, goal lines. */

/** A line that says whether a goal was reached, for `relation` >= or <=. */
export function goalLine(name, value, unit, relation, goal) {
  const ok = relation === '>=' ? value >= goal : value <= goal;
  return `goal ${name} ${Number(value.toPrecision(3))} ${unit} ${relation} ${goal} ${ok ? 'ok' : 'short'}`;
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Bytes as GB. */
export function gb(bytes) {
  return (bytes / 1e9).toFixed(3);
}

/** Rows of cells in columns; the first row says how many columns there are. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => String(cell).padEnd(widths[column]));
    console.log(cells.join('  ').trimEnd());
  }
}
