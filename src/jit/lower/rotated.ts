/**
 * @file Grouped convs with few channels in a group, as depthwise convs: these run in blocks without zeros between the groups.
 *
 * In a group of q inputs and q outputs, output o reads input (o + k) mod q for k = 0 ... q - 1. So the conv is the sum of q
 * depthwise convs: number k reads x with the channels of each group rotated by k. A 1x1 conv rotates them. The gradients are sums
 * of the same kind, and read the same rotated images.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import { type Added, convInBlocks } from './blocked-ops.ts';
import { isWhole } from './choose.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { type Axes, axesOf, depthwiseTaps, filled, madeOf } from './exchanged.ts';
import type { FilterGrad, FilterGradForm } from './filter-grad-form.ts';
import { blocks } from './layout.ts';
import { rowSums } from './sums.ts';

/** The most channels in a group: with more of them, the passes over memory cost more than zeros between the groups. */
const most = 4;

export function canRotate(e: Emitter, s: Sizes, x: Value): boolean {
  const { block } = e;
  if (block === undefined || !isWhole(e, x) || s.groupIn !== s.groupOut) return false;
  return s.groupIn > 1 && s.groupIn <= most && block % s.groupIn === 0 && s.kernelHeight * s.kernelWidth > 1;
}

/** The input channel that output channel `c` reads in the depthwise conv number `by`, in groups of q. */
const turned = (c: number, by: number, q: number): number => c - (c % q) + (((c % q) + by) % q);

/** Columns of zeros beside an image. */
type Margin = readonly [left: number, right: number];

/**
 * x with the channels of each group rotated: channel c is what c + by was. The same conv adds columns of zeros, so that a filter
 * gradient, whose taps read them, needs no padding of its own along the rows.
 */
function rotated(
  e: Emitter,
  image: string,
  channels: number,
  q: number,
  by: number,
  [left, right]: Margin,
): string {
  if (by === 0) return image;
  return e.once(`rotated ${image} ${[q, by, left, right].join()}`, () => {
    const { block = 1 } = e;
    const kernel = e.once(`rotation ${channels} ${q} ${by}`, () => {
      const data = new Float32Array(channels * block); // [c/b, input in the block, output in the block]
      for (let c = 0; c < channels; c++) {
        const [inner, outer] = [c % block, c - (c % block)];
        data[outer * block + turned(inner, by, q) * block + inner] = 1;
      }
      return e.constant(data, [channels, block, 1, 1], 'float32');
    });
    const attributes = { kernel_shape: ints([1, 1]), pads: ints([0, left, 0, right]) };
    const sizes = { channels, outputs: channels, groups: channels / block };
    return convInBlocks(e, { image, kernel, ...sizes, attributes });
  });
}

interface Frame {
  /** The attributes of the conv without its pads and groups. */
  readonly attributes: Attributes;
  readonly pads: readonly number[];
  readonly margin: Margin;
}

/** The pads that remain for images with a margin. */
const within = ([top = 0, left = 0, bottom = 0, right = 0]: readonly number[], margin: Margin) =>
  ints([top, left - margin[0], bottom, right - margin[1]]);

/** The margin that the filter gradient needs: all of the conv's padding left and right, or none. */
const marginOf = ({ columns }: Axes, { pads }: ConvGeometry): Margin =>
  filled(columns).size === pads.left + columns.size + pads.right ? [pads.left, pads.right] : [0, 0];

/**
 * The sum of the depthwise convs of the rotated images.
 *
 * @param at where the kernel [kh, kw, q, C] has the number with which output c meets its input `by` places on, at a tap.
 */
function summed(
  e: Emitter,
  image: string,
  kernel: string,
  s: Sizes,
  { attributes, pads, margin }: Frame,
  at: (tap: number, c: number, by: number) => number,
  { bias, sum }: Added = {},
): string {
  const { groupIn: q, channels, kernelHeight, kernelWidth } = s;
  const { block = 1 } = e;
  const places: number[] = [];
  for (let by = 0; by < q; by++) {
    for (let outer = 0; outer < channels; outer += block) {
      for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
        for (let inner = 0; inner < block; inner++) places.push(at(tap, outer + inner, by));
      }
    }
  }
  const flat = e.reshape(kernel, [places.length]);
  const sorted = e.emit1('Gather', [flat, e.longs(places)], { axis: int(0) });
  const whole = e.reshape(sorted, [q * channels, 1, kernelHeight, kernelWidth]);
  const sizes = e.longs(Array<number>(q).fill(channels));
  const kernels = e.emit('Split', [whole, sizes], { axis: int(0) }, q);
  let result = sum;
  kernels.forEach((weights, by) => {
    const source = rotated(e, image, channels, q, by, margin);
    result = convInBlocks(e, {
      image: source,
      kernel: weights,
      channels,
      outputs: channels,
      groups: channels,
      attributes: { ...attributes, pads: by > 0 ? within(pads, margin) : ints(pads) },
      added: { bias: by > 0 ? undefined : bias, sum: result },
    });
  });
  if (result === undefined) throw new Error('internal: a rotated conv of no channels');
  return result;
}

export function rotatedConv(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  image: string,
  kernel: Value,
  attributes: Attributes,
  added?: Added,
): string {
  const { groupIn: q, channels } = s;
  const at = (tap: number, c: number, by: number): number =>
    (tap * q + (turned(c, by, q) % q)) * channels + c;
  const { top, left, bottom, right } = g.pads;
  const frame = { attributes, pads: [top, left, bottom, right], margin: marginOf(axesOf(g, s), g) };
  return summed(e, image, e.get(kernel), s, frame, at, added);
}

/** At stride 1. The pads are those of the conv of dy with the kernel rotated by 180 degrees. */
export function rotatedInputGrad(
  e: Emitter,
  s: Sizes,
  dy: Value,
  kernel: Value,
  attributes: Attributes,
  pads: readonly number[],
  added?: Added,
): string {
  const { groupIn: q, channels } = s;
  const last = s.kernelHeight * s.kernelWidth - 1;
  const at = (tap: number, c: number, by: number): number =>
    ((last - tap) * q + (c % q)) * channels + turned(c, by, q);
  const frame: Frame = { attributes, pads, margin: [0, 0] };
  return summed(e, e.get(dy, blocks), e.get(kernel), s, frame, at, added);
}

function rotatedFilterGrad(e: Emitter, { geometry: g, sizes: s, x, dy, dk }: FilterGrad): void {
  const { groupIn: q, channels, kernelHeight, kernelWidth } = s;
  const { block = 1 } = e;
  const axes = axesOf(g, s);
  const margin = marginOf(axes, g);
  const inside = margin[0] + margin[1] > 0 ? { ...axes, columns: filled(axes.columns) } : axes;
  const [rows, columns] = [madeOf(axes.rows), madeOf(axes.columns)];
  const each = rows * columns * channels;
  const image = e.get(x, blocks);
  const parts = Array.from({ length: q }, (_, by) =>
    depthwiseTaps(
      e,
      by > 0 ? inside : axes,
      s.batch * channels,
      rotated(e, image, channels, q, by, margin),
      e.get(dy, blocks),
    ),
  );
  const sums = rowSums(e, e.emit1('Concat', parts, { axis: int(0) }), [q, s.batch, each]);
  const places: number[] = [];
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < kernelWidth; column++) {
      for (let i = 0; i < q; i++) {
        for (let c = 0; c < channels; c++) {
          const by = (i - (c % q) + q) % q;
          const vector = (Math.floor(c / block) * rows + row) * columns + column;
          places.push(by * each + vector * block + (c % block));
        }
      }
    }
  }
  const sorted = e.emit1('Gather', [e.reshape(sums, [q * each]), e.longs(places)], { axis: int(0) });
  e.put(dk, e.reshape(sorted, dk.shape));
}

/** Groups of few channels as depthwise convs of rotated images. */
export const rotatedGroups: FilterGradForm = {
  fits: (e, { sizes, x }) => canRotate(e, sizes, x),
  make: rotatedFilterGrad,
};
