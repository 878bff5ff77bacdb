/**
 * @file The interface of tasks: where batches come from, which targets the losses may read besides the nets' values,
 * and how a net is measured. Classes of images are one task; scenes have others, with boxes, maps or pairs of images.
 */

import { checkSplit, type PictureSource, type Split } from '../../data/in-memory.ts';
import type { EngineOptions } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, isMap, type Shape, shapes } from '../../graph/index.ts';
import type { Spec } from '../../jit/index.ts';
import { checkClasses } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { digest } from '../digest.ts';
import type { Loss } from '../loss/loss.ts';
import { type Augment, mixes } from './augment.ts';
import { type Batch, batches, checkViews, type Labelled } from './batches.ts';
import { checkInput, checkLabels } from './data-check.ts';
import { evaluate, evaluateStreamed, type Streamed } from './evaluate.ts';
import type { Scale } from './scale.ts';
import { pictureBatches } from './streamed.ts';
import {
  besideTeacher,
  checkSharedAugment,
  checkTeacherImages,
  type TeacherImages,
} from './teacher-images.ts';

/** The shape of a target for one example, without the batch axis. */
export type Targets = Readonly<Record<string, Spec>>;
export interface Task {
  readonly name: string;
  /** What a batch holds beside its images, by name. */
  readonly targets: Targets;
  /** How many training examples there are, where it is known: losses that keep a value of each need it. */
  readonly examples?: number;
  /**
   * Training batches by step: a function of seed and step alone. Those that take time to read are promises, and the ones of the next
   * steps, of `steps` in all, may be begun before they are asked for.
   * @throws MoonletError when there is not one batch.
   */
  batches(o: BatchesOf): (step: number) => Batch | Promise<Batch>;
  /** Whether labels are shares of two classes, as mixup and CutMix make them: `partners` and `shares` are targets beside `labels`. */
  readonly mixesLabels?: boolean;
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

/** Which batches a run asks for. */
export interface BatchesOf {
  readonly batch: number;
  readonly seed: number;
  /** How many there are, where it is known. */
  readonly steps?: number;
}
/** A task whose data are in memory, so that its batches are no promises. */
export interface TaskInMemory<B extends Batch = Batch> extends Task {
  batches(o: BatchesOf): (step: number) => B;
}
/** Images to train on: in memory, or pictures that are read when they are asked for. */
export type TrainingImages = Split | PictureSource;
const isSource = (images: TrainingImages): images is PictureSource => 'use' in images;
const isStreamed = (images: Split | Streamed): images is Streamed => 'read' in images;

export interface ClassificationOptions {
  readonly augment?: Augment;
  /** How many views of an image there are; by default each epoch has a new one. */
  readonly views?: number;
  /** The seed of the views; the run's seed by default. Runs with the same view seed can share a teacher cache. */
  readonly viewSeed?: number;
  /** Held-out examples for periodic evaluation. */
  readonly validation?: Split | Streamed;
  /**
   * What the teacher sees, where it takes another size, mean or deviation than the student; the student's images by default. Of
   * `augment`, only `shift` and `flip` go with it.
   */
  readonly teacherImages?: TeacherImages;
}
/** Class labels: int32, one number an example. */
export const classLabels: Targets = { labels: { shape: [], dtype: 'int32' } };
/** The same, mixed: `labels` have the share `shares`, `partners` the rest. */
const mixedLabels: Targets = {
  ...classLabels,
  partners: { shape: [], dtype: 'int32' },
  shares: { shape: [] },
};

/**
 * The task of image classification; a net is measured by its accuracy. Its target is `labels`, int32 [batch]; where images are mixed,
 * `partners`, int32 [batch], and `shares`, float32 [batch], stand beside it. Batches of pictures that are read when they are asked for
 * are promises.
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
export function classification(train: Split, scale: Scale, o?: ClassificationOptions): TaskInMemory<Labelled>;
export function classification(train: TrainingImages, scale: Scale, o?: ClassificationOptions): Task;
export function classification(
  train: TrainingImages,
  scale: Scale,
  { augment, views, viewSeed, validation, teacherImages }: ClassificationOptions = {},
): Task {
  const { shift = 0, flip = false, ...more } = augment ?? {};
  const options = { augment, views, viewSeed };
  return {
    name: 'classes',
    examples: train.count,
    ...(mixes(augment) ? { targets: mixedLabels, mixesLabels: true } : { targets: classLabels }),
    shape: scale.shape,
    ...(teacherImages ? { teacherShape: teacherImages.shape } : {}),
    check: (graph) => {
      checkViews(options);
      checkInput(graph, scale.shape, 'the images are');
      checkExamples(graph, train, scale, 'training data');
      if (validation) checkExamples(graph, validation, scale, 'validation data');
      if (teacherImages) {
        checkSharedAugment(augment);
        checkSplit(teacherImages.train, teacherImages, "the teacher's images");
        checkTeacherImages(teacherImages, train);
      }
    },
    identity: async () => ({
      ...{ shape: scale.shape, mean: scale.mean, std: scale.std },
      ...{ shift, flip, views, viewSeed },
      ...(Object.keys(more).length ? { augment: more } : {}),
      images: await digestOf(train),
      validation: validation && (await digestOf(validation)),
      ...(teacherImages ? { teacher: await identityOf(teacherImages) } : {}),
    }),
    batches: ({ batch, seed, steps }) => {
      const o = { ...options, batch, seed };
      const own = isSource(train) ? pictureBatches(train, scale, { ...o, steps }) : batches(train, scale, o);
      if (!teacherImages) return own;
      checkSharedAugment(augment);
      const theirs = batches(teacherImages.train, teacherImages, { ...o, shiftOf: scale.shape });
      return besideTeacher<Batch>(own, theirs);
    },
    ...(validation
      ? {
          validate: async (net, engine) => {
            const measured = isStreamed(validation)
              ? evaluateStreamed(net, validation, scale, engine)
              : evaluate(net, validation, scale, engine);
            return (await measured).accuracy;
          },
        }
      : {}),
  };
}

const identityOf = async ({ shape, mean, std, train }: TeacherImages): Promise<unknown> => ({
  ...{ shape, mean, std },
  images: await digest([train.pixels]),
});
const digestOf = async (images: Split | Streamed | PictureSource): Promise<string> => {
  if ('pixels' in images) return digest([images.pixels, labelBytes(images)]);
  return (await images.digest?.()) ?? digest([labelBytes(images)]);
};

/** @throws MoonletError when a split does not hold what it counts, or a label is not one of the net's classes. */
function checkExamples(
  graph: Graph,
  split: Split | Streamed | PictureSource,
  scale: Scale,
  what: string,
): void {
  if ('pixels' in split) checkSplit(split, scale, what);
  const [output = '', ...more] = graph.outputs;
  const shape = shapes(graph).get(output);
  // a net of several outputs is trained by losses that know what its labels mean
  if (shape && !isMap(shape) && !more.length) checkLabels(graph, split.labels, shape[0], what);
}
const labelBytes = ({ labels }: Pick<Split, 'labels'>): Int32Array => Int32Array.from(labels);

/**
 * Checks that a task has the targets that the losses read, and the images.
 * @throws MoonletError when a loss runs the teacher, and the teacher has images of its own; or when a loss reads what the task's batches
 * do not hold, one label or one example where images are mixed, or labels for a net of one class.
 */
export function checkTargets(graph: Graph, losses: readonly Loss[], task: Task): void {
  const { name, targets, mixesLabels = false } = task;
  if (task.teacherShape) checkSameImages(losses);
  for (const l of losses) {
    if (mixesLabels && !l.softLabels && l.targets?.includes('labels'))
      throw new MoonletError(
        `${graph.name}: the loss ${l.name} reads one label of an image, and mixup and CutMix give shares of two; leave augment.mix out, or this loss`,
      );
    if (mixesLabels && l.readsExamples)
      throw new MoonletError(
        `${graph.name}: the loss ${l.name} keeps a value of each training image, and mixup and CutMix make images of two; leave augment.mix out, or this loss`,
      );
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

/** @throws MoonletError for a loss that runs the teacher on the student's images. Call it where the teacher sees others. */
export function checkSameImages(losses: readonly Loss[]): void {
  const loss = losses.find((l) => l.runsTeacher);
  if (loss)
    throw new MoonletError(
      `${loss.name}: compares student and teacher on the same images, and the teacher has images of its own (teacherImages); choose a teacher that takes the student's images, or another loss`,
    );
}
