/**
 * @file A drawn chest: attenuation along each ray of a frontal radiograph, different for every image.
 *
 * Shapes are given in image widths around the middle of the image (x to the right, y down; the patient's left is on the right, as
 * radiographs are hung) and then turned, scaled and moved. What rays meet is added up: soft tissue, less the air of the lungs, plus bone.
 */

import type { Random } from './dataset.js';
import {
  addStroke,
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
  type StrokePoint,
} from './phantom-raster.js';

/** A round opacity in a lung, for studies of what a translation keeps. */
export interface Nodule {
  /** Middle and radius, pixels. */
  x: number;
  y: number;
  radius: number;
}

export interface Anatomy {
  size: number;
  /** [size * size] -log of the transmission, from 0 (air) to about 5. */
  attenuation: Float32Array;
  nodules: Nodule[];
}

/** Half the width of the rib cage at heights from the top of the lungs down, image widths. */
const WALL: readonly Point[] = [
  [-0.44, 0.105],
  [-0.41, 0.175],
  [-0.37, 0.222],
  [-0.3, 0.27],
  [-0.2, 0.312],
  [-0.1, 0.343],
  [0, 0.367],
  [0.1, 0.386],
  [0.2, 0.4],
  [0.3, 0.41],
  [0.42, 0.412],
  [0.6, 0.4],
];

/** Half of the body's outline; the other half is its mirror image. */
const BODY: readonly Point[] = [
  [0.115, -0.75],
  [0.118, -0.56],
  [0.14, -0.485],
  [0.2, -0.45],
  [0.31, -0.425],
  [0.42, -0.395],
  [0.5, -0.34],
  [0.64, -0.26],
  [0.85, -0.1],
  [0.9, 0.2],
  [0.7, 0.25],
  [0.58, 0.16],
  [0.5, 0.075],
  [0.462, 0.045],
  [0.455, 0.1],
  [0.466, 0.22],
  [0.47, 0.36],
  [0.466, 0.55],
  [0.46, 0.75],
];

/** The space of the lung on the image's right; below, the diaphragm cuts it off. */
const LUNG: readonly Point[] = [
  [0.125, -0.428],
  [0.185, -0.398],
  [0.255, -0.315],
  [0.3, -0.205],
  [0.334, -0.08],
  [0.362, 0.05],
  [0.384, 0.18],
  [0.399, 0.29],
  [0.405, 0.39],
  [0.35, 0.44],
  [0.2, 0.44],
  [0.06, 0.43],
  [0.036, 0.3],
  [0.034, 0.1],
  [0.036, -0.1],
  [0.042, -0.25],
  [0.07, -0.39],
];

/** Upper edge of the diaphragm and what lies below, from the image's left to its right. */
const DIAPHRAGM: readonly Point[] = [
  [-0.7, 0.7],
  [-0.46, 0.47],
  [-0.412, 0.375],
  [-0.365, 0.3],
  [-0.28, 0.252],
  [-0.19, 0.245],
  [-0.1, 0.265],
  [-0.03, 0.3],
  [0.05, 0.31],
  [0.13, 0.286],
  [0.22, 0.272],
  [0.3, 0.284],
  [0.37, 0.325],
  [0.415, 0.395],
  [0.46, 0.48],
  [0.7, 0.7],
];

/** Heart, great vessels and the tissue between the lungs, from the top down the image's left side and up its right. */
const MEDIASTINUM: readonly Point[] = [
  [-0.02, -0.5],
  [-0.042, -0.4],
  [-0.055, -0.31],
  [-0.066, -0.2],
  [-0.064, -0.1],
  [-0.073, -0.02],
  [-0.094, 0.07],
  [-0.102, 0.16],
  [-0.09, 0.25],
  [-0.06, 0.34],
  [0.06, 0.38],
  [0.17, 0.355],
  [0.222, 0.31],
  [0.234, 0.24],
  [0.213, 0.16],
  [0.168, 0.085],
  [0.116, 0.02],
  [0.09, -0.05],
  [0.084, -0.1],
  [0.072, -0.145],
  [0.082, -0.19],
  [0.078, -0.23],
  [0.052, -0.275],
  [0.042, -0.4],
  [0.02, -0.5],
];

const CLAVICLE: readonly Point[] = [
  [0.03, -0.296],
  [0.075, -0.302],
  [0.13, -0.305],
  [0.2, -0.335],
  [0.27, -0.373],
  [0.34, -0.392],
  [0.395, -0.383],
];

const SCAPULA: readonly Point[] = [
  [0.315, -0.335],
  [0.37, -0.335],
  [0.425, -0.325],
  [0.43, -0.27],
  [0.415, -0.235],
  [0.4, -0.15],
  [0.375, -0.05],
  [0.362, 0.0],
  [0.348, -0.01],
  [0.333, -0.1],
  [0.32, -0.2],
  [0.308, -0.28],
];

/** Attenuation of each material at its full depth, natural logarithm. */
const SOFT = 3.1;
const LUNG_AIR = 1.85;
const ABDOMEN = 0.75;
const HEART = 0.55;

/** Draws the anatomy that `random` decides. `nodules`: how likely an image has one to three of them. */
export function drawAnatomy(random: Random, size: number, nodules: number): Anatomy {
  const between = (lo: number, hi: number) => lo + (hi - lo) * random.float();
  const place = bodyPosition(between, size);
  const bone = new Float32Array(size * size);
  const soft = new Float32Array(size * size);
  const scratch = makeScratch(size);
  const grid = makeGrid(size);

  // How this body differs from the mean one.
  const slim = between(0.93, 1.06);
  const tall = between(0.95, 1.04);
  const heartWidth = between(0.84, 1.2);
  const breath = between(-0.035, 0.03);
  const domes: Point = [between(-0.012, 0.012), between(-0.012, 0.018)];
  const thickness = between(0.92, 1.1);
  const bend = between(-0.012, 0.012);
  const boneDensity = between(0.85, 1.15);
  const wall = (y: number) => slim * lookUp(WALL, y / tall);
  const spineAt = (y: number) => bend * Math.sin(2.2 * y + 0.4);

  const stroke = (
    target: Float32Array,
    points: readonly { at: Point; radius: number; weight: number }[],
    profile: (distance: number, radius: number) => number,
  ) => {
    const samples = points.map(({ at, radius, weight }): StrokePoint => {
      const [x, y] = place.point(at);
      const pixels = radius * place.scale;
      // A stroke thinner than a pixel is drawn a pixel wide and as much weaker.
      return { x, y, radius: Math.max(1, pixels), weight: weight * radius * Math.min(1, pixels) };
    });
    addStroke(target, scratch, samples, profile);
  };
  const line = (
    points: readonly Point[],
    radius: (t: number) => number,
    weight: (t: number) => number,
    pieces = 6,
  ) => {
    const path = curve(points, false, pieces);
    return path.map((at, i) => ({
      at,
      radius: radius(i / (path.length - 1)),
      weight: weight(i / (path.length - 1)),
    }));
  };
  const distanceTo = (points: readonly Point[], reach: number, pieces = 5) =>
    signedDistance(curve(points, true, pieces).map(place.point), grid, reach * place.scale);

  // Outlines.
  const jitter = (points: readonly Point[], amount: number) =>
    points.map(([x, y]): Point => [x + between(-amount, amount), y + between(-amount, amount)]);
  const sized = (points: readonly Point[]) => points.map(([x, y]): Point => [x * slim, y * tall]);
  const rightSide = sized(jitter(LUNG, 0.006));
  const leftSide = sized(jitter(LUNG, 0.006)).map(([x, y]): Point => [-x, y]);
  const dome = sized(
    jitter(DIAPHRAGM, 0.004).map(([x, y]): Point => [x, y + breath + (x < -0.03 ? domes[0] : domes[1])]),
  );
  const heart = sized(
    jitter(MEDIASTINUM, 0.004).map(([x, y]): Point => [
      y > -0.1 ? x * heartWidth : x,
      y > 0 ? y + breath : y,
    ]),
  );
  const body = BODY.map(([x, y]): Point => [x * (0.5 + 0.5 * slim) + between(-0.006, 0.006), y]);
  const outline = [...body, ...[...body].reverse().map(([x, y]): Point => [-x, y])];

  const depth = 0.12;
  const fields = {
    body: distanceTo(outline, depth),
    left: distanceTo(leftSide, depth),
    right: distanceTo(rightSide, depth),
    dome: distanceTo(dome, depth),
    heart: distanceTo(heart, depth),
    scapulaLeft: distanceTo(
      jitter(SCAPULA, 0.005).map(([x, y]): Point => [-x, y]),
      0.03,
      3,
    ),
    scapulaRight: distanceTo(jitter(SCAPULA, 0.005), 0.03, 3),
    mottle: whiteNoise(grid.nodes * grid.nodes, random.int(1, 0x7fffffff)),
    folds: whiteNoise(grid.nodes * grid.nodes, random.int(1, 0x7fffffff)),
  };
  smoothNoise(fields.mottle, grid.nodes, 1);
  smoothNoise(fields.folds, grid.nodes, 14);

  // Ribs: loops around the chest, seen from the front. Where a rib runs along the ray, the ray meets more of it.
  for (const side of [-1, 1]) {
    for (let rib = 0; rib < 11; rib++) {
      const start = tall * (-0.41 + 0.0585 * rib + 0.0004 * rib * rib) + between(-0.004, 0.004);
      const drop = (rib === 0 ? 0.1 : 0.135 + 0.0235 * rib) * between(0.95, 1.05) * tall;
      const lift = 0.012 + 0.0035 * Math.min(rib, 6);
      const end = rib < 7 ? between(2.55, 2.7) : 2.4 - 0.2 * (rib - 7);
      const across = between(0.94, 1.06);
      const points: { at: Point; radius: number; weight: number }[] = [];
      const steps = 44;
      let before: Point | undefined;
      for (let i = 0; i <= steps; i++) {
        const angle = 0.1 + ((end - 0.1) * i) / steps;
        const y =
          start +
          drop * (0.5 - 0.5 * Math.cos(angle)) ** 1.5 -
          lift * Math.sin(Math.min(Math.PI, 1.6 * angle));
        const width = (wall(Math.max(y, start + 0.02)) - 0.001) * (rib === 0 ? 0.9 : 1);
        const at: Point = [side * width * Math.sin(angle) + spineAt(y), y];
        const alongRay = 0.26 * Math.sin(angle);
        const sideways =
          before === undefined ? 1 : Math.hypot(at[0] - before[0], at[1] - before[1]) / ((end - 0.1) / steps);
        const obliqueness = Math.min(2, Math.hypot(alongRay, sideways) / Math.max(1e-6, sideways));
        const front = Math.max(0, angle - 1.4);
        const fade = Math.min(1, (steps - i) / 7, (i + 2) / 7) * (1 - 0.3 * Math.min(1, front));
        points.push({
          at,
          radius: across * (0.0128 + 0.0024 * Math.min(1, front)) * (1 - 0.38 * Math.sin(angle) ** 6),
          weight: boneDensity * 25 * fade * (rib === 0 ? 0.7 : 1) * (before === undefined ? 1 : obliqueness),
        });
        before = at;
      }
      stroke(bone, points, tube);
    }
  }

  // Shoulder girdle.
  for (const side of [-1, 1]) {
    const lifted = between(-0.014, 0.014);
    const sided = (points: readonly Point[]) => points.map(([x, y]): Point => [side * x, y + lifted]);
    const clavicle = sided(jitter(CLAVICLE, 0.003));
    stroke(
      bone,
      line(
        clavicle,
        (t) => 0.0125 + 0.01 * Math.abs(t - 0.5) ** 1.5,
        (t) => 28 * boneDensity * Math.min(1, 0.4 + 5 * t),
      ),
      tube,
    );
    const edge = (points: readonly Point[], radius: number, weight: number) =>
      stroke(
        bone,
        line(
          sided(points),
          () => radius,
          (t) => weight * Math.min(1, 6 * t, 6 * (1 - t)),
        ),
        solid,
      );
    edge(
      [
        [0.424, -0.25],
        [0.405, -0.16],
        [0.378, -0.06],
        [0.36, -0.002],
      ],
      0.0045,
      30,
    );
    edge(
      [
        [0.36, 0],
        [0.336, -0.1],
        [0.321, -0.2],
        [0.308, -0.29],
        [0.316, -0.335],
      ],
      0.0025,
      22,
    );
    edge(
      [
        [0.316, -0.31],
        [0.36, -0.345],
        [0.41, -0.372],
        [0.452, -0.365],
      ],
      0.008,
      18,
    );
    edge(
      [
        [0.352, -0.325],
        [0.368, -0.3],
        [0.385, -0.305],
      ],
      0.012,
      14,
    );
    const humerus: Point[] = [
      [0.462, -0.285],
      [0.476, -0.262],
      [0.496, -0.2],
      [0.52, -0.1],
      [0.55, 0.02],
      [0.59, 0.2],
    ];
    stroke(
      bone,
      line(
        sided(humerus),
        (t) => 0.022 + 0.02 * Math.exp(-((t / 0.2) ** 2)),
        (t) => boneDensity * (16 - 7 * Math.exp(-((t / 0.2) ** 2))),
      ),
      tube,
    );
  }

  // Spine: bodies with plates above and below, pedicles, spinous processes.
  let level = -0.56 * tall;
  for (let vertebra = 0; level < 0.6; vertebra++) {
    const grown = Math.min(1, 0.62 + 0.028 * vertebra);
    const high = 0.052 * grown * tall;
    const halfWidth = 0.046 * grown * (0.5 + 0.5 * slim);
    const middle = level + high / 2;
    const x = spineAt(middle) + between(-0.001, 0.001);
    const half = high * 0.42;
    const ends = [-1, 1].map((end): Point => [x + end * (halfWidth - half), middle]);
    stroke(
      bone,
      line(
        ends,
        () => half,
        () => 8 * boneDensity,
        1,
      ),
      slab,
    );
    for (const end of [-1, 1]) {
      const plate: Point[] = [
        [x - halfWidth, middle + end * half],
        [x, middle + end * half * 0.86],
        [x + halfWidth, middle + end * half],
      ];
      stroke(
        bone,
        line(
          plate,
          () => 0.0028,
          () => 20 * boneDensity,
          4,
        ),
        solid,
      );
      const wallOf: Point[] = [
        [x + end * halfWidth, middle - half],
        [x + end * halfWidth * 0.9, middle],
        [x + end * halfWidth, middle + half],
      ];
      stroke(
        bone,
        line(
          wallOf,
          () => 0.0026,
          () => 18 * boneDensity,
          4,
        ),
        solid,
      );
      const pedicle = ellipse(
        [x + end * halfWidth * 0.62, middle - half * 0.25],
        0.0075 * grown,
        0.011 * grown,
      );
      stroke(
        bone,
        pedicle.map((at) => ({ at, radius: 0.002, weight: 20 * boneDensity })),
        solid,
      );
      if (vertebra > 4) {
        const process: Point[] = [
          [x + end * halfWidth * 0.8, middle - half * 0.3],
          [x + end * (halfWidth + 0.03), middle - half * 0.75],
        ];
        stroke(
          bone,
          line(
            process,
            () => 0.009 * grown,
            () => 10 * boneDensity,
          ),
          tube,
        );
      }
    }
    const spinous: Point[] = [
      [x, middle + half * 0.2],
      [x + between(-0.001, 0.001), middle + half * 1.05],
    ];
    stroke(
      bone,
      line(
        spinous,
        (t) => 0.005 + 0.002 * t,
        () => 20 * boneDensity,
      ),
      tube,
    );
    level += high * 1.02;
  }
  // Manubrium and sternum: hardly seen from the front.
  stroke(
    bone,
    line(
      [
        [0, -0.3],
        [0, -0.22],
        [0, 0.12],
      ],
      (t) => 0.042 - 0.02 * Math.min(1, 3 * t),
      () => 4,
    ),
    solid,
  );

  // Airways: a band of air down the neck, and its two branches.
  const carina = -0.1 * tall + between(-0.015, 0.015);
  const windpipe: Point[] = [
    [spineAt(-0.6), -0.62],
    [spineAt(-0.3) + 0.002, -0.35],
    [-0.008, carina - 0.06],
    [-0.004, carina],
  ];
  stroke(
    soft,
    line(
      windpipe,
      () => 0.0185,
      (t) => -24 * Math.min(1, 6 * (1 - t)),
    ),
    solid,
  );
  stroke(
    soft,
    line(
      [
        [-0.004, carina],
        [-0.04, carina + 0.045],
        [-0.075, carina + 0.075],
      ],
      (t) => 0.014 - 0.004 * t,
      (t) => -20 * Math.min(1 - 0.6 * t, 0.3 + 3 * t),
    ),
    solid,
  );
  stroke(
    soft,
    line(
      [
        [-0.004, carina],
        [0.045, carina + 0.06],
        [0.095, carina + 0.085],
      ],
      (t) => 0.013 - 0.004 * t,
      (t) => -20 * Math.min(1 - 0.6 * t, 0.3 + 3 * t),
    ),
    solid,
  );

  // Vessels: trees that grow from the hila outwards and thin out.
  const lungAt = (side: number, [x, y]: Point) => {
    const [column, row] = place.point([x, y]);
    return (
      sample(side < 0 ? fields.left : fields.right, grid, column, row) -
      Math.max(0, sample(fields.dome, grid, column, row))
    );
  };
  for (const side of [-1, 1]) {
    const hilum: Point = [side * (side < 0 ? 0.072 : 0.088) * slim, side < 0 ? -0.03 : -0.055];
    const main = 11;
    for (let i = 0; i < main; i++) {
      // From nearly straight up to nearly straight down; most of them down and outwards, where most of the lung is.
      const angle = -1.35 + (2.75 * (i + between(-0.3, 0.3))) / (main - 1);
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
      stroke(
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
      if (generation > 0 && lungAt(side, from) < 0.004 * place.scale) return;
      const thinned = radius * between(0.8, 0.9);
      stroke(
        soft,
        line(
          points,
          (t) => radius + t * (thinned - radius),
          (t) => 34 * Math.min(1, 0.3 + 4 * t, 0.3 + 4 * (1 - t)),
          2,
        ),
        round,
      );
      if (thinned < 0.0006 || generation > 11) return;
      const fork = between(0.25, 0.6);
      const which = random.float() < 0.5 ? 1 : -1;
      grow(at, direction - which * fork * 0.4, thinned * between(0.9, 1), generation + 1);
      grow(at, direction + which * fork, thinned * between(0.55, 0.8), generation + 1);
    }
  }

  // Gas in the stomach, below the dome on the patient's left.
  if (random.float() < 0.75) {
    const [x, y] = [between(0.17, 0.25), 0.345 + breath + between(0, 0.02)];
    for (let i = 0; i < 6; i++) {
      const at: Point = [x + between(-0.045, 0.045), y + between(-0.018, 0.018)];
      const bubble = line(
        [at, [at[0] + between(0.01, 0.03), at[1] + between(-0.008, 0.008)]],
        () => between(0.028, 0.04),
        () => -8,
      );
      stroke(soft, bubble, solid);
    }
  }

  // The lead letter that tells the patient's left.
  const [letterX, letterY] = [between(0.36, 0.42), between(-0.47, -0.44)];
  const letter: Point[] = [
    [letterX, letterY],
    [letterX, letterY + 0.036],
    [letterX + 0.021, letterY + 0.036],
  ];
  stroke(
    bone,
    letter.map((at) => ({ at, radius: 0.0042, weight: 700 })),
    slab,
  );

  const found: Nodule[] = [];
  if (random.float() < nodules) {
    const wanted = random.int(1, 3);
    for (let attempt = 0; found.length < wanted && attempt < 200; attempt++) {
      const side = random.float() < 0.5 ? -1 : 1;
      const at: Point = [side * between(0.1, 0.36), between(-0.35, 0.3)];
      const radius = between(0.006, 0.015);
      if (lungAt(side, at) < 2.5 * radius * place.scale) continue;
      const [x, y] = place.point(at);
      stroke(
        soft,
        [at, [at[0] + 1e-6, at[1]] as Point].map((point) => ({ at: point, radius, weight: 14 })),
        round,
      );
      found.push({ x, y, radius: radius * place.scale });
    }
  }

  const attenuation = addUp();
  return { size, attenuation, nodules: found };

  function addUp(): Float32Array {
    const total = new Float32Array(size * size);
    const fine = whiteNoise(size * size, random.int(1, 0x7fffffff));
    blurBinomial(fine, size, Math.max(1, Math.round(size / 340)));
    const names = Object.values(fields);
    const rows = names.map(() => new Float32Array(size));
    const [
      bodyRow,
      leftRow,
      rightRow,
      domeRow,
      heartRow,
      scapulaLeftRow,
      scapulaRightRow,
      mottleRow,
      foldsRow,
    ] = rows as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const nodesLine = new Float32Array(grid.nodes);
    const unit = 1 / place.scale;
    for (let y = 0; y < size; y++) {
      interpolateRow(names, grid, y, rows, nodesLine);
      const height = (y + 0.5) / size - 0.5;
      const lower = Math.max(0, height + 0.1);
      const neck = height < -0.3 ? 1 - 1.1 * Math.min(0.25, -0.3 - height) : 1;
      const plain = thickness * SOFT * neck * (1 + 0.12 * lower);
      for (let x = 0; x < size; x++) {
        const index = y * size + x;
        const inBody = bodyRow[x]! * unit;
        if (inBody <= 0) {
          total[index] = bone[index]!;
          continue;
        }
        const lungLeft = bulge(leftRow[x]! * unit, 0.07);
        const lungRight = bulge(rightRow[x]! * unit, 0.07);
        const below = bulge(domeRow[x]! * unit, 0.05);
        const middle = bulge(heartRow[x]! * unit, 0.11);
        const air = (lungLeft + lungRight) * (1 - 0.97 * below) * (1 - 0.86 * middle);
        const texture = fine[index]!;
        const scapula = Math.min(1, Math.max(0, scapulaLeftRow[x]!, scapulaRightRow[x]!) * unit * 120);
        total[index] =
          bulge(inBody, 0.085) * plain * (1 + 0.035 * foldsRow[x]!) +
          ABDOMEN * below * (1 + 0.06 * foldsRow[x]!) +
          HEART * middle * (1 - below) +
          0.16 * scapula -
          LUNG_AIR * thickness * air * (1 + 0.018 * mottleRow[x]! + 0.05 * texture) +
          soft[index]! * (soft[index]! > 0 ? 0.25 + 0.75 * Math.min(1, air * 1.3) : 1) +
          bone[index]! * (1 + 0.07 * texture);
        if (total[index] < 0) total[index] = 0;
      }
    }
    return total;
  }
}

/** A hollow bone: denser where the ray runs along its shell. Of a distance and a radius, as all profiles; 1 at most. */
function tube(distance: number, radius: number): number {
  const q = distance / radius;
  const inside = 0.6724 - q * q;
  return 1.75 * (Math.sqrt(1 - q * q) - (inside > 0 ? 0.75 * Math.sqrt(inside) : 0));
}

/** A full cylinder with an even inside. */
function slab(distance: number, radius: number): number {
  return Math.min(1, 4 * (1 - distance / radius));
}

/** A full round rod. */
function round(distance: number, radius: number): number {
  return Math.sqrt(1 - (distance / radius) ** 2);
}

/** A rod that thins out towards its edge. */
function solid(distance: number, radius: number): number {
  const q = 1 - (distance / radius) ** 2;
  return q * q;
}

/** Depth of a rounded body at a distance inside its outline: 0 at the edge, 1 from `depth` on. */
function bulge(distance: number, depth: number): number {
  if (distance <= 0) return 0;
  if (distance >= depth) return 1;
  const q = 1 - distance / depth;
  return Math.sqrt(1 - q * q);
}

/** Turns, scales and moves points from image widths around the middle to pixels; `scale`: pixels in one width. */
function bodyPosition(between: (lo: number, hi: number) => number, size: number) {
  const angle = between(-0.035, 0.035);
  const scale = size * between(0.94, 1.06);
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const left = size * (0.5 + between(-0.025, 0.025));
  const top = size * (0.5 + between(-0.02, 0.025));
  const point = ([x, y]: Point): Point => [
    left + scale * (cosine * x - sine * y),
    top + scale * (sine * x + cosine * y),
  ];
  return { scale, point };
}

function lookUp(table: readonly Point[], at: number): number {
  let i = 1;
  while (i < table.length - 1 && table[i]![0] < at) i++;
  const [a, b] = [table[i - 1]!, table[i]!];
  const t = Math.min(1, Math.max(0, (at - a[0]) / (b[0] - a[0])));
  return a[1] + t * (b[1] - a[1]);
}

function ellipse([x, y]: Point, across: number, down: number): Point[] {
  return Array.from({ length: 17 }, (_, i): Point => {
    const angle = (i * Math.PI) / 8;
    return [x + across * Math.cos(angle), y + down * Math.sin(angle)];
  });
}

/** Nearest value of a field on a grid. */
function sample(field: Float32Array, { nodes, step }: Grid, x: number, y: number): number {
  const at = (value: number) => Math.min(nodes - 1, Math.max(0, Math.round(value / step)));
  return field[at(y) * nodes + at(x)]!;
}

/** Blurs noise and brings it back to variance 1. In place. */
function smoothNoise(noise: Float32Array, side: number, radius: number): void {
  blurBox(noise, side, radius);
  let sum = 0;
  for (const value of noise) sum += value * value;
  const scale = 1 / Math.sqrt(sum / noise.length);
  for (let i = 0; i < noise.length; i++) noise[i] = noise[i]! * scale;
}
