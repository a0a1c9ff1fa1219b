/** @file The phantom's bones: ribs, shoulder girdle, spine and breastbone. */

import { line, slab, solid, tube, type Body, type Mark, type Pen } from './phantom-body.js';
import type { Point } from './phantom-raster.js';
import {
  CLAVICLE,
  CORACOID,
  HUMERUS,
  SCAPULA_INNER_EDGE,
  SCAPULA_OUTER_EDGE,
  SCAPULA_SPINE,
  STERNUM,
} from './phantom-shapes.js';

/** Ribs that are drawn on each side, and the lines of each. */
const RIBS = 11;
const RIB_STEPS = 44;
/** Depth of the chest from its middle to the front, image widths. */
const CHEST_DEPTH = 0.26;

/** Adds all bones to an image of attenuation. */
export function drawBones(bone: Float32Array, body: Body, pen: Pen): void {
  for (const side of [-1, 1]) for (let rib = 0; rib < RIBS; rib++) pen(bone, ribMarks(body, side, rib), tube);
  for (const side of [-1, 1]) drawShoulder(bone, body, pen, side);
  drawSpine(bone, body, pen);
  pen(
    bone,
    line(STERNUM, (t) => 0.042 - 0.02 * Math.min(1, 3 * t), 4),
    solid,
  );
}

/** A rib: a loop from the spine around the chest, seen from the front. Where it runs along the ray, the ray meets more of it. */
function ribMarks(body: Body, side: number, rib: number): Mark[] {
  const { between, tall } = body;
  const start = tall * (-0.41 + 0.0585 * rib + 0.0004 * rib * rib) + between(-0.004, 0.004);
  const drop = (rib === 0 ? 0.1 : 0.135 + 0.0235 * rib) * between(0.95, 1.05) * tall;
  const lift = 0.012 + 0.0035 * Math.min(rib, 6);
  const end = rib < 7 ? between(2.55, 2.7) : 2.4 - 0.2 * (rib - 7);
  const across = between(0.94, 1.06);
  const density = body.boneDensity * (rib === 0 ? 0.7 : 1);
  const marks: Mark[] = [];
  for (let i = 0; i <= RIB_STEPS; i++) {
    // 0 at the spine, pi / 2 at the side, pi at the front.
    const angle = 0.1 + ((end - 0.1) * i) / RIB_STEPS;
    const sine = Math.sin(angle);
    const y =
      start + drop * (0.5 - 0.5 * Math.cos(angle)) ** 1.5 - lift * Math.sin(Math.min(Math.PI, 1.6 * angle));
    const width = (body.wall(Math.max(y, start + 0.02)) - 0.001) * (rib === 0 ? 0.9 : 1);
    const at: Point = [side * width * sine + body.spineAt(y), y];
    const before = marks.at(-1)?.at;
    let obliqueness = 1;
    if (before !== undefined) {
      const sideways = Math.hypot(at[0] - before[0], at[1] - before[1]) / ((end - 0.1) / RIB_STEPS);
      obliqueness = Math.min(2, Math.hypot(CHEST_DEPTH * sine, sideways) / Math.max(1e-6, sideways));
    }
    const front = Math.min(1, Math.max(0, angle - 1.4));
    const fade = Math.min(1, (RIB_STEPS - i) / 7, (i + 2) / 7) * (1 - 0.3 * front);
    marks.push({
      at,
      radius: across * (0.0128 + 0.0024 * front) * (1 - 0.38 * sine ** 6),
      weight: 25 * density * fade * obliqueness,
    });
  }
  return marks;
}

function drawShoulder(
  bone: Float32Array,
  { between, jitter, boneDensity }: Body,
  pen: Pen,
  side: number,
): void {
  const lifted = between(-0.014, 0.014);
  const sided = (points: readonly Point[]) => points.map(([x, y]): Point => [side * x, y + lifted]);
  const edge = (points: readonly Point[], radius: number, weight: number) =>
    pen(
      bone,
      line(sided(points), radius, (t) => weight * Math.min(1, 6 * t, 6 * (1 - t))),
      solid,
    );

  const clavicle = sided(jitter(CLAVICLE, 0.003));
  const clavicleRadius = (t: number) => 0.0125 + 0.01 * Math.abs(t - 0.5) ** 1.5;
  pen(
    bone,
    line(clavicle, clavicleRadius, (t) => 28 * boneDensity * Math.min(1, 0.4 + 5 * t)),
    tube,
  );
  edge(SCAPULA_OUTER_EDGE, 0.0045, 30);
  edge(SCAPULA_INNER_EDGE, 0.0025, 22);
  edge(SCAPULA_SPINE, 0.008, 18);
  edge(CORACOID, 0.012, 14);
  const head = (t: number) => Math.exp(-((t / 0.2) ** 2));
  const humerus = line(
    sided(HUMERUS),
    (t) => 0.022 + 0.02 * head(t),
    (t) => boneDensity * (16 - 7 * head(t)),
  );
  pen(bone, humerus, tube);
}

/** Vertebrae from the neck down: bodies with denser rims, pedicles, transverse and spinous processes. */
function drawSpine(bone: Float32Array, body: Body, pen: Pen): void {
  const { between, boneDensity } = body;
  let level = -0.56 * body.tall;
  for (let vertebra = 0; level < 0.6; vertebra++) {
    const grown = Math.min(1, 0.62 + 0.028 * vertebra);
    const height = 0.052 * grown * body.tall;
    const half = 0.42 * height;
    const halfWidth = 0.046 * grown * (0.5 + 0.5 * body.slim);
    const y = level + height / 2;
    const x = body.spineAt(y) + between(-0.001, 0.001);
    const part = (points: readonly Point[], radius: number, weight: number, profile = solid, pieces = 4) =>
      pen(bone, line(points, radius, weight * boneDensity, pieces), profile);

    part(
      [-1, 1].map((end): Point => [x + end * (halfWidth - half), y]),
      half,
      8,
      slab,
      1,
    );
    for (const end of [-1, 1]) {
      const rim = (across: number, down: number): Point => [x + across * halfWidth, y + down * half];
      part([rim(-1, end), rim(0, 0.86 * end), rim(1, end)], 0.0028, 20);
      part([rim(end, -1), rim(0.9 * end, 0), rim(end, 1)], 0.0026, 18);
      part(ellipse(rim(0.62 * end, -0.25), 0.0075 * grown, 0.011 * grown), 0.002, 20, solid, 1);
      if (vertebra > 4) {
        const [fromX, fromY] = rim(0.8 * end, -0.3);
        part(
          [
            [fromX, fromY],
            [x + end * (halfWidth + 0.03), y - 0.75 * half],
          ],
          0.009 * grown,
          10,
          tube,
          6,
        );
      }
    }
    const spinous: Point[] = [
      [x, y + 0.2 * half],
      [x + between(-0.001, 0.001), y + 1.05 * half],
    ];
    pen(
      bone,
      line(spinous, (t) => 0.005 + 0.002 * t, 20 * boneDensity),
      tube,
    );
    level += 1.02 * height;
  }
}

function ellipse([x, y]: Point, across: number, down: number): Point[] {
  return Array.from({ length: 17 }, (_, i): Point => {
    const angle = (i * Math.PI) / 8;
    return [x + across * Math.cos(angle), y + down * Math.sin(angle)];
  });
}
