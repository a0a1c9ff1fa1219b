/**
 * @file A drawn chest: attenuation along each ray of a frontal radiograph, different for every image.
 *
 * Shapes are given in image widths around the middle of the image (the patient's left is on the right, as radiographs are hung), made this
 * patient's, and then turned, scaled and moved. What a ray meets is added up: soft tissue, less the air of the lungs, plus bone.
 */

import type { Random } from './dataset.js';
import { makeBody, makePen, slab, type Body, type Pen } from './phantom-body.js';
import { drawBones } from './phantom-bones.js';
import { drawAirways, drawNodules, drawStomachGas, drawVessels, type Nodule } from './phantom-lungs.js';
import {
  blurBinomial,
  blurBox,
  curve,
  interpolateRow,
  makeGrid,
  makeScratch,
  signedDistance,
  whiteNoise,
  type Grid,
  type Point,
} from './phantom-raster.js';
import { BODY, DIAPHRAGM, LUNG, MEDIASTINUM, SCAPULA } from './phantom-shapes.js';

export interface Anatomy {
  size: number;
  /** [size * size] -log of the transmission, from 0 (air) to about 5. */
  attenuation: Float32Array;
  nodules: Nodule[];
}

/** What labels say: 0 beside the patient, then the parts that the phantom tells apart. */
export const LABELS = ['outside', 'soft tissue', 'lung', 'heart', 'abdomen'] as const;

/** The same patient with and without nodules, and what each pixel shows. */
export interface LabelledAnatomy {
  without: Float32Array;
  with: Float32Array;
  /** Of `with`. */
  nodules: Nodule[];
  /** [size * size] places in LABELS. */
  labels: Uint8Array;
}

/** Attenuation of each part at its full depth, natural logarithm. */
const SOFT = 3.1;
const LUNG_AIR = 1.85;
const ABDOMEN = 0.75;
const HEART = 0.55;
const SCAPULA_BLADE = 0.16;

/** Smooth fields on a grid: distances to outlines (pixels, positive inside), and noise of variance 1. */
interface Fields {
  body: Float32Array;
  /** The lungs as they are seen: on the image's left and right. */
  left: Float32Array;
  right: Float32Array;
  dome: Float32Array;
  heart: Float32Array;
  scapulaLeft: Float32Array;
  scapulaRight: Float32Array;
  mottle: Float32Array;
  folds: Float32Array;
}

/** Draws the anatomy that `random` decides. `nodules`: how likely an image has one to three of them. */
export function drawAnatomy(random: Random, size: number, nodules: number): Anatomy {
  const { body, pen, inLung, soft, add } = drawParts(random, size);
  const drawn = random.float() < nodules ? drawNodules(soft, body, pen, random, inLung) : [];
  return { size, attenuation: add(soft, textureOf(random, size)), nodules: drawn };
}

/**
 * Draws the anatomy that `drawAnatomy` draws without nodules, once as it is and once with `wanted` nodules, whose places and sizes come
 * from a source of their own, so that nothing else differs.
 */
export function drawLabelled(
  random: Random,
  size: number,
  nodules: { wanted: number; random: Random },
): LabelledAnatomy {
  const { body, pen, inLung, soft, add } = drawParts(random, size);
  random.float(); // what drawAnatomy asks whether there are nodules
  const texture = textureOf(random, size);
  const labels = new Uint8Array(size * size);
  const without = add(soft, texture, labels);
  const drawn = drawNodules(soft, body, pen, nodules.random, inLung, nodules.wanted);
  return { without, with: add(soft, texture), nodules: drawn, labels };
}

/** All of a patient but the fine noise and what adds it all up. */
function drawParts(random: Random, size: number) {
  const body = makeBody(random, size);
  const pen = makePen(body, makeScratch(size));
  const grid = makeGrid(size);
  const fields = drawFields(body, grid, random);
  const inLung = (side: number, at: Point) => {
    const [x, y] = body.point(at);
    const lung = sample(side < 0 ? fields.left : fields.right, grid, x, y);
    return lung - Math.max(0, sample(fields.dome, grid, x, y));
  };

  const bone = new Float32Array(size * size);
  const soft = new Float32Array(size * size);
  drawBones(bone, body, pen);
  drawAirways(soft, body, pen);
  for (const side of [-1, 1]) drawVessels(soft, body, pen, random, side, inLung);
  drawStomachGas(soft, body, pen);
  drawLetter(bone, body, pen);
  const add = (soft: Float32Array, texture: Float32Array, labels?: Uint8Array) =>
    addUp(body, grid, fields, bone, soft, texture, labels);
  return { body, pen, inLung, soft, add };
}

/** [size * size] fine noise, of the structure of lung and bone. */
function textureOf(random: Random, size: number): Float32Array {
  const texture = whiteNoise(size * size, random.int(1, 0x7fffffff));
  blurBinomial(texture, size, Math.max(1, Math.round(size / 340)));
  return texture;
}

function drawFields(body: Body, grid: Grid, random: Random): Fields {
  const { between, jitter, slim, tall, breath, domes, heartWidth } = body;
  const sized = (points: readonly Point[]) => points.map(([x, y]): Point => [x * slim, y * tall]);
  const mirrored = (points: readonly Point[]) => points.map(([x, y]): Point => [-x, y]);
  const distance = (points: readonly Point[], reach: number, pieces = 5) =>
    signedDistance(curve(points, true, pieces).map(body.point), grid, reach * body.scale);

  const right = sized(jitter(LUNG, 0.006));
  const left = mirrored(sized(jitter(LUNG, 0.006)));
  const dome = jitter(DIAPHRAGM, 0.004).map(([x, y]): Point => [x, y + breath + domes[x < -0.03 ? 0 : 1]]);
  const heart = jitter(MEDIASTINUM, 0.004).map(([x, y]): Point => [
    y > -0.1 ? x * heartWidth : x,
    y > 0 ? y + breath : y,
  ]);
  const half = BODY.map(([x, y]): Point => [x * (0.5 + 0.5 * slim) + between(-0.006, 0.006), y]);
  const depth = 0.12;
  return {
    body: distance([...half, ...mirrored(half).reverse()], depth),
    left: distance(left, depth),
    right: distance(right, depth),
    dome: distance(sized(dome), depth),
    heart: distance(sized(heart), depth),
    scapulaLeft: distance(mirrored(jitter(SCAPULA, 0.005)), 0.03, 3),
    scapulaRight: distance(jitter(SCAPULA, 0.005), 0.03, 3),
    mottle: smoothNoise(grid, 1, random),
    folds: smoothNoise(grid, 14, random),
  };
}

/** The lead letter that tells the patient's left. */
function drawLetter(bone: Float32Array, { between }: Body, pen: Pen): void {
  const [x, y] = [between(0.36, 0.42), between(-0.47, -0.44)];
  const corners: Point[] = [
    [x, y],
    [x, y + 0.036],
    [x + 0.021, y + 0.036],
  ];
  pen(
    bone,
    corners.map((at) => ({ at, radius: 0.0042, weight: 700 })),
    slab,
  );
}

/**
 * Adds up what each ray meets.
 * @param bone, soft [size * size] attenuation of what was drawn with the pen
 * @param texture [size * size] fine noise, of the structure of lung and bone
 * @param labels [size * size] filled with what each ray shows, where it is asked for
 * @returns [size * size]
 */
function addUp(
  body: Body,
  grid: Grid,
  fields: Fields,
  bone: Float32Array,
  soft: Float32Array,
  texture: Float32Array,
  labels?: Uint8Array,
): Float32Array {
  const size = Math.sqrt(bone.length);
  const total = new Float32Array(size * size);
  const line = new Float32Array(grid.nodes);
  const row = Object.fromEntries(
    Object.keys(fields).map((name) => [name, new Float32Array(size)]),
  ) as unknown as Fields;
  const names = Object.keys(fields) as (keyof Fields)[];
  const unit = 1 / body.scale;
  for (let y = 0; y < size; y++) {
    interpolateRow(
      names.map((name) => fields[name]),
      grid,
      y,
      names.map((name) => row[name]),
      line,
    );
    const height = (y + 0.5) / size - 0.5;
    const neck = height < -0.3 ? 1 - 1.1 * Math.min(0.25, -0.3 - height) : 1;
    const depth = body.thickness * SOFT * neck * (1 + 0.12 * Math.max(0, height + 0.1));
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      const inBody = row.body[x]! * unit;
      if (inBody <= 0) {
        total[i] = bone[i]!;
        continue;
      }
      const folds = row.folds[x]!;
      const dome = bulge(row.dome[x]! * unit, 0.05);
      const heart = bulge(row.heart[x]! * unit, 0.11);
      const lungs = bulge(row.left[x]! * unit, 0.07) + bulge(row.right[x]! * unit, 0.07);
      const air = lungs * (1 - 0.97 * dome) * (1 - 0.86 * heart);
      const blade = Math.min(1, Math.max(0, row.scapulaLeft[x]!, row.scapulaRight[x]!) * unit * 120);
      // Vessels show against air, and hardly in tissue.
      const shown = soft[i]! > 0 ? 0.25 + 0.75 * Math.min(1, 1.3 * air) : 1;
      const sum =
        bulge(inBody, 0.085) * depth * (1 + 0.035 * folds) +
        ABDOMEN * dome * (1 + 0.06 * folds) +
        HEART * heart * (1 - dome) +
        SCAPULA_BLADE * blade -
        LUNG_AIR * body.thickness * air * (1 + 0.018 * row.mottle[x]! + 0.05 * texture[i]!) +
        soft[i]! * shown +
        bone[i]! * (1 + 0.07 * texture[i]!);
      total[i] = Math.max(0, sum);
      if (labels) labels[i] = labelOf(dome, heart, air);
    }
  }
  return total;
}

/** A place in LABELS, for a ray inside the body: what lies in front hides what is behind it. */
function labelOf(dome: number, heart: number, air: number): number {
  if (dome > 0) return 4;
  if (heart > 0) return 3;
  return air > 0 ? 2 : 1;
}

/** Depth of a rounded body at a distance inside its outline: 0 at the edge, 1 from `depth` on. */
function bulge(distance: number, depth: number): number {
  if (distance <= 0) return 0;
  if (distance >= depth) return 1;
  const q = 1 - distance / depth;
  return Math.sqrt(1 - q * q);
}

/** Nearest value of a field on a grid. */
function sample(field: Float32Array, { nodes, step }: Grid, x: number, y: number): number {
  const at = (value: number) => Math.min(nodes - 1, Math.max(0, Math.round(value / step)));
  return field[at(y) * nodes + at(x)]!;
}

/** Noise on a grid, blurred and brought back to variance 1. */
function smoothNoise({ nodes }: Grid, radius: number, random: Random): Float32Array {
  const noise = whiteNoise(nodes * nodes, random.int(1, 0x7fffffff));
  blurBox(noise, nodes, radius);
  let sum = 0;
  for (const value of noise) sum += value * value;
  const scale = 1 / Math.sqrt(sum / noise.length);
  return noise.map((value) => value * scale);
}
