/**
 * @file Kernels for tfjs' WebAssembly backend. The gradients of a convolution, as convolutions: of the filter it has none, and
 * its own of the input is tens of times slower. And what it gets wrong: a cast of fractions and negative numbers to bool, and
 * a convolution padded as `same` whose stride is longer than its filter.
 */
import * as tf from '@tensorflow/tfjs';

const BACKEND = 'wasm';

/** Registers them. To be called once, before the backend is started. */
export function registerKernels(): void {
  tf.unregisterKernel(tf.Conv2DBackpropInput, BACKEND);
  tf.registerKernel({
    kernelName: tf.Conv2DBackpropInput,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => {
      // tfjs hands a kernel tensors, though its type says less; a tensor made of one anew would dispose of its data.
      const { dy, filter } = inputs as { dy: tf.Tensor4D; filter: tf.Tensor4D };
      const { inputShape, ...geometry } = attrs as unknown as tf.Conv2DBackpropInputAttrs;
      return tf.tidy(() => inputGradient(dy, filter, infoOf(inputShape, filter.shape, geometry)));
    },
  });
  tf.registerKernel({
    kernelName: tf.Conv2DBackpropFilter,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
      const { filterShape, ...geometry } = attrs as unknown as tf.Conv2DBackpropFilterAttrs;
      return tf.tidy(() => filterGradient(x, dy, infoOf(x.shape, filterShape, geometry)));
    },
  });
  change(tf.Cast, (given, cast) => {
    const x = given.inputs['x'] as tf.Tensor;
    const { dtype } = given.attrs as unknown as tf.CastAttrs;
    if (dtype !== 'bool' || x.dtype === 'bool') return cast(given);
    return tf.tidy(() => tf.notEqual(x, tf.scalar(0, x.dtype)));
  });
  change(tf.Conv2D, (given, convolve) => {
    const { x, filter } = given.inputs as { x: tf.Tensor4D; filter: tf.Tensor4D };
    const attributes = given.attrs as unknown as tf.Conv2DAttrs;
    if (attributes.pad !== 'same') return convolve(given);
    const { top, bottom, left, right } = infoOf(x.shape, filter.shape, attributes).padInfo;
    return convolve({ ...given, attrs: { ...given.attrs, pad: [[0, 0], [top, bottom], [left, right], [0, 0]] } }); // prettier-ignore
  });
}

/** Puts a kernel in the place of the backend's own, which it is given. */
function change(
  kernelName: string,
  kernelFunc: (given: Parameters<tf.KernelFunc>[0], own: tf.KernelFunc) => ReturnType<tf.KernelFunc>,
): void {
  const own = tf.getKernel(kernelName, BACKEND);
  tf.unregisterKernel(kernelName, BACKEND);
  tf.registerKernel({ ...own, kernelFunc: (given) => kernelFunc(given, own.kernelFunc) });
}

type Geometry = Pick<tf.Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'> &
  Partial<Pick<tf.Conv2DAttrs, 'dilations'>>;
type Shape4D = [number, number, number, number];

function infoOf(
  input: Shape4D,
  filter: Shape4D,
  { strides, pad, dataFormat, dimRoundingMode, dilations = 1 }: Geometry,
): tf.backend_util.Conv2DInfo {
  if (dataFormat !== 'NHWC') throw new Error(`the wasm engine convolves NHWC, not ${dataFormat}`);
  return tf.backend_util.computeConv2DInfo(input, filter, strides, dilations, pad, dimRoundingMode);
}

/**
 * The convolution of dy, with zeros put between its rows and columns where the stride is more than 1, with the filter
 * flipped and its channels exchanged.
 * @param dy [batch, outHeight, outWidth, out]
 * @param filter [height, width, in, out]
 * @returns [batch, inHeight, inWidth, in]
 */
function inputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  {
    inHeight,
    inWidth,
    filterHeight,
    filterWidth,
    strideHeight,
    strideWidth,
    padInfo,
  }: tf.backend_util.Conv2DInfo,
): tf.Tensor4D {
  const apart = spread(dy, strideHeight, strideWidth);
  const [top, left] = [filterHeight - 1 - padInfo.top, filterWidth - 1 - padInfo.left];
  const padded = padOrCrop(
    apart,
    [top, inHeight + filterHeight - 1 - top - apart.shape[1]],
    [left, inWidth + filterWidth - 1 - left - apart.shape[2]],
  );
  const flipped: tf.Tensor4D = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(padded, flipped, 1, 'valid');
}

/**
 * The convolution of x, its channels seen as its batch, with dy as the filter, which steps by the stride (dilation).
 * @param x [batch, inHeight, inWidth, in]
 * @param dy [batch, outHeight, outWidth, out]
 * @returns [height, width, in, out]
 */
function filterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  {
    inHeight,
    inWidth,
    outHeight,
    outWidth,
    filterHeight,
    filterWidth,
    strideHeight,
    strideWidth,
    padInfo,
  }: tf.backend_util.Conv2DInfo,
): tf.Tensor4D {
  // Rows that no filter reaches are cut off.
  const height = (outHeight - 1) * strideHeight + filterHeight;
  const width = (outWidth - 1) * strideWidth + filterWidth;
  const read = padOrCrop(
    x,
    [padInfo.top, height - inHeight - padInfo.top],
    [padInfo.left, width - inWidth - padInfo.left],
  );
  const images: tf.Tensor4D = tf.transpose(read, [3, 1, 2, 0]);
  const kernel: tf.Tensor4D = tf.transpose(dy, [1, 2, 0, 3]);
  const gradient = tf.conv2d(images, kernel, 1, 'valid', 'NHWC', [strideHeight, strideWidth]);
  return tf.transpose(gradient, [1, 2, 0, 3]);
}

/** Puts `rows - 1` rows of zeros below every row and `columns - 1` columns of zeros behind every column. */
function spread(x: tf.Tensor4D, rows: number, columns: number): tf.Tensor4D {
  if (rows === 1 && columns === 1) return x;
  const [batch, height, width, channels] = x.shape;
  const apart = tf.pad(tf.reshape(x, [batch * height, 1, width, 1, channels]), [
    [0, 0],
    [0, rows - 1],
    [0, 0],
    [0, columns - 1],
    [0, 0],
  ]);
  return tf.reshape(apart, [batch, height * rows, width * columns, channels]);
}

type Margins = [before: number, after: number];

/** Pads height and width with zeros; where a margin is negative, cuts off as much. */
function padOrCrop(x: tf.Tensor4D, rows: Margins, columns: Margins): tf.Tensor4D {
  const margins: Margins[] = [[0, 0], rows, columns, [0, 0]];
  const cut = margins.flat().some((margin) => margin < 0);
  const kept = !cut
    ? x
    : tf.slice(
        x,
        margins.map(([before]) => Math.max(0, -before)),
        margins.map(([before, after], axis) => x.shape[axis]! + Math.min(0, before) + Math.min(0, after)),
      );
  const padding = margins.map(([before, after]): Margins => [Math.max(0, before), Math.max(0, after)]);
  return padding.flat().some((margin) => margin > 0) ? tf.pad(kept, padding) : kept;
}
