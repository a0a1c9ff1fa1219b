/** @file A curve between its points. */

/** The value at `x`, piecewise linear; before the first point and after the last, that of the nearest. `at` ascends; NaN without points. */
export function interpolate(at: readonly number[], values: readonly number[], x: number): number {
  const next = at.findIndex((one) => one >= x);
  if (next < 0) return values.at(-1) ?? NaN;
  if (next === 0) return values[0]!;
  const share = (x - at[next - 1]!) / (at[next]! - at[next - 1]!);
  return values[next - 1]! + share * (values[next]! - values[next - 1]!);
}
