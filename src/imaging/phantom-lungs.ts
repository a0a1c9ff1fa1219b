/** @file What lies in the phantom's soft parts: airways, the vessels of the lungs, gas in the stomach, nodules. */

import type { Random } from './dataset.js';
import { line, round, solid, type Body, type Pen } from './phantom-body.js';
import type { Point } from './phantom-raster.js';

/** A round opacity in a lung, for studies of what a translation keeps. */
export interface Nodule {
  /** Middle and radius, pixels. */
  x: number;
  y: number;
  radius: number;
}

/** How far inside a lung a place is, pixels; `side` is -1 on the image's left, 1 on its right. */
export type InLung = (side: number, at: Point) => number;

/** Vessels that leave each hilum, and the generations of their branches. */
const MAIN_VESSELS = 11;
const GENERATIONS = 11;
const THINNEST = 0.0006;

/** A band of air down the neck, and its two branches. */
export function drawAirways(soft: Float32Array, { between, spineAt, tall }: Body, pen: Pen): void {
  const carina = -0.1 * tall + between(-0.015, 0.015);
  const fork: Point = [-0.004, carina];
  const windpipe: Point[] = [
    [spineAt(-0.6), -0.62],
    [spineAt(-0.3) + 0.002, -0.35],
    [-0.008, carina - 0.06],
    fork,
  ];
  const left: Point[] = [fork, [-0.04, carina + 0.045], [-0.075, carina + 0.075]];
  const right: Point[] = [fork, [0.045, carina + 0.06], [0.095, carina + 0.085]];
  pen(
    soft,
    line(windpipe, 0.0185, (t) => -24 * Math.min(1, 6 * (1 - t))),
    solid,
  );
  const bronchus = (t: number) => -20 * Math.min(1 - 0.6 * t, 0.3 + 3 * t);
  pen(
    soft,
    line(left, (t) => 0.014 - 0.004 * t, bronchus),
    solid,
  );
  pen(
    soft,
    line(right, (t) => 0.013 - 0.004 * t, bronchus),
    solid,
  );
}

/** Trees of vessels that grow from the hilum of one lung outwards and thin out. */
export function drawVessels(
  soft: Float32Array,
  body: Body,
  pen: Pen,
  random: Random,
  side: number,
  inLung: InLung,
): void {
  const { between } = body;
  const hilum: Point = [side * (side < 0 ? 0.072 : 0.088) * body.slim, side < 0 ? -0.03 : -0.055];
  for (let i = 0; i < MAIN_VESSELS; i++) {
    // From nearly straight up to nearly straight down; most of them down and outwards, where most of the lung is.
    const angle = -1.35 + (2.75 * (i + between(-0.3, 0.3))) / (MAIN_VESSELS - 1);
    const radius = between(0.0055, 0.008) * (angle > 0 ? 1.12 : 0.85);
    const from: Point = [
      hilum[0] + side * between(-0.01, 0.008),
      hilum[1] + 0.05 * Math.sin(angle) * between(0.3, 1),
    ];
    grow(from, angle, radius, 0);
  }
  // The hilum itself: the stumps of the large vessels.
  for (let i = 0; i < 5; i++) {
    const at: Point = [hilum[0] + side * between(-0.012, 0.016), hilum[1] + between(-0.04, 0.055)];
    const to: Point = [at[0] + side * between(0.005, 0.03), at[1] + between(-0.01, 0.035)];
    pen(
      soft,
      line(
        [at, to],
        (t) => 0.0125 - 0.004 * t,
        (t) => 17 * (1 - 0.5 * t),
      ),
      round,
    );
  }

  function grow(from: Point, heading: number, radius: number, generation: number): void {
    const length = between(9, 15) * Math.sqrt(radius * 0.004);
    const points: Point[] = [from];
    let direction = heading;
    let at = from;
    const turn = between(-0.16, 0.16);
    for (let k = 0; k < 4; k++) {
      direction += turn + between(-0.08, 0.08);
      at = [at[0] + (side * Math.cos(direction) * length) / 4, at[1] + (Math.sin(direction) * length) / 4];
      points.push(at);
    }
    if (generation > 0 && inLung(side, from) < 0.004 * body.scale) return;
    const thinned = radius * between(0.8, 0.9);
    // Weaker at both ends, where it lies over its parent and its branches.
    const weight = (t: number) => 34 * Math.min(1, 0.3 + 4 * t, 0.3 + 4 * (1 - t));
    pen(
      soft,
      line(points, (t) => radius + t * (thinned - radius), weight, 2),
      round,
    );
    if (thinned < THINNEST || generation > GENERATIONS) return;
    const fork = between(0.25, 0.6);
    const which = random.float() < 0.5 ? 1 : -1;
    grow(at, direction - which * fork * 0.4, thinned * between(0.9, 1), generation + 1);
    grow(at, direction + which * fork, thinned * between(0.55, 0.8), generation + 1);
  }
}

/** Gas below the dome on the patient's left, in three images of four. */
export function drawStomachGas(soft: Float32Array, { between, breath }: Body, pen: Pen): void {
  if (between(0, 1) >= 0.75) return;
  const [x, y] = [between(0.17, 0.25), 0.345 + breath + between(0, 0.02)];
  for (let i = 0; i < 6; i++) {
    const at: Point = [x + between(-0.045, 0.045), y + between(-0.018, 0.018)];
    const to: Point = [at[0] + between(0.01, 0.03), at[1] + between(-0.008, 0.008)];
    pen(
      soft,
      line([at, to], () => between(0.028, 0.04), -8),
      solid,
    );
  }
}

/** Nodules well inside the lungs: one to three, or as many as are wanted, as far as there is room for them apart from each other. */
export function drawNodules(
  soft: Float32Array,
  body: Body,
  pen: Pen,
  random: Random,
  inLung: InLung,
  asked?: number,
): Nodule[] {
  const between = (lo: number, hi: number) => lo + (hi - lo) * random.float();
  const found: Nodule[] = [];
  const wanted = asked ?? random.int(1, 3);
  for (let attempt = 0; found.length < wanted && attempt < 200; attempt++) {
    const side = random.float() < 0.5 ? -1 : 1;
    const at: Point = [side * between(0.1, 0.36), between(-0.35, 0.3)];
    const radius = between(0.006, 0.015);
    if (inLung(side, at) < 2.5 * radius * body.scale) continue;
    const [x, y] = body.point(at);
    const apart = 4 * (radius + 0.015) * body.scale;
    if (asked !== undefined && found.some((other) => Math.hypot(other.x - x, other.y - y) < apart)) continue;
    pen(soft, line([at, [at[0] + 1e-6, at[1]]], radius, 14, 1), round);
    found.push({ x, y, radius: radius * body.scale });
  }
  return found;
}
