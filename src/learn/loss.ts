/** @file What a loss is: a plain function of signals, with the nodes that it reads and the numbers that may change. */
import type * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../errors.ts';
import { type Graph, nodeAt, type Shape, shapes } from '../graph/index.ts';
import type { Schedule } from './schedule.ts';

/** What a loss sees of one step. */
export interface Signals {
  /** The student's value at a node, [batch, ...]. */
  student(id: string): tf.Tensor;
  /** The teacher's value at a node: a constant, no gradient flows there. */
  teacher(id: string): tf.Tensor;
  /** Class indices, int32 [batch]: the target of that name. */
  readonly labels: tf.Tensor1D;
  /** What a batch holds beside its images, [batch, ...], by the task's name for it. */
  target(name: string): tf.Tensor;
  /** A setting's value at this step, a scalar tensor. */
  setting(name: string): tf.Scalar;
}
export interface Loss {
  readonly name: string;
  /** Its share in the total; may change from step to step. */
  readonly weight: number | Schedule;
  /** Other numbers that may change from step to step, such as a temperature. */
  readonly settings?: Readonly<Record<string, number | Schedule>>;
  /** Ids whose values it reads. */
  readonly student: readonly string[];
  readonly teacher?: readonly string[];
  /** Names of the targets that it reads. */
  readonly targets?: readonly string[];
  compute(at: Signals): tf.Scalar;
}
export interface Nets {
  readonly student: Graph;
  readonly teacher?: Graph | undefined;
}
/** A loss for any pair of nets. Binding it to one resolves its paths, and throws before training what does not fit. */
export type LossMaker = (nets: Nets) => Loss;

/** The teacher's graph. @throws MoonletError when there is none. */
export function teacherOf({ teacher }: Nets, loss: string): Graph {
  if (teacher) return teacher;
  throw new MoonletError(`${loss}: needs a teacher, and none was given`);
}

/** A node and its shape, by path. */
export function tap(graph: Graph, path: string): { readonly id: string; readonly shape: Shape } {
  const { id } = nodeAt(graph, path);
  return { id, shape: shapes(graph).get(id) as Shape };
}
