/**
 * @file MorphNet's penalty: the cost of the remaining channels, relaxed to norm scales. Gordon et al. 2018,
 * arXiv:1711.06798, equations 3 to 6. With A_i, B_j whether an input or output channel of a layer lives (its scale is
 * above a threshold), a_i, b_j its scale, and C the cost of one connection (places times window for multiply-adds,
 * window for parameters),
 *
 *   G = sum over layers of  C (sum_i a_i) (sum_j B_j)  +  C (sum_i A_i) (sum_j b_j).
 *
 * Channels that a net adds up live and die together: the scale of a class is the largest of its norms' (section 4.3).
 * Channels without a norm scale live always. Here G stands as a share of what the whole net costs, so that it is near 2
 * when all scales are 1, and one weight serves any net.
 */

import * as tf from '@tensorflow/tfjs-core';
import { first, get } from '../../access.ts';
import { scaleThreshold } from '../../edit/index.ts';
import { checkValue, oneOf } from '../../edit/options.ts';
import { Refusal } from '../../errors.ts';
import { channels, type Graph, isDepthwise, isMap, shapes } from '../../graph/index.ts';
import { magnitude } from '../../kernels/index.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';

export interface MorphNetOptions {
  readonly weight?: number | Schedule;
  /** Which cost is to be saved; `macs` by default. */
  readonly resource?: 'macs' | 'params';
  /** A channel whose scale is smaller than this is dead; 0.01 by default. */
  readonly threshold?: number;
}

/** The penalty as a loss beside others. @throws Refusal for a net without norm scales. */
export const morphnet =
  ({ weight = 0.1, resource = 'macs', threshold = scaleThreshold }: MorphNetOptions = {}): LossMaker =>
  ({ student }) => {
    checkValue('morphnet', 'resource', resource, oneOf('macs', 'params'));
    const { norms, places, layers } = tableOf(student, resource);
    const whole = layers.reduce((n, l) => n + l.unit * l.ins.size * l.outs.size, 0);
    const counts = (side: 'ins' | 'outs'): number[][] =>
      layers.map((l) => places.map(({ id }) => l[side].classes.get(id) ?? 0));
    const always = (side: 'ins' | 'outs'): number[] => layers.map((l) => l[side].always);
    return {
      name: 'morphnet',
      weight,
      constants: { resource, threshold },
      student: [],
      compute: ({ weight: value }) => {
        const flat = tf.concat([...norms.map((n) => magnitude(value(`${n}:gamma`))), tf.zeros([1])]);
        const most = Math.max(...places.map((p) => p.at.length));
        const none = first(flat.shape) - 1;
        const index = places.flatMap((p) => Array.from({ length: most }, (_, m) => p.at[m] ?? none));
        const scales = tf.max(
          tf.reshape(tf.gather(flat, tf.tensor1d(index, 'int32')), [places.length, most]),
          1,
        );
        const alive = above(scales, threshold);
        const sums = (side: 'ins' | 'outs', of: tf.Tensor): tf.Tensor =>
          tf.reshape(tf.matMul(tf.tensor2d(counts(side)), tf.reshape(of, [places.length, 1])), [
            layers.length,
          ]);
        const living = (side: 'ins' | 'outs'): tf.Tensor =>
          tf.add(sums(side, alive), tf.tensor1d(always(side)));
        const both = tf.add(
          tf.mul(sums('ins', scales), living('outs')),
          tf.mul(living('ins'), sums('outs', scales)),
        );
        const units = tf.tensor1d(layers.map((l) => l.unit / whole));
        return tf.sum<tf.Scalar>(tf.mul(both, units));
      },
    };
  };

/** 1 where a value is above the threshold, 0 elsewhere: a constant to gradients. */
const above = (x: tf.Tensor, threshold: number): tf.Tensor =>
  tf.customGrad((_) => ({
    value: tf.cast(tf.greater(x, threshold), 'float32'),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x);

/** One side of a layer: how often each class of channels stands there, and how many channels live always. */
interface Side {
  readonly classes: ReadonlyMap<number, number>;
  readonly always: number;
  readonly size: number;
}

/** Norms with a scale; for each class where its scales stand in all of them joined; layers with the cost of a connection. */
function tableOf(graph: Graph, resource: 'macs' | 'params') {
  const all = channels(graph);
  const shapeById = shapes(graph);
  const norms: string[] = [];
  const at = new Map<number, number[]>();
  let offset = 0;
  for (const { id, op, weightsOf } of graph.nodes) {
    if (op.kind !== 'norm' || !op.scale || weightsOf) continue;
    norms.push(id);
    const classes = get(all.of, id);
    classes.forEach((c, i) => {
      at.set(c, [...(at.get(c) ?? []), offset + i]);
    });
    offset += classes.length;
  }
  if (!norms.length)
    throw new Refusal(`${graph.name}: morphnet needs batch norms with a scale, and it has none`);
  const places = [...at].map(([id, list]) => ({ id, at: list }));
  const sideOf = (classes: Int32Array): Side => {
    const counted = new Map<number, number>();
    for (const c of classes) if (at.has(c)) counted.set(c, (counted.get(c) ?? 0) + 1);
    const living = classes.reduce((n, c) => n + (at.has(c) ? 0 : 1), 0);
    return { classes: counted, always: living, size: classes.length };
  };
  const layers = graph.nodes.flatMap((node) => {
    const { op } = node;
    if (op.kind !== 'conv' && op.kind !== 'dense') return [];
    const shape = get(shapeById, node.id);
    const read = get(all.of, first(node.inputs));
    const window = op.kind === 'conv' ? op.kernel[0] * op.kernel[1] : 1;
    const seen = resource === 'macs' && isMap(shape) ? shape[0] * shape[1] : 1;
    const made = sideOf(get(all.of, node.id));
    // a depthwise filter reads one channel, which lives with it; groups share connections evenly
    const alone = op.kind === 'conv' && isDepthwise(op, read.length);
    const groups = op.kind === 'conv' && !alone ? op.groups : 1;
    const ins: Side = alone ? { classes: new Map(), always: 1, size: 1 } : sideOf(read);
    return [{ unit: (window * seen) / groups, ins, outs: made }];
  });
  return { norms, places, layers };
}
