/** @file Precision and recall of each class, from how often each class was taken for which. */

/** A class, what it was taken for, and how often. */
export interface LabelPair {
  readonly label: number;
  readonly guess: number;
  readonly count: number;
}
/** How well a classifier does on one class. */
export interface ClassScore {
  /** The class, from 0. */
  readonly label: number;
  /** How many examples have this label. */
  readonly count: number;
  /** How many examples were taken for this class. */
  readonly guessed: number;
  /** How many of them are of this class. */
  readonly right: number;
  /** right / guessed, a fraction of 1; null where nothing was taken for this class. */
  readonly precision: number | null;
  /** right / count, a fraction of 1; null where no example has this label. */
  readonly recall: number | null;
  /** The harmonic mean of both, 2 right / (count + guessed); null where both are. */
  readonly f1: number | null;
}

/** The scores of each class, in the order of the classes. */
export function classScores(pairs: readonly LabelPair[], classes: number): readonly ClassScore[] {
  const zeros = (): Float64Array => new Float64Array(classes);
  const [count, guessed, right] = [zeros(), zeros(), zeros()];
  for (const pair of pairs) {
    count[pair.label]! += pair.count;
    guessed[pair.guess]! += pair.count;
    if (pair.label === pair.guess) right[pair.label]! += pair.count;
  }
  const ratio = (part: number, whole: number): number | null => (whole ? part / whole : null);
  return Array.from({ length: classes }, (_, label) => {
    const [n, taken, hits] = [count[label]!, guessed[label]!, right[label]!];
    return {
      ...{ label, count: n, guessed: taken, right: hits },
      precision: ratio(hits, taken),
      recall: ratio(hits, n),
      f1: ratio(2 * hits, n + taken),
    };
  });
}
