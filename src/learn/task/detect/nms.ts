/** @file Non-maximum suppression: of overlapping boxes, keeps the one with the highest score. */
import { item } from '../../../access.ts';
import { type Box, iou } from './boxes.ts';

export interface NmsOptions {
  /** Boxes with more than this in common say the same. */
  readonly threshold: number;
  /** The most boxes that are kept; all by default. */
  readonly most?: number;
}

/** Indices of the boxes that stay, surest first; of equally sure ones the earlier. */
export function nms(
  boxes: readonly Box[],
  scores: ArrayLike<number>,
  { threshold, most = Number.POSITIVE_INFINITY }: NmsOptions,
): readonly number[] {
  const order = boxes.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  for (const i of order) {
    if (kept.length >= most) break;
    if (kept.every((k) => iou(item(boxes, i), item(boxes, k)) <= threshold)) kept.push(i);
  }
  return kept;
}
