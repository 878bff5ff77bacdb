/** @file A sliding window: its padding, and the size of the map that it produces. */
import { first, item } from '../access.ts';
import type { ConvTranspose, Padding, Pair } from './op.ts';

/** Rows and columns of zeros around a map. */
export interface Pads {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/**
 * The size of the map that a sliding window gives, and the padding around its input.
 *
 * @param map a shape that begins with height and width: [h, w] or [h, w, c].
 */
export function slide(
  map: readonly number[],
  { kernel, stride, dilation, padding }: { kernel: Pair; stride: Pair; dilation: Pair; padding: Padding },
): { readonly size: Pair; readonly pads: Pads } {
  const [h, w] = [first(map), item(map, 1)];
  const [high, wide] = [reach(kernel[0], dilation[0]), reach(kernel[1], dilation[1])];
  if (padding === 'same') {
    const [oh, ow] = [Math.ceil(h / stride[0]), Math.ceil(w / stride[1])];
    const down = Math.max(0, (oh - 1) * stride[0] + high - h);
    const across = Math.max(0, (ow - 1) * stride[1] + wide - w);
    const [top, left] = [Math.floor(down / 2), Math.floor(across / 2)];
    return { size: [oh, ow], pads: { top, right: across - left, bottom: down - top, left } };
  }
  const [top, right, bottom, left] = padding === 'valid' ? noPads : padding;
  const oh = Math.floor((h + top + bottom - high) / stride[0]) + 1;
  const ow = Math.floor((w + left + right - wide) / stride[1]) + 1;
  return { size: [oh, ow], pads: { top, right, bottom, left } };
}
const noPads = [0, 0, 0, 0] as const;
/** How many rows, or columns, a window covers. */
const reach = (kernel: number, dilation: number): number => dilation * (kernel - 1) + 1;

/**
 * The size of the map that a transposed conv gives; the padding of the conv that it transposes, which it cuts off; and the
 * rows and columns that it adds at the bottom and right.
 *
 * @param map a shape that begins with height and width: [h, w] or [h, w, c].
 */
export function slideBack(
  map: readonly number[],
  { kernel, stride, dilation, padding, outputPadding }: Omit<ConvTranspose, 'kind'>,
): { readonly size: Pair; readonly pads: Pads; readonly outputPadding: Pair } {
  const axis = (i: 0 | 1, n: number): [size: number, before: number, after: number, more: number] => {
    const reach = dilation[i] * (kernel[i] - 1) + 1;
    if (padding === 'same') {
      const sum = Math.max(0, reach - stride[i]);
      return [n * stride[i], Math.floor(sum / 2), sum - Math.floor(sum / 2), Math.max(0, stride[i] - reach)];
    }
    const [top, right, bottom, left] = padding === 'valid' ? ([0, 0, 0, 0] as const) : padding;
    const [before, after, more] = [i ? left : top, i ? right : bottom, outputPadding[i]];
    return [(n - 1) * stride[i] + reach - before - after + more, before, after, more];
  };
  const [oh, top, bottom, below] = axis(0, first(map));
  const [ow, left, right, beside] = axis(1, item(map, 1));
  return { size: [oh, ow], pads: { top, right, bottom, left }, outputPadding: [below, beside] };
}
