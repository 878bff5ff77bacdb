/**
 * @file The gradient of a conv of one place in its kernel: dk(c, o) = sum over images n and places t of x(n, c, t) dy(n, o, t),
 * as matrix products, or as a blocked conv that takes one of the two images as it lies in blocks.
 */

import { int, ints } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { convInBlocks } from './blocked-ops.ts';
import { isWhole, liesByChannel, liesInBlocks } from './choose.ts';
import { isPointwise, padsOf } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { blocks, byChannel, nchw } from './layout.ts';
import { overImages } from './over-images.ts';
import { divisorBelow, swapped } from './row-filter-grad.ts';
import { rowSums } from './sums.ts';

/** Whether the kernel is 1x1, without groups and padding. */
const isOnePlace = ({ geometry, sizes }: FilterGrad): boolean =>
  sizes.kernelHeight * sizes.kernelWidth === 1 &&
  geometry.groups === 1 &&
  padsOf(geometry).every((pad) => pad === 0);

const isProduct = ({ geometry, sizes }: FilterGrad): boolean => isPointwise(geometry, sizes);

/** Of x and dy the one that lies in blocks; the larger one where both do. */
function imageInBlocks(e: Emitter, { x, dy }: FilterGrad): Value | undefined {
  const [larger, smaller] = sizeOf(x.shape) > sizeOf(dy.shape) ? [x, dy] : [dy, x];
  return [larger, smaller].find((image) => liesInBlocks(e, image));
}

/** A blocked conv with the maps of `image` as kernels. */
function byMaps(e: Emitter, { geometry, x, dy, dk }: FilterGrad, image: Value): void {
  const isDy = image === dy;
  const sums = mapProducts(e, isDy ? x : dy, image, geometry.stride);
  e.put(dk, e.reshape(e.transpose(sums, isDy ? [1, 0, 2] : [0, 2, 1]), dk.shape));
}

/** The forms for kernels of one place, the fastest first. */
export const pointwiseForms: readonly FilterGradForm[] = [
  {
    fits: (e, grad) => isOnePlace(grad) && !isProduct(grad) && isWhole(e, grad.dy),
    make: (e, grad) => byMaps(e, grad, grad.dy),
  },
  {
    fits: (_, grad) => isOnePlace(grad) && !isProduct(grad),
    make: (e, grad) => products(e, grad, everyOther(e, grad)),
  },
  {
    // many channels on few places, or both images already lie so
    fits: (e, grad) => {
      const { channels, outChannels, height, width } = grad.sizes;
      const isDeep = 2 * channels * outChannels > (channels + outChannels) * height * width;
      return isProduct(grad) && (isDeep || [grad.x, grad.dy].every((image) => liesByChannel(e, image)));
    },
    make: product,
  },
  {
    fits: (e, grad) => isProduct(grad) && imageInBlocks(e, grad) !== undefined,
    make: (e, grad) => byMaps(e, grad, imageInBlocks(e, grad) ?? grad.dy),
  },
  {
    fits: (_, grad) => isProduct(grad),
    make: (e, grad) => products(e, grad, e.get(grad.x, nchw)),
  },
];

/** The number of groups wanted, so that onnxruntime can share them among its threads. */
const shared = 8;

/**
 * The sums over images and places of the products of each channel of `image` with each channel of `other`: [others / b, channels,
 * b]. The maps of `other`, in blocks, are the kernels of a conv whose input channels are the images; see `row-filter-grad.ts`. The conv
 * reads `image` in blocks where it lies there; otherwise it reads one channel after another, with a stride of a whole map.
 *
 * @param stride between the places of `image` that are multiplied by those of `other`.
 */
function mapProducts(
  e: Emitter,
  image: Value,
  other: Value,
  [down, across]: readonly [number, number],
): string {
  const { block = 1 } = e;
  const [batch = 1, height = 1, width = 1, channels = 1] = image.shape;
  const [, tall = 1, wide = 1, others = 1] = other.shape;
  const outs = others / block;
  // with several blocks of `other`, the images of one group lie apart in memory: then groups of one image, with few results each,
  // cost less than moving them
  const several = outs === 1 || channels > tall * wide;
  // without a stride, the places of a map are one line
  const isLine = down * across === 1;
  const [rows, columns] = isLine ? [1, height * width] : [height, width];
  const kernel = isLine ? [1, tall * wide] : [tall, wide];
  const inBlocks = liesInBlocks(e, image) && (isLine || width === across * (wide - 1) + 1); // the stride leaves no columns unread
  const [high, long] = inBlocks
    ? [(channels / block) * rows, columns * block]
    : isLine
      ? [1, channels * columns]
      : [channels * rows, columns];
  const apart = inBlocks ? block : 1; // the distance between two columns of a channel
  const attributes = {
    kernel_shape: ints(kernel),
    strides: ints([rows, inBlocks ? 1 : columns]),
    dilations: ints([down, across * apart]),
  };
  const images = [e.get(image, inBlocks ? blocks : nchw), e.get(other, blocks)];
  const sum = overImages(e, batch, images, ([source = '', maps = ''], count) => {
    const together = several ? divisorBelow(Math.min(block, Math.ceil(count / shared) + 1), count) : 1;
    const groups = count / together;
    const kernels = swapped(e, maps, [groups, together, outs, tall * wide * block]);
    const each = convInBlocks(e, {
      image: e.reshape(source, [1, count, high, long]),
      channels: count,
      kernel: e.reshape(kernels, [groups * others, together, ...kernel]),
      outputs: groups * others,
      groups,
      attributes,
    });
    return rowSums(e, each, [1, groups, channels * others]);
  });
  return e.reshape(sum, [outs, channels, block]);
}

/** The places of x that a strided 1x1 conv reads. */
function everyOther(e: Emitter, { geometry: g, sizes: s, x }: FilterGrad): string {
  const ends = [(s.outHeight - 1) * g.stride[0] + 1, (s.outWidth - 1) * g.stride[1] + 1];
  return e.emit1('Slice', [
    e.get(x, nchw),
    e.longs([0, 0]),
    e.longs(ends),
    e.longs([2, 3]),
    e.longs(g.stride),
  ]);
}

/** A product x dy^T over the places of each image, summed over the batch. */
function products(e: Emitter, { sizes: s, dy, dk }: FilterGrad, image: string): void {
  const places = s.outHeight * s.outWidth;
  const rows = e.reshape(image, [s.batch, s.channels, places]);
  const columns = e.reshape(e.get(dy, nchw), [s.batch, s.outChannels, places]);
  const products = e.emit1('FusedMatMul', [rows, columns], { transB: int(1) }, 'com.microsoft');
  e.put(dk, e.reshape(rowSums(e, products, [1, s.batch, sizeOf(dk.shape)]), dk.shape));
}

/** The same as one product over batch and places, for many channels on few places. */
function product(e: Emitter, { sizes: s, x, dy, dk }: FilterGrad): void {
  const length = s.batch * s.outHeight * s.outWidth;
  const layout = e.block === undefined && e.carry ? byChannel : [3, 0, 1, 2];
  const rows = e.reshape(e.get(x, layout), [s.channels, length]);
  const columns = e.reshape(e.get(dy, layout), [s.outChannels, length]);
  e.put(dk, e.reshape(e.emit1('Gemm', [rows, columns], { transB: int(1) }), dk.shape));
}
