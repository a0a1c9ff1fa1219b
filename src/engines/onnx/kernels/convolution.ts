/**
 * @file Convolution and its two gradients, in the forms that onnxruntime's CPU computes fastest, or its GPUs where those differ.
 *
 * The CPU's Conv unfolds the image (im2col) and multiplies once. What is unfolded grows kh*kw times, so it should be the side
 * with fewer channels, and the multiplication should be one large one. From that follow the forms below:
 * - forward: Conv, or the transposed convolution with the flipped filter where few channels come out;
 * - input gradient: Conv with the flipped filter at stride 1, ConvTranspose at larger strides (inserting zeros is 4
 *   times slower) or where few channels come out;
 * - filter gradient: one Conv over an image whose channels are interleaved into its width (see below). It has few results, each
 *   a sum over all pixels of the batch, which leaves most of a GPU idle: there the sum is cut into parts (see `byParts`).
 */
import * as tf from '@tensorflow/tfjs';
import type { Recorder } from '../recorder.js';
import type { Value } from '../values.js';
import {
  FILTER_ORDER,
  IMAGE_ORDER,
  inOrder,
  nameOf,
  nodeValue,
  plain,
  range,
  reshapeNode,
  whole,
} from '../values.js';
import type { Kernel } from './kernel.js';
import { kernel, Unsupported } from './kernel.js';
import { reverseNode } from './shape.js';

type Geometry = tf.backend_util.Conv2DInfo;
type Rank4 = [number, number, number, number];

/** The side that is unfolded should have this many times fewer channels for the other form to pay. */
const FEWER = 4;

function geometry(
  x: readonly number[],
  filter: readonly number[],
  attributes: Pick<tf.Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'> & {
    dilations?: number | [number, number];
  },
): Geometry {
  const { strides, pad, dataFormat, dimRoundingMode, dilations } = attributes;
  if (dataFormat !== 'NHWC') throw new Unsupported(`data format ${dataFormat}`);
  const at = tf.backend_util.computeConv2DInfo(
    x as Rank4,
    filter as Rank4,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
  if (typeof pad === 'number' && (at.filterHeight !== at.filterWidth || at.strideHeight !== at.strideWidth)) {
    throw new Unsupported('padding as one number, which tfjs takes for square filters and strides only');
  }
  return at;
}

const asImage = (g: Recorder, value: Value): string => nameOf(inOrder(g, whole(g, value), IMAGE_ORDER));
const asFilter = (g: Recorder, value: Value): string => nameOf(inOrder(g, whole(g, value), FILTER_ORDER));

/** [out, in, h, w] → [in, out, h, w] with both image axes turned round: what the transposed operation needs. */
function flipped(g: Recorder, filter: string): string {
  return g.op('Transpose', [reverseNode(g, filter, [2, 3])], { perm: { ints: [1, 0, 2, 3] } });
}

/** Exchanges the two leading axes. */
function swapped(g: Recorder, node: string): string {
  return g.op('Transpose', [node], { perm: { ints: [1, 0, 2, 3] } });
}

/** Pixels at the top, left, bottom and right. */
type Sides = readonly [number, number, number, number];

/** Pads the two image axes with zeros; negative amounts crop. */
function padded(g: Recorder, node: string, [top, left, bottom, right]: Sides): string {
  if (!top && !left && !bottom && !right) return node;
  return g.op('Pad', [node, g.integers([0, 0, top, left, 0, 0, bottom, right])]);
}

function cropped(g: Recorder, node: string, [top, left, bottom, right]: Sides): string {
  return padded(g, node, [-top, -left, -bottom, -right]);
}

function convolution(g: Recorder, x: Value, filter: Value, at: Geometry): Value {
  const { top, left, bottom, right } = at.padInfo;
  const { filterHeight: kh, filterWidth: kw } = at;
  const dense =
    at.strideHeight === 1 && at.strideWidth === 1 && at.dilationHeight === 1 && at.dilationWidth === 1;
  const ends = [kh - 1 - top, kw - 1 - left, kh - 1 - bottom, kw - 1 - right];
  const fewOut = at.outChannels * FEWER <= at.inChannels && kh * kw > 1 && ends.every((each) => each >= 0);
  const node =
    dense && fewOut && g.target.device !== 'cuda'
      ? g.op('ConvTranspose', [asImage(g, x), flipped(g, asFilter(g, filter))], { pads: { ints: ends } })
      : g.op('Conv', [asImage(g, x), asFilter(g, filter)], {
          pads: { ints: [top, left, bottom, right] },
          strides: { ints: [at.strideHeight, at.strideWidth] },
          dilations: { ints: [at.dilationHeight, at.dilationWidth] },
        });
  return nodeValue(node, at.outShape, { order: IMAGE_ORDER });
}

function inputGradient(g: Recorder, dy: Value, filter: Value, at: Geometry): Value {
  const { top, left } = at.padInfo;
  const { strideHeight: sh, strideWidth: sw, filterHeight: kh, filterWidth: kw } = at;
  const image = asImage(g, dy);
  const weights = asFilter(g, filter);
  const pads = [
    kh - 1 - top,
    kw - 1 - left,
    at.inHeight - at.outHeight + top,
    at.inWidth - at.outWidth + left,
  ];
  const fewOut = at.inChannels * FEWER <= at.outChannels;
  if (sh === 1 && sw === 1 && !fewOut && pads.every((each) => each >= 0)) {
    const node = g.op('Conv', [image, flipped(g, weights)], { pads: { ints: pads } });
    return nodeValue(node, at.inShape, { order: IMAGE_ORDER });
  }
  // What the input has beyond the last place that a filter reached: positive is output padding, negative is cropped.
  const beyondH = at.inHeight - ((at.outHeight - 1) * sh + kh) + top;
  const beyondW = at.inWidth - ((at.outWidth - 1) * sw + kw) + left;
  const cut: Sides = [top, left, Math.max(0, -beyondH), Math.max(0, -beyondW)];
  const uneven = cut[0] !== cut[2] || cut[1] !== cut[3];
  const afterwards = uneven && g.target.device === 'cuda'; // whose provider leaves such a node to the CPU
  const node = g.op('ConvTranspose', [image, weights], {
    strides: { ints: [sh, sw] },
    pads: { ints: afterwards ? [0, 0, 0, 0] : cut },
    output_padding: { ints: [Math.max(0, beyondH), Math.max(0, beyondW)] },
  });
  return nodeValue(afterwards ? cropped(g, node, cut) : node, at.inShape, { order: IMAGE_ORDER });
}

/**
 * With x in memory as one image [1, batch, height, width * in] and dy as filter [out, batch, h, w], a convolution with
 * dilation [stride, stride * in] gives [1, out, kh, kw * in]: the gradient, by one multiplication of
 * [out, batch*h*w] and [batch*h*w, kh*kw*in]. Twice as fast as the textbook form with channels as the batch.
 */
function filterGradient(g: Recorder, x: Value, dy: Value, at: Geometry): Value {
  const { top, left } = at.padInfo;
  const { strideHeight: sh, strideWidth: sw, filterHeight: kh, filterWidth: kw } = at;
  const { inChannels: ci, outChannels: co, batchSize: batch } = at;
  const shape = [kh, kw, ci, co];
  const turned: Sides = [
    kh - 1 - top,
    kw - 1 - left,
    at.inHeight - at.outHeight + top,
    at.inWidth - at.outWidth + left,
  ];
  // Roles exchanged, so that the side with fewer channels is unfolded; the filter comes out turned round.
  const exchanged = sh === 1 && sw === 1 && co < ci && turned.every((each) => each >= 0);
  if (exchanged && inParts(g, at)) {
    return nodeValue(byParts(g, dy, x, at, turned, true), shape, { order: [3, 0, 1, 2] });
  }
  if (exchanged) {
    const image = reshapeNode(g, nameOf(plain(g, dy)), [1, batch, at.outHeight, at.outWidth * co]);
    const node = g.op('Conv', [padded(g, image, byChannels(turned, co)), swapped(g, asImage(g, x))], {
      dilations: { ints: [1, co] },
    });
    const reversed = reverseNode(g, reshapeNode(g, node, [ci, kh, kw, co]), [1, 2]);
    return nodeValue(reversed, shape, { order: [2, 0, 1, 3] });
  }

  const pads: Sides = [
    top,
    left,
    (at.outHeight - 1) * sh + kh - at.inHeight - top,
    (at.outWidth - 1) * sw + kw - at.inWidth - left,
  ];
  if (inParts(g, at)) {
    return nodeValue(byParts(g, x, dy, at, pads, false), shape, { order: [2, 0, 1, 3] });
  }
  const image = reshapeNode(g, nameOf(plain(g, x)), [1, batch, at.inHeight, at.inWidth * ci]);
  const wide = byChannels(pads, ci);
  const crops = wide.some((each) => each < 0); // the stride left a rest of the image unread
  const node = g.op('Conv', [crops ? padded(g, image, wide) : image, swapped(g, asImage(g, dy))], {
    dilations: { ints: [sh, sw * ci] },
    pads: { ints: crops ? [0, 0, 0, 0] : wide },
  });
  return nodeValue(reshapeNode(g, node, [co, kh, kw, ci]), shape, { order: [3, 0, 1, 2] });
}

/** Of an image whose channels are interleaved into its width. */
function byChannels([top, left, bottom, right]: Sides, channels: number): Sides {
  return [top, left * channels, bottom, right * channels];
}

/** Results that keep a GPU busy, however long the sum of each. */
const MANY_RESULTS = 2 ** 18;
/**
 * Pixels that one part sums over, at most, where halving the height gets there: an odd number of rows stays whole. Finer parts would
 * cost memory, for each keeps a gradient of its own until they are summed.
 */
const PART = 1024;

function inParts(g: Recorder, { filterHeight, filterWidth, inChannels, outChannels }: Geometry): boolean {
  if (g.target.device === 'cpu') return false;
  return g.target.device === 'cuda' || filterHeight * filterWidth * inChannels * outChannels < MANY_RESULTS;
}

/**
 * The filter's gradient as one product of matrices for each part of each image, [channels*kh*kw, pixels] and [pixels, others],
 * and the sum of those. In memory: [channels, kh, kw, others]. The image is unfolded by gathering its rows, then its columns.
 * @param pads of the image that is unfolded, which may be negative
 * @param turned each filter reads from its other end
 */
function byParts(
  g: Recorder,
  unfold: Value,
  other: Value,
  at: Geometry,
  pads: Sides,
  turned: boolean,
): string {
  const { filterHeight: kh, filterWidth: kw, strideHeight: sh, strideWidth: sw } = at;
  const [batch, , , channels] = unfold.shape as Rank4;
  const [, height, width, others] = other.shape as Rank4;
  let rows = height;
  while (rows * width > PART && rows % 2 === 0) rows /= 2;
  const parts = height / rows;

  const image = padded(g, asImage(g, unfold), pads);
  const reads = (filter: number, stride: number, length: number): string => {
    const first = range(filter).map((place) => (turned ? filter - 1 - place : place));
    const all = first.flatMap((place) => range(length).map((step) => place + step * stride));
    return g.constant(Int32Array.from(all), [all.length]);
  };
  const gather = (node: string, axis: number, places: string): string =>
    g.op('Gather', [node, places], { axis: { int: axis } });
  const unfolded = gather(gather(image, 2, reads(kh, sh, height)), 3, reads(kw, sw, width));
  const byRows = reshapeNode(g, unfolded, [batch, channels * kh, parts, rows, kw, width]);
  const ordered = g.op('Transpose', [byRows], { perm: { ints: [0, 2, 1, 4, 3, 5] } });
  const left = reshapeNode(g, ordered, [batch, parts, channels * kh * kw, rows * width]);
  const right = reshapeNode(g, nameOf(plain(g, other)), [batch, parts, rows * width, others]);
  const products = g.op('MatMul', [left, right]);
  const sum = g.op('ReduceSum', [products, g.integers([0, 1])], { keepdims: { int: 0 } });
  return reshapeNode(g, sum, [channels, kh, kw, others]);
}

export const convolutions: Readonly<Record<string, Kernel>> = {
  Conv2D: kernel(['x', 'filter'], (g, { x, filter }, attributes: tf.Conv2DAttrs) =>
    convolution(g, x, filter, geometry(x.shape, filter.shape, attributes)),
  ),
  Conv2DBackpropInput: kernel(
    ['dy', 'filter'],
    (g, { dy, filter }, attributes: tf.Conv2DBackpropInputAttrs) =>
      inputGradient(g, dy, filter, geometry(attributes.inputShape, filter.shape, attributes)),
  ),
  Conv2DBackpropFilter: kernel(['x', 'dy'], (g, { x, dy }, attributes: tf.Conv2DBackpropFilterAttrs) =>
    filterGradient(g, x, dy, geometry(x.shape, attributes.filterShape, attributes)),
  ),
};
