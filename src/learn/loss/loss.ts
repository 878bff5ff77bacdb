/**
 * @file The type of a loss: a plain function of signals, with the nodes that it reads and the numbers that may change.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { MoonletError, suggestion } from '../../errors.ts';
import type { Graph, Node, Slot } from '../../graph/index.ts';
import type { Net, Weight, WeightKey, Weights } from '../../weights/index.ts';
import type { Bounds } from '../options.ts';
import type { Schedule } from './schedule.ts';

/** What a loss sees of one step. */
export interface Signals {
  /** The batch, [batch, h, w, c] or [batch, c]. */
  readonly x: tf.Tensor;
  /** The student's value at a node, [batch, ...]. */
  student(id: string): tf.Tensor;
  /** The teacher's value at a node: a constant, no gradient flows there. */
  teacher(id: string): tf.Tensor;
  /** Class indices, int32 [batch]: the target of that name. Of mixed images those of the larger share. */
  readonly labels: tf.Tensor1D;
  /** The labels as shares of the classes, float32 [batch, classes]: one-hot, or of two classes where images are mixed. */
  labelShares(classes: number): tf.Tensor2D;
  /** What a batch holds beside its images, [batch, ...], by the task's name for it. */
  target(name: string): tf.Tensor;
  /** A setting's value at this step, a scalar tensor. */
  setting(name: string): tf.Scalar;
  /** Standard normal numbers, fresh at every step, [batch, ...]: one of the loss's `draws`. */
  draw(name: string): tf.Tensor;
  /** Random whole numbers, fresh at every step, int32 [count]: one of the loss's `picks`. */
  pick(name: string): tf.Tensor1D;
  /** Which training example each image of the batch is, int32 [batch]; for losses with `readsExamples`. */
  readonly examples: tf.Tensor1D;
  /** One of the loss's `variables`. */
  variable(name: string): tf.Tensor;
  /** Sets a variable that is not trained, from the next step on. */
  assign(name: string, value: tf.Tensor): void;
  /** A weight as the net sees it, for penalties. */
  weight(key: WeightKey): tf.Tensor;
  /** A number of the form's own, trained along. */
  parameter(name: string): tf.Tensor;
}
/** An array that a loss keeps from step to step, beside the weights; it is dropped when the run ends. */
export interface Variable {
  readonly shape: readonly number[];
  /** Whether it is trained with the student. Otherwise only `assign` changes it. */
  readonly trained: boolean;
  /** Its values before the first step, as a function of the run's seed. */
  initial(seed: number): Float32Array;
}
/** Whole numbers from 0 to `below` - 1, each as likely. */
export interface Picks {
  readonly count: number;
  readonly below: number;
}
/** Nodes that read a teacher's nodes, and their weights, which stay as they are. */
export interface BesideTeacher {
  /** Which teacher, by the name of `taughtBy`; the one without a name by default. */
  readonly of?: string;
  readonly nodes: readonly Node[];
  readonly weights: Weights;
}
export interface Loss {
  readonly name: string;
  /** Its share in the total; may change from step to step. */
  readonly weight: number | Schedule;
  /** Other numbers that may change from step to step, such as a temperature. */
  readonly settings?: Readonly<Record<string, number | Schedule>>;
  /** The bounds of settings, by name. A run whose settings leave them is refused. */
  readonly bounds?: Readonly<Record<string, Bounds>>;
  /** Ids whose values it reads. */
  readonly student: readonly string[];
  readonly teacher?: readonly string[];
  /** Names of the targets that it reads. */
  readonly targets?: readonly string[];
  /** Whether labels are read by `labelShares` alone, so that they may be mixed; else mixup and CutMix are refused. */
  readonly softLabels?: boolean;
  /** Random numbers that it needs, by name, with their shape for one example. */
  readonly draws?: Readonly<Record<string, readonly number[]>>;
  /** Random whole numbers that it needs, by name. */
  readonly picks?: Readonly<Record<string, Picks>>;
  /** Whether it reads `examples`. */
  readonly readsExamples?: boolean;
  /** What it keeps from step to step, by name. */
  readonly variables?: Readonly<Record<string, Variable>>;
  /**
   * Whether it runs the teacher itself, on `x`. Tasks that show the teacher images of its own are then refused.
   */
  readonly runsTeacher?: boolean;
  /**
   * Nodes that stand beside the student while it is trained: adapters, branches, a booster. They may read the student's
   * nodes; it reads none of theirs. They are trained with it, and removed when the run ends.
   */
  readonly beside?: readonly Node[];
  /**
   * What stands beside the teacher: a part of its values that is all the loss reads of them. It is computed with the teacher, so that
   * no more is copied and kept in a teacher cache.
   */
  readonly besideTeacher?: BesideTeacher;
  /** Batches smaller than this are refused, such as where a loss compares the examples of a batch. */
  readonly leastBatch?: number;
  /**
   * Numbers and words within `compute` that stand in no other field: a checkpoint of a run with others is refused. Without
   * them its source text is compared.
   */
  readonly constants?: Readonly<Record<string, unknown>>;
  /** What was chosen for the pair, as texts for the user, such as adapters that were made. */
  readonly notes?: readonly string[];
  compute(at: Signals): tf.Scalar;
  /**
   * The trained student with what it takes over from the nodes beside it, whose weights `beside` gives. By default it takes over
   * nothing. `earlier` counts the losses of the same kind, with other teachers, that the net has taken something over from before.
   */
  readonly merge?: (net: Net, beside: (node: string, slot: Slot) => Weight, earlier: number) => Net;
}
export interface Nets {
  readonly student: Graph;
  readonly teacher?: Graph | undefined;
  /** The teacher with its weights, for losses that run it themselves. */
  readonly teacherNet?: Net | undefined;
  /** More teachers, by the names that losses call them by. */
  readonly teachers?: Readonly<Record<string, Net>> | undefined;
  /** How many training examples there are, where the task knows it. */
  readonly examples?: number | undefined;
}
/** Makes a loss for a pair of nets. It resolves paths, and throws before training when something does not fit. */
export type LossMaker = (nets: Nets) => Loss;

/** The teacher's graph. @throws MoonletError when there is none. */
export function teacherOf({ teacher }: Nets, loss: string): Graph {
  if (teacher) return teacher;
  throw new MoonletError(`${loss}: needs a teacher, and none was given`);
}

/**
 * A loss that listens to one of several teachers. Its name becomes `soft-targets@big`.
 * @throws MoonletError, when bound, for a name that no teacher has.
 */
export const taughtBy =
  (name: string, make: LossMaker): LossMaker =>
  (nets) => {
    const known = nets.teachers ?? {};
    const teacher = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!teacher)
      throw new MoonletError(
        `no teacher "${name}".${suggestion(name, Object.keys(known))} Given: ${Object.keys(known).join(', ') || 'none'}`,
      );
    const loss = make({ ...nets, teacher: teacher.graph, teacherNet: teacher });
    const theirs = (id: string): string => `${name}:${id}`;
    // two such losses may both have an adapter of one path
    const moved = new Map(loss.beside?.map((n) => [n.id, `${n.id}/of-${name}`]));
    const mine = (id: string): string => moved.get(id) ?? id;
    const { merge } = loss;
    return {
      ...loss,
      name: `${loss.name}@${name}`,
      student: loss.student.map(mine),
      teacher: loss.teacher?.map(theirs) ?? [],
      ...(loss.besideTeacher ? { besideTeacher: { ...loss.besideTeacher, of: name } } : {}),
      beside: (loss.beside ?? []).map((n) => ({ ...n, id: mine(n.id), inputs: n.inputs.map(mine) })),
      ...(merge
        ? { merge: (net, beside, earlier) => merge(net, (id, slot) => beside(mine(id), slot), earlier) }
        : {}),
      compute: (at) =>
        loss.compute({
          ...{ x: at.x, labelShares: at.labelShares, target: at.target, setting: at.setting },
          ...{ draw: at.draw, weight: at.weight, parameter: at.parameter },
          ...{ pick: at.pick, variable: at.variable, assign: at.assign },
          get examples() {
            return at.examples;
          },
          // read when it is asked for: tasks without classes have no labels
          get labels() {
            return at.labels;
          },
          student: (id) => at.student(mine(id)),
          teacher: (id) => at.teacher(theirs(id)),
        }),
    };
  };
