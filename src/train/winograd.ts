/**
 * @file 3x3 convolutions of stride 1 with reflection padding by Winograd's minimal filtering F(4x4, 3x3): a quarter of the
 * multiplications of the direct form (Lavin and Gray 2016, https://arxiv.org/abs/1509.09308).
 *
 * Written in plain tfjs ops, so that autodiff gives both gradients and every engine runs it. An image is held by tiles of
 * 4x4 pixels, [16, tiles, batch, channels]: place in the tile first, so that what a tile needs of its neighbours, the
 * mirrored border included, is one gather of whole rows, and each transform two multiplications by a small constant matrix.
 */
import * as tf from '@tensorflow/tfjs';
import { generatorLayers, type GeneratorParameters, type Layer } from '../geometry.js';

/** Outputs a side of a tile. */
export const TILE = 4;
/** Inputs a side of a tile: two more for a 3x3 filter. */
const WINDOW = TILE + 2;
/** Pixels of a tile. */
export const PLACES = TILE * TILE;

// Matrices B^T (of the input), G (of the filter) and A^T (of the output) of Lavin and Gray, section 4.1 and 4.2.
const INPUT = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const FILTER = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const OUTPUT = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/**
 * Multiplies the two leading axes of places [n², rest] by a small matrix [m, n] each, first the one then the other:
 * [m, m, rest]. Cheaper than once by the Kronecker product.
 */
function onBothAxes(matrix: readonly number[][], x: tf.Tensor): tf.Tensor {
  const [m, n] = [matrix.length, matrix[0]!.length];
  const rest = x.size / (n * n);
  const small = tf.tensor2d(matrix as number[][]);
  const first = tf.matMul(small, tf.reshape<tf.Rank.R2>(x, [n, n * rest]));
  return tf.matMul(tf.expandDims(small, 0), tf.reshape(first, [m, n, rest]));
}

/** [9, in, out] or [3, 3, in, out] → [6, 6, in · out]. */
export function transformFilter(filter: tf.Tensor): tf.Tensor3D {
  return onBothAxes(FILTER, filter) as tf.Tensor3D;
}

/** The adjoint, from the gradient by the transformed filter to that by the filter, [9, in · out]: here once is cheaper. */
export function filterGradient(gradient: tf.Tensor): tf.Tensor2D {
  const product = FILTER.flatMap((a) => FILTER.map((b) => a.flatMap((x) => b.map((y) => x * y)))); // [36, 9]
  const flat = tf.reshape<tf.Rank.R2>(gradient, [WINDOW * WINDOW, -1]);
  return tf.matMul(tf.tensor2d(product), flat, true, false);
}

export interface Tiles {
  /** [batch, height, width, channels] → [16, tiles, batch, channels] */
  enter(x: tf.Tensor4D): tf.Tensor4D;
  /** The way back. */
  leave(x: tf.Tensor4D): tf.Tensor4D;
  /** Convolves what was entered, padded by reflection. @param filter transformed: [6, 6, in · out] */
  convolve(x: tf.Tensor4D, filter: tf.Tensor): tf.Tensor4D;
}

/** Whether images of these sides can be held by tiles. */
export function fitsTiles(height: number, width: number): boolean {
  return height % TILE === 0 && width % TILE === 0;
}

/** Images of this size by tiles. @param height and width: multiples of 4 */
export function tilesOf(height: number, width: number): Tiles {
  const [rows, columns] = [height / TILE, width / TILE];
  const tiles = rows * columns;
  const windows = windowIndices(height, width);
  /** Pixels of [batch, height, width] in the order of [16, tiles, batch]. */
  const tileOrder = (batch: number): Int32Array =>
    inverse(
      Int32Array.from({ length: batch * height * width }, (_, pixel) => {
        const [y, x] = [Math.floor(pixel / width) % height, pixel % width];
        return rowOf(y, x, columns, tiles) * batch + Math.floor(pixel / (height * width));
      }),
    );
  return {
    enter: (x) => {
      const [batch, , , channels] = x.shape;
      const pixels = tf.reshape<tf.Rank.R2>(x, [batch * height * width, channels]);
      return tf.reshape(permuteRows(pixels, tileOrder(batch)), [PLACES, tiles, batch, channels]);
    },
    leave: (x) => {
      const [, , batch, channels] = x.shape;
      const pixels = tf.reshape<tf.Rank.R2>(x, [height * width * batch, channels]);
      return tf.reshape(permuteRows(pixels, inverse(tileOrder(batch))), [batch, height, width, channels]);
    },
    convolve: (x, filter) => convolveWindows(x, filter, windows),
  };
}

/**
 * Convolves a part of an image, some rows of tiles, of which the first and the last may be there for their neighbours alone. Where
 * rows begin at `first` = 0 or end with the part, the image does: there it is mirrored.
 * @param x [16, tiles, batch, channels] @param filter transformed: [6, 6, in · out]
 * @param columns tiles of a row @param rows of tiles, from `first`, that are computed
 */
export function convolveTileRows(
  x: tf.Tensor4D,
  filter: tf.Tensor,
  columns: number,
  { first, rows }: { first: number; rows: number },
): tf.Tensor4D {
  const height = (x.shape[1] / columns) * TILE;
  return convolveWindows(x, filter, windowIndices(height, columns * TILE, first, rows));
}

/** @param windows for each place of a window and each tile of the result the row of the flattened `x` that it sees */
function convolveWindows(x: tf.Tensor4D, filter: tf.Tensor, windows: Int32Array): tf.Tensor4D {
  const [places, had, batch, inputs] = x.shape;
  const outputs = filter.size / (WINDOW * WINDOW * inputs);
  const tiles = windows.length / (WINDOW * WINDOW);
  const pixels = tf.reshape<tf.Rank.R2>(x, [places * had, batch * inputs]);
  const transformed = onBothAxes(INPUT, gatherRows(pixels, windows));
  const product = tf.matMul(
    tf.reshape(transformed, [WINDOW * WINDOW, tiles * batch, inputs]),
    tf.reshape(filter, [WINDOW * WINDOW, inputs, outputs]),
  );
  return tf.reshape(onBothAxes(OUTPUT, product), [PLACES, tiles, batch, outputs]);
}

/** Row of a pixel in the flattened tiles: by its place in its tile, then by tile. */
function rowOf(y: number, x: number, columns: number, tiles: number): number {
  const place = (y % TILE) * TILE + (x % TILE);
  return place * tiles + Math.floor(y / TILE) * columns + Math.floor(x / TILE);
}

/**
 * Rows of the flattened tiles that make the windows of some rows of tiles: [36 · tiles], place in the window first; beyond the
 * border mirrored.
 */
function windowIndices(height: number, width: number, first = 0, count = height / TILE): Int32Array {
  const [rows, columns] = [height / TILE, width / TILE];
  const mirrored = (place: number, side: number): number =>
    place < 0 ? -place : place >= side ? 2 * side - 2 - place : place;
  const indices: number[] = [];
  for (let i = 0; i < WINDOW; i++) {
    for (let j = 0; j < WINDOW; j++) {
      for (let row = first; row < first + count; row++) {
        for (let column = 0; column < columns; column++) {
          const y = mirrored(row * TILE + i - 1, height);
          const x = mirrored(column * TILE + j - 1, width);
          indices.push(rowOf(y, x, columns, rows * columns));
        }
      }
    }
  }
  return Int32Array.from(indices);
}

function inverse(permutation: Int32Array): Int32Array {
  const turned = new Int32Array(permutation.length);
  permutation.forEach((from, to) => (turned[from] = to));
  return turned;
}

/** All rows of `x` in another order. */
function permuteRows(x: tf.Tensor2D, order: Int32Array): tf.Tensor2D {
  const permute = tf.customGrad<tf.Tensor>((...inputs) => ({
    value: tf.gather(inputs[0] as tf.Tensor2D, tf.tensor1d(order, 'int32')),
    gradFunc: (dy: tf.Tensor) => tf.gather(dy, tf.tensor1d(inverse(order), 'int32')),
  }));
  return permute(x) as tf.Tensor2D;
}

/** Rows of `x` by index. Its gradient adds up the rows that were taken more than once. */
function gatherRows(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  const gather = tf.customGrad<tf.Tensor>((...inputs) => {
    const [rows] = inputs as [tf.Tensor2D];
    const { shape } = rows;
    return {
      value: tf.gather(rows, tf.tensor1d(indices, 'int32')),
      gradFunc: (dy: tf.Tensor) =>
        tf.scatterND(tf.tensor2d(indices, [indices.length, 1], 'int32'), dy, shape),
    };
  });
  return gather(x) as tf.Tensor2D;
}

// ---- Which layers take this form

/** How residual blocks are computed. */
export interface Form {
  winograd: boolean;
  /** `low`: what a block would keep for the backward pass is computed again. */
  memory: 'auto' | 'low';
  /** Threads of JavaScript that compute at once: two take one direction each. */
  lanes: 1 | 2;
}

/** The plain form: convolutions as they are, what the backward pass needs is kept. */
export const DIRECT: Form = { winograd: false, memory: 'auto', lanes: 1 };

/** Whether the residual blocks see an image of these sides by tiles: they work at a quarter of its sides. */
export function trunkFitsTiles(height: number, width: number): boolean {
  return fitsTiles(height / 4, width / 4);
}

/** Layers of the generator that can: the convolutions of a resnet's residual blocks. */
export function winogradLayers(parameters: GeneratorParameters): Layer[] {
  if (parameters.generator !== 'resnet') return [];
  return generatorLayers(parameters).filter(({ name }) => name.startsWith('block'));
}
