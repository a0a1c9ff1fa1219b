/**
 * @file A generator strip by strip: the pixels of the whole image in a part of its memory.
 *
 * A strip is a tile as wide as the image, with the rows above and below that its convolutions see. Layer by layer every strip
 * is convolved, and mean and variance of each channel are gathered over all of them; what reads the layer norms by these, so
 * norms are those of the whole image, up to rounding. Between layers an activation lies in the host's memory, before its norm.
 * The widest layers, right after the image and right before the result, are not kept: they are computed twice.
 */
import * as tf from '@tensorflow/tfjs';
import type { Bank, Engine, Program, ProgramSpec, Shape, TensorMap } from '../engines/engine.js';
import { sizeOf } from '../engines/spec.js';
import { generatorLayers, type GeneratorParameters, type Layer } from '../geometry.js';
import { doubled, filterShape, NORM_EPSILON } from './networks.js';
import { convolveTileRows, fitsTiles, PLACES, TILE, tilesOf, transformFilter } from './winograd.js';

/** What the norm of a channel takes off, and multiplies by. */
interface Norm {
  mean: Float32Array;
  inverse: Float32Array;
}

/** An activation of the whole image, before its norm. */
interface Field {
  channels: number;
  height: number;
  width: number;
  /** [channels, height, width], or by tiles [16, tiles, channels]. */
  data: Float32Array;
  tiled: boolean;
  norm?: Norm;
}

type Activation = 'none' | 'relu' | 'leaky';
type Rows = readonly [from: number, to: number];

/** Layers that are computed on a strip in one go. */
interface Chain {
  layers: readonly Layer[];
  /** Norms of all layers but the last. */
  norms?: readonly (Norm | undefined)[];
  /** Of what is read; between layers it is relu. */
  activation: Activation;
  /** Write the result over the only source, which has the same shape. */
  inPlace?: boolean;
  /** Only the norm of the result is wanted. */
  dropped?: boolean;
  /** The input channels that the sources are, of a layer that has more. */
  channels?: Rows;
  /** What is added to the result, and replaced by it. */
  sum?: Field;
  tanh?: boolean;
}

export interface StripsOptions {
  /** Rows of the image in a strip, about. */
  rows: number;
  /** Called as the work goes on, with the share of multiply-adds that are done, 0 to 1. */
  progress?: (share: number) => void;
}

/** Name in the bank of a filter in Winograd's form: one at a time. */
const TRANSFORMED = 'transformed filter';

/** Shapes of a bank for `generateByStrips`. @param shapes of the generator's weights by name */
export function stripBankShapes(shapes: Record<string, Shape>): Record<string, Shape> {
  const flat = Object.entries(shapes).find(([, shape]) => shape.length === 2)?.[1];
  return flat === undefined ? shapes : { ...shapes, [TRANSFORMED]: [6, 6, flat[1]!] };
}

/**
 * What `generate` makes of one image, in less memory.
 * @param network prefix of its weights in the bank, `G` or `F`. Filters of residual blocks that the bank holds with their two
 *   spatial axes as one are used in Winograd's form, where the image fits tiles
 * @param image [height, width] in [-1, 1]; sides as `generate` wants them
 */
export async function generateByStrips(
  engine: Engine,
  bank: Bank,
  network: string,
  parameters: GeneratorParameters,
  image: Float32Array,
  height: number,
  width: number,
  options: StripsOptions,
): Promise<Float32Array> {
  const run = openStrips(engine, bank, network, parameters, height, options);
  const x: Field = { channels: 1, height, width, data: image, tiled: false };
  try {
    switch (parameters.generator) {
      case 'resnet':
        return (await resnet(run, parameters, x)).data;
      case 'unet':
        return (await unet(run, parameters.blocks, x)).data;
      case 'fullres':
        return await fullres(run, parameters, x);
    }
  } finally {
    await run.close();
  }
}

// ---- The generators, in the order of networks.ts

async function resnet(run: Strips, { blocks }: GeneratorParameters, x: Field): Promise<Field> {
  const [first, last] = [run.layers(['in', 'down1']), run.layers(['up2', 'out'])];
  const ofFirst = await run.norm([x], first[0]!, 'none');
  const down1 = await run.chain([x], { layers: first, norms: [ofFirst], activation: 'none' });
  const down2 = await run.chain([down1], { layers: run.layers(['down2']), activation: 'relu' });
  run.free(down1);
  settle(down2);
  const byTiles = run.fitsTiles(down2);
  let h = byTiles ? await run.enter(down2) : down2;
  if (byTiles) run.free(down2);
  for (let block = 1; block <= blocks; block++) {
    const [one, two] = [`block${block}/conv1`, `block${block}/conv2`];
    const inner = await run.residual(h, one, { activation: 'none' });
    await run.residual(inner, two, { activation: 'relu', inPlace: true });
    addNormed(h, inner);
    run.free(inner);
  }
  if (byTiles) {
    const left = await run.leave(h);
    run.free(h);
    h = left;
  }
  const up1 = await run.chain([h], { layers: run.layers(['up1']), activation: 'none' });
  run.free(h);
  const ofLast = await run.norm([up1], last[0]!, 'relu');
  return run.chain([up1], { layers: last, norms: [ofLast], activation: 'relu', tanh: true });
}

async function unet(run: Strips, levels: number, x: Field): Promise<Field> {
  const down = [await run.chain([x], { layers: run.layers(['down1']), activation: 'none' })];
  for (let level = 2; level <= levels; level++) {
    down.push(await run.chain([down.at(-1)!], { layers: run.layers([`down${level}`]), activation: 'leaky' }));
  }
  let sources = [down.pop()!];
  for (let level = levels; level > 1; level--) {
    const up = await run.chain(sources, { layers: run.layers([`up${level}`]), activation: 'relu' });
    sources.forEach((each) => run.free(each));
    sources = [down.pop()!, up];
  }
  return run.chain(sources, { layers: run.layers(['up1']), activation: 'relu', tanh: true });
}

/** The join is summed up module by module, so that not all of their outputs are kept. */
async function fullres(
  run: Strips,
  { blocks, filters }: GeneratorParameters,
  x: Field,
): Promise<Float32Array> {
  const unit: Field = { ...x, data: x.data.map((value) => (value + 1) / 2) };
  const join = (module: number, sum?: Field): Chain => ({
    layers: run.layers(['join']),
    activation: 'none',
    channels: [module * filters, (module + 1) * filters],
    sum,
  });
  const h = await run.chain([unit], { layers: run.layers(['in']), activation: 'none' });
  settle(h);
  let joined = await run.chain([h], join(0));
  for (let module = 1; module <= blocks; module++) {
    const conv = (index: number): readonly Layer[] => run.layers([`module${module}/conv${index}`]);
    const inner = await run.chain([h], { layers: conv(1), activation: 'none' });
    await run.chain([inner], { layers: conv(2), activation: 'relu', inPlace: true });
    await run.chain([inner], { layers: conv(3), activation: 'relu', inPlace: true });
    settle(inner);
    addNormed(h, inner);
    run.free(inner);
    joined = await run.chain([h], join(module, joined));
  }
  run.free(h);
  const narrow = await run.chain([joined], { layers: run.layers(['narrow']), activation: 'relu' });
  run.free(joined);
  const { data: change } = await run.chain([narrow], { layers: run.layers(['out']), activation: 'relu' });
  return x.data.map((value, i) => value + 2 * change[i]!);
}

// ---- Strips

interface Strips {
  layers(names: readonly string[]): readonly Layer[];
  chain(sources: readonly Field[], chain: Chain): Promise<Field>;
  /** The norm of what a layer makes, which itself is not kept; none where it has none. */
  norm(sources: readonly Field[], layer: Layer, activation: Activation): Promise<Norm | undefined>;
  /** A layer of a residual block, in Winograd's form on what is held by tiles. */
  residual(x: Field, name: string, how: Pick<Chain, 'activation' | 'inPlace'>): Promise<Field>;
  fitsTiles(x: Field): boolean;
  enter(x: Field): Promise<Field>;
  leave(x: Field): Promise<Field>;
  /** Gives a field's memory to those that come. */
  free(field: Field): void;
  close(): Promise<void>;
}

/** What is to be computed for some rows of a field. */
interface StripWork {
  /** Equal for strips that the same program computes. */
  key: string;
  spec: () => ProgramSpec;
  /** Rows that it reads of every source. */
  reads: Rows;
  /** What it is fed besides. */
  inputs: Record<string, Float32Array>;
}

interface OverStrips {
  /** Strips begin at multiples of this. */
  unit?: number;
  inPlace?: boolean;
  dropped?: boolean;
  sum?: Field;
  done?: (part: number) => unknown;
}

function openStrips(
  engine: Engine,
  bank: Bank,
  network: string,
  parameters: GeneratorParameters,
  imageHeight: number,
  { rows: rowsOfStrip, progress = () => undefined }: StripsOptions,
): Strips {
  const all = generatorLayers(parameters);
  const byName = new Map(all.map((layer) => [layer.name, layer]));
  const strips = Math.max(1, Math.round(imageHeight / rowsOfStrip));
  const heap = openHeap();
  const programs = openPrograms(engine, bank);
  const work = { done: 0, all: all.reduce((sum, layer) => sum + weightsOf(layer), 0) };
  const worked = (layers: readonly Layer[], part: number): void => {
    for (const layer of layers) work.done += part * weightsOf(layer);
    progress(Math.min(1, work.done / work.all));
  };
  const named = (name: string): Layer => {
    const layer = byName.get(name);
    if (!layer) throw new RangeError(`the network has no layer named ${name}`);
    return layer;
  };

  /** Computes `into` strip by strip. */
  const overStrips = async (
    sources: readonly Field[],
    into: Field,
    on: (out: Rows) => StripWork,
    { unit = 1, inPlace = false, dropped = false, sum, done = () => undefined }: OverStrips = {},
  ): Promise<void> => {
    const gathered = gatherStatistics(into.channels);
    /** What was computed last: in place it is written once the next strip, which sees its neighbours, has been read. */
    let pending: { rows: Rows; values: Float32Array } | undefined;
    const flush = (): void => {
      if (pending !== undefined) writeRows(into, pending.rows, pending.values);
      pending = undefined;
    };
    const { rows } = planesOf(into);
    for (const out of stripsOf(rows, strips, unit)) {
      const { key, spec, reads, inputs } = on(out);
      const { program, buffers } = await programs.get(key, spec);
      sources.forEach((source, i) => (inputs[`x${i}`] = readRows(source, reads, buffers[`x${i}`]!)));
      if (sum !== undefined) inputs['sum'] = readRows(sum, out, buffers['sum']!);
      flush();
      const { y, mean, variance } = await program.run(bank, inputs);
      if (!dropped) pending = { rows: out, values: y! };
      if (!inPlace) flush();
      const part = (out[1] - out[0]) / rows;
      if (mean !== undefined && variance !== undefined) gathered.add(part, mean, variance);
      done(part);
    }
    flush();
    into.norm = gathered.norm();
  };

  const chain: Strips['chain'] = async (sources, how) => {
    const { layers, norms = [], activation, channels, sum, tanh = false, dropped = false, inPlace = false } = how; // prettier-ignore
    const [first] = sources as [Field];
    const last = layers.at(-1)!;
    const sides = layers.reduce((list, layer) => [...list, sideOf(layer, list.at(-1)!)], [first.height]);
    const width = layers.reduce((side, layer) => sideOf(layer, side), first.width);
    const into: Field = inPlace
      ? first
      : (sum ?? {
          channels: last.out,
          height: sides.at(-1)!,
          width,
          data: dropped ? new Float32Array(0) : heap.take(last.out * sides.at(-1)! * width),
          tiled: false,
        });
    const whole = channels === undefined || channels[1] === last.in;
    const readShare = channels === undefined ? 1 : (channels[1] - channels[0]) / last.in;
    const statistics = last.normed && whole;
    const readNorms = sources.map(({ norm }) => norm);
    await overStrips(
      sources,
      into,
      (out) => {
        const seen: RowsSeen[] = [];
        let rows: Rows = out;
        for (let index = layers.length - 1; index >= 0; index--) {
          const each = rowsSeen(layers[index]!, sides[index]!, rows);
          seen.unshift(each);
          rows = each.rows;
        }
        const inputs: Record<string, Float32Array> = {};
        readNorms.forEach((norm, i) => feedNorm(inputs, `x${i}`, norm));
        norms.forEach((norm, i) => feedNorm(inputs, `layer${i}`, norm));
        const spec = (): ProgramSpec => ({
          name: `${layers.map(({ name }) => name).join(', ')} of ${seen[0]!.rows[1] - seen[0]!.rows[0]} rows`,
          inputs: {
            ...Object.fromEntries(
              sources.map(({ channels, width }, i) => [`x${i}`, [1, channels, rows[1] - rows[0], width]]),
            ),
            ...(sum === undefined ? {} : { sum: [1, last.out, out[1] - out[0], width] }),
            ...vectorsOf(inputs),
          },
          reads: layers.flatMap(({ name, bias }) => [
            `${network}/${name}/filter`,
            ...(bias && whole ? [`${network}/${name}/bias`] : []),
          ]),
          writes: [],
          run: (tensors) => {
            const parts = sources.map((_, i) => normed(tensors, `x${i}`, channelsLast(tensors[`x${i}`]!)));
            let h = activate(parts.length === 1 ? parts[0]! : tf.concat(parts, 3), activation);
            layers.forEach((layer, i) => {
              let filter = tf.reshape<tf.Rank.R4>(tensors[`${network}/${layer.name}/filter`]!, filterShape(layer)); // prettier-ignore
              if (channels !== undefined) {
                filter = tf.slice(filter, [0, 0, channels[0], 0], [-1, -1, channels[1] - channels[0], -1]);
              }
              h = convolveRows(layer, filter, h, seen[i]!);
              const bias = tensors[`${network}/${layer.name}/bias`];
              if (bias !== undefined) h = tf.add(h, bias);
              if (i < layers.length - 1) h = tf.relu(normed(tensors, `layer${i}`, h));
            });
            if (sum !== undefined) h = tf.add(h, channelsLast(tensors['sum']!));
            if (tanh) h = tf.tanh(h);
            return {
              ...(dropped ? {} : { y: tf.transpose(h, [0, 3, 1, 2]) }),
              ...(statistics ? statisticsOf(h, [0, 1, 2]) : {}),
            };
          },
        });
        const relative = seen.map(({ rows: [from, to], ...rest }) => ({ ...rest, rows: to - from }));
        const key = JSON.stringify([layers.map(({ name }) => name), channels, relative, out[1] - out[0]]);
        return { key, spec, reads: rows, inputs };
      },
      { inPlace, dropped, sum, done: (part) => dropped || worked(layers, part * readShare) },
    );
    await programs.clear();
    return into;
  };

  const residual: Strips['residual'] = async (x, name, { activation, inPlace = false }) => {
    const layer = named(name);
    if (!x.tiled) return chain([x], { layers: [layer], activation, inPlace });
    await transform(`${network}/${name}/filter`);
    const columns = x.width / TILE;
    const into: Field = inPlace ? x : { ...x, data: heap.take(x.data.length), norm: undefined };
    const { channels, norm } = x;
    const bias = layer.bias ? await bank.read(`${network}/${name}/bias`) : undefined;
    await overStrips(
      [x],
      into,
      (out) => {
        const rows: Rows = [Math.max(0, out[0] - 1), Math.min(x.height / TILE, out[1] + 1)];
        const [first, count] = [out[0] - rows[0], out[1] - out[0]];
        const inputs: Record<string, Float32Array> = bias === undefined ? {} : { bias };
        feedNorm(inputs, 'x0', norm);
        const spec = (): ProgramSpec => ({
          name: `residual layer of ${count} rows of tiles`,
          inputs: {
            x0: [PLACES, (rows[1] - rows[0]) * columns, 1, channels],
            ...vectorsOf(inputs),
          },
          reads: [TRANSFORMED],
          writes: [],
          run: (tensors) => {
            const h = activate(normed(tensors, 'x0', tensors['x0'] as tf.Tensor4D), activation);
            let y = convolveTileRows(h, tensors[TRANSFORMED]!, columns, { first, rows: count });
            if (bias !== undefined) y = tf.add(y, tensors['bias']!);
            return { y, ...(layer.normed ? statisticsOf(y, [0, 1, 2]) : {}) };
          },
        });
        const key = JSON.stringify(['residual', activation, rows[1] - rows[0], first, count]);
        return { key, spec, reads: rows, inputs };
      },
      { inPlace, done: (part) => worked([layer], part) },
    );
    return into;
  };

  /** The filter of a residual block in Winograd's form, into its one place in the bank. */
  const transform = async (filter: string): Promise<void> => {
    const { program } = await programs.get('transform', () => ({
      name: 'transform a filter',
      inputs: {},
      reads: [anyFilter],
      writes: [TRANSFORMED],
      run: (tensors) => ({ [TRANSFORMED]: transformFilter(tensors[anyFilter]!) }),
    }));
    await program.run(bank, {}, (name) => (name === anyFilter ? filter : name));
  };
  const anyFilter = `${network}/block1/conv1/filter`;

  /** From or to tiles, strip by strip. */
  const move = async (x: Field, tiled: boolean): Promise<Field> => {
    const into: Field = { ...x, data: heap.take(x.data.length), tiled };
    const { channels, width } = x;
    const scale = tiled ? TILE : 1; // rows of pixels for each row of `into`
    await overStrips(
      [x],
      into,
      (out) => {
        const height = (out[1] - out[0]) * scale;
        const byTiles = [PLACES, (height * width) / PLACES, 1, channels];
        const planes = [1, channels, height, width];
        const spec = (): ProgramSpec => ({
          name: `${tiled ? 'enter' : 'leave'} ${height} rows`,
          inputs: { x0: tiled ? planes : byTiles },
          reads: [],
          writes: [],
          run: ({ x0 }) => {
            const tiles = tilesOf(height, width);
            return {
              y: tiled
                ? tiles.enter(channelsLast(x0!))
                : tf.transpose(tiles.leave(x0 as tf.Tensor4D), [0, 3, 1, 2]),
            };
          },
        });
        const reads: Rows = tiled ? [out[0] * TILE, out[1] * TILE] : [out[0] / TILE, out[1] / TILE];
        return { key: `move ${height}`, spec, reads, inputs: {} };
      },
      { unit: tiled ? 1 : TILE },
    );
    await programs.clear();
    return into;
  };

  return {
    layers: (names) => names.map(named),
    chain,
    norm: async (sources, layer, activation) =>
      layer.normed ? (await chain(sources, { layers: [layer], activation, dropped: true })).norm : undefined,
    residual,
    fitsTiles: ({ height, width }) => TRANSFORMED in bank.shapes && fitsTiles(height, width),
    enter: (x) => move(x, true),
    leave: (x) => move(x, false),
    free: ({ data }) => heap.give(data),
    close: () => programs.clear(),
  };
}

/** Multiply-adds of a layer, each pixel of an image of its own counted once: enough to show how far the work is. */
function weightsOf({ kernel, in: from, out }: Layer): number {
  return kernel ** 2 * from * out;
}

function sideOf({ kind, kernel, stride, pads: [before, after] }: Layer, side: number): number {
  return kind === 'convolution' ? Math.floor((side + before + after - kernel) / stride) + 1 : 2 * side;
}

/** Parts of `rows` of about the same size, in multiples of `unit`. */
function stripsOf(rows: number, count: number, unit: number): Rows[] {
  const units = rows / unit;
  const parts = Math.min(count, units);
  const border = (part: number): number => unit * Math.round((part * units) / parts);
  return Array.from({ length: parts }, (_, part) => [border(part), border(part + 1)]);
}

// ---- What is computed on a strip

/** What a layer sees of its input for some rows of its output. */
interface RowsSeen {
  /** Those rows of the input that are in the image. */
  rows: Rows;
  /** Rows beyond it, above and below, that padding stands for. */
  pads: [number, number];
  /** Rows to leave out above: of the result of a transposed convolution, of the doubled input of a resized one. */
  crop: number;
  /** Rows of the output. */
  out: number;
}

/** @param height of the layer's input @param rows of its output that are wanted */
function rowsSeen({ kind, kernel, stride, pads: [before] }: Layer, height: number, [a, b]: Rows): RowsSeen {
  const out = b - a;
  if (kind === 'transposed') {
    const rows: Rows = [
      Math.max(0, Math.ceil((a + before - kernel + 1) / stride)),
      Math.min(height, Math.floor((b - 1 + before) / stride) + 1),
    ];
    return { rows, pads: [0, 0], crop: a - stride * rows[0], out };
  }
  const side = kind === 'resized' ? 2 * height : height;
  const [begin, end] = [a * stride - before, (b - 1) * stride - before + kernel];
  const inside: Rows = [Math.max(0, begin), Math.min(side, end)];
  const pads: [number, number] = [inside[0] - begin, end - inside[1]];
  if (kind === 'convolution') return { rows: inside, pads, crop: 0, out };
  const rows: Rows = [Math.floor(inside[0] / 2), Math.ceil(inside[1] / 2)];
  return { rows, pads, crop: inside[0] - 2 * rows[0], out };
}

/** A layer's convolution on the rows that it sees. @param w the filter @param x [1, rows, width, in] */
function convolveRows(
  layer: Layer,
  w: tf.Tensor4D,
  x: tf.Tensor4D,
  { pads, crop, out }: RowsSeen,
): tf.Tensor4D {
  const { kind, kernel, stride, padding } = layer;
  const [, rows, width] = x.shape;
  if (kind === 'transposed') {
    const whole = tf.conv2dTranspose(x, w, [1, stride * rows, stride * width, w.shape[2]], stride, 'same');
    return tf.slice(whole, [0, crop, 0, 0], [1, out, -1, -1]);
  }
  const inside = kernel + (out - 1) * stride - pads[0] - pads[1];
  const h = kind === 'resized' ? tf.slice(doubled(x), [0, crop, 0, 0], [1, inside, -1, -1]) : x;
  const columns: [number, number] = [...layer.pads];
  if (padding === 'zero') return tf.conv2d(h, w, stride, [[0, 0], pads, columns, [0, 0]]);
  return tf.conv2d(tf.mirrorPad(h, [[0, 0], pads, columns, [0, 0]], 'reflect'), w, stride, 'valid');
}

const channelsLast = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);

function activate(x: tf.Tensor4D, activation: Activation): tf.Tensor4D {
  if (activation === 'none') return x;
  return activation === 'relu' ? tf.relu(x) : tf.leakyRelu(x, 0.2);
}

/** By the statistics that are fed under a name, where there are any. @param x channels last */
function normed(tensors: TensorMap, name: string, x: tf.Tensor4D): tf.Tensor4D {
  const [mean, inverse] = [tensors[`${name}/mean`], tensors[`${name}/inverse`]];
  return mean === undefined || inverse === undefined ? x : tf.mul(tf.sub(x, mean), inverse);
}

/** Shapes of vectors that are fed. */
function vectorsOf(inputs: Record<string, Float32Array>): Record<string, Shape> {
  return Object.fromEntries(Object.entries(inputs).map(([name, { length }]) => [name, [length]]));
}

function feedNorm(inputs: Record<string, Float32Array>, name: string, norm: Norm | undefined): void {
  if (norm === undefined) return;
  inputs[`${name}/mean`] = norm.mean;
  inputs[`${name}/inverse`] = norm.inverse;
}

function statisticsOf(x: tf.Tensor4D, axes: number[]): { mean: tf.Tensor; variance: tf.Tensor } {
  const mean = tf.mean(x, axes, true);
  return { mean: tf.reshape(mean, [-1]), variance: tf.mean(tf.square(tf.sub(x, mean)), axes) };
}

/**
 * Mean and variance of all strips from those of each, in double precision (Chan, Golub and LeVeque 1979, "Updating formulae and
 * a pairwise algorithm for computing sample variances").
 */
function gatherStatistics(channels: number): {
  add: (share: number, mean: Float32Array, variance: Float32Array) => void;
  norm: () => Norm | undefined;
} {
  const [means, variances] = [new Float64Array(channels), new Float64Array(channels)];
  let shares = 0;
  return {
    add: (share, mean, variance) => {
      const before = shares;
      shares += share;
      for (let c = 0; c < channels; c++) {
        const apart = mean[c]! - means[c]!;
        means[c]! += (apart * share) / shares;
        variances[c]! += ((variance[c]! - variances[c]!) * share) / shares + (apart ** 2 * before * share) / shares ** 2; // prettier-ignore
      }
    },
    norm: () =>
      shares === 0
        ? undefined
        : {
            mean: Float32Array.from(means),
            inverse: Float32Array.from(variances, (each) => 1 / Math.sqrt(each + NORM_EPSILON)),
          },
  };
}

// ---- Fields in the host's memory

/** A field's memory is planes of rows of numbers. */
function planesOf({ channels, height, width, tiled }: Field): { planes: number; rows: number; size: number } {
  return tiled
    ? { planes: PLACES, rows: height / TILE, size: (width / TILE) * channels }
    : { planes: channels, rows: height, size: width };
}

function readRows(field: Field, [from, to]: Rows, into: Float32Array): Float32Array {
  const { planes, rows, size } = planesOf(field);
  const length = (to - from) * size;
  for (let plane = 0; plane < planes; plane++) {
    const begin = (plane * rows + from) * size;
    into.set(field.data.subarray(begin, begin + length), plane * length);
  }
  return into;
}

function writeRows(field: Field, [from, to]: Rows, values: Float32Array): void {
  const { planes, rows, size } = planesOf(field);
  const length = (to - from) * size;
  for (let plane = 0; plane < planes; plane++) {
    field.data.set(values.subarray(plane * length, (plane + 1) * length), (plane * rows + from) * size);
  }
}

/** Norms and relus a field, that is not by tiles, where it lies. */
function settle(field: Field): void {
  const { data, norm, channels } = field;
  const plane = data.length / channels;
  for (let c = 0; c < channels; c++) {
    const [mean, inverse] = [norm?.mean[c] ?? 0, norm?.inverse[c] ?? 1];
    for (let i = c * plane; i < (c + 1) * plane; i++) {
      const value = (data[i]! - mean) * inverse;
      data[i] = value > 0 ? value : 0;
    }
  }
  field.norm = undefined;
}

/** Adds the normed `other` to a field. */
function addNormed(field: Field, other: Field): void {
  const { data } = field;
  const { data: from, norm, channels, tiled } = other;
  if (norm === undefined) {
    for (let i = 0; i < data.length; i++) data[i]! += from[i]!;
    return;
  }
  const { mean, inverse } = norm;
  if (tiled) {
    for (let i = 0; i < data.length; i += channels) {
      for (let c = 0; c < channels; c++) data[i + c]! += (from[i + c]! - mean[c]!) * inverse[c]!;
    }
    return;
  }
  const plane = data.length / channels;
  for (let c = 0; c < channels; c++) {
    const [m, s] = [mean[c]!, inverse[c]!];
    for (let i = c * plane; i < (c + 1) * plane; i++) data[i]! += (from[i]! - m) * s;
  }
}

/** Memory of fields that is used again: left to the garbage collector, a second set would be there before the first is gone. */
function openHeap(): { take: (length: number) => Float32Array; give: (data: Float32Array) => void } {
  const free: ArrayBufferLike[] = [];
  return {
    take: (length) => {
      const fits = free
        .filter(({ byteLength }) => byteLength >= 4 * length && byteLength <= 8 * length)
        .sort((a, b) => a.byteLength - b.byteLength)[0];
      if (fits === undefined) return new Float32Array(length);
      free.splice(free.indexOf(fits), 1);
      return new Float32Array(fits, 0, length);
    },
    give: ({ buffer }) => void free.push(buffer),
  };
}

/** Programs with the memory that they are fed from. */
function openPrograms(
  engine: Engine,
  bank: Bank,
): {
  get: (key: string, spec: () => ProgramSpec) => Promise<{ program: Program; buffers: Record<string, Float32Array> }>; // prettier-ignore
  clear: () => Promise<void>;
} {
  const held = new Map<string, { program: Program; buffers: Record<string, Float32Array> }>();
  return {
    get: async (key, make) => {
      const known = held.get(key);
      if (known !== undefined) return known;
      const spec = make();
      const buffers = Object.entries(spec.inputs).map(([name, shape]) => [
        name,
        new Float32Array(sizeOf(shape)),
      ]);
      const made = {
        program: await engine.compile(spec, bank),
        buffers: Object.fromEntries(buffers) as Record<string, Float32Array>,
      };
      held.set(key, made);
      return made;
    },
    clear: async () => {
      for (const { program } of held.values()) await program.dispose();
      held.clear();
    },
  };
}
