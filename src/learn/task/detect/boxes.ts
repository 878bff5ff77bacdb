/**
 * @file Boxes: intersection over union, and the offsets of one box relative to another. Edges in pixels, [top, left,
 * bottom, right], the far ones not included.
 */
import type { Box } from '../../../data/in-memory.ts';

export type { Box } from '../../../data/in-memory.ts';
/** A box relative to a reference: centre in units of the reference's size, log of the size; each over its deviation. */
export type Offsets = readonly [y: number, x: number, h: number, w: number];

/** How much offsets usually vary; dividing by it brings them to the size of one (Girshick's Fast R-CNN code). */
const deviations = [0.1, 0.1, 0.2, 0.2] as const;
/** No box becomes larger than so many times its reference: exp of more would overflow early in training. */
const mostGrowth = Math.log(16);

/** Four numbers of a flat list of offsets, from that index on. */
export const offsetsAt = (values: ArrayLike<number>, from = 0): Offsets => [
  values[from]!,
  values[from + 1]!,
  values[from + 2]!,
  values[from + 3]!,
];

/** The area of a box; 0 for one that is empty. */
export const area = ([top, left, bottom, right]: Box): number =>
  Math.max(0, bottom - top) * Math.max(0, right - left);

/** The area in common over the area covered by either, 0 to 1. */
export function iou(a: Box, b: Box): number {
  const h = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const w = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (h <= 0 || w <= 0) return 0;
  return (h * w) / (area(a) + area(b) - h * w);
}

/** (y - y') / h', (x - x') / w', log(h / h'), log(w / w') of centres and sizes (Girshick et al. 2014, equations 6 to 9). */
export function encode(box: Box, reference: Box): Offsets {
  const [y, x, h, w] = centred(box);
  const [ry, rx, rh, rw] = centred(reference);
  const [dy, dx, dh, dw] = deviations;
  return [(y - ry) / rh / dy, (x - rx) / rw / dx, Math.log(h / rh) / dh, Math.log(w / rw) / dw];
}

/** The inverse of `encode`; `growth` is the logarithm of the most that a side grows. */
export function decode(offsets: Offsets, reference: Box, growth = mostGrowth): Box {
  const [ry, rx, rh, rw] = centred(reference);
  const [dy, dx, dh, dw] = [
    offsets[0] * deviations[0],
    offsets[1] * deviations[1],
    offsets[2] * deviations[2],
    offsets[3] * deviations[3],
  ];
  const [y, x] = [ry + dy * rh, rx + dx * rw];
  const [h, w] = [rh * Math.exp(Math.min(dh, growth)), rw * Math.exp(Math.min(dw, growth))];
  return [y - h / 2, x - w / 2, y + h / 2, x + w / 2];
}

/** The part of a box inside an image of that height and width. */
export function clip([top, left, bottom, right]: Box, size: number): Box {
  const inside = (v: number): number => Math.min(size, Math.max(0, v));
  return [inside(top), inside(left), inside(bottom), inside(right)];
}

const centred = ([top, left, bottom, right]: Box): Offsets => [
  (top + bottom) / 2,
  (left + right) / 2,
  bottom - top,
  right - left,
];
