/**
 * @file The gradient of a conv in its kernel as a blocked conv of its own: onnxruntime has none for gradients, but
 *
 *   dk(i, j, c, o) = sum over images n and places t of x(n, c, stride t + dilation (i, j) - pads) dy(n, o, t)
 *
 * is the conv of the images x(c, n) with the kernels dy(o, n), as large as dy's maps: c is the batch, n the channels, o the
 * outputs, and stride and dilation change places. Each number of dy that is read meets all taps of a row, so that a row is
 * made at the pace of matrix products, and x is not copied for each tap.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { blockedDomain, blockedImage } from './blocked.ts';
import type { Sizes } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { nchw } from './layout.ts';

/** dy is read again for every channel of x: bytes of it that a machine may be trusted to have in its caches. */
const cached = 16e6;
/** Outputs that the blocked conv makes together, in blocks. */
const together = 4;
/** Wider rows are worth no product with a matrix that is mostly zeros. */
const widest = 128;

export function canBlockFilterGrad(e: Emitter, g: ConvGeometry, s: Sizes): boolean {
  const { block } = e;
  if (block === undefined || g.groups > 1 || s.kernelWidth === 1 || s.width > widest) return false;
  const kept = Math.min(s.outChannels, together * block) * s.batch * s.outHeight * s.outWidth * 4;
  return s.batch % block === 0 && s.outChannels % 4 === 0 && 2 * s.outChannels >= block && kept <= cached;
}

export function blockedFilterGrad(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  x: Value,
  dy: Value,
  dk: Value,
): void {
  const block = e.block ?? 1;
  const { batch, outHeight, outWidth, kernelHeight } = s;
  const outputs = Math.ceil(s.outChannels / block) * block;
  const many = batch / block;
  const maps = blockedImage(e, e.get(dy, nchw)); // [n, o/b, t, ob], as kernels [o/b, n/b, t, nb, ob]
  const parts = e.reshape(maps, [many, block, outputs / block, outHeight * outWidth, block]);
  const kernels = e.reshape(e.transpose(parts, [2, 0, 3, 1, 4]), [outputs, batch, outHeight, outWidth]);
  const images = blockedImage(e, e.transpose(padded(e, g, s, e.get(x, nchw)), [1, 0, 2, 3]));
  const below =
    (outHeight - 1) * g.stride[0] + g.dilation[0] * (kernelHeight - 1) + 1 - s.height - g.pads.top;
  const made = e.emit1(
    'Conv',
    [images, kernels],
    {
      kernel_shape: ints([outHeight, outWidth]),
      strides: ints(g.dilation),
      dilations: ints(g.stride),
      pads: ints([g.pads.top, 0, Math.max(0, below), 0]),
      group: int(1),
    },
    blockedDomain,
  );
  const all = e.emit1('ReorderOutput', [made], { channels: int(s.outChannels) }, blockedDomain);
  // rows of x that the stride left over give rows beyond the kernel
  const exact = -below < g.dilation[0];
  const kept = exact ? all : e.emit1('Slice', [all, e.longs([0]), e.longs([kernelHeight]), e.longs([2])]);
  e.put(dk, kept, [2, 3, 0, 1]);
}

/** The columns that the taps of all places meet. */
const widthOf = (g: ConvGeometry, s: Sizes): number =>
  (s.outWidth - 1) * g.stride[1] + g.dilation[1] * (s.kernelWidth - 1) + 1;

/**
 * x with just these columns, chosen by a product with a constant 0/1 matrix: onnxruntime does that on all threads, unlike a
 * Pad or a Slice.
 */
function padded(e: Emitter, g: ConvGeometry, s: Sizes, image: string): string {
  const wide = widthOf(g, s);
  if (g.pads.left === 0 && wide === s.width) return image;
  const chosen = e.once(`padded ${[s.width, wide, g.pads.left].join()}`, () => {
    const data = new Float32Array(s.width * wide);
    for (let column = 0; column < s.width; column++) {
      const at = column + g.pads.left;
      if (at < wide) data[column * wide + at] = 1;
    }
    return e.constant(data, [s.width, wide], 'float32');
  });
  return e.emit1('MatMul', [image, chosen]);
}
