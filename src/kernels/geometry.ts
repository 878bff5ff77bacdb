/** @file Sizes of convolution and pooling windows. */

import { MoonletError } from '../errors.ts';

/** Zero rows and columns added around an image. */
export interface Pads {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** `[height, width]` pairs; `groups` divides input and output channels. */
export interface ConvGeometry {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: Pads;
  readonly groups: number;
}

export interface PoolGeometry {
  readonly size: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pads: Pads;
}

export type Shape4D = readonly [number, number, number, number];

/**
 * The number of places of a window of `size` taps along one axis: floor((in + pads - dilation*(size-1) - 1)/stride) + 1.
 */
export function places(input: number, pads: number, size: number, stride: number, dilation = 1): number {
  return Math.floor((input + pads - dilation * (size - 1) - 1) / stride) + 1;
}

/**
 * The output shape of a conv over `x_BHWC` with `kernel_HWIO`.
 *
 * @throws MoonletError when channels and groups disagree, or the image is smaller than the window.
 */
export function convShape(x: readonly number[], kernel: readonly number[], geometry: ConvGeometry): Shape4D {
  const [b = 0, h = 0, w = 0, c = 0] = x;
  const [kh = 0, kw = 0, i = 0, o = 0] = kernel;
  const { stride, dilation, pads, groups } = geometry;
  const where = `conv([${x.join(', ')}], kernel [${kernel.join(', ')}], groups ${groups})`;
  if (x.length !== 4 || kernel.length !== 4) {
    throw new MoonletError(
      `${where}: ranks ${x.length} and ${kernel.length}; give x as BHWC and the kernel as HWIO`,
    );
  }
  if (c !== i * groups) {
    throw new MoonletError(
      `${where}: the kernel reads ${i} x ${groups} channels, x has ${c}; give a kernel of [kh, kw, channels/groups, out]`,
    );
  }
  if (o % groups !== 0) {
    throw new MoonletError(
      `${where}: ${o} output channels do not divide into ${groups} groups; change either`,
    );
  }
  const oh = places(h, pads.top + pads.bottom, kh, stride[0], dilation[0]);
  const ow = places(w, pads.left + pads.right, kw, stride[1], dilation[1]);
  if (oh < 1 || ow < 1) {
    throw new MoonletError(`${where}: an image of ${h} x ${w} is smaller than the window; add padding`);
  }
  return [b, oh, ow, o];
}

/**
 * The output shape of a pool over `x_BHWC`.
 *
 * @throws MoonletError when the image is smaller than the window, or a window could lie in padding alone.
 */
export function poolShape(x: readonly number[], { size, stride, pads }: PoolGeometry): Shape4D {
  const [b = 0, h = 0, w = 0, c = 0] = x;
  const where = `pool([${x.join(', ')}], size ${size.join(' x ')})`;
  if (x.length !== 4) throw new MoonletError(`${where}: rank ${x.length}; give x as BHWC`);
  if (Math.max(pads.top, pads.bottom) >= size[0] || Math.max(pads.left, pads.right) >= size[1]) {
    throw new MoonletError(
      `${where}: padding reaches the window's size, some windows would be empty; pad less`,
    );
  }
  const oh = places(h, pads.top + pads.bottom, size[0], stride[0]);
  const ow = places(w, pads.left + pads.right, size[1], stride[1]);
  if (oh < 1 || ow < 1) {
    throw new MoonletError(`${where}: an image of ${h} x ${w} is smaller than the window; add padding`);
  }
  return [b, oh, ow, c];
}
