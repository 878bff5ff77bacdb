/**
 * @file The gradient of a conv in its kernel: which of several formulations runs fastest on onnxruntime.
 *
 * dk(i, j, c, o) = sum over batch and places of x(at tap i, j; c) dy(o). Written naively, that copies x once
 * per tap. The forms below copy less: they let a matrix product meet all taps at once.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { isPointwise, type Sizes, sizesOf } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { nchw } from './layout.ts';
import { depthwiseFilterGrad } from './toeplitz.ts';

export function lowerFilterGrad(e: Emitter, g: ConvGeometry, x: Value, dy: Value, dk: Value): void {
  const s = sizesOf(x.shape, dk.shape, dy.shape, g);
  if (isPointwise(g, s)) {
    const many = 2 * s.channels * s.outChannels > (s.channels + s.outChannels) * s.height * s.width;
    return many ? pointwiseWhole(e, s, x, dy, dk) : pointwise(e, s, e.get(x, nchw), dy, dk);
  }
  const unpadded = g.pads.top + g.pads.bottom + g.pads.left + g.pads.right === 0;
  if (s.kernelHeight * s.kernelWidth === 1 && g.groups === 1 && unpadded) {
    return pointwise(e, s, everyOther(e, g, s, e.get(x, nchw)), dy, dk);
  }
  if (s.groupIn === 1 && s.groupOut === 1) return depthwiseFilterGrad(e, g, s, x, dy, dk);
  // with hardly a channel the copies below cost more than the product
  if (g.stride.some((step) => step > 1) || s.channels < 4) return overBatch(e, g, s, x, dy, dk);
  const product = s.kernelWidth * s.channels * s.kernelHeight * s.outChannels;
  const operands = (s.kernelWidth * s.channels + s.kernelHeight * s.outChannels) * s.outHeight * s.outWidth;
  if (g.groups === 1 && 2 * product > operands) return shiftedWhole(e, g, s, x, dy, dk);
  shiftedPerImage(e, g, s, x, dy, dk);
}

/** The places of x that a strided 1x1 conv reads. */
function everyOther(e: Emitter, g: ConvGeometry, s: Sizes, image: string): string {
  const ends = [(s.outHeight - 1) * g.stride[0] + 1, (s.outWidth - 1) * g.stride[1] + 1];
  return e.emit1('Slice', [image, e.longs([0, 0]), e.longs(ends), e.longs([2, 3]), e.longs(g.stride)]);
}

/** Per image x dy^T over its places, summed over the batch: [i, o]. */
function pointwise(e: Emitter, s: Sizes, image: string, dy: Value, dk: Value): void {
  const places = s.outHeight * s.outWidth;
  const rows = e.reshape(image, [s.batch, s.channels, places]);
  const columns = e.reshape(e.get(dy, nchw), [s.batch, s.outChannels, places]);
  const products = e.emit1('FusedMatMul', [rows, columns], { transB: int(1) }, 'com.microsoft');
  const sum = e.emit1('ReduceSum', [products, e.longs([0])], { keepdims: int(0) });
  e.put(dk, e.reshape(sum, dk.shape));
}

/** The same as one product over batch and places, for many channels on few places. */
function pointwiseWhole(e: Emitter, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const length = s.batch * s.outHeight * s.outWidth;
  const rows = e.reshape(e.get(x, [3, 0, 1, 2]), [s.channels, length]);
  const columns = e.reshape(e.get(dy, [3, 0, 1, 2]), [s.outChannels, length]);
  e.put(dk, e.reshape(e.emit1('Gemm', [rows, columns], { transB: int(1) }), dk.shape));
}

/** A Pad of height and width; negative pads crop. */
function padded(e: Emitter, name: string, top: number, left: number, bottom: number, right: number): string {
  if (top === 0 && left === 0 && bottom === 0 && right === 0) return name;
  return e.emit1('Pad', [name, e.longs([0, 0, top, left, 0, 0, bottom, right])]);
}

/**
 * At stride 1, dk(i, j) = <x shifted down by i and right by j, dy> = <x shifted right by j, dy shifted up by
 * i>: kernelWidth copies of x and kernelHeight copies of dy, on a grid as tall as both need, meet in one
 * product.
 */
function shiftedPerImage(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { kernelHeight, kernelWidth, batch, channels, outChannels, outHeight, outWidth } = s;
  const { groups, dilation, pads } = g;
  const rows = outHeight + dilation[0] * (kernelHeight - 1);
  const zeros = (count: number, of: number): string =>
    e.once(`zeros ${batch} ${of} ${count} ${outWidth}`, () =>
      e.emit1('Expand', [e.scalar(0, 'float32'), e.longs([batch, of, count, outWidth])]),
    );
  // below copy i come (kernelHeight - 1 - i) * dilation empty rows, above copy i + 1 come (i + 1) * dilation
  const gap = kernelHeight * dilation[0];
  const gradient = e.get(dy, nchw);
  const lines: string[] = [];
  for (let i = 0; i < kernelHeight; i++) lines.push(...(i > 0 ? [zeros(gap, outChannels)] : []), gradient);
  const right = stacked(e, lines);
  const image = e.get(x, nchw);
  const columns: string[] = [];
  const { top, bottom } = pads;
  for (let j = 0; j < kernelWidth; j++) {
    const left = pads.left - j * dilation[1];
    const between = j === 0 ? top : top + bottom;
    if (between > 0) columns.push(zeros(between, channels));
    columns.push(padded(e, image, 0, left, 0, outWidth - s.width - left));
  }
  if (bottom > 0) columns.push(zeros(bottom, channels));
  const places = rows * outWidth;
  const a = e.reshape(stacked(e, columns), [batch, groups, s.groupIn * kernelWidth, places]);
  const b = e.reshape(right, [batch, groups, s.groupOut * kernelHeight, places]);
  const products = e.emit1('FusedMatMul', [a, b], { transB: int(1) }, 'com.microsoft');
  const sum = e.emit1('ReduceSum', [products, e.longs([0])], { keepdims: int(0) });
  const parts = e.reshape(sum, [groups, s.groupIn, kernelWidth, s.groupOut, kernelHeight]);
  e.put(dk, e.reshape(e.transpose(parts, [4, 2, 1, 0, 3]), dk.shape));
}

const stacked = (e: Emitter, parts: readonly string[]): string => {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : e.emit1('Concat', parts, { axis: int(2) });
};

/** The same as one product over batch and places, for many channels on few places. */
function shiftedWhole(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { kernelHeight, kernelWidth, channels, outChannels, outHeight, outWidth } = s;
  const { dilation, pads } = g;
  const reach = dilation[0] * (kernelHeight - 1);
  const byChannel = [3, 0, 1, 2];
  const image = e.get(x, byChannel);
  const gradient = e.get(dy, byChannel);
  const columns = Array.from({ length: kernelWidth }, (_, j) => {
    const left = pads.left - j * dilation[1];
    return padded(e, image, pads.top, left, pads.bottom, outWidth - s.width - left);
  });
  const lines = Array.from({ length: kernelHeight }, (_, i) =>
    padded(e, gradient, i * dilation[0], 0, reach - i * dilation[0], 0),
  );
  const length = s.batch * (outHeight + reach) * outWidth;
  const all = (parts: readonly string[], of: number): string =>
    e.reshape(parts.length === 1 ? (parts[0] as string) : e.emit1('Concat', parts, { axis: int(0) }), [
      parts.length * of,
      length,
    ]);
  const product = e.emit1('Gemm', [all(columns, channels), all(lines, outChannels)], { transB: int(1) });
  const parts = e.reshape(product, [kernelWidth, channels, kernelHeight, outChannels]);
  e.put(dk, e.transpose(parts, [2, 0, 1, 3]));
}

/**
 * dk(c, o) is the conv of channel c with the image of dy's channel o as the kernel, summed over the batch: a
 * conv whose batch is x's channels, whose channels are the batch, and whose stride and dilation are
 * exchanged.
 */
function overBatch(e: Emitter, g: ConvGeometry, s: Sizes, x: Value, dy: Value, dk: Value): void {
  const { groups, stride, dilation, pads } = g;
  const { batch, height, width, groupIn } = s;
  let images: string;
  if (groups === 1) images = e.get(x, [3, 0, 1, 2]);
  else {
    const parts = e.reshape(e.get(x, nchw), [batch, groups, groupIn, height, width]);
    images = e.reshape(e.transpose(parts, [2, 1, 0, 3, 4]), [groupIn, groups * batch, height, width]);
  }
  const name = e.emit1('Conv', [images, e.get(dy, [3, 0, 1, 2])], {
    kernel_shape: ints([s.outHeight, s.outWidth]),
    strides: ints(dilation),
    dilations: ints(stride),
    pads: ints([pads.top, pads.left, pads.bottom, pads.right]),
    group: int(groups),
  });
  // rows and columns that the forward conv's stride left over give places beyond the kernel
  const tall =
    Math.floor((height + pads.top + pads.bottom - stride[0] * (s.outHeight - 1) - 1) / dilation[0]) + 1;
  const wide =
    Math.floor((width + pads.left + pads.right - stride[1] * (s.outWidth - 1) - 1) / dilation[1]) + 1;
  const exact = tall === s.kernelHeight && wide === s.kernelWidth;
  const ends = e.longs([s.kernelHeight, s.kernelWidth]);
  const kept = exact ? name : e.emit1('Slice', [name, e.longs([0, 0]), ends, e.longs([2, 3])]);
  e.put(dk, kept, [2, 3, 0, 1]);
}
