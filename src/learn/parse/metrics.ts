/** @file How well dense predictions agree with labels: intersection over union, errors of depth. */

/** What is needed for the mean over many images: counts[i * classes + j] pixels of class i that were taken for class j. */
export type Confusion = Float64Array;
export const confusionOf = (classes: number): Confusion => new Float64Array(classes * classes);

export function countPixels(confusion: Confusion, truth: ArrayLike<number>, guess: ArrayLike<number>): void {
  const classes = Math.sqrt(confusion.length);
  for (let i = 0; i < truth.length; i++) {
    const at = (truth[i] as number) * classes + (guess[i] as number);
    confusion[at] = (confusion[at] as number) + 1;
  }
}

export interface SegmentationScore {
  /** Mean over the classes that occur, in truth or guesses, of right / (right + missed + wrong) (PASCAL VOC). */
  readonly miou: number;
  /** By class; undefined for one that does not occur. */
  readonly iou: readonly (number | undefined)[];
  readonly pixelAccuracy: number;
}
export function segmentationScore(confusion: Confusion): SegmentationScore {
  const classes = Math.sqrt(confusion.length);
  const at = (i: number, j: number): number => confusion[i * classes + j] as number;
  const all = Array.from({ length: classes }, (_, c) => c);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const iou = all.map((c) => {
    const union = sum(all.map((k) => at(c, k) + at(k, c))) - at(c, c);
    return union ? at(c, c) / union : undefined;
  });
  const known = iou.filter((v) => v !== undefined);
  return {
    miou: sum(known) / Math.max(1, known.length),
    iou,
    pixelAccuracy: sum(all.map((c) => at(c, c))) / sum([...confusion]),
  };
}

export interface DepthScore {
  /** Root of the mean squared error. */
  readonly rmse: number;
  /** Mean of |d - d'| / d'. */
  readonly relative: number;
  /** The share of pixels with max(d / d', d' / d) < 1.25. */
  readonly delta1: number;
}
/** Errors of depths against true ones, all above 0 (Eigen et al. 2014, arXiv:1406.2283, section 4.1). */
export function depthScore(found: ArrayLike<number>, truth: ArrayLike<number>): DepthScore {
  let [squares, relative, near] = [0, 0, 0];
  const n = truth.length;
  for (let i = 0; i < n; i++) {
    const [d, t] = [Math.max(1e-3, found[i] as number), truth[i] as number];
    squares += (d - t) ** 2;
    relative += Math.abs(d - t) / t;
    if (Math.max(d / t, t / d) < 1.25) near++;
  }
  return { rmse: Math.sqrt(squares / n), relative: relative / n, delta1: near / n };
}
