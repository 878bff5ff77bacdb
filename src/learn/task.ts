/**
 * @file What a net is trained for: where batches come from, what the losses may read of them beside the nets' values, and
 * how well a net does. Classes of images are one task; scenes bring others, with boxes, maps or pairs of images.
 */
import type { Split } from '../data/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import type { Spec } from '../jit/index.ts';
import type { Net } from '../weights/index.ts';
import { type Augment, type Batch, batches, type Scale } from './batches.ts';
import { evaluate } from './evaluate.ts';
import type { Loss } from './loss.ts';

/** The shape of a target for one example, without the batch axis. */
export type Targets = Readonly<Record<string, Spec>>;
export interface Task {
  readonly name: string;
  /** What a batch holds beside its images, by name. */
  readonly targets: Targets;
  /** Training batches by step: a function of seed and step alone. @throws MoonletError when there is not one batch. */
  batches(o: { readonly batch: number; readonly seed: number }): (step: number) => Batch;
  /** How well a net does on held-out examples, from 0 up, larger is better; none when nothing is held out. */
  readonly validate?: (net: Net, engine: EngineOptions) => Promise<number>;
}

export interface ClassificationOptions {
  readonly augment?: Augment;
  /** How many views of an image there are; a new one each epoch unless told. */
  readonly views?: number;
  /** Of the views; the run's seed unless told. Runs of one view seed can share a teacher cache. */
  readonly viewSeed?: number;
  /** Held-out examples for periodic evaluation. */
  readonly validation?: Split;
}
/** Class labels: int32, one number an example. */
export const classLabels: Targets = { labels: { shape: [], dtype: 'int32' } };

/** Telling classes apart; it is measured by accuracy. */
export function classification(
  train: Split,
  scale: Scale,
  { augment, views, viewSeed, validation }: ClassificationOptions = {},
): Task {
  return {
    name: 'classes',
    targets: classLabels,
    batches: (o) =>
      batches(train, scale, {
        ...o,
        ...(augment ? { augment } : {}),
        ...(views === undefined ? {} : { views }),
        ...(viewSeed === undefined ? {} : { viewSeed }),
      }),
    ...(validation
      ? { validate: async (net, engine) => (await evaluate(net, validation, scale, engine)).accuracy }
      : {}),
  };
}

/** @throws MoonletError when a loss reads what the task's batches do not hold. */
export function checkTargets(graph: Graph, losses: readonly Loss[], { name, targets }: Task): void {
  for (const l of losses) {
    const missing = (l.targets ?? []).find((target) => !(target in targets));
    if (missing !== undefined) {
      throw new MoonletError(
        `${graph.name}: the loss ${l.name} reads "${missing}", and the task "${name}" gives ${Object.keys(targets).join(', ') || 'no targets'}`,
      );
    }
  }
}
