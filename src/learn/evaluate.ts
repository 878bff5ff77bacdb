/** @file How often a classifier is right. */
import type { Split } from '../data/index.ts';
import { compile, type EngineOptions } from '../engine/index.ts';
import { onlyOutput } from '../read/ends.ts';
import type { Net } from '../weights/index.ts';
import { passes, type Scale } from './batches.ts';

export interface Evaluation {
  /** A fraction of 1. */
  readonly accuracy: number;
  readonly n: number;
  /** The class taken for each example, in the split's order. */
  readonly guesses: Int32Array;
  /** How often class i was taken for class j: confusion[i][j]. */
  readonly confusion: readonly (readonly number[])[];
}
export interface EvaluateOptions extends EngineOptions {
  /** 250 unless told. */
  readonly batch?: number;
  readonly onBatch?: (done: number, of: number) => void;
}

/** The classifier's accuracy on a split. Every example counts once; ties go to the lower class. */
export async function evaluate(
  net: Net,
  split: Split,
  scale: Scale,
  o: EvaluateOptions = {},
): Promise<Evaluation> {
  const { batch = 250, onBatch, ...engine } = o;
  const logits = onlyOutput(net.graph);
  const runner = await compile(net, engine);
  try {
    const guesses = new Int32Array(split.count);
    let done = 0;
    for (const { x, count } of passes(split, scale, batch)) {
      const out = (await runner.run(x)).get(logits) as Float32Array;
      const classes = out.length / batch;
      for (let i = 0; i < count; i++) guesses[done + i] = largest(out, i * classes, classes);
      done += count;
      onBatch?.(done, split.count);
    }
    return score(guesses, split.labels, (runner.shapes.get(logits)?.at(-1) as number) ?? 0);
  } finally {
    await runner.release();
  }
}

function largest(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++)
    if ((values[from + k] as number) > (values[from + best] as number)) best = k;
  return best;
}

/** Accuracy and confusion of guesses against labels. */
export function score(guesses: Int32Array, labels: ArrayLike<number>, classes: number): Evaluation {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let right = 0;
  for (let i = 0; i < guesses.length; i++) {
    const [guess, label] = [guesses[i] as number, labels[i] as number];
    if (guess === label) right++;
    const row = confusion[label];
    if (row) row[guess] = (row[guess] ?? 0) + 1;
  }
  return { accuracy: right / guesses.length, n: guesses.length, guesses, confusion };
}
