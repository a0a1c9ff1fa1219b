/** @file A trained generator in the forms that other programs read: ONNX, a tfjs graph model, safetensors. */
import * as tf from '@tensorflow/tfjs';
import { exportProgram } from '../engines/onnx/export.js';
import { recordGraphModel } from '../engines/graph-model/record.js';
import { generatorLayers, sideMultiple } from '../geometry.js';
import type { TrialParameters } from '../protocol.js';
import { generate } from './networks.js';
import { encodeSafetensors, type NamedTensor } from './safetensors.js';

export const EXPORT_FORMATS = ['onnx', 'tfjs', 'safetensors'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface Exported {
  parameters: TrialParameters;
  /** By the names of the layers, e.g. `in/filter`. */
  weights: Record<string, NamedTensor>;
  /** What a reader should know, as text by name. */
  facts: Record<string, string>;
}

/** Side of the image that graphs are noted down with; they hold for any multiple of `sideMultiple`. */
const EXAMPLES = 2;
const LEAST = 16;

/** Files of a format by name. */
export function exportGenerator(format: ExportFormat, generator: Exported): Record<string, Uint8Array> {
  switch (format) {
    case 'onnx':
      return { 'model.onnx': toOnnx(generator) };
    case 'tfjs':
      return toGraphModel(generator);
    case 'safetensors':
      return { 'model.safetensors': Buffer.concat(encodeSafetensors(generator.weights, generator.facts)) };
  }
}

function exampleSide(parameters: TrialParameters): number {
  return Math.max(LEAST, EXAMPLES * sideMultiple(parameters));
}

/**
 * Input `image` and output `translated` are [1, 1, height, width], values in [-1, 1], of any sides that are multiples of
 * `sideMultiple` and at least 8. Standard operators alone, opset 17.
 */
function toOnnx({ parameters, weights }: Exported): Uint8Array {
  const side = exampleSide(parameters);
  const shapes = Object.fromEntries(Object.entries(weights).map(([name, { shape }]) => [name, shape]));
  const spec = {
    name: 'generator',
    inputs: { image: [1, 1, side, side] },
    reads: Object.keys(weights),
    writes: [],
    run: ({ image, ...held }: Record<string, tf.Tensor>) => {
      const x = tf.transpose(image as tf.Tensor4D, [0, 2, 3, 1]);
      const y = generate(held, parameters, x, { double: doubledByConvolution });
      return { translated: tf.transpose(y, [0, 3, 1, 2]) };
    },
  };
  const values = Object.fromEntries(Object.entries(weights).map(([name, { values }]) => [name, values]));
  return exportProgram(spec, shapes, values, { 2: 'height', 3: 'width' });
}

/** Repeats every pixel, whatever the sides: by a transposed convolution whose filter hands each channel on to itself. */
function doubledByConvolution(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const same = Float32Array.from({ length: 4 * channels ** 2 }, (_, i) => {
    const within = i % channels ** 2;
    return Math.floor(within / channels) === within % channels ? 1 : 0;
  });
  const filter = tf.tensor4d(same, [2, 2, channels, channels]);
  return tf.conv2dTranspose(x, filter, [batch, 2 * height, 2 * width, channels], 2, 'same');
}

/** What `tf.loadGraphModel` reads. Input `image` and output are [1, height, width, 1], otherwise as in ONNX. */
function toGraphModel({ parameters, weights, facts }: Exported): Record<string, Uint8Array> {
  const {
    topology,
    manifest,
    weights: bytes,
    outputs,
  } = recordGraphModel({ image: [1, -1, -1, 1] }, exampleSide(parameters), weights, ({ image, ...held }) => ({
    translated: generate(held, parameters, image as tf.Tensor4D, {
      double: (x) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]),
    }),
  }));
  const tensor = (name: string): object => ({
    name: `${name}:0`,
    dtype: 'DT_FLOAT',
    tensorShape: { dim: [{ size: '1' }, { size: '-1' }, { size: '-1' }, { size: '1' }] },
  });
  const model = {
    format: 'graph-model',
    generatedBy: 'CycleSweep',
    convertedBy: 'CycleSweep',
    signature: {
      inputs: { image: tensor('image') },
      outputs: { translated: tensor(outputs['translated']!) },
    },
    userDefinedMetadata: facts,
    modelTopology: topology,
    weightsManifest: [{ paths: ['weights.bin'], weights: manifest }],
  };
  return { 'model.json': Buffer.from(JSON.stringify(model)), 'weights.bin': bytes };
}

/** What a person should know who is given the files, in Markdown. */
export function modelCard(format: ExportFormat, { parameters, weights, facts }: Exported): string {
  const { generator, filters, blocks, norm, upsample } = parameters;
  const count = Object.values(weights).reduce((sum, { values }) => sum + values.length, 0);
  const rows = Object.entries(facts).map(([name, value]) => `| ${name} | ${value} |`);
  const shape = format === 'onnx' ? '[1, 1, height, width]' : '[1, height, width, 1]';
  const usage = {
    onnx: `\`model.onnx\`, opset 17, standard operators. Input \`image\`, output \`translated\`, float32 ${shape}.`,
    tfjs: `\`model.json\` and \`weights.bin\`, for \`tf.loadGraphModel\`. Input \`image\`, output \`translated\`, float32 ${shape}.`,
    safetensors:
      '`model.safetensors`, float32: filters are [height, width, in, out], those of transposed convolutions [height, width, out, in]. ' +
      `Layers in their order: ${generatorLayers(parameters)
        .map(({ name }) => name)
        .join(', ')}.`,
  }[format];
  return `# A generator that translates the style of images

**For research and training data, not for diagnosis.** A translation adds no information; lesions can be missing or invented
(Cohen et al., MICCAI 2018, https://arxiv.org/abs/1805.08841). Intensities of its images are not quantitative.

| | |
|---|---|
${rows.join('\n')}
| generator | ${generator}, ${filters} filters, ${blocks} blocks, norm ${norm}, upsample ${upsample}, ${count} weights |

${usage}
Values: -1 stands for the lower end of the range above, 1 for the upper end; clip what lies beyond before it goes in. Sides must be multiples of
${sideMultiple(parameters)} and at least 8: pad by reflection, below and to the right, and crop the result. Whole images only: a norm looks at all of an image,
so tiles that are translated one by one do not fit together.
`;
}
