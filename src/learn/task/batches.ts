/** @file Batches of a split: shuffled by epoch, augmented, normalized. A function of seed and step alone. */

import { checkSplit, type Dataset, type Split } from '../../data/in-memory.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, isMap, printShape } from '../../graph/index.ts';
import { permutation, random } from '../../random.ts';
import { checkCount, checkSeed } from '../options.ts';
import { checkInput } from './data-check.ts';
import { affineOf, type Scale } from './scale.ts';

export interface Augment {
  /** Moves each image by up to so many pixels, up or down and left or right; zeros enter (black), before mean and std. */
  readonly shift?: number;
  /** Mirrors half of the images. */
  readonly flip?: boolean;
}
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
/** A batch of images of classes. */
export interface Labelled extends Batch {
  readonly targets: { readonly labels: Int32Array };
}
export interface BatchOptions {
  readonly batch: number;
  readonly seed: number;
  readonly augment?: Augment | undefined;
  /** How many views of an image there are, used in turn by epoch; by default each epoch has a new one. */
  readonly views?: number | undefined;
  /** The seed of how views are moved and mirrored; `seed` by default. Runs with the same view seed see the same views. */
  readonly viewSeed?: number | undefined;
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
  { batch, seed, augment = {}, views, viewSeed = seed }: BatchOptions,
): (step: number) => Labelled {
  checkSplit(split, scale, 'training data');
  checkViews({ augment, views, viewSeed });
  const turn = turns(split.count, batch, seed);
  const place = placer(split, scale);
  return (step) => {
    const { epoch, examples: images } = turn(step);
    const view = views === undefined ? epoch : epoch % views;
    const [h, w, c] = scale.shape;
    const x = new Float32Array(batch * h * w * c);
    const labels = new Int32Array(batch);
    const { shift = 0, flip = false } = augment;
    for (let i = 0; i < batch; i++) {
      const index = images[i]!;
      const source = random('view', viewSeed, index, view);
      labels[i] = split.labels[index]!;
      const down = shift ? source.below(2 * shift + 1) - shift : 0;
      const right = shift ? source.below(2 * shift + 1) - shift : 0;
      place(index, x, i, { down, right, mirror: flip && source.uniform() < 0.5 });
    }
    return { x, targets: { labels }, images, view };
  };
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
  if (augment?.shift !== undefined) checkCount('augment.shift', augment.shift, 0);
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
  const place = placer(split, scale);
  for (let first = 0; first < split.count; first += batch) {
    const count = Math.min(batch, split.count - first);
    const x = new Float32Array(batch * h * w * c);
    const labels = new Int32Array(batch);
    for (let i = 0; i < batch; i++) {
      const index = i < count ? first + i : 0;
      labels[i] = split.labels[index]!;
      place(index, x, i, unmoved);
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

/** Writes one image of a split, normalized, to place i of a batch. */
type Placer = (index: number, x: Float32Array, i: number, view: View) => void;
function placer({ pixels }: Split, scale: Scale): Placer {
  const { factor, offset } = affineOf(scale, pixels instanceof Float32Array ? 1 : 255);
  const [h, w, c] = scale.shape;
  return (index, x, i, { down, right, mirror }) => {
    const from = index * h * w * c;
    const to = i * h * w * c;
    for (let row = 0; row < h; row++) {
      const sourceRow = row - down;
      for (let column = 0; column < w; column++) {
        const moved = column - right;
        const sourceColumn = mirror ? w - 1 - moved : moved;
        const inside = sourceRow >= 0 && sourceRow < h && moved >= 0 && moved < w;
        for (let k = 0; k < c; k++) {
          const value = inside ? pixels[from + (sourceRow * w + sourceColumn) * c + k]! : 0;
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
  if (isMap(taken) && h === w && printShape(taken) !== printShape(data.shape))
    throw new MoonletError(
      `${graph.name}: takes ${printShape(taken)}, and ${data.name} gives ${printShape(data.shape)}; compose it with size=${h} channels=${c}`,
    );
  checkInput(graph, data.shape, `the images of ${data.name} are`);
  if (classes !== data.classes) {
    throw new MoonletError(
      `${graph.name}: has ${classes} classes, but ${data.name} has ${data.classes}; compose it with classes=${data.classes}, or replace its head by withHead`,
    );
  }
}
