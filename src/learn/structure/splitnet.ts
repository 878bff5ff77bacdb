/**
 * @file Trains the assignment of channels to groups. Kim, Park, Kim and Hwang 2017 (ICML, SplitNet), sections 3.1 to
 * 3.3. Each channel has a share in each group, p_g = softmax over g of alpha_g (equation 5), trained along with the
 * weights under
 *
 *   R_W = sum over g of  sum_i |((1 - P_g) W Q_g) row i|  +  sum_j |(P_g W (1 - Q_g)) column j|     (equation 3)
 *   R_D = sum over g < h of p_g . p_h                                                               (groups are disjoint)
 *   R_E = sum over g of (sum_i p_gi)^2                                                              (and of even size)
 *
 * with P_g and Q_g the shares of a layer's inputs and outputs. Shares belong to classes of channels, so that the outputs of
 * one layer and the inputs of the next have the same (the paper's deep split). The net that comes out of `fit` has its
 * layers split for real: see `splitLayers`.
 */

import * as tf from '@tensorflow/tfjs-core';
import { first, get, item } from '../../access.ts';
import { type Assignment, type Assignments, splitLayers, unsplittable } from '../../edit/index.ts';
import { Refusal, suggestion, UsageError } from '../../errors.ts';
import { channels, type Graph, nodesById } from '../../graph/index.ts';
import { random } from '../../random.ts';
import { float } from '../../weights/index.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { rank2, scalarOf } from '../tensors.ts';
import type { Form } from '../train/weight-form.ts';

export interface SplitNetOptions {
  readonly groups: number;
  /** Paths of the convs and dense layers that are to be split. */
  readonly layers: readonly string[];
  /** The weight of all three penalties; 1e-3 by default. The paper tunes its weights for each net. */
  readonly weight?: number | Schedule;
  /** The weights of R_D and R_E relative to R_W; 1 and 0.1 by default. */
  readonly disjoint?: number;
  readonly even?: number;
  readonly seed?: number;
}
export interface SplitNet {
  /** Carries the shares; splits the layers when training ends. */
  readonly form: Form;
  readonly loss: LossMaker;
  /** The groups that trained shares mean: the largest share of each channel, as far as groups have room. */
  assignments(shares: Float32Array): Assignments;
}

/** Form and loss for `fit(net, ..., { form, losses: [crossEntropy(), loss] })`. @throws for layers that cannot be split. */
export function splitNet(graph: Graph, o: SplitNetOptions): SplitNet {
  const { groups, layers, weight = 1e-3, disjoint = 1, even = 0.1, seed = 0 } = o;
  if (!Number.isInteger(groups) || groups < 2)
    throw new UsageError(`splitNet: groups must be a whole number from 2 up, got ${groups}`);
  const { sides, variables, classes } = tableOf(graph, layers, groups);
  const source = random('splitnet', seed);
  // small and random, so that no channel begins with a group, and none stays between two
  const first = Float32Array.from({ length: classes * groups }, () => 0.01 * source.normal());
  const assignments = (shares: Float32Array): Assignments => {
    const group = groupsOf(shares, variables, groups);
    const of = (side: Int32Array): number[] => Array.from(side, (i) => group[i]!);
    return new Map(
      [...sides].map(([id, { ins, outs }]): [string, Assignment] => [
        id,
        { groups, ins: of(ins), outs: of(outs) },
      ]),
    );
  };
  return {
    assignments,
    form: {
      name: 'split',
      constants: { groups, layers, seed },
      parameters: new Map([['split', float([classes, groups], first)]]),
      through: (_, value) => value,
      settle: (net, parameters) => splitLayers(net, assignments(get(parameters, 'split'))),
    },
    loss: () => ({
      name: 'splitnet',
      weight,
      constants: { groups, layers, disjoint, even },
      student: [],
      compute: ({ weight: value, parameter }) => {
        const shares = tf.softmax(parameter('split'));
        const of = (side: Int32Array): tf.Tensor => tf.gather(shares, tf.tensor1d(side, 'int32'));
        const terms = [...sides].map(([id, { ins, outs }]) =>
          between(value(`${id}:kernel`), of(ins), of(outs)),
        );
        const others = variables.flatMap((v) => {
          const p = of(v);
          return [tf.mul(overlap(p), disjoint), tf.mul(tf.sum(tf.square(tf.sum(p, 0))), even)];
        });
        return scalarOf(tf.addN([...terms, ...others]));
      },
    }),
  };
}

/** R_W of a kernel [..., in, out] with shares [in, groups] and [out, groups]. */
export function between(kernel: tf.Tensor, ins: tf.Tensor, outs: tf.Tensor): tf.Scalar {
  const [rows, columns] = [item(kernel.shape, -2), item(kernel.shape, -1)];
  const energy = tf.sum<tf.Tensor2D>(tf.reshape(tf.square(kernel), [-1, rows, columns]), 0);
  // |(1 - p) W q| over a row is (1 - p) sqrt(sum_j q_j^2 W_ij^2): no group needs a matrix of its own
  const norms = (e: tf.Tensor2D, q: tf.Tensor, turned: boolean): tf.Tensor =>
    tf.sqrt(tf.add(tf.matMul(e, rank2(tf.square(q)), turned), 1e-12));
  const byRow = tf.sum(tf.mul(tf.sub(1, ins), norms(energy, outs, false)));
  const byColumn = tf.sum(tf.mul(tf.sub(1, outs), norms(energy, ins, true)));
  return tf.add<tf.Scalar>(byRow, byColumn);
}

/** R_D of shares [channels, groups], each row of which sums to one: half of (sum of 1 - sum of squares). */
export const overlap = (shares: tf.Tensor): tf.Scalar =>
  tf.mul<tf.Scalar>(tf.sub(first(shares.shape), tf.sum(tf.square(shares))), 0.5);

/** The rows of the table of shares that each layer reads and makes, and those of each variable. */
function tableOf(graph: Graph, layers: readonly string[], groups: number) {
  const all = channels(graph);
  const byId = nodesById(graph);
  const row = new Map<number, number>();
  const sides = new Map<string, { readonly ins: Int32Array; readonly outs: Int32Array }>();
  for (const id of layers) {
    const node = byId.get(id);
    if (!node) throw new UsageError(`${graph.name}: no layer "${id}".${suggestion(id, [...byId.keys()])}`);
    const reason = unsplittable(graph, node);
    if (reason) throw new Refusal(`${id}: it cannot be split, since ${reason}`);
    const side = (value: string): Int32Array =>
      Int32Array.from(get(all.of, value), (c) => {
        if (!row.has(c)) row.set(c, row.size);
        return get(row, c);
      });
    sides.set(id, { ins: side(first(node.inputs)), outs: side(id) });
  }
  if (!sides.size) throw new UsageError('splitNet: name the layers to split');
  const seen = new Set<number>();
  const variables = all.variables.flatMap((v) => {
    const here = Int32Array.from(v.classes)
      .filter((c) => row.has(c))
      .map((c) => get(row, c));
    for (const i of here) seen.add(i);
    return here.length ? [here] : [];
  });
  // what no layer makes, such as the image, is one variable more
  const rest = Int32Array.from([...row.values()].filter((i) => !seen.has(i)));
  const found = rest.length ? [...variables, rest] : variables;
  const small = found.find((v) => v.length < groups);
  if (small)
    throw new Refusal(
      `${graph.name}: ${small.length} channels do not make ${groups} groups; split other layers`,
    );
  return { sides, variables: found, classes: row.size };
}

/** The group of each row: largest shares first, no group of a variable larger than its even part. */
function groupsOf(shares: Float32Array, variables: readonly Int32Array[], groups: number): Int32Array {
  const group = new Int32Array(shares.length / groups);
  for (const v of variables) {
    const room = Array.from({ length: groups }, (_, g) => Math.floor((v.length + groups - 1 - g) / groups));
    const wishes = [...v].flatMap((i) => {
      const row = shares.subarray(i * groups, (i + 1) * groups);
      const most = Math.max(...row);
      const sum = row.reduce((s, a) => s + Math.exp(a - most), 0);
      return Array.from(row, (a, g) => ({ i, g, share: Math.exp(a - most) / sum }));
    });
    const placed = new Set<number>();
    for (const { i, g } of wishes.sort((a, b) => b.share - a.share || a.i - b.i)) {
      if (placed.has(i) || !room[g]) continue;
      group[i] = g;
      room[g] = room[g]! - 1;
      placed.add(i);
    }
  }
  return group;
}
