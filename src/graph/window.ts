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
  const reach = (axis: 0 | 1): number => dilation[axis] * (kernel[axis] - 1) + 1;
  if (padding === 'same') {
    const axis = (n: number, i: 0 | 1): [out: number, before: number, after: number] => {
      const out = Math.ceil(n / stride[i]);
      const sum = Math.max(0, (out - 1) * stride[i] + reach(i) - n);
      return [out, Math.floor(sum / 2), sum - Math.floor(sum / 2)];
    };
    const [oh, top, bottom] = axis(h, 0);
    const [ow, left, right] = axis(w, 1);
    return { size: [oh, ow], pads: { top, right, bottom, left } };
  }
  const [top, right, bottom, left] = padding === 'valid' ? ([0, 0, 0, 0] as const) : padding;
  const out = (n: number, pads: number, i: 0 | 1): number =>
    Math.floor((n + pads - reach(i)) / stride[i]) + 1;
  return {
    size: [out(h, top + bottom, 0), out(w, left + right, 1)],
    pads: { top, right, bottom, left },
  };
}

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
