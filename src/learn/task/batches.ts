/** @file Batches of a split: shuffled by epoch, augmented, normalized. A function of seed and step alone. */

import type { Dataset, Split } from '../../data/index.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, printShape } from '../../graph/index.ts';
import { permutation, random } from '../../random.ts';
import { checkCount, checkSeed } from '../options.ts';
import { checkSplit } from './data-check.ts';
import type { Scale } from './scale.ts';

export interface Augment {
  /** Moves each image by up to so many pixels down and right; what enters is black. */
  readonly shift?: number;
  /** Mirrors half of the images. */
  readonly flip?: boolean;
}
export interface Batch {
  /** [batch, h, w, c], flat. */
  readonly x: Float32Array;
  /** What the losses may read beside the nets' values, by the names of the task, each [batch, ...], flat. */
  readonly targets: Readonly<Record<string, Float32Array | Int32Array>>;
  /** [batch, ...], flat: what the teacher sees where that is not x, such as the same scenes in another modality. */
  readonly teacherX?: Float32Array;
  /** Which image of the split each example is. */
  readonly images: Uint32Array;
  /** Which view of it: with the image and the view seed it says how it was moved and mirrored. */
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
  /** How many views of an image there are, in turn by epoch; a new one each epoch unless told. */
  readonly views?: number | undefined;
  /** Of how views are moved and mirrored; `seed` unless told. Runs with one view seed see the same views. */
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
 * @throws MoonletError when there is not one, or the split is not what it says; UsageError for options out of range.
 */
export function batches(
  split: Split,
  scale: Scale,
  { batch, seed, augment = {}, views, viewSeed = seed }: BatchOptions,
): (step: number) => Labelled {
  checkSplit(split, scale, 'training data');
  checkViews({ augment, views, viewSeed });
  const turn = turns(split.count, batch, seed);
  return (step) => {
    const { epoch, examples: images } = turn(step);
    const view = views === undefined ? epoch : epoch % views;
    const [h, w, c] = scale.shape;
    const x = new Float32Array(batch * h * w * c);
    const labels = new Int32Array(batch);
    const { shift = 0, flip = false } = augment;
    for (let i = 0; i < batch; i++) {
      const index = images[i] as number;
      const source = random('view', viewSeed, index, view);
      labels[i] = split.labels[index] as number;
      const down = shift ? source.below(2 * shift + 1) - shift : 0;
      const right = shift ? source.below(2 * shift + 1) - shift : 0;
      place(split.pixels, index, scale, x, i, down, right, flip && source.uniform() < 0.5);
    }
    return { x, targets: { labels }, images, view };
  };
}

/** @throws UsageError for a shift, a number of views or a view seed that is none. */
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
  for (let first = 0; first < split.count; first += batch) {
    const count = Math.min(batch, split.count - first);
    const x = new Float32Array(batch * h * w * c);
    const labels = new Int32Array(batch);
    for (let i = 0; i < batch; i++) {
      const index = i < count ? first + i : 0;
      labels[i] = split.labels[index] as number;
      place(split.pixels, index, scale, x, i, 0, 0, false);
    }
    const images = Uint32Array.from({ length: batch }, (_, i) => (i < count ? first + i : 0));
    yield { x, targets: { labels }, images, view: 0, count };
  }
}

/** One image into place i of a batch, moved and mirrored. */
function place(
  pixels: Uint8Array,
  index: number,
  { shape: [h, w, c], mean, std }: Scale,
  x: Float32Array,
  i: number,
  down: number,
  right: number,
  mirror: boolean,
): void {
  const from = index * h * w * c;
  const to = i * h * w * c;
  const scale = 1 / (255 * std);
  const offset = mean / std;
  for (let row = 0; row < h; row++) {
    const sourceRow = row - down;
    for (let column = 0; column < w; column++) {
      const moved = column - right;
      const sourceColumn = mirror ? w - 1 - moved : moved;
      const inside = sourceRow >= 0 && sourceRow < h && moved >= 0 && moved < w;
      for (let k = 0; k < c; k++) {
        const value = inside ? (pixels[from + (sourceRow * w + sourceColumn) * c + k] as number) : 0;
        x[to + (row * w + column) * c + k] = value * scale - offset;
      }
    }
  }
}

/** @throws MoonletError when a net does not take what a dataset gives. */
export function checkFit(graph: Graph, classes: number, data: Dataset): void {
  const shape = inputShape(graph);
  if (printShape(shape) !== printShape(data.shape)) {
    const [h, , c] = data.shape;
    throw new MoonletError(
      `${graph.name}: takes ${printShape(shape)}, and ${data.name} gives ${printShape(data.shape)}; compose it with size=${h} channels=${c}`,
    );
  }
  if (classes !== data.classes) {
    throw new MoonletError(
      `${graph.name}: tells ${classes} classes apart, and ${data.name} has ${data.classes}; compose it with classes=${data.classes}`,
    );
  }
}
