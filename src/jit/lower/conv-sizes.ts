/**
 * @file Conv sizes as ONNX attributes, and layouts of conv kernels. Kernels are HWIO in the graph; ONNX's OIHW is
 * their layout [3, 2, 0, 1].
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Attributes, Phase } from '../ir.ts';
import type { Emitter } from './emitter.ts';
import type { Layout } from './layout.ts';

export const oihw: Layout = [3, 2, 0, 1];

export interface Sizes {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Input and output channels of one group. */
  readonly groupIn: number;
  readonly groupOut: number;
}

export function sizesOf(
  x: readonly number[],
  kernel: readonly number[],
  y: readonly number[],
  g: ConvGeometry,
): Sizes {
  const [batch = 1, height = 1, width = 1, channels = 1] = x;
  const [, outHeight = 1, outWidth = 1, outChannels = 1] = y;
  const [kernelHeight = 1, kernelWidth = 1, groupIn = 1] = kernel;
  const groupOut = outChannels / g.groups;
  return {
    batch,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    outChannels,
    kernelHeight,
    kernelWidth,
    groupIn,
    groupOut,
  };
}

export const padsOf = ({ pads }: ConvGeometry): number[] => [pads.top, pads.left, pads.bottom, pads.right];

export function attributesOf(g: ConvGeometry, s: Sizes): Attributes {
  return {
    kernel_shape: ints([s.kernelHeight, s.kernelWidth]),
    strides: ints(g.stride),
    dilations: ints(g.dilation),
    pads: ints(padsOf(g)),
    group: int(g.groups),
  };
}

/** Whether the conv is a matrix product of the channels of each place. */
export const isPointwise = (g: ConvGeometry, s: Sizes): boolean =>
  s.kernelHeight * s.kernelWidth === 1 &&
  g.groups === 1 &&
  g.stride.every((d) => d === 1) &&
  padsOf(g).every((p) => p === 0);

/** HWIO [kh, kw, cg, g*og] as [kh, kw, og, g*cg]: the channels of each group exchanged. */
export function exchange(
  e: Emitter,
  kernel: string,
  sizes: readonly [number, number, number, number, number],
): string {
  const [kh, kw, groupIn, groups, groupOut] = sizes;
  if (groupIn === 1 && groupOut === 1) return kernel;
  if (groups === 1) return e.transpose(kernel, [0, 1, 3, 2]);
  const parts = e.transpose(e.reshape(kernel, [kh, kw, groupIn, groups, groupOut]), [0, 1, 4, 3, 2]);
  return e.reshape(parts, [kh, kw, groupOut, groups * groupIn]);
}

/** The phases of one axis of the input gradient of a strided conv; see `passes/phases.ts`. */
export function phasesOf(
  size: number,
  out: number,
  taps: number,
  stride: number,
  pad: number,
): readonly Phase[] {
  return Array.from({ length: stride }, (_, r) => {
    const first = (r + pad) % stride;
    const shift = Math.floor((r + pad) / stride);
    const count = Math.max(0, Math.ceil((taps - first) / stride));
    const read = Array.from({ length: count }, (_, l) => first + stride * l);
    return {
      taps: read.toReversed(),
      before: read.length - 1 - shift,
      behind: size / stride + shift - out,
    };
  });
}
