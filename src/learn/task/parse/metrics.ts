/** @file Metrics of dense predictions: intersection over union, errors of depth. */

/** Pixels by class over many images, as far as the measures need them: 3 numbers a class, not a table of classes^2. */
export interface Confusion {
  /** Pixels that are of each class. */
  readonly truth: Float64Array;
  /** Pixels that were taken for each class. */
  readonly guesses: Float64Array;
  /** Pixels of each class that were taken for it. */
  readonly right: Float64Array;
}
/** Counts of no pixels yet. */
export const confusionOf = (classes: number): Confusion => ({
  truth: new Float64Array(classes),
  guesses: new Float64Array(classes),
  right: new Float64Array(classes),
});

/** Adds the pixels of an image, `truth` and `guess` one class each, to the counts. */
export function countPixels(counts: Confusion, truth: ArrayLike<number>, guess: ArrayLike<number>): void {
  for (let i = 0; i < truth.length; i++) {
    const [label, guessed] = [truth[i]!, guess[i]!];
    counts.truth[label]!++;
    counts.guesses[guessed]!++;
    if (label === guessed) counts.right[label]!++;
  }
}

export interface SegmentationScore {
  /** Mean over the classes that occur, in truth or guesses, of right / (right + missed + wrong) (PASCAL VOC). */
  readonly miou: number;
  /** By class; undefined for one that does not occur. */
  readonly iou: readonly (number | undefined)[];
  readonly pixelAccuracy: number;
}
/** The scores of the pixels that were counted. */
export function segmentationScore({ truth, guesses, right }: Confusion): SegmentationScore {
  const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
  const iou = Array.from(right, (hits, c) => {
    const union = truth[c]! + guesses[c]! - hits;
    return union ? hits / union : undefined;
  });
  const known = iou.filter((v) => v !== undefined);
  return {
    miou: sum(known) / Math.max(1, known.length),
    iou,
    pixelAccuracy: sum(right) / sum(truth),
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
    const [d, t] = [Math.max(1e-3, found[i]!), truth[i]!];
    squares += (d - t) ** 2;
    relative += Math.abs(d - t) / t;
    if (Math.max(d / t, t / d) < 1.25) near++;
  }
  return { rmse: Math.sqrt(squares / n), relative: relative / n, delta1: near / n };
}
