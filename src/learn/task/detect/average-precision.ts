/**
 * @file Mean average precision by the standard rule of PASCAL VOC since 2010: the area under the precision-recall curve
 * with precision made monotone, at every point where recall changes (Everingham et al. 2010, and the devkit's `VOCap`).
 */
import { type Box, iou } from './boxes.ts';

export interface Truth {
  /** Which image it is in. */
  readonly image: number;
  readonly label: number;
  readonly box: Box;
}
export interface Detection extends Truth {
  readonly score: number;
}
export interface DetectionScore {
  /** The mean over the classes that have objects. */
  readonly map: number;
  /** By class; undefined for a class without objects. */
  readonly averagePrecision: readonly (number | undefined)[];
}

/**
 * Detections are taken surest first. One is right when the object of its class and image that it has most in common with
 * has at least `threshold` (0.5 by default) in common with it and was not found before; any other detection is wrong.
 */
export function meanAveragePrecision(
  detections: readonly Detection[],
  truths: readonly Truth[],
  classes: number,
  threshold = 0.5,
): DetectionScore {
  const averagePrecision = Array.from({ length: classes }, (_, label) => {
    const objects = truths.filter((t) => t.label === label);
    if (!objects.length) return undefined;
    const found = detections.filter((d) => d.label === label).sort((a, b) => b.score - a.score);
    return areaUnder(hits(found, objects, threshold), objects.length);
  });
  const known = averagePrecision.filter((v) => v !== undefined);
  return { map: known.reduce((a, b) => a + b, 0) / Math.max(1, known.length), averagePrecision };
}

/** For each detection whether it is right. */
function hits(detections: readonly Detection[], objects: readonly Truth[], threshold: number): boolean[] {
  const byImage = new Map<number, { box: Box; taken: boolean }[]>();
  for (const { image, box } of objects) {
    const there = byImage.get(image);
    if (there) there.push({ box, taken: false });
    else byImage.set(image, [{ box, taken: false }]);
  }
  return detections.map(({ image, box }) => {
    let best: { taken: boolean } | undefined;
    let common = 0;
    for (const object of byImage.get(image) ?? []) {
      const v = iou(box, object.box);
      if (v > common) [best, common] = [object, v];
    }
    if (!best || common < threshold || best.taken) return false;
    best.taken = true;
    return true;
  });
}

/** sum over right detections of (1 / objects) times the best precision at that recall or beyond it. */
function areaUnder(right: readonly boolean[], objects: number): number {
  let count = 0;
  const precision = right.map((hit, i) => {
    if (hit) count++;
    return count / (i + 1);
  });
  let [best, area] = [0, 0];
  for (let i = right.length; i-- > 0; ) {
    best = Math.max(best, precision[i]!);
    if (right[i]) area += best / objects;
  }
  return area;
}
