/**
 * @file The layers of every network as data, and what follows from them alone: sides, receptive fields, numbers of weights.
 *
 * Generators: `resnet` is that of Zhu et al. 2017 (https://arxiv.org/abs/1703.10593, section 7.2), `unet` that of Isola et
 * al. 2017 (https://arxiv.org/abs/1611.07004, section 6.1.1), `fullres` that of the study which this project repeats.
 * Discriminator: the PatchGAN of Isola et al. Lengths are pixels; docs/networks.md tells all this in words.
 */
import type { TrialParameters } from './protocol.js';

export type GeneratorParameters = Pick<
  TrialParameters,
  'generator' | 'filters' | 'blocks' | 'norm' | 'upsample'
>;
export type DiscriminatorParameters = Pick<TrialParameters, 'disc_filters' | 'disc_layers' | 'norm'>;

export interface Layer {
  /** What its weights are called, e.g. `block1/conv1`. */
  name: string;
  /** `transposed` and `resized` double the side; `resized` repeats every pixel first and then convolves with stride 1. */
  kind: 'convolution' | 'transposed' | 'resized';
  /** Side of the square filter. */
  kernel: number;
  stride: 1 | 2;
  /** Rows added above and to the left, below and to the right; those that are cut off for `transposed`. */
  pads: readonly [number, number];
  /** What the added rows hold. */
  padding: 'reflect' | 'zero';
  in: number;
  out: number;
  /** Whether a norm follows. */
  normed: boolean;
  /** Only where no norm follows: in front of one a bias has no effect and no gradient. */
  bias: boolean;
}

interface LayerOptions extends Partial<Pick<Layer, 'kind' | 'stride' | 'padding' | 'pads'>> {
  /** A norm follows where the network has any. */
  norm: TrialParameters['norm'] | false;
}

function layer(
  name: string,
  kernel: number,
  from: number,
  to: number,
  { norm, kind = 'convolution', stride = 1, padding = 'zero', pads }: LayerOptions,
): Layer {
  const margin = (kernel - 1) / 2;
  const normed = norm !== false && norm !== 'none';
  return {
    name,
    kind,
    kernel,
    stride,
    padding,
    pads: pads ?? [margin, margin],
    in: from,
    out: to,
    normed,
    bias: !normed,
  };
}

// ---- Networks

/** Layers in the order in which they are applied. */
export function generatorLayers(parameters: GeneratorParameters): Layer[] {
  switch (parameters.generator) {
    case 'resnet':
      return resnetLayers(parameters);
    case 'unet':
      return unetLayers(parameters);
    case 'fullres':
      return fullresLayers(parameters);
  }
}

/**
 * 7x7, two 3x3 of stride 2, `blocks` residual blocks of two 3x3, two that double the side, 7x7.
 * Stride 1 pads by reflection, stride 2 with zeros: for an even side one row below and one column to the right.
 */
function resnetLayers({ filters, blocks, norm, upsample }: GeneratorParameters): Layer[] {
  const down = { stride: 2, pads: [0, 1], norm } as const;
  const up =
    upsample === 'transposed'
      ? ({ kind: 'transposed', ...down } as const)
      : ({ kind: 'resized', padding: 'reflect', norm } as const);
  const same = { padding: 'reflect', norm } as const;
  return [
    layer('in', 7, 1, filters, same),
    layer('down1', 3, filters, 2 * filters, down),
    layer('down2', 3, 2 * filters, 4 * filters, down),
    ...numbers(blocks).flatMap((block) => [
      layer(`block${block}/conv1`, 3, 4 * filters, 4 * filters, same),
      layer(`block${block}/conv2`, 3, 4 * filters, 4 * filters, same),
    ]),
    layer('up1', 3, 4 * filters, 2 * filters, up),
    layer('up2', 3, 2 * filters, filters, up),
    layer('out', 7, filters, 1, { padding: 'reflect', norm: false }),
  ];
}

/**
 * `blocks` levels down, each a 4x4 of stride 2, and as many up; a level up is joined with what came from the same side on
 * the way down. Channels double up to 8 times the first. No norm on the first and the lowest level and at the end.
 */
function unetLayers({ filters, blocks: levels, norm, upsample }: GeneratorParameters): Layer[] {
  const width = (level: number): number => (level === 0 ? 1 : filters * Math.min(2 ** (level - 1), 8));
  const down = numbers(levels).map((level) => {
    const inner = level > 1 && level < levels;
    const options = { stride: 2, pads: [1, 1], norm: inner && norm } as const;
    return layer(`down${level}`, 4, width(level - 1), width(level), options);
  });
  const up = numbers(levels).map((level) => {
    const from = level === levels ? width(level) : 2 * width(level);
    const [name, to, after] = [`up${level}`, width(level - 1), level > 1 && norm];
    return upsample === 'transposed'
      ? layer(name, 4, from, to, { kind: 'transposed', stride: 2, pads: [1, 1], norm: after })
      : layer(name, 3, from, to, { kind: 'resized', norm: after });
  });
  return [...down, ...up.reverse()];
}

/** Channels of the second but last layer of `fullres`. */
const FULLRES_NARROW = 15;

/** All at full resolution and 3x3: one, `blocks` modules of three, and three over the joined outputs of the first and of all modules. */
function fullresLayers({ filters, blocks, norm }: GeneratorParameters): Layer[] {
  return [
    layer('in', 3, 1, filters, { norm }),
    ...numbers(blocks).flatMap((module) =>
      numbers(3).map((index) => layer(`module${module}/conv${index}`, 3, filters, filters, { norm })),
    ),
    layer('join', 3, (blocks + 1) * filters, filters, { norm }),
    layer('narrow', 3, filters, FULLRES_NARROW, { norm }),
    layer('out', 3, FULLRES_NARROW, 1, { norm: false }),
  ];
}

/** `disc_layers` 4x4 of stride 2, then two of stride 1, all padded with one row of zeros; channels double up to 8 times the first. */
export function discriminatorLayers({
  disc_filters: filters,
  disc_layers: strided,
  norm,
}: DiscriminatorParameters): Layer[] {
  const width = (index: number): number => (index === 0 ? 1 : filters * Math.min(2 ** (index - 1), 8));
  const last = strided + 2;
  return numbers(last).map((index) => {
    const inner = index > 1 && index < last;
    const options = { stride: index <= strided ? 2 : 1, pads: [1, 1], norm: inner && norm } as const;
    return layer(`conv${index}`, 4, width(index - 1), index === last ? 1 : width(index), options);
  });
}

/** 1 to `count`. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

// ---- Weights

/** Number of weights, biases included. */
export function countWeights(layers: readonly Layer[]): number {
  return layers.reduce((sum, { kernel, in: from, out, bias }) => {
    return sum + kernel ** 2 * from * out + (bias ? out : 0);
  }, 0);
}

/** Multiply-adds of one pass for each pixel of the input, on sides that all layers divide evenly. */
export function multiplyAdds(layers: readonly Layer[]): number {
  let scale = 1; // pixels of the current layer for each pixel of the input
  let sum = 0;
  for (const { kind, kernel, stride, in: from, out } of layers) {
    if (kind === 'convolution') scale /= stride ** 2;
    if (kind === 'resized') scale *= 4;
    sum += kernel ** 2 * from * out * scale;
    if (kind === 'transposed') scale *= stride ** 2;
  }
  return sum;
}

// ---- Sides

/** Side of a layer's output, pixels; 0 where nothing is left. */
function sideAfter({ kind, kernel, stride, pads: [before, after] }: Layer, side: number): number {
  if (kind !== 'convolution') return 2 * side;
  return Math.max(0, Math.floor((side + before + after - kernel) / stride) + 1);
}

/** Sides from the input to the output. */
export function sidesOf(layers: readonly Layer[], side: number): number[] {
  return layers.reduce((sides, each) => [...sides, sideAfter(each, sides.at(-1) as number)], [side]);
}

/**
 * Sides of the discriminator's maps in pixels, from the patch to the output; 0 from where nothing is left.
 * 64 pixels and 3 layers: 64, 32, 16, 8, 7, 6.
 */
export function discriminatorSides(patch: number, disc_layers: number): number[] {
  return sidesOf(discriminatorLayers({ disc_layers, disc_filters: 1, norm: 'none' }), patch);
}

/** Side of the discriminator's output map. @throws RangeError if the patch is too small for its layers */
export function discriminatorMap({ disc_layers }: DiscriminatorParameters, patch: number): number {
  const sides = discriminatorSides(patch, disc_layers);
  const map = sides.at(-1) as number;
  if (map < 1) {
    throw new RangeError(
      `patch ${patch} is too small for a discriminator with disc_layers ${disc_layers}: ${sides.join(' → ')}`,
    );
  }
  return map;
}

/** What both sides of an image must be multiples of, pixels, so that the generator gives it back in the same size. */
export function sideMultiple({
  generator,
  blocks,
}: Pick<GeneratorParameters, 'generator' | 'blocks'>): number {
  return { resnet: 4, unet: 2 ** blocks, fullres: 1 }[generator];
}

// ---- Receptive fields

/** First and last row that a layer's output rows `first` to `last` are computed from, also beyond the image. */
function seenBy(
  { kind, kernel, stride, pads: [before] }: Layer,
  [first, last]: [number, number],
): { rows: [number, number]; padded: [number, number] } {
  if (kind === 'transposed') {
    const rows: [number, number] = [
      Math.ceil((first + before - kernel + 1) / stride),
      Math.floor((last + before) / stride),
    ];
    return { rows, padded: rows };
  }
  const padded: [number, number] = [first * stride - before, last * stride - before + kernel - 1];
  return {
    rows: kind === 'resized' ? [Math.floor(padded[0] / 2), Math.floor(padded[1] / 2)] : padded,
    padded,
  };
}

/** Side of the square of input pixels that one output pixel can depend on: the largest of all places of the output. */
export function receptiveField(layers: readonly Layer[]): number {
  const places = 2 ** layers.filter(({ kind }) => kind !== 'convolution').length;
  const field = (place: number): number => {
    const [first, last] = layers.reduceRight((rows, each) => seenBy(each, rows).rows, [place, place] as [
      number,
      number,
    ]);
    return last - first + 1;
  };
  return Math.max(...Array.from({ length: places }, (_, place) => field(place)));
}

export function generatorReceptiveField(parameters: GeneratorParameters): number {
  return receptiveField(generatorLayers(parameters));
}

/** 16, 34, 70, 142, 286 for 1 to 5 layers. */
export function discriminatorReceptiveField({
  disc_layers,
}: Pick<DiscriminatorParameters, 'disc_layers'>): number {
  return receptiveField(discriminatorLayers({ disc_layers, disc_filters: 1, norm: 'none' }));
}

/** Share of output pixels that depend on padding in any layer, 0 to 1. @param side of the square input */
export function paddingShare(layers: readonly Layer[], side: number): number {
  const sides = sidesOf(layers, side);
  const seesPadding = (place: number): boolean => {
    let rows: [number, number] = [place, place];
    for (let index = layers.length - 1; index >= 0; index--) {
      const each = layers[index] as Layer;
      const end = (sides[index] as number) * (each.kind === 'resized' ? 2 : 1);
      const seen = seenBy(each, rows);
      if (seen.padded[0] < 0 || seen.padded[1] >= end) return true;
      rows = seen.rows;
    }
    return false;
  };
  const out = sides.at(-1) as number;
  const clean = Array.from({ length: out }, (_, place) => place).filter((place) => !seesPadding(place));
  return 1 - (clean.length / out) ** 2;
}

/** Share of the discriminator's outputs that see padding, 0 to 1. @throws RangeError if the patch is too small for its layers */
export function discriminatorPaddingShare(parameters: DiscriminatorParameters, patch: number): number {
  discriminatorMap(parameters, patch);
  return paddingShare(discriminatorLayers(parameters), patch);
}
