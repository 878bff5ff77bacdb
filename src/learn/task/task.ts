/**
 * @file The interface of tasks: where batches come from, which targets the losses may read besides the nets' values,
 * and how a net is measured. Classes of images are one task; scenes have others, with boxes, maps or pairs of images.
 */

import { checkSplit, type Split } from '../../data/in-memory.ts';
import type { EngineOptions } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, isMap, type Shape, shapes } from '../../graph/index.ts';
import type { Spec } from '../../jit/index.ts';
import { checkClasses } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { digest } from '../digest.ts';
import type { Loss } from '../loss/loss.ts';
import { type Augment, type Batch, batches, checkViews } from './batches.ts';
import { checkInput, checkLabels } from './data-check.ts';
import { evaluate } from './evaluate.ts';
import type { Scale } from './scale.ts';

/** The shape of a target for one example, without the batch axis. */
export type Targets = Readonly<Record<string, Spec>>;
export interface Task {
  readonly name: string;
  /** What a batch holds beside its images, by name. */
  readonly targets: Targets;
  /** Training batches by step: a function of seed and step alone. @throws MoonletError when there is not one batch. */
  batches(o: { readonly batch: number; readonly seed: number }): (step: number) => Batch;
  /** The shape of an image of a batch: nets that take another are refused. Undefined where the task takes any net. */
  readonly shape?: Shape;
  /** The shape of what the teacher sees, where batches have a `teacherX`. */
  readonly teacherShape?: Shape;
  /** Called with the net before its first step. @throws MoonletError when the data do not fit it. */
  readonly check?: (graph: Graph) => void;
  /**
   * What the batches and the measure depend on beside the run's seed, as JSON: a checkpoint of a run with other data is
   * refused. Without it some batches of the run are compared.
   */
  readonly identity?: () => Promise<unknown>;
  /** How well a net does on held-out examples, from 0 up, larger is better; none when nothing is held out. */
  readonly validate?: (net: Net, engine: EngineOptions) => Promise<number>;
}

export interface ClassificationOptions {
  readonly augment?: Augment;
  /** How many views of an image there are; by default each epoch has a new one. */
  readonly views?: number;
  /** The seed of the views; the run's seed by default. Runs with the same view seed can share a teacher cache. */
  readonly viewSeed?: number;
  /** Held-out examples for periodic evaluation. */
  readonly validation?: Split;
}
/** Class labels: int32, one number an example. */
export const classLabels: Targets = { labels: { shape: [], dtype: 'int32' } };

/**
 * The task of image classification; a net is measured by its accuracy. Its one target is `labels`, int32 [batch].
 * @throws MoonletError, when a run begins, for data that do not fit the net; UsageError for options out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const task = tasks.classification(data.train, data, { augment: { shift: 1 } });
 * const { x, targets } = task.batches({ batch: 8, seed: 0 })(0);
 * x.length; // 512
 * targets['labels']?.length; // 8
 */
export function classification(
  train: Split,
  scale: Scale,
  { augment, views, viewSeed, validation }: ClassificationOptions = {},
): Task {
  return {
    name: 'classes',
    targets: classLabels,
    shape: scale.shape,
    check: (graph) => {
      checkViews({ augment, views, viewSeed });
      checkInput(graph, scale.shape, 'the images are');
      checkExamples(graph, train, scale, 'training data');
      if (validation) checkExamples(graph, validation, scale, 'validation data');
    },
    identity: async () => ({
      ...{ shape: scale.shape, mean: scale.mean, std: scale.std },
      ...{ shift: augment?.shift ?? 0, flip: augment?.flip ?? false, views, viewSeed },
      images: await digest([train.pixels, labelBytes(train)]),
      validation: validation && (await digest([validation.pixels, labelBytes(validation)])),
    }),
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

/** @throws MoonletError when a split does not hold what it counts, or a label is not one of the net's classes. */
function checkExamples(graph: Graph, split: Split, scale: Scale, what: string): void {
  checkSplit(split, scale, what);
  const [output = '', ...more] = graph.outputs;
  const shape = shapes(graph).get(output);
  // a net of several outputs is trained by losses that know what its labels mean
  if (shape && !isMap(shape) && !more.length) checkLabels(graph, split.labels, shape[0], what);
}
const labelBytes = ({ labels }: Split): Int32Array => Int32Array.from(labels);

/**
 * Checks that a task has the targets that the losses read.
 * @throws MoonletError when a loss reads what the task's batches do not hold, or labels for a net of one class.
 */
export function checkTargets(graph: Graph, losses: readonly Loss[], { name, targets }: Task): void {
  for (const l of losses) {
    const missing = (l.targets ?? []).find((target) => !(target in targets));
    if (missing !== undefined) {
      throw new MoonletError(
        `${graph.name}: the loss ${l.name} reads "${missing}", and the task "${name}" gives ${Object.keys(targets).join(', ') || 'no targets'}`,
      );
    }
    const shape = shapes(graph).get(graph.outputs[0] ?? '');
    if (l.targets?.includes('labels') && shape && !isMap(shape)) checkClasses(graph, shape[0]);
  }
}
