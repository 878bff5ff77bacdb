/**
 * @file Anchors: boxes at every cell of a map, of several sizes and shapes, that a detector says its proposals relative to
 * (Ren et al. 2015, arXiv:1506.01497, section 3.1). Which object each stands for, and which ones a step learns from.
 */
import { permutation, type Random } from '../../../random.ts';
import { type Box, iou } from './boxes.ts';

export interface AnchorShapes {
  /** Square roots of areas, in pixels. */
  readonly sizes: readonly number[];
  /** Heights over widths. */
  readonly ratios: readonly number[];
}

/** Anchors of a map [cells, cells]: by row, by column, by size, by ratio. Cell i has its middle at (i + 1/2) stride. */
export function anchorBoxes(cells: number, stride: number, { sizes, ratios }: AnchorShapes): readonly Box[] {
  const shapes = sizes.flatMap((size) =>
    ratios.map((ratio) => [size * Math.sqrt(ratio), size / Math.sqrt(ratio)] as const),
  );
  const middles = Array.from({ length: cells }, (_, i) => (i + 0.5) * stride);
  return middles.flatMap((y) =>
    middles.flatMap((x) => shapes.map(([h, w]): Box => [y - h / 2, x - w / 2, y + h / 2, x + w / 2])),
  );
}

/** What `match` gives for anchors that are clearly ground, and for those that are neither. */
export const [background, undecided] = [-1, -2];

/**
 * For each anchor the index of its object, `background` or `undecided`. An anchor stands for the object that it has most
 * in common with when that is at least `positive`, and for background below `negative`; besides, the best anchors of each
 * object stand for it, so that none is without.
 */
export function match(
  anchors: readonly Box[],
  objects: readonly Box[],
  { positive = 0.6, negative = 0.35 } = {},
): Int32Array {
  const found = new Int32Array(anchors.length).fill(background);
  const best = new Float64Array(objects.length);
  const common = anchors.map((anchor) => objects.map((object) => iou(anchor, object)));
  common.forEach((row, a) => {
    let largest = 0;
    row.forEach((v, k) => {
      if (v > largest) {
        largest = v;
        found[a] = k;
      }
      if (v > best[k]!) best[k] = v;
    });
    if (largest < negative) found[a] = background;
    else if (largest < positive) found[a] = undecided;
  });
  common.forEach((row, a) => {
    row.forEach((v, k) => {
      if (v > 0 && v === best[k]) found[a] = k;
    });
  });
  return found;
}

/** The anchors that a step learns from: up to half of `count` for objects, the rest background, drawn at random. */
export function sampleAnchors(matched: Int32Array, count: number, source: Random): readonly number[] {
  const some = (all: readonly number[], n: number): number[] =>
    [...permutation(all.length, source).subarray(0, n)].map((i) => all[i]!);
  const all = [...matched.keys()];
  const objects = some(
    all.filter((i) => matched[i]! >= 0),
    count >> 1,
  );
  return [
    ...objects,
    ...some(
      all.filter((i) => matched[i] === background),
      count - objects.length,
    ),
  ];
}
