/**
 * @file The proposals of a training step. A step's shapes are fixed, so each image has the same number of them: boxes
 * around the objects, moved and stretched at random as a proposal step would miss them, near misses, and ground.
 */
import { item } from '../../../access.ts';
import type { Random } from '../../../random.ts';
import { type Box, clip, encode, iou, type Offsets } from './boxes.ts';

export interface Proposal {
  readonly box: Box;
  /** The object that it has most in common with, or -1 for ground: none with 0.5 in common. */
  readonly object: number;
  /** The object's box relative to it; zeros for ground. */
  readonly offsets: Offsets;
}

/** Half of them drawn to lie on objects, half anywhere; each then stands for what it really has in common with. */
export function sampleProposals(
  objects: readonly Box[],
  count: number,
  size: number,
  source: Random,
): readonly Proposal[] {
  return Array.from({ length: count }, (_, i) => {
    const near = i % 2 === 0 ? objects[(i / 2) % objects.length] : undefined;
    return assigned(near ? moved(near, size, source) : anywhere(size, source), objects);
  });
}

/** Which object a box stands for. */
export function assigned(box: Box, objects: readonly Box[]): Proposal {
  let [object, common] = [-1, 0.5];
  objects.forEach((other, k) => {
    const v = iou(box, other);
    if (v >= common) [object, common] = [k, v];
  });
  const offsets = object < 0 ? ([0, 0, 0, 0] as const) : encode(item(objects, object), box);
  return { box, object, offsets };
}

/** Moved by up to a fourth of its size, stretched by up to a fourth either way. */
function moved([top, left, bottom, right]: Box, size: number, source: Random): Box {
  const off = (reach: number): number => reach * (2 * source.uniform() - 1);
  const [h, w] = [bottom - top, right - left];
  const [y, x] = [top + h / 2 + h * off(0.25), left + w / 2 + w * off(0.25)];
  const [tall, wide] = [(h / 2) * 2 ** off(0.33), (w / 2) * 2 ** off(0.33)];
  return clip([y - tall, x - wide, y + tall, x + wide], size);
}

/** From an eighth to half of the image high and wide. */
function anywhere(size: number, source: Random): Box {
  const length = (): number => size * (0.125 + 0.375 * source.uniform());
  const [h, w] = [length(), length()];
  const [top, left] = [source.uniform() * (size - h), source.uniform() * (size - w)];
  return [top, left, top + h, left + w];
}
