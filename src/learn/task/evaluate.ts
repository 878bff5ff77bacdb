/** @file The accuracy of a classifier. */

import { get } from '../../access.ts';
import { checkSplit, type Split } from '../../data/in-memory.ts';
import { compile, type EngineOptions } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import { classesOf, onlyOutput } from '../../graph/index.ts';
import { checkClasses } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { checkCount } from '../options.ts';
import { passes } from './batches.ts';
import { checkInput, checkLabels } from './data-check.ts';
import type { Scale } from './scale.ts';

export interface Evaluation {
  /** A fraction of 1. */
  readonly accuracy: number;
  readonly n: number;
  /** The class taken for each example, in the split's order. */
  readonly guesses: Int32Array;
  /** How often each pair of label and guess came, most frequent first: no more pairs than examples. */
  readonly pairs: readonly LabelPair[];
  /**
   * How often class i was taken for class j: confusion[i][j]. The table is made when it is read, and is no field of a copy.
   * @throws MoonletError for more than 4096 classes, whose table would take more memory than the examples; use `pairs`.
   */
  readonly confusion: readonly (readonly number[])[];
}
/** A class, what it was taken for, and how often. */
export interface LabelPair {
  readonly label: number;
  readonly guess: number;
  readonly count: number;
}
export interface EvaluateOptions extends EngineOptions {
  /** Examples in a batch; by default from 16 to 250, fewer for larger images, so that the memory of nets for photographs is bounded. */
  readonly batch?: number;
  readonly onBatch?: (done: number, of: number) => void;
}

/**
 * The classifier's accuracy on a split, a fraction of 1. Every example counts once; ties go to the lower class. A net may end
 * in logits or in probabilities: the largest is the same. Memory is in proportion to the examples and to a batch's outputs.
 * @throws MoonletError when the split does not fit the net, UsageError for a batch that is not a whole number from 1 up.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { evaluate } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const { accuracy, n, confusion } = await evaluate(tiny(8), data.test, data);
 * n; // 32
 * confusion.flat().reduce((a, b) => a + b, 0) * accuracy <= n; // true
 */
export async function evaluate(
  net: Net,
  split: Split,
  scale: Scale,
  o: EvaluateOptions = {},
): Promise<Evaluation> {
  const { batch = usualBatch(split.count, scale), onBatch, ...engine } = o;
  const output = onlyOutput(net.graph);
  const classes = classesOf(net.graph);
  checkCount('batch', batch);
  checkClasses(net.graph, classes);
  checkSplit(split, scale, 'data');
  checkInput(net.graph, scale.shape, 'the images are');
  checkLabels(net.graph, split.labels, classes, 'data');
  const runner = await compile(net, engine);
  try {
    const guesses = new Int32Array(split.count);
    let done = 0;
    for (const { x, count } of passes(split, scale, batch)) {
      const out = get(await runner.run(x), output);
      for (let i = 0; i < count; i++) guesses[done + i] = largest(out, i * classes, classes);
      done += count;
      onBatch?.(done, split.count);
    }
    return score(guesses, split.labels, classes);
  } finally {
    await runner.release();
  }
}

/** 250 for images of up to 8,000 values, then in inverse proportion; no more than there are examples, since a batch is padded. */
function usualBatch(count: number, { shape }: Scale): number {
  const values = shape.reduce((n, d) => n * d, 1);
  const fitting = Math.min(250, Math.max(16, Math.floor(2_000_000 / values)));
  return Math.max(1, Math.min(count, fitting));
}

/** Pictures or other inputs that are read when they are asked for: bytes by place, with their labels. */
export interface Streamed {
  readonly count: number;
  readonly labels: Split['labels'];
  /** The bytes of `count` examples from the one numbered `first`, `count * h * w * c`. */
  read(first: number, count: number): Uint8Array | Promise<Uint8Array>;
  /** What identifies the examples and their labels, so that a run on others does not resume. */
  digest?(): Promise<string>;
}

/**
 * The same as `evaluate` for examples that are read batch by batch (of 16 by default), such as those of `pictureSet`: memory is that
 * of a batch.
 * @throws as `evaluate`.
 */
export async function evaluateStreamed(
  net: Net,
  examples: Streamed,
  scale: Scale,
  { batch = 16, onBatch, ...engine }: EvaluateOptions = {},
): Promise<Evaluation> {
  const output = onlyOutput(net.graph);
  const classes = classesOf(net.graph);
  checkCount('batch', batch);
  checkClasses(net.graph, classes);
  checkInput(net.graph, scale.shape, 'the images are');
  checkLabels(net.graph, examples.labels, classes, 'data');
  const runner = await compile(net, engine);
  const guesses = new Int32Array(examples.count);
  try {
    for (let first = 0; first < examples.count; first += batch) {
      const count = Math.min(batch, examples.count - first);
      const labels = examples.labels.slice(first, first + count);
      const split = { count, labels, pixels: await examples.read(first, count) };
      for (const { x } of passes(split, scale, count)) {
        const out = get(await runner.run(x), output);
        for (let i = 0; i < count; i++) guesses[first + i] = largest(out, i * classes, classes);
      }
      onBatch?.(first + count, examples.count);
    }
    return score(guesses, examples.labels, classes);
  } finally {
    await runner.release();
  }
}

function largest(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[from + k]! > values[from + best]!) best = k;
  return best;
}

/** Classes beyond which a table of all pairs is refused: 4096^2 numbers take 128 MiB. */
const mostInTable = 4096;

/**
 * Accuracy and confusion of guesses against labels.
 * @throws MoonletError when there are no guesses, or not as many labels.
 */
export function score(guesses: Int32Array, labels: ArrayLike<number>, classes: number): Evaluation {
  const n = guesses.length;
  if (!n || labels.length !== n)
    throw new MoonletError(
      `got ${n} guesses and ${labels.length} labels; give one of each for every example`,
    );
  const counts = new Map<number, number>();
  let right = 0;
  for (let i = 0; i < n; i++) {
    const [guess, label] = [guesses[i]!, labels[i]!];
    if (guess === label) right++;
    const pair = label * classes + guess;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  const pairs = [...counts]
    .map(([pair, count]): LabelPair => ({ label: Math.floor(pair / classes), guess: pair % classes, count }))
    .sort((a, b) => b.count - a.count || a.label - b.label || a.guess - b.guess);
  const evaluation = {
    ...{ accuracy: right / n, n, guesses, pairs },
    get confusion() {
      return tableOf(pairs, classes);
    },
  };
  // so that a copy or JSON does not make the table
  return Object.defineProperty(evaluation, 'confusion', { enumerable: false });
}

function tableOf(pairs: readonly LabelPair[], classes: number): readonly (readonly number[])[] {
  if (classes > mostInTable)
    throw new MoonletError(
      `a table of ${classes} x ${classes} classes is too large; read the pairs that occur from "pairs"`,
    );
  const table = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, guess, count } of pairs) {
    const row = table[label];
    if (row) row[guess] = count;
  }
  return table;
}
