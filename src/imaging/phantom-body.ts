/** @file One patient of the phantom: how the body differs from the mean one, where it stands, and the pen that draws its parts. */

import type { Random } from './dataset.js';
import { addStroke, curve, type Point, type Scratch } from './phantom-raster.js';
import { WALL } from './phantom-shapes.js';

/** Lengths are in image widths. */
export interface Body {
  between: (lo: number, hi: number) => number;
  /** From image widths around the middle to pixels: turned, scaled, moved. */
  point: (at: Point) => Point;
  /** Pixels in one image width. */
  scale: number;
  /** Factors on width and height. */
  slim: number;
  tall: number;
  heartWidth: number;
  /** How much lower the diaphragm stands, in all and on either side. */
  breath: number;
  domes: Point;
  /** Factor on the depth of soft tissue. */
  thickness: number;
  boneDensity: number;
  /** Half the width of the rib cage at a height. */
  wall: (y: number) => number;
  /** Where the spine runs at a height. */
  spineAt: (y: number) => number;
  /** The same points, each a little off. */
  jitter: (points: readonly Point[], amount: number) => Point[];
}

export function makeBody(random: Random, size: number): Body {
  const between = (lo: number, hi: number) => lo + (hi - lo) * random.float();
  const angle = between(-0.035, 0.035);
  const scale = size * between(0.94, 1.06);
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const left = size * (0.5 + between(-0.025, 0.025));
  const top = size * (0.5 + between(-0.02, 0.025));
  const slim = between(0.93, 1.06);
  const tall = between(0.95, 1.04);
  const heartWidth = between(0.84, 1.2);
  const breath = between(-0.035, 0.03);
  const domes: Point = [between(-0.012, 0.012), between(-0.012, 0.018)];
  const thickness = between(0.92, 1.1);
  const bend = between(-0.012, 0.012);
  const boneDensity = between(0.85, 1.15);
  return {
    between,
    point: ([x, y]) => [left + scale * (cosine * x - sine * y), top + scale * (sine * x + cosine * y)],
    scale,
    slim,
    tall,
    heartWidth,
    breath,
    domes,
    thickness,
    boneDensity,
    wall: (y) => slim * lookUp(WALL, y / tall),
    spineAt: (y) => bend * Math.sin(2.2 * y + 0.4),
    jitter: (points, amount) =>
      points.map(([x, y]): Point => [x + between(-amount, amount), y + between(-amount, amount)]),
  };
}

/** Share of a stroke's full depth at a distance from its centre line; `distance` is below `radius`. */
export type Profile = (distance: number, radius: number) => number;

/** A place on a stroke; lengths in image widths, `weight` in attenuation for a radius of one image width. */
export interface Mark {
  at: Point;
  radius: number;
  weight: number;
}

/** Draws strokes for one body onto images of attenuation. */
export type Pen = (target: Float32Array, marks: readonly Mark[], profile: Profile) => void;

export function makePen(body: Body, scratch: Scratch): Pen {
  return (target, marks, profile) => {
    const points = marks.map(({ at, radius, weight }) => {
      const [x, y] = body.point(at);
      const pixels = radius * body.scale;
      // A stroke thinner than a pixel is drawn a pixel wide and as much weaker.
      return { x, y, radius: Math.max(1, pixels), weight: weight * radius * Math.min(1, pixels) };
    });
    addStroke(target, scratch, points, profile);
  };
}

/** A number, or what it is at a share of the way along a line. */
type Along = number | ((t: number) => number);

/** Marks along a smooth line through points. */
export function line(points: readonly Point[], radius: Along, weight: Along, pieces = 6): Mark[] {
  const path = curve(points, false, pieces);
  const value = (of: Along, t: number) => (typeof of === 'number' ? of : of(t));
  return path.map((at, i) => {
    const t = i / (path.length - 1);
    return { at, radius: value(radius, t), weight: value(weight, t) };
  });
}

/** A hollow bone: densest where the ray runs along its shell. */
export function tube(distance: number, radius: number): number {
  const q = distance / radius;
  const inside = 0.82 ** 2 - q * q;
  return 1.75 * (Math.sqrt(1 - q * q) - (inside > 0 ? 0.75 * Math.sqrt(inside) : 0));
}

/** Even inside, with a soft edge. */
export function slab(distance: number, radius: number): number {
  return Math.min(1, 4 * (1 - distance / radius));
}

/** A full round rod. */
export function round(distance: number, radius: number): number {
  return Math.sqrt(1 - (distance / radius) ** 2);
}

/** A rod that thins out towards its edge. */
export function solid(distance: number, radius: number): number {
  const q = 1 - (distance / radius) ** 2;
  return q * q;
}

function lookUp(table: readonly Point[], at: number): number {
  let i = 1;
  while (i < table.length - 1 && table[i]![0] < at) i++;
  const [a, b] = [table[i - 1]!, table[i]!];
  const t = Math.min(1, Math.max(0, (at - a[0]) / (b[0] - a[0])));
  return a[1] + t * (b[1] - a[1]);
}
