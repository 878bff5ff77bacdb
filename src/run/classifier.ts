/** @file From pictures to labels: a trained net, what its card says of pictures and classes, and an engine. */

import { loadStudent } from '../../zoo/index.ts';
import { get } from '../access.ts';
import { normalized, type Picture, type Preparation, prepared } from '../data/images/index.ts';
import { readPicture } from '../data/index.ts';
import { compile, type EngineOptions } from '../engine/index.ts';
import { UsageError } from '../errors.ts';
import { classesOf, type Graph, nodesById, onlyOutput } from '../graph/index.ts';
import type { Net } from '../weights/index.ts';
import { pictureCard } from './pictures.ts';

export interface ClassifierOptions extends EngineOptions {
  /** How pictures become the input, instead of what the card says. */
  readonly preparation?: Preparation | undefined;
  /** Names of the classes by index, instead of what the card says; without either they are numbers. */
  readonly labels?: readonly string[] | undefined;
  /** Whether EXIF orientation is honoured where a picture is a file; `true` by default. */
  readonly orient?: boolean | undefined;
}
/** A class, and how probable the net takes it to be. */
export interface Guess {
  readonly label: string;
  /** The number of the class, from 0. */
  readonly index: number;
  /** From 0 to 1; over all classes they add up to 1. */
  readonly probability: number;
}
export interface Classified {
  /** The most probable classes, most probable first; of equal ones the lower number. */
  readonly guesses: readonly Guess[];
  /** What the net says of each class: logits, or probabilities where it ends in a softmax. */
  readonly outputs: Float32Array;
}
export interface Classifier {
  readonly labels: readonly string[];
  readonly preparation: Preparation;
  /** What had to be assumed, to be said to a person; undefined where the card says everything. */
  readonly note?: string;
  /**
   * Classifies a picture: the path of a PNG, JPEG or WebP file, or decoded pixels.
   * @param top how many guesses; 5 by default, at most as many as there are classes.
   */
  classify(picture: string | Picture, top?: number): Promise<Classified>;
  /** Frees the engine's memory; nothing can be classified after that. */
  release(): Promise<void>;
}

/** exp(x - max) / sum, which no logit overflows. */
function softmax(logits: Float32Array): Float64Array {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(logits, (x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

/** Whether what comes out are probabilities already. */
function endsInSoftmax(graph: Graph): boolean {
  const { op } = get(nodesById(graph), onlyOutput(graph));
  return op.kind === 'act' && op.fn === 'softmax';
}

/**
 * A classifier of pictures: of a shipped student or a folder by its name, with the preprocessing and the labels of its card; or of a
 * net, with those that are given.
 * @throws UsageError when there is no such student; MoonletError when the net takes no pictures, or its card is damaged.
 *
 * @example
 * import { init } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 * import { classifier } from 'moonlet/run';
 *
 * const net = init(mobilenetV2({ width: 0.35, classes: 3, size: 32 }), { seed: 1 });
 * const { classify, release } = await classifier(net, { labels: ['boat', 'house', 'tree'] });
 * const { guesses } = await classify('docs/scenes.png', 2);
 * guesses.length; // 2
 * guesses.every(({ probability }) => probability > 0 && probability < 1); // true
 * await release();
 */
export async function classifier(student: string | Net, o: ClassifierOptions = {}): Promise<Classifier> {
  const { preparation: wanted, labels: named, orient, ...engine } = o;
  const net = typeof student === 'string' ? loadStudent(student) : student;
  const { graph } = net;
  const told = pictureCard(typeof student === 'string' ? student : undefined, graph);
  const [output, classes] = [onlyOutput(graph), classesOf(graph)];
  const preparation = wanted ?? told.preparation;
  const labels = named ?? told.labels ?? Array.from({ length: classes }, (_, i) => `${i}`);
  if (labels.length !== classes)
    throw new UsageError(
      `${graph.name}: got ${labels.length} labels for ${classes} classes; give one for each class`,
    );
  const isDone = endsInSoftmax(graph);
  const channels = preparation.mean.length === 1 ? 1 : 3;
  const compiled = await compile(net, engine);
  return {
    ...{ labels, preparation },
    ...(told.note === undefined || wanted ? {} : { note: told.note }),
    async classify(picture, top = 5) {
      if (!Number.isInteger(top) || top < 1)
        throw new UsageError(`classify: top must be a whole number from 1 up, got ${top}`);
      const pixels = typeof picture === 'string' ? await readPicture(picture, { channels, orient }) : picture;
      const values = await compiled.run(normalized(prepared(pixels, preparation), preparation));
      const outputs = get(values, output);
      const probabilities = isDone ? Float64Array.from(outputs) : softmax(outputs);
      const order = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
      const guesses = order
        .slice(0, top)
        .map((index) => ({ label: labels[index] ?? '', index, probability: probabilities[index]! }));
      return { guesses, outputs };
    },
    release: () => compiled.release(),
  };
}
