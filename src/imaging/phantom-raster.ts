/** @file Drawing for the phantom: smooth curves, strokes, distances to outlines, blurs and noise, on square images of any size. */

/** A place in pixels, or in image widths, as the function says. */
export type Point = readonly [number, number];

/** A place on a stroke: centre and radius in pixels, and a factor on what is added there. */
export interface StrokePoint {
  x: number;
  y: number;
  radius: number;
  weight: number;
}

/** Values at the corners of square cells, from which every pixel's value is interpolated. Fine for all that is smooth: distances, depths. */
export interface Grid {
  /** Corners along one side. */
  nodes: number;
  /** Pixels from one corner to the next. */
  step: number;
}

/** Where strokes find the nearest part of themselves; one for all strokes of an image, given back clean by each. */
export interface Scratch {
  size: number;
  /** [size * size] squared distance to the stroke's centre line, pixels. */
  nearest: Float32Array;
  radius: Float32Array;
  weight: Float32Array;
  touched: Int32Array;
}

/** At most this many cells along a side: the smooth fields of a large image need no more. */
const MOST_CELLS = 256;

export function makeGrid(size: number): Grid {
  const cells = Math.min(MOST_CELLS, size);
  return { nodes: cells + 1, step: size / cells };
}

export function makeScratch(size: number): Scratch {
  const pixels = size * size;
  return {
    size,
    nearest: new Float32Array(pixels).fill(Infinity),
    radius: new Float32Array(pixels),
    weight: new Float32Array(pixels),
    touched: new Int32Array(pixels),
  };
}

/** A Catmull-Rom curve through points, `pieces` lines from each to the next. */
export function curve(points: readonly Point[], closed: boolean, pieces: number): Point[] {
  const count = points.length;
  const at = (i: number) => points[closed ? (i + count) % count : Math.min(count - 1, Math.max(0, i))]!;
  const result: Point[] = [];
  for (let i = 0; i < (closed ? count : count - 1); i++) {
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let k = 0; k < pieces; k++) {
      const t = k / pieces;
      const along = (axis: 0 | 1) =>
        b[axis] +
        0.5 *
          t *
          (c[axis] -
            a[axis] +
            t *
              (2 * a[axis] -
                5 * b[axis] +
                4 * c[axis] -
                d[axis] +
                t * (3 * (b[axis] - c[axis]) + d[axis] - a[axis])));
      result.push([along(0), along(1)]);
    }
  }
  if (!closed) result.push(at(count - 1));
  return result;
}

/**
 * Distance to a closed outline at the corners of a grid, pixels: positive inside, and no larger than `reach` either way.
 * @returns [nodes * nodes]
 */
export function signedDistance(outline: readonly Point[], grid: Grid, reach: number): Float32Array {
  const { nodes, step } = grid;
  const result = new Float32Array(nodes * nodes).fill(reach * reach);
  const crossings: number[][] = Array.from({ length: nodes }, () => []);
  const first = (value: number) => Math.max(0, Math.ceil(value / step));
  const last = (value: number) => Math.min(nodes - 1, Math.floor(value / step));
  outline.forEach(([x0, y0], i) => {
    const [x1, y1] = outline[(i + 1) % outline.length]!;
    const [dx, dy] = [x1 - x0, y1 - y0];
    const inverse = 1 / Math.max(1e-12, dx * dx + dy * dy);
    for (let row = first(Math.min(y0, y1) - reach); row <= last(Math.max(y0, y1) + reach); row++) {
      const y = row * step - y0;
      for (let column = first(Math.min(x0, x1) - reach); column <= last(Math.max(x0, x1) + reach); column++) {
        const x = column * step - x0;
        const t = Math.min(1, Math.max(0, (x * dx + y * dy) * inverse));
        const [ex, ey] = [x - t * dx, y - t * dy];
        const squared = ex * ex + ey * ey;
        const index = row * nodes + column;
        if (squared < result[index]!) result[index] = squared;
      }
    }
    for (let row = first(Math.min(y0, y1)); row <= last(Math.max(y0, y1)); row++) {
      const y = row * step;
      if (y0 <= y !== y1 <= y) crossings[row]!.push(x0 + ((y - y0) / dy) * dx);
    }
  });
  for (let row = 0; row < nodes; row++) {
    const across = crossings[row]!.sort((a, b) => a - b);
    let passed = 0;
    for (let column = 0; column < nodes; column++) {
      while (passed < across.length && across[passed]! < column * step) passed++;
      const index = row * nodes + column;
      const distance = Math.sqrt(result[index]!);
      result[index] = passed % 2 === 1 ? distance : -distance;
    }
  }
  return result;
}

/**
 * Row `y` of fields on a grid, interpolated to pixels.
 * @param fields each [nodes * nodes]
 * @param rows for each field [size], written
 * @param line [nodes], scratch
 */
export function interpolateRow(
  fields: readonly Float32Array[],
  grid: Grid,
  y: number,
  rows: readonly Float32Array[],
  line: Float32Array,
): void {
  const { nodes, step } = grid;
  const position = Math.min((y + 0.5) / step, nodes - 1.000001);
  const top = Math.floor(position);
  const below = position - top;
  fields.forEach((field, k) => {
    const upper = top * nodes;
    const lower = upper + nodes;
    for (let i = 0; i < nodes; i++)
      line[i] = field[upper + i]! + below * (field[lower + i]! - field[upper + i]!);
    const row = rows[k]!;
    const inverse = 1 / step;
    for (let x = 0; x < row.length; x++) {
      const across = (x + 0.5) * inverse;
      const left = Math.floor(across);
      row[x] = line[left]! + (across - left) * (line[left + 1]! - line[left]!);
    }
  });
}

/**
 * Adds a stroke to an image: at each pixel, `profile(distance from the centre line, radius)` times the weight there. A stroke that meets
 * itself counts once.
 */
export function addStroke(
  target: Float32Array,
  scratch: Scratch,
  points: readonly StrokePoint[],
  profile: (distance: number, radius: number) => number,
): void {
  const { size, nearest, radius, weight, touched } = scratch;
  let count = 0;
  for (let i = 0; i + 1 < points.length; i++) {
    const from = points[i]!;
    const to = points[i + 1]!;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const inverse = 1 / Math.max(1e-12, dx * dx + dy * dy);
    const reach = Math.max(from.radius, to.radius);
    const reach2 = reach * reach;
    const left = Math.max(0, Math.ceil(Math.min(from.x, to.x) - reach - 0.5));
    const right = Math.min(size - 1, Math.floor(Math.max(from.x, to.x) + reach - 0.5));
    const top = Math.max(0, Math.ceil(Math.min(from.y, to.y) - reach - 0.5));
    const bottom = Math.min(size - 1, Math.floor(Math.max(from.y, to.y) + reach - 0.5));
    for (let row = top; row <= bottom; row++) {
      const y = row + 0.5 - from.y;
      for (let column = left; column <= right; column++) {
        const x = column + 0.5 - from.x;
        let t = (x * dx + y * dy) * inverse;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        const ex = x - t * dx;
        const ey = y - t * dy;
        const squared = ex * ex + ey * ey;
        if (squared >= reach2) continue;
        const index = row * size + column;
        const before = nearest[index]!;
        if (squared >= before) continue;
        if (before === Infinity) touched[count++] = index;
        nearest[index] = squared;
        radius[index] = from.radius + t * (to.radius - from.radius);
        weight[index] = from.weight + t * (to.weight - from.weight);
      }
    }
  }
  for (let i = 0; i < count; i++) {
    const index = touched[i]!;
    const distance = Math.sqrt(nearest[index]!);
    const edge = radius[index]!;
    if (distance < edge) target[index] = target[index]! + weight[index]! * profile(distance, edge);
    nearest[index] = Infinity;
  }
}

/** Blurs an image with [1 2 1] / 4 along both axes, `times` times: sigma = sqrt(times / 2) pixels. In place; borders are repeated. */
export function blurBinomial(values: Float32Array, side: number, times: number): void {
  const height = values.length / side;
  const above = new Float32Array(side);
  for (let pass = 0; pass < times; pass++) {
    above.set(values.subarray(0, side));
    for (let y = 0; y < height; y++) {
      const row = y * side;
      const next = y + 1 < height ? row + side : row;
      // Along y, from the row above as it was, this row and the next.
      for (let x = 0; x < side; x++) {
        const value = values[row + x]!;
        values[row + x] = 0.25 * (above[x]! + 2 * value + values[next + x]!);
        above[x] = value;
      }
    }
    for (let row = 0; row < values.length; row += side) {
      let before = values[row]!;
      for (let x = 0; x < side - 1; x++) {
        const value = values[row + x]!;
        values[row + x] = 0.25 * (before + 2 * value + values[row + x + 1]!);
        before = value;
      }
      values[row + side - 1] = 0.25 * (before + 3 * values[row + side - 1]!);
    }
  }
}

/** Blurs with three box filters of 2 · radius + 1 pixels along both axes: nearly Gaussian, at a cost that no radius changes. In place. */
export function blurBox(values: Float32Array, side: number, radius: number): void {
  const height = values.length / side;
  const line = new Float32Array(Math.max(side, height));
  for (let pass = 0; pass < 3; pass++) {
    for (let y = 0; y < height; y++) boxLine(values, y * side, 1, side, radius, line);
    for (let x = 0; x < side; x++) boxLine(values, x, side, height, radius, line);
  }
}

function boxLine(
  values: Float32Array,
  start: number,
  stride: number,
  length: number,
  radius: number,
  line: Float32Array,
): void {
  for (let i = 0; i < length; i++) line[i] = values[start + i * stride]!;
  const inside = (i: number) => line[i < 0 ? 0 : i >= length ? length - 1 : i]!;
  let sum = 0;
  for (let i = -radius; i <= radius; i++) sum += inside(i);
  const scale = 1 / (2 * radius + 1);
  for (let i = 0; i < length; i++) {
    values[start + i * stride] = sum * scale;
    sum += inside(i + radius + 1) - inside(i - radius);
  }
}

/** Noise of mean 0 and variance 1, nearly Gaussian (four uniform numbers added), each value independent of the others. */
export function whiteNoise(length: number, seed: number): Float32Array {
  const noise = new Float32Array(length);
  // Marsaglia's xorshift of 32 bits: whole numbers only, so the same everywhere.
  let state = seed | 0 || 0x9e3779b9;
  const scale = Math.sqrt(3) / 256;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    noise[i] =
      ((state & 255) + ((state >>> 8) & 255) + ((state >>> 16) & 255) + (state >>> 24) - 510) * scale;
  }
  return noise;
}
