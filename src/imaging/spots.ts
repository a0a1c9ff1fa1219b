/** @file Round spots, as nodules are: how much brighter one is than its surroundings, and where there are any. */

interface Circle {
  x: number;
  y: number;
  radius: number;
}

/** Mean within a circle less the mean of the ring from 1.5 to 2.5 radii around it. @param values [height * width] */
export function spotContrast(values: ArrayLike<number>, width: number, { x, y, radius }: Circle): number {
  const height = values.length / width;
  const reach = Math.ceil(2.5 * radius);
  let [inside, pixels, ring, others] = [0, 0, 0, 0];
  const [left, top] = [Math.max(0, Math.floor(x - reach)), Math.max(0, Math.floor(y - reach))];
  for (let row = top; row < Math.min(height, y + reach); row++) {
    for (let column = left; column < Math.min(width, x + reach); column++) {
      const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y) / radius;
      const value = values[row * width + column]!;
      if (distance <= 1) [inside, pixels] = [inside + value, pixels + 1];
      else if (distance >= 1.5 && distance <= 2.5) [ring, others] = [ring + value, others + 1];
    }
  }
  return inside / pixels - ring / others;
}

/**
 * Places that are brighter than their surroundings by more than `threshold`, the brightest first, none within three radii of another.
 * @param within [height * width], not 0 where a spot's middle may lie
 */
export function findSpots(
  values: ArrayLike<number>,
  width: number,
  { radius, threshold, within }: { radius: number; threshold: number; within: ArrayLike<number> },
): Circle[] {
  const height = values.length / width;
  const reach = Math.ceil(2.5 * radius);
  const step = Math.max(1, Math.floor(radius / 2));
  // What lies in the circle and in the ring around a pixel: the same for all of them.
  const [inside, ring]: [number[], number[]] = [[], []];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const distance = Math.hypot(dx, dy) / radius;
      if (distance <= 1) inside.push(dy * width + dx);
      else if (distance >= 1.5 && distance <= 2.5) ring.push(dy * width + dx);
    }
  }
  const meanAt = (at: number, offsets: number[]) => {
    let sum = 0;
    for (const offset of offsets) sum += values[at + offset]!;
    return sum / offsets.length;
  };
  const found: { x: number; y: number; contrast: number }[] = [];
  for (let y = reach; y < height - reach; y += step) {
    for (let x = reach; x < width - reach; x += step) {
      const at = y * width + x;
      if (!within[at]) continue;
      const contrast = meanAt(at, inside) - meanAt(at, ring);
      if (contrast > threshold) found.push({ x: x + 0.5, y: y + 0.5, contrast });
    }
  }
  found.sort((a, b) => b.contrast - a.contrast);
  const apart: Circle[] = [];
  for (const { x, y } of found) {
    if (apart.every((other) => Math.hypot(other.x - x, other.y - y) >= 3 * radius))
      apart.push({ x, y, radius });
  }
  return apart;
}
