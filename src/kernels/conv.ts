/**
 * @file Grouped, dilated, strided convolution and its two gradients, each one tf kernel.
 *
 * conv(x, k) is linear in x and in k, and so are its input gradient and its filter gradient in their two operands. With <.,.> the dot
 * product, <conv(x, k), y> = <x, inputGrad(y, k)> = <k, filterGrad(x, y)>. So the gradients of each of the three are the other two,
 * and gradients of any order exist.
 */

import * as tf from '@tensorflow/tfjs-core';
import { rank4 } from './attributes.ts';
import { type ConvGeometry, convShape } from './geometry.ts';
import { input, type KernelSpec, run1 } from './register.ts';
import { padImage, spread, tap } from './windows.ts';

export interface InputGradAttrs extends ConvGeometry {
  readonly inputShape: readonly number[];
}

export interface FilterGradAttrs extends ConvGeometry {
  readonly kernelShape: readonly number[];
}

/**
 * Convolution of `x [b, h, w, cin]` with an HWIO kernel `[kh, kw, cin/groups, cout]`: `[b, h', w', cout]`.
 *
 * Any stride, dilation, padding and number of groups; differentiable any number of times, on every backend.
 *
 * @throws MoonletError when shapes and groups disagree.
 */
export function conv(x: tf.Tensor4D, kernel: tf.Tensor4D, geometry: ConvGeometry): tf.Tensor4D {
  convShape(x.shape, kernel.shape, geometry);
  return rank4(run1(convKernel, { x, kernel }, plain(geometry)));
}

/** The gradient of `conv` in its input: `dy [b, h', w', cout]` to `[b, h, w, cin]`, which is `inputShape`. */
export function convInputGrad(
  dy: tf.Tensor4D,
  kernel: tf.Tensor4D,
  geometry: ConvGeometry,
  inputShape: readonly number[],
): tf.Tensor4D {
  return rank4(run1(inputGradKernel, { dy, kernel }, { ...plain(geometry), inputShape }));
}

/** The gradient of `conv` in its kernel, of shape `kernelShape` (HWIO). */
export function convFilterGrad(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  geometry: ConvGeometry,
  kernelShape: readonly number[],
): tf.Tensor4D {
  return rank4(run1(filterGradKernel, { x, dy }, { ...plain(geometry), kernelShape }));
}

/** The geometry without any other property of the object. */
function plain({ stride, dilation, pads, groups }: ConvGeometry): ConvGeometry {
  return { stride, dilation, pads, groups };
}

const convKernel: KernelSpec<ConvGeometry> = {
  name: 'MoonletConv',
  compute: ({ inputs, attrs }) => forward(rank4(input(inputs, 'x')), rank4(input(inputs, 'kernel')), attrs),
  saveInputs: ['x', 'kernel'],
  gradient: ({ dy, saved, attrs }) => {
    const [x, kernel] = [rank4(saved('x')), rank4(saved('kernel'))];
    return {
      x: () => convInputGrad(rank4(dy), kernel, attrs, x.shape),
      kernel: () => convFilterGrad(x, rank4(dy), attrs, kernel.shape),
    };
  },
};

const inputGradKernel: KernelSpec<InputGradAttrs> = {
  name: 'MoonletConvInputGrad',
  compute: ({ inputs, attrs }) =>
    inputGrad(rank4(input(inputs, 'dy')), rank4(input(inputs, 'kernel')), attrs),
  saveInputs: ['dy', 'kernel'],
  gradient: ({ dy: ddx, saved, attrs }) => {
    const [dy, kernel] = [rank4(saved('dy')), rank4(saved('kernel'))];
    return {
      dy: () => conv(rank4(ddx), kernel, attrs),
      kernel: () => convFilterGrad(rank4(ddx), dy, attrs, kernel.shape),
    };
  },
};

const filterGradKernel: KernelSpec<FilterGradAttrs> = {
  name: 'MoonletConvFilterGrad',
  compute: ({ inputs, attrs }) => filterGrad(rank4(input(inputs, 'x')), rank4(input(inputs, 'dy')), attrs),
  saveInputs: ['x', 'dy'],
  gradient: ({ dy: ddk, saved, attrs }) => {
    const [x, dy] = [rank4(saved('x')), rank4(saved('dy'))];
    return {
      x: () => convInputGrad(dy, rank4(ddk), attrs, x.shape),
      dy: () => conv(x, rank4(ddk), attrs),
    };
  },
};

/** One of tf's own convs where that is possible; otherwise a batched matrix product for each tap of the window. */
function forward(x: tf.Tensor4D, kernel: tf.Tensor4D, geometry: ConvGeometry): tf.Tensor4D {
  const { stride, dilation, groups } = geometry;
  const [kh, kw, cg, cout] = kernel.shape;
  const padded = padImage(x, geometry.pads);
  // tf's own convs take a stride or a dilation, not both, and its cpu backend one dilation for both axes
  const stock = (stride[0] === 1 && stride[1] === 1) || (dilation[0] === 1 && dilation[1] === 1);
  if (stock && groups === 1) {
    return tf.conv2d(padded, kernel, [...stride], 'valid', 'NHWC', [...dilation]);
  }
  if (stock && cg === 1 && cout % groups === 0) {
    const depthwise = tf.reshape<tf.Rank.R4>(kernel, [kh, kw, groups, cout / groups]);
    return tf.depthwiseConv2d(padded, depthwise, [...stride], 'valid', 'NHWC', [...dilation]);
  }
  const [b, oh, ow] = convShape(x.shape, kernel.shape, geometry);
  const weights = tf.transpose(tf.reshape(kernel, [kh * kw, cg, groups, cout / groups]), [0, 2, 1, 3]);
  const taps = tf.unstack(weights); // each [groups, cg, cout/groups]
  const sums = taps.map((weight, t) => {
    const offset = [Math.floor(t / kw) * dilation[0], (t % kw) * dilation[1]] as const;
    const rows = byGroup(tap(padded, offset, [oh, ow], stride), groups);
    return tf.matMul(rows, weight);
  });
  return tf.reshape(tf.transpose(tf.addN(sums), [1, 0, 2]), [b, oh, ow, cout]);
}

/** `[b, h, w, g*c] -> [g, b*h*w, c]`. */
function byGroup(x: tf.Tensor4D, groups: number): tf.Tensor {
  const c = x.shape[3] / groups;
  return tf.transpose(tf.reshape(x, [-1, groups, c]), [1, 0, 2]);
}

/**
 * A conv of dy, spread by the stride, with the kernel rotated by 180 degrees and its channels exchanged.
 */
function inputGrad(dy: tf.Tensor4D, kernel: tf.Tensor4D, attrs: InputGradAttrs): tf.Tensor4D {
  const { stride, dilation, pads, groups, inputShape } = attrs;
  const [kh, kw, cg, cout] = kernel.shape;
  const og = cout / groups;
  const [, h = 0, w = 0] = inputShape;
  const wide = spread(dy, stride);
  const reach = [dilation[0] * (kh - 1), dilation[1] * (kw - 1)] as const;
  const top = reach[0] - pads.top;
  const left = reach[1] - pads.left;
  const bottom = h + reach[0] - top - wide.shape[1];
  const right = w + reach[1] - left - wide.shape[2];
  const exchanged = tf.transpose(tf.reshape(kernel, [kh, kw, cg, groups, og]), [0, 1, 4, 3, 2]);
  const turned = tf.reverse(tf.reshape<tf.Rank.R4>(exchanged, [kh, kw, og, groups * cg]), [0, 1]);
  return forward(wide, turned, { stride: [1, 1], dilation, pads: { top, bottom, left, right }, groups });
}

/**
 * One matrix product for each tap: the values of x under the tap, transposed, times dy. Where groups are single channels, a product
 * and a sum.
 */
function filterGrad(x: tf.Tensor4D, dy: tf.Tensor4D, attrs: FilterGradAttrs): tf.Tensor4D {
  const { stride, dilation, pads, groups, kernelShape } = attrs;
  const [kh = 1, kw = 1, cg = 1, cout = 1] = kernelShape;
  const [, oh, ow] = dy.shape;
  const og = cout / groups;
  const padded = padImage(x, pads);
  const single = cg === 1 && og === 1;
  const right = single ? undefined : byGroup(dy, groups);
  const grads: tf.Tensor[] = [];
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const under = tap(padded, [i * dilation[0], j * dilation[1]], [oh, ow], stride);
      const grad = right
        ? tf.transpose(tf.matMul(byGroup(under, groups), right, true), [1, 0, 2]) // [cg, groups, og]
        : tf.sum(tf.mul(under, dy), [0, 1, 2]);
      grads.push(tf.reshape(grad, [1, cg * cout]));
    }
  }
  return tf.reshape(tf.concat(grads, 0), [kh, kw, cg, cout]);
}
