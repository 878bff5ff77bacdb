/** @file Batches of a split: shuffled by epoch, augmented, normalized. A function of seed and step alone. */

import { changesPictures, withViews } from '../../data/images/augment/index.ts';
import { exchanged } from '../../data/images/index.ts';
import { checkSplit, type Dataset, type Pixels, type Split } from '../../data/in-memory.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, isMap, printShape } from '../../graph/index.ts';
import { permutation, random } from '../../random.ts';
import { checkCount, checkSeed } from '../options.ts';
import { type Augment, checkAugment, checkAugmentFits, mixes } from './augment.ts';
import { checkInput } from './data-check.ts';
import { erase, mixedLabels, mixInto, mixtureAt } from './mixing.ts';
import { affineOf, type Scale } from './scale.ts';

export interface Batch {
  /** [batch, h, w, c], flat. */
  readonly x: Float32Array;
  /** What the losses may read besides the nets' values, by the task's names for it, each [batch, ...], flat. */
  readonly targets: Readonly<Record<string, Float32Array | Int32Array>>;
  /** What the teacher sees when that is not x, such as the same scenes in another modality: [batch, ...], flat. */
  readonly teacherX?: Float32Array;
  /** Which image of the split each example is. */
  readonly images: Uint32Array;
  /** The number of the view: with the image and the view seed it determines how the image was moved and mirrored. */
  readonly view: number;
}
/**
 * A batch of images of classes. Of a mixed batch `labels` have the larger share, `shares`, and `partners` the rest.
 */
export interface Labelled extends Batch {
  readonly targets: LabelTargets;
}
export type LabelTargets =
  | { readonly labels: Int32Array }
  | { readonly labels: Int32Array; readonly partners: Int32Array; readonly shares: Float32Array };
export interface BatchOptions {
  readonly batch: number;
  readonly seed: number;
  readonly augment?: Augment | undefined;
  /** How many views of an image there are, used in turn by epoch; by default each epoch has a new one. */
  readonly views?: number | undefined;
  /** The seed of how views are moved and mirrored; `seed` by default. Runs with the same view seed see the same views. */
  readonly viewSeed?: number | undefined;
  /** The shape of which `augment.shift` counts pixels, where the images are the same in another size: that of the images by default. */
  readonly shiftOf?: Scale['shape'] | undefined;
}

/**
 * Which of `count` examples a step takes: each once an epoch, in another order each time; a last partial batch is dropped.
 * @throws MoonletError when there is not one batch, UsageError for a batch or seed that is no whole number.
 */
export function turns(
  count: number,
  batch: number,
  seed: number,
  what = 'examples',
): (step: number) => { readonly epoch: number; readonly examples: Uint32Array } {
  checkCount('batch', batch);
  checkSeed('seed', seed);
  const perEpoch = Math.floor(count / batch);
  if (perEpoch < 1)
    throw new MoonletError(`a batch of ${batch} is larger than the ${count} training ${what}`);
  let epoch = -1;
  let order = new Uint32Array();
  return (step) => {
    const now = Math.floor(step / perEpoch);
    if (now !== epoch) {
      epoch = now;
      order = Uint32Array.from(permutation(count, random('order', seed, epoch)));
    }
    const first = (step % perEpoch) * batch;
    return { epoch, examples: order.slice(first, first + batch) };
  };
}

/**
 * Training batches by step. An epoch's last partial batch is dropped.
 * @throws MoonletError when there are fewer examples than a batch, or the split is not as it says; UsageError for options out of
 * range.
 */
export function batches(
  split: Split,
  scale: Scale,
  { batch, seed, augment = {}, views, viewSeed = seed, shiftOf = scale.shape }: BatchOptions,
): (step: number) => Labelled {
  checkSplit(split, scale, 'training data');
  checkViews({ augment, views, viewSeed });
  const { pixels } = split;
  checkAugmentFits(augment, pixels instanceof Float32Array ? 'floats' : 'bytes', batch);
  const turn = turns(split.count, batch, seed);
  const [height, width, channels] = scale.shape;
  const size = height * width * channels;
  const place = viewer(scale, pixels, { augment, viewSeed, shiftOf });
  const pictorial = changesPictures(augment) ? withViews(augment, channels) : undefined;
  const isBgr = scale.preparation?.channels === 'bgr';
  const target = { size: [height, width] as const, interpolation: scale.preparation?.interpolation };
  return (step) => {
    const { epoch, examples: images } = turn(step);
    const view = views === undefined ? epoch : epoch % views;
    const x = new Float32Array(batch * size);
    for (let i = 0; i < batch; i++) {
      const index = images[i]!;
      const image = pixels.subarray(index * size, (index + 1) * size);
      if (!pictorial || image instanceof Float32Array) place(image, x, i, { index, view });
      else {
        const inRgb = isBgr ? exchanged(bytesOf(image)) : bytesOf(image);
        const picture = { width, height, channels, data: inRgb };
        const { data } = pictorial(picture, target, [viewSeed, index, view]);
        place(isBgr ? exchanged(data) : data, x, i, { index, view });
      }
    }
    return labelledBatch({ x, images, view, labels: labelsAt(split.labels, images) }, scale, augment, [
      seed,
      step,
    ]);
  };
}
const bytesOf = (image: Uint8Array | Uint8ClampedArray): Uint8Array =>
  image instanceof Uint8Array ? image : new Uint8Array(image.buffer, image.byteOffset, image.length);

/** The labels of so many examples. */
export const labelsAt = (labels: Split['labels'], images: Uint32Array): Int32Array =>
  Int32Array.from(images, (index) => labels[index]!);

/** Puts one image into a batch: moved, mirrored, normalized and erased as the keys of its view say. */
export type Viewer = (
  image: Pixels,
  x: Float32Array,
  i: number,
  keys: { readonly index: number; readonly view: number },
) => void;
/**
 * @param pixels whose kind says whether values are bytes or floats.
 * @param o `shiftOf` as in `BatchOptions`.
 */
export function viewer(
  scale: Scale,
  pixels: Pixels,
  {
    augment,
    viewSeed,
    shiftOf = scale.shape,
  }: Pick<BatchOptions, 'shiftOf'> & { readonly augment: Augment; readonly viewSeed: number },
): Viewer {
  const { shift = 0, flip = false, erasing } = augment;
  const [height, width, channels] = scale.shape;
  const size = height * width * channels;
  const place = placer(scale, pixels);
  return (image, x, i, { index, view }) => {
    const source = random('view', viewSeed, index, view);
    const moved = (length: number, of: number): number =>
      shift ? Math.round(((source.below(2 * shift + 1) - shift) * length) / of) : 0;
    const down = moved(height, shiftOf[0]);
    const right = moved(width, shiftOf[1]);
    place(image, x, i, { down, right, mirror: flip && source.uniform() < 0.5 });
    if (erasing)
      erase(
        x.subarray(i * size, (i + 1) * size),
        scale.shape,
        erasing,
        random('view', viewSeed, index, view, 'erase'),
      );
  };
}

/** A batch with its labels, mixed where the augmentation says so. */
export function labelledBatch(
  { x, images, view, labels }: Pick<Batch, 'x' | 'images' | 'view'> & { readonly labels: Int32Array },
  { shape }: Scale,
  augment: Augment,
  keys: readonly number[],
): Labelled {
  const { mix } = augment;
  if (!mix || !mixes(augment)) return { x, targets: { labels }, images, view };
  const mixture = mixtureAt(mix, shape, keys);
  if (mixture) mixInto(x, images.length, shape, mixture);
  return { x, targets: mixedLabels(labels, mixture), images, view };
}

/**
 * Checks the options of augmentation.
 * @throws UsageError for a shift, a number of views or a view seed that is not a whole number in its range.
 */
export function checkViews({
  augment,
  views,
  viewSeed,
}: Partial<Omit<BatchOptions, 'batch' | 'seed'>>): void {
  if (augment) checkAugment(augment);
  if (views !== undefined) checkCount('views', views);
  if (viewSeed !== undefined) checkSeed('viewSeed', viewSeed);
}

/**
 * Whole passes over a split for evaluation. The last batch is padded with the first example; `count` says how many are real.
 * @throws MoonletError when the split is not what it says, UsageError for a batch that is no whole number.
 */
export function* passes(
  split: Split,
  scale: Scale,
  batch: number,
): Generator<Labelled & { readonly count: number }> {
  checkCount('batch', batch);
  checkSplit(split, scale, 'data');
  const [h, w, c] = scale.shape;
  const size = h * w * c;
  const place = placer(scale, split.pixels);
  for (let first = 0; first < split.count; first += batch) {
    const count = Math.min(batch, split.count - first);
    const x = new Float32Array(batch * h * w * c);
    const labels = new Int32Array(batch);
    for (let i = 0; i < batch; i++) {
      const index = i < count ? first + i : 0;
      labels[i] = split.labels[index]!;
      place(split.pixels.subarray(index * size, (index + 1) * size), x, i, unmoved);
    }
    const images = Uint32Array.from({ length: batch }, (_, i) => (i < count ? first + i : 0));
    yield { x, targets: { labels }, images, view: 0, count };
  }
}

/** How an image is moved and mirrored. */
interface View {
  readonly down: number;
  readonly right: number;
  readonly mirror: boolean;
}
const unmoved: View = { down: 0, right: 0, mirror: false };

/** Writes one image, normalized, to place i of a batch. */
type Placer = (image: Pixels, x: Float32Array, i: number, view: View) => void;
function placer(scale: Scale, pixels: Pixels): Placer {
  const { factor, offset } = affineOf(scale, pixels instanceof Float32Array ? 1 : 255);
  const [h, w, c] = scale.shape;
  return (image, x, i, { down, right, mirror }) => {
    const to = i * h * w * c;
    for (let row = 0; row < h; row++) {
      const sourceRow = row - down;
      for (let column = 0; column < w; column++) {
        const moved = column - right;
        const sourceColumn = mirror ? w - 1 - moved : moved;
        const inside = sourceRow >= 0 && sourceRow < h && moved >= 0 && moved < w;
        for (let k = 0; k < c; k++) {
          const value = inside ? image[(sourceRow * w + sourceColumn) * c + k]! : 0;
          x[to + (row * w + column) * c + k] = value * factor[k]! - offset[k]!;
        }
      }
    }
  };
}

/**
 * Checks a net against a dataset: its images and its number of classes.
 * @throws MoonletError when a net does not take what a dataset gives, or has another number of classes.
 */
export function checkFit(
  graph: Graph,
  classes: number,
  data: Pick<Dataset, 'name' | 'shape' | 'classes'>,
): void {
  const taken = inputShape(graph);
  const [h, w, c] = data.shape;
  if (isMap(taken) && printShape(taken) !== printShape(data.shape))
    throw new MoonletError(
      `${graph.name}: takes ${printShape(taken)}, and ${data.name} gives ${printShape(data.shape)}; compose it with size=${h === w ? h : `${h}x${w}`} channels=${c}`,
    );
  checkInput(graph, data.shape, `the images of ${data.name} are`);
  if (classes !== data.classes) {
    throw new MoonletError(
      `${graph.name}: has ${classes} classes, but ${data.name} has ${data.classes}; compose it with classes=${data.classes}, or replace its head by withHead`,
    );
  }
}
