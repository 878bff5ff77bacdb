/** @file Max and average pooling with explicit padding, and their gradients, each as one tf kernel. */

import * as tf from '@tensorflow/tfjs-core';
import { rank4 } from './attributes.ts';
import { type PoolGeometry, poolShape } from './geometry.ts';
import { input, type KernelSpec, run1 } from './register.ts';
import { padImage, tap, untap } from './windows.ts';

export interface AvgPoolAttrs extends PoolGeometry {
  readonly countPadding: boolean;
}

export interface AvgPoolGradAttrs extends AvgPoolAttrs {
  readonly inputShape: readonly number[];
}

/**
 * Max pooling of `x [b, h, w, c]`. Padding counts as -infinity. Of equal maxima the first in row-major order
 * gets the gradient, as in PyTorch's max_pool2d.
 *
 * @throws MoonletError when a window could lie in padding alone.
 */
export function maxPool(x: tf.Tensor4D, g: PoolGeometry): tf.Tensor4D {
  poolShape(x.shape, g);
  return rank4(run1(maxKernel, { x }, plain(g)));
}

/**
 * Average pooling of `x [b, h, w, c]`. By default the mean does not count padding; with `countPadding` it does.
 *
 * @throws MoonletError when a window could lie in padding alone.
 */
export function avgPool(x: tf.Tensor4D, g: PoolGeometry, countPadding = false): tf.Tensor4D {
  poolShape(x.shape, g);
  return rank4(run1(avgKernel, { x }, { ...plain(g), countPadding }));
}

/** The gradient of `maxPool` in its input: each dy is added at the first maximum of its window. */
export function maxPoolGrad(dy: tf.Tensor, x: tf.Tensor, y: tf.Tensor, g: PoolGeometry): tf.Tensor4D {
  return rank4(run1(maxGradKernel, { dy, x, y }, plain(g)));
}

/** The gradient of `avgPool` in its input, of shape `inputShape`. */
export function avgPoolGrad(dy: tf.Tensor, g: AvgPoolGradAttrs): tf.Tensor4D {
  return rank4(run1(avgGradKernel, { dy }, g));
}

function plain({ size, stride, pads }: PoolGeometry): PoolGeometry {
  return { size, stride, pads };
}

function offsets([kh, kw]: readonly [number, number]): [number, number][] {
  return Array.from({ length: kh * kw }, (_, t) => [Math.floor(t / kw), t % kw]);
}

function taps(x: tf.Tensor4D, g: PoolGeometry, padding: number): tf.Tensor4D[] {
  const [, oh, ow] = poolShape(x.shape, g);
  const padded = padImage(x, g.pads, padding);
  return offsets(g.size).map((offset) => tap(padded, offset, [oh, ow], g.stride));
}

/** The adjoint of `taps`: adds each of `parts` at the places that its tap read, and removes the padding. */
function untaps(parts: readonly tf.Tensor4D[], inputShape: readonly number[], g: PoolGeometry): tf.Tensor4D {
  const [, h = 0, w = 0] = inputShape;
  const { top, bottom, left, right } = g.pads;
  const laid = offsets(g.size).map((offset, t) =>
    untap(rank4(parts[t]), offset, [h + top + bottom, w + left + right], g.stride),
  );
  return padImage(tf.addN(laid), { top: -top, bottom: -bottom, left: -left, right: -right });
}

/** For each tap 1 where it holds the window's first maximum, else 0. */
function firstMaxima(x: tf.Tensor4D, y: tf.Tensor, g: PoolGeometry): tf.Tensor4D[] {
  let free: tf.Tensor = tf.onesLike(y);
  return taps(x, g, -Infinity).map((values) => {
    const first = rank4(tf.mul(tf.cast(tf.equal(values, y), 'float32'), free));
    free = tf.sub(free, first);
    return first;
  });
}

const maxKernel: KernelSpec<PoolGeometry> = {
  name: 'MoonletMaxPool',
  compute: ({ inputs, attrs }) =>
    taps(rank4(input(inputs, 'x')), attrs, -Infinity).reduce((a, b) => tf.maximum(a, b)),
  saveInputs: ['x'],
  saveOutputs: ['y'],
  gradient: ({ dy, saved, attrs }) => ({ x: () => maxPoolGrad(dy, saved('x'), saved('y'), attrs) }),
};

const maxGradKernel: KernelSpec<PoolGeometry> = {
  name: 'MoonletMaxPoolGrad',
  compute: ({ inputs, attrs }) => {
    const [x, dy] = [rank4(input(inputs, 'x')), rank4(input(inputs, 'dy'))];
    const parts = firstMaxima(x, input(inputs, 'y'), attrs).map((first): tf.Tensor4D => tf.mul(first, dy));
    return untaps(parts, x.shape, attrs);
  },
  saveInputs: ['dy', 'x', 'y'],
  // the kernel is linear in dy; its adjoint picks ddx at the maxima. x and y only choose the places
  gradient: ({ dy: ddx, saved, attrs }) => {
    const [x, y] = [rank4(saved('x')), saved('y')];
    return {
      dy: () =>
        tf.tidy(() => {
          const firsts = firstMaxima(x, y, attrs);
          const picked = taps(rank4(ddx), attrs, 0).map((d, t): tf.Tensor => tf.mul(d, rank4(firsts[t])));
          return tf.addN(picked);
        }),
      x: () => tf.zerosLike(x),
      y: () => tf.zerosLike(y),
    };
  },
};

/**
 * 1 over the number of values that each place averages: `[oh, ow, 1]`.
 */
export function inverseCounts(inputShape: readonly number[], g: AvgPoolAttrs): Float32Array {
  const [, h = 0, w = 0] = inputShape;
  const [, oh, ow] = poolShape(inputShape, g);
  const along = (place: number, size: number, stride: number, before: number, length: number): number => {
    if (g.countPadding) return size;
    const start = place * stride - before;
    return Math.min(start + size, length) - Math.max(start, 0);
  };
  return Float32Array.from({ length: oh * ow }, (_, i) => {
    const rows = along(Math.floor(i / ow), g.size[0], g.stride[0], g.pads.top, h);
    return 1 / (rows * along(i % ow, g.size[1], g.stride[1], g.pads.left, w));
  });
}

function weighted(y: tf.Tensor, inputShape: readonly number[], g: AvgPoolAttrs): tf.Tensor4D {
  const [, oh, ow] = poolShape(inputShape, g);
  return tf.mul(y, tf.tensor3d(inverseCounts(inputShape, g), [oh, ow, 1]));
}

const avgKernel: KernelSpec<AvgPoolAttrs> = {
  name: 'MoonletAvgPool',
  compute: ({ inputs, attrs }) => {
    const x = rank4(input(inputs, 'x'));
    return weighted(tf.addN(taps(x, attrs, 0)), x.shape, attrs);
  },
  saveInputs: ['x'],
  gradient: ({ dy, saved, attrs }) => ({
    x: () => avgPoolGrad(dy, { ...attrs, inputShape: saved('x').shape }),
  }),
};

const avgGradKernel: KernelSpec<AvgPoolGradAttrs> = {
  name: 'MoonletAvgPoolGrad',
  compute: ({ inputs, attrs }) => {
    const share = weighted(input(inputs, 'dy'), attrs.inputShape, attrs);
    return untaps(
      offsets(attrs.size).map(() => share),
      attrs.inputShape,
      attrs,
    );
  },
  gradient: ({ dy: ddx, attrs: { inputShape: _, ...attrs } }) => ({
    dy: () => run1(avgKernel, { x: ddx }, attrs),
  }),
};
