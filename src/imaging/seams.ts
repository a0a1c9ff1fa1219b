/** @file Whether the borders of tiles show in an image. */

/**
 * Seam score: the mean difference of neighbours across borders of tiles over the mean difference of neighbours elsewhere. 1: no seam shows.
 * @param columns, rows where tiles begin, 0 left out: the border is between that pixel and the one before it
 * @returns NaN where there is no border, or nothing but one value
 */
export function seamScore(
  values: ArrayLike<number>,
  width: number,
  columns: readonly number[],
  rows: readonly number[],
): number {
  const height = values.length / width;
  const [atColumn, atRow] = [new Set(columns), new Set(rows)];
  let [across, borders, elsewhere, others] = [0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const isRow = atRow.has(y);
    for (let x = 0; x < width; x++) {
      if (x > 0) {
        const difference = Math.abs(values[row + x]! - values[row + x - 1]!);
        if (atColumn.has(x)) [across, borders] = [across + difference, borders + 1];
        else [elsewhere, others] = [elsewhere + difference, others + 1];
      }
      if (y > 0) {
        const difference = Math.abs(values[row + x]! - values[row + x - width]!);
        if (isRow) [across, borders] = [across + difference, borders + 1];
        else [elsewhere, others] = [elsewhere + difference, others + 1];
      }
    }
  }
  return across / borders / (elsewhere / others);
}
