/** @file Ways into a plain value of unknown shape. */

export type Path = readonly (string | number)[];

/** The value at a path, or undefined. */
export function valueAt(plain: unknown, path: Path): unknown {
  let value = plain;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}

/** The value if it is a mapping, else an empty one. */
export function asMapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
