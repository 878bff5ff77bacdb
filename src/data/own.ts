/** @file Makes and checks a custom dataset from arrays. */
import { UsageError } from '../errors.ts';
import { checkClassLabels, checkMeanStd, checkSplit, isImageShape } from './check.ts';
import { type Dataset, type Labels, labelsFor, type PerChannel, type Pixels, type Split } from './dataset.ts';

/** One split of a dataset of one's own. */
export interface SplitInput<P extends Pixels = Pixels> {
  /** How many images; by default as many as there are labels. */
  readonly count?: number | undefined;
  /** `count * h * w * c` values, NHWC. */
  readonly pixels: P;
  /** Class indices from 0, one for each image. */
  readonly labels: ArrayLike<number> | BigInt64Array | BigUint64Array;
}
/** What `dataset` takes. */
export interface DatasetInput<P extends Pixels = Pixels> {
  /** How messages and cards call it; `dataset` by default. */
  readonly name?: string | undefined;
  /** Of one image: [height, width, channels]. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** The number of classes; by default the number of class names. */
  readonly classes?: number | undefined;
  /** Names of the classes in the order of their indices; by default the indices themselves. */
  readonly classNames?: readonly string[] | undefined;
  /** Subtracted from each value: one number, or one for each channel. By default that of the training images, by channel. */
  readonly mean?: PerChannel | undefined;
  /** Divides each value after the mean is subtracted. By default that of the training images, by channel. */
  readonly std?: PerChannel | undefined;
  readonly train: SplitInput<P>;
  readonly test: SplitInput<P>;
  /** What must be said wherever a number on this dataset stands. */
  readonly note?: string | undefined;
}

/**
 * A dataset of images of your own, checked to the last value. A net sees x = (byte / 255 - mean) / std of bytes, and
 * x = (float - mean) / std of floats, per channel; mean and std are in units of `byte / 255` or of the floats.
 * The arrays are kept, not copied; labels are copied into an array that holds the classes.
 *
 * @throws UsageError for a shape, classes, mean or std that is out of range.
 * @throws MoonletError for a wrong number of values or labels, a label that is no class, NaN or Infinity in an image.
 *
 * @example
 * import { dataset } from 'moonlet/data';
 * const split = (count: number) => ({
 *   pixels: Float32Array.from({ length: count * 49 * 10 }, (_, i) => Math.sin(i)),
 *   labels: Array.from({ length: count }, (_, i) => i % 12),
 * });
 * const keywords = dataset({ name: 'keywords', shape: [49, 10, 1], classes: 12, train: split(120), test: split(24) });
 * keywords.train.count; // 120
 */
export function dataset<P extends Pixels>(given: DatasetInput<P>): Dataset<P> {
  const { name = 'dataset', shape, train, test, note } = given;
  const fail = (reason: string): never => {
    throw new UsageError(`${name}: ${reason}`);
  };
  if (!isImageShape(shape))
    return fail(
      `shape must be [height, width, channels], whole numbers from 1 up, got ${JSON.stringify(shape)}`,
    );
  if (!train || !test) fail('give both splits, "train" and "test", each { pixels, labels }');
  const classes = given.classes ?? given.classNames?.length ?? fail('give "classes", the number of classes');
  if (!Number.isSafeInteger(classes) || classes < 2)
    fail(`classes must be a whole number from 2 up, got ${classes}`);
  const classNames = given.classNames ?? Array.from({ length: classes }, (_, i) => `${i}`);
  if (classNames.length !== classes)
    fail(`got ${classNames.length} class names for ${classes} classes; give one for each`);
  const parts = {
    train: splitOf(train, shape, classes, `${name}: training data`),
    test: splitOf(test, shape, classes, `${name}: test data`),
  };
  const { mean, std } = momentsOf(given, parts.train, shape, name);
  checkMeanStd(mean, std, shape[2]);
  return { name, classes, classNames, shape, ...parts, mean, std, ...(note === undefined ? {} : { note }) };
}

type Moments = Pick<Dataset, 'mean' | 'std'>;
/** Mean and std as given; what is not given is measured. */
function momentsOf(
  { mean, std }: Pick<DatasetInput, 'mean' | 'std'>,
  train: Split,
  shape: Dataset['shape'],
  name: string,
): Moments {
  if (mean !== undefined && std !== undefined) return { mean, std };
  const own = measured(train, shape, name);
  return { mean: mean ?? own.mean, std: std ?? own.std };
}

function splitOf<P extends Pixels>(
  { pixels, labels: given, count = given?.length ?? 0 }: SplitInput<P>,
  shape: Dataset['shape'],
  classes: number,
  what: string,
): Split<P> {
  const numbers = Array.from(given ?? [], Number);
  const labels: Labels = labelsFor(classes, numbers.length);
  checkSplit({ count, pixels, labels }, { shape, mean: 0, std: 1 }, what);
  checkClassLabels(numbers, classes, what);
  labels.set(numbers);
  return { count, pixels, labels };
}

/** Mean and standard deviation of each channel. @throws UsageError where all values of a channel are equal. */
function measured({ pixels }: Split, [, , channels]: Dataset['shape'], name: string): Moments {
  const unit = pixels instanceof Float32Array ? 1 : 255;
  const each = pixels.length / channels;
  const [mean, std]: [number[], number[]] = [[], []];
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c; i < pixels.length; i += channels) sum += pixels[i]!;
    const middle = sum / each;
    let squares = 0;
    for (let i = c; i < pixels.length; i += channels) squares += (pixels[i]! - middle) ** 2;
    if (squares === 0)
      throw new UsageError(
        `${name}: all values of channel ${c} are equal in the training images; give "mean" and "std"`,
      );
    mean.push(middle / unit);
    std.push(Math.sqrt(squares / each) / unit);
  }
  return { mean, std };
}
