/**
 * @file Convolution and its two gradients on TensorFlow's CPU ops. Layouts: x_BHWC, kernel_HWIO, dy_BHWC.
 *
 * `Conv2D` supports groups and dilation; `Conv2DBackprop*` support neither, and their depthwise counterparts no dilation. All other
 * gradients are forward convs: the input gradient is a conv of dy, spread by the stride, with the kernel rotated by 180 degrees; the
 * filter gradient is a conv of x with dy as its kernel, where images and channels, and stride and dilation, are exchanged.
 */
import * as tf from '@tensorflow/tfjs-core';
import { rank4 } from '../../kernels/index.ts';
import {
  areZero,
  explicitly,
  grown,
  type Kernel,
  op1,
  overImage,
  type Pads,
  padded,
  shapeTensor,
  without,
} from './ops.ts';

interface Geometry {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: Pads;
  readonly groups: number;
}

const attrsOf = ({ stride, dilation, pads }: Geometry) => ({
  ...explicitly(pads),
  strides: overImage(stride),
  dilations: overImage(dilation),
});

/**
 * TensorFlow's name for the padding, or undefined. With explicit pads, `Conv2DBackpropFilter` of TensorFlow 2.21 writes beyond its
 * memory on a CPU (seen at 64 images of 28 x 28 and 16 channels), so that the gradients of full convs do not use them.
 */
function namedPadding(
  { pads, stride: [sh, sw] }: Geometry,
  [, h = 0, w = 0]: readonly number[],
  [kh = 1, kw = 1]: readonly number[],
): 'SAME' | 'VALID' | undefined {
  const needed = (n: number, k: number, s: number): number => Math.max(0, (Math.ceil(n / s) - 1) * s + k - n);
  const [down, across] = [needed(h, kh, sh), needed(w, kw, sw)];
  const { top, bottom, left, right } = pads;
  if (areZero(pads)) return 'VALID';
  const same = top === down >> 1 && left === across >> 1 && top + bottom === down && left + right === across;
  return same ? 'SAME' : undefined;
}
const withPadding = ({ stride }: Geometry, padding: 'SAME' | 'VALID') => ({
  padding,
  strides: overImage(stride),
  data_format: 'NHWC',
  use_cudnn_on_gpu: false,
});

const isPlain = ({ dilation: [h, w] }: Geometry): boolean => h === 1 && w === 1;
/** Whether each group is one channel, and strides and dilations are equal along both axes, as TensorFlow's depthwise ops need. */
const isDepthwise = (perGroup: number, { groups, stride: [sh, sw], dilation: [dh, dw] }: Geometry): boolean =>
  groups > 1 && perGroup === 1 && sh === sw && dh === dw;

/** `[kh, kw, 1, g*m] -> [kh, kw, g, m]`: TensorFlow's layout of depthwise kernels. */
const depthwiseShape = (
  [kh = 1, kw = 1, , out = 1]: readonly number[],
  groups: number,
): [number, number, number, number] => [kh, kw, groups, out / groups];

function forward(x: tf.Tensor4D, kernel: tf.Tensor4D, g: Geometry): tf.Tensor4D {
  if (Object.values(g.pads).some((pad) => pad < 0))
    return forward(padded(x, g.pads), kernel, { ...g, pads: { top: 0, bottom: 0, left: 0, right: 0 } });
  if (isDepthwise(kernel.shape[2], g)) {
    const spatial = tf.reshape(kernel, depthwiseShape(kernel.shape, g.groups));
    return rank4(op1('DepthwiseConv2dNative', [x, spatial], attrsOf(g)));
  }
  return rank4(op1('Conv2D', [x, kernel], { ...attrsOf(g), use_cudnn_on_gpu: false }));
}

export const convolve: Kernel<Geometry> = (input, g) => forward(rank4(input('x')), rank4(input('kernel')), g);

export const inputGrad: Kernel<Geometry & { readonly inputShape: readonly number[] }> = (input, g) => {
  const [dy, kernel] = [rank4(input('dy')), rank4(input('kernel'))];
  const { groups, inputShape, dilation, stride, pads } = g;
  const [kh, kw, perGroup, out] = kernel.shape;
  if (groups === 1 && isPlain(g)) {
    const named = namedPadding(g, inputShape, kernel.shape);
    const whole = named ? inputShape : grown(inputShape, pads);
    const attrs = withPadding(g, named ?? 'VALID');
    const dx = rank4(op1('Conv2DBackpropInput', [shapeTensor(whole), kernel, dy], attrs));
    return named ? dx : padded(dx, without(pads));
  }
  if (isPlain(g) && isDepthwise(perGroup, g)) {
    const spatial = tf.reshape(kernel, depthwiseShape(kernel.shape, groups));
    const inputs = [shapeTensor(inputShape), spatial, dy];
    return op1('DepthwiseConv2dNativeBackpropInput', inputs, attrsOf(g));
  }
  const wide = spread(dy, stride);
  const [, h = 0, w = 0] = inputShape;
  const [reachH, reachW] = [dilation[0] * (kh - 1), dilation[1] * (kw - 1)];
  const [top, left] = [reachH - pads.top, reachW - pads.left];
  const around = {
    top,
    left,
    bottom: h + reachH - top - wide.shape[1],
    right: w + reachW - left - wide.shape[2],
  };
  const exchanged = tf.transpose(
    tf.reshape(kernel, [kh, kw, perGroup, groups, out / groups]),
    [0, 1, 4, 3, 2],
  );
  const turned = tf.reverse(
    tf.reshape<tf.Rank.R4>(exchanged, [kh, kw, out / groups, groups * perGroup]),
    [0, 1],
  );
  return forward(wide, turned, { stride: [1, 1], dilation, pads: around, groups });
};

/** Puts `stride - 1` zeros behind each row and column: `[b, h, w, c] -> [b, h*sh, w*sw, c]`. */
function spread(x: tf.Tensor4D, [sh, sw]: readonly [number, number]): tf.Tensor4D {
  if (sh === 1 && sw === 1) return x;
  const [b, h, w, c] = x.shape;
  const cells = tf.pad(tf.reshape(x, [b * h, 1, w, 1, c]), [
    [0, 0],
    [0, sh - 1],
    [0, 0],
    [0, sw - 1],
    [0, 0],
  ]);
  return tf.reshape(cells, [b, h * sh, w * sw, c]);
}

export const filterGrad: Kernel<Geometry & { readonly kernelShape: readonly number[] }> = (input, g) => {
  const [x, dy] = [rank4(input('x')), rank4(input('dy'))];
  const { groups, kernelShape } = g;
  const [kh = 1, kw = 1, perGroup = 1, out = 1] = kernelShape;
  if (isPlain(g) && isDepthwise(perGroup, g)) {
    const shape = shapeTensor(depthwiseShape(kernelShape, groups));
    return tf.reshape(op1('DepthwiseConv2dNativeBackpropFilter', [x, shape, dy], attrsOf(g)), [
      ...kernelShape,
    ]);
  }
  const one = [kh, kw, perGroup, out / groups] as const;
  const named = namedPadding(g, x.shape, kernelShape);
  const around = isPlain(g) && !named ? padded(x, g.pads) : x;
  const attrs = withPadding(g, named ?? 'VALID');
  const ofGroup = (xs: tf.Tensor4D, dys: tf.Tensor4D): tf.Tensor4D =>
    isPlain(g)
      ? rank4(op1('Conv2DBackpropFilter', [xs, shapeTensor(one), dys], attrs))
      : asForward(xs, dys, g, [kh, kw]);
  if (groups === 1) return ofGroup(around, dy);
  const [xs, dys] = [tf.split(around, groups, 3), tf.split(dy, groups, 3)];
  return tf.concat(
    xs.map((part, i) => ofGroup(rank4(part), rank4(dys[i]))),
    3,
  );
};

/** dk[i, j, ci, co] = sum over b, y, x of x[b, y*s + i*d, x*s + j*d, ci] dy[b, y, x, co]: a conv with images as channels. */
function asForward(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  { stride, dilation, pads }: Geometry,
  [kh, kw]: readonly [number, number],
): tf.Tensor4D {
  const images = tf.transpose(x, [3, 1, 2, 0]);
  const kernel = tf.transpose(dy, [1, 2, 0, 3]);
  const wide = forward(images, kernel, { stride: dilation, dilation: stride, pads, groups: 1 });
  // where the stride leaves places at the end unread, the conv has more taps than the kernel
  const [ci, , , co] = wide.shape;
  return tf.transpose(tf.slice4d(wide, [0, 0, 0, 0], [ci, kh, kw, co]), [1, 2, 0, 3]);
}
