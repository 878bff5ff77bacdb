/**
 * @file Parts of a split, equal for equal seeds: by index, by class in equal numbers, and held out for
 * validation.
 */
import { UsageError } from '../errors.ts';
import { permutation, random } from '../random.ts';
import { labelsLike, type Pixels, pixelsLike, type Split } from './dataset.ts';

/**
 * The examples at these indices, in this order; an index may come twice.
 * @throws UsageError for an index outside the split.
 */
export function subset<P extends Pixels>(split: Split<P>, indices: ArrayLike<number>): Split<P> {
  const size = split.count ? split.pixels.length / split.count : 0;
  const pixels = pixelsLike(split.pixels, indices.length * size);
  const labels = labelsLike(split.labels, indices.length);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]!;
    if (!Number.isInteger(from) || from < 0 || from >= split.count) {
      throw new UsageError(
        `subset: index ${from} is not one of the ${split.count} examples, 0 to ${split.count - 1}`,
      );
    }
    pixels.set(split.pixels.subarray(from * size, (from + 1) * size), i * size);
    labels[i] = split.labels[from]!;
  }
  return { count: indices.length, pixels, labels };
}

/**
 * `count` examples, as many of each class as of any other where there are enough, in the order of the split.
 * With one seed, a smaller take of the same classes lies within a larger one.
 * @throws UsageError for a count that is not from 1 to the size of the split.
 */
export function take<P extends Pixels>(split: Split<P>, count: number, seed = 0): Split<P> {
  return subset(split, takeIndices(split, count, seed));
}

/** The indices of what `take` takes, in order, of anything with labels. @throws UsageError as `take`. */
export function takeIndices({ count: all, labels }: Examples, count: number, seed = 0): Uint32Array {
  checkCount('take', count, all);
  return choose(labels, count, 'take', seed);
}
type Examples = Pick<Split, 'count' | 'labels'>;

/**
 * Parts a split in two: `count` examples for validation, as many of each class as of any other, and the rest.
 * @throws UsageError for a count that leaves one of the two empty.
 */
export function hold<P extends Pixels>(
  split: Split<P>,
  count: number,
  seed: number,
): { train: Split<P>; validation: Split<P> } {
  const { train, validation } = holdIndices(split, count, seed);
  return { train: subset(split, train), validation: subset(split, validation) };
}

/** The indices of the two parts that `hold` makes, in order, of anything with labels. @throws UsageError as `hold`. */
export function holdIndices(
  { count: all, labels }: Examples,
  count: number,
  seed: number,
): { train: Uint32Array; validation: Uint32Array } {
  checkCount('hold', count, all - 1);
  const validation = choose(labels, count, 'hold', seed);
  const isHeld = new Uint8Array(all);
  for (const i of validation) isHeld[i] = 1;
  const train = Uint32Array.from({ length: all }, (_, i) => i).filter((i) => !isHeld[i]);
  return { train, validation };
}

function checkCount(who: string, count: number, most: number): void {
  if (!Number.isInteger(count) || count < 1 || count > most) {
    throw new UsageError(`${who}: count must be a whole number from 1 to ${most}, got ${count}`);
  }
}

/** The first of each class in a random order of the class's own. Sorted. */
function choose(labels: Split['labels'], count: number, purpose: string, seed: number): Uint32Array {
  const byClass = new Map<number, number[]>();
  labels.forEach((label, i) => {
    const members = byClass.get(label);
    if (members) members.push(i);
    else byClass.set(label, [i]);
  });
  // the smallest class first: what it cannot give is shared out among the others
  const classes = [...byClass].sort(([a, x], [b, y]) => x.length - y.length || a - b);
  const chosen: number[] = [];
  classes.forEach(([label, members], i) => {
    const share = Math.floor((count - chosen.length) / (classes.length - i));
    const order = permutation(members.length, random(purpose, seed, label));
    for (const at of order.subarray(0, share)) chosen.push(members[at]!);
  });
  return Uint32Array.from(chosen).sort();
}
