/**
 * @file Knowledge review (ReviewKD). Chen, Liu, Zhao and Jia, CVPR 2021, arXiv:2104.09044, section 3: each level of the teacher
 * teaches the student's level and all deeper ones, which are fused from the deepest up.
 *
 * ABF, attention based fusion, of a level's map x and the fused map y of the deeper level:
 *   x' = norm(conv1x1 x),  y' = y, repeated to the size of x'
 *   (a, b) = sigmoid(conv1x1 (x', y')),  fused = a x' + b y',  output = norm(conv3x3 fused)
 * The deepest level has no y: its x' is the fused map. a and b are maps of one channel.
 *
 * HCL, hierarchical context loss, of an output s and the teacher's map t, k the sizes 4, 2, 1 below the map's height:
 *   L = (mse(s, t) + sum_k 2^-i mse(pool_k s, pool_k t)) / (1 + sum_k 2^-i),  i = 1, 2, 3 in the order of the k that are taken
 *
 * Levels are the ends of the stages and, below them, the pooled maps that the classifiers read. All of ABF is trained beside the student.
 * The paper raises the weight over the first 20 epochs.
 */

import * as tf from '@tensorflow/tfjs-core';
import { get, item, last } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import {
  channelsOf,
  type FeatureMap,
  type Graph,
  isMap,
  type Node,
  nodesById,
  type Op,
  printShape,
  shapes,
} from '../../graph/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkPairs, sameSize, stagePairs, type TapPair, tapPair } from '../loss/taps.ts';
import { checkCount } from '../options.ts';
import { rank4 } from '../tensors.ts';
import { adaptivePool } from './adaptive-pool.ts';
import { lastDense } from './embeddings.ts';

export interface ReviewKdOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** The levels of student and teacher, the shallowest first; by default the ends of the stages. */
  readonly pairs?: readonly (readonly [student: string, teacher: string])[];
  /** Whether the pooled maps that the classifiers read are the deepest level; true by default, where both nets have them. */
  readonly pooled?: boolean;
  /** Channels of the fused maps; by default those of the student's deepest level, 512 at most. */
  readonly channels?: number;
}

/**
 * Knowledge review: the student's levels, fused from the deepest up, follow the teacher's (Chen et al. 2021, arXiv:2104.09044, section
 * 3). Use it together with `crossEntropy`.
 * @throws MoonletError when there is no teacher, the maps of a level differ in height or width, or the sizes of neighbouring levels are no
 * whole multiples.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { distill, losses } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const { finished } = await distill(tiny(8), data.train, data, {
 *   ...{ teacher: tiny(16), steps: 3, batch: 8 },
 *   losses: [losses.crossEntropy(), losses.reviewKd({ pairs: [['stage1', 'stage1']] })],
 * });
 * finished; // true
 */
export const reviewKd =
  ({ weight = 1, pairs, pooled = true, channels }: ReviewKdOptions = {}): LossMaker =>
  (nets) => {
    if (pairs) checkPairs('review-kd', 'pairs', pairs);
    if (channels !== undefined) checkCount('channels', channels);
    const teacher = teacherOf(nets, 'review-kd');
    const named = pairs
      ? pairs.map((pair) => tapPair(nets.student, teacher, pair))
      : stagePairs(nets.student, teacher, 'review-kd');
    const levels = named.map((pair) => levelOf(pair));
    const deepest = pooled && !pairs ? pooledLevel(nets.student, teacher) : undefined;
    if (deepest) levels.push(deepest);
    const { outputs, nodes, params } = fusion(levels, channels);
    return {
      name: 'review-kd',
      weight,
      constants: {},
      student: outputs,
      teacher: levels.map((l) => l.teacher),
      beside: nodes,
      notes: [
        `review-kd: levels ${levels.map((l) => `${l.student} ${printShape(l.shape)}`).join(', ')}, fused by ${params} parameters (gone after training)`,
      ],
      compute: (at) =>
        tf.addN<tf.Scalar>(
          levels.map(({ teacher: theirs, shape, out }, i) => {
            const [h, w] = shape;
            const target = at.teacher(theirs);
            return contextLoss(
              rank4(at.student(item(outputs, i))),
              tf.reshape(target, [target.shape[0] ?? 1, h, w, out]),
            );
          }),
        ),
    };
  };

/** A level of both nets: maps of one height and width. */
interface Level {
  readonly student: string;
  readonly teacher: string;
  readonly shape: FeatureMap;
  /** The teacher's channels. */
  readonly out: number;
  /** Nodes that give the student's map, where it is not one of its own. */
  readonly nodes: readonly Node[];
}

function levelOf(pair: TapPair): Level {
  const { student, teacher } = pair;
  if (isMap(student.shape) && sameSize(pair))
    return {
      student: student.id,
      teacher: teacher.id,
      shape: student.shape,
      out: channelsOf(teacher.shape),
      nodes: [],
    };
  throw new MoonletError(
    `review-kd: ${student.id} ${printShape(student.shape)} and ${teacher.id} ${printShape(teacher.shape)} must be maps of one height and width; name the levels by "pairs"`,
  );
}

/** The maps that both classifiers pool, as maps of 1 x 1; undefined unless both nets end in an average pool and a dense layer. */
function pooledLevel(student: Graph, teacher: Graph): Level | undefined {
  const [mine, theirs] = [pooledMap(student), pooledMap(teacher)];
  if (!mine || !theirs) return undefined;
  const [h, w, c] = mine.shape;
  const pool: Op = { kind: 'pool', fn: 'avg', size: [h, w], stride: [h, w], padding: 'valid' };
  const id = 'review-kd/pooled/pool';
  const nodes: readonly Node[] = [{ id, op: pool, inputs: [mine.map] }];
  return { student: id, teacher: theirs.pooled, shape: [1, 1, c], out: theirs.shape[2], nodes };
}

function pooledMap(graph: Graph): { pooled: string; map: string; shape: FeatureMap } | undefined {
  const pooled = lastDense(graph)?.inputs[0];
  if (pooled === undefined) return undefined;
  const node = nodesById(graph).get(pooled);
  const map = node?.op.kind === 'globalPool' && node.op.fn === 'avg' ? node.inputs[0] : undefined;
  const shape = map === undefined ? undefined : get(shapes(graph), map);
  return map !== undefined && shape && isMap(shape) ? { pooled, map, shape } : undefined;
}

/** The fusion of all levels: the nodes of their outputs in the order of the levels, and all nodes, from the deepest level up. */
function fusion(levels: readonly Level[], channels: number | undefined) {
  const mid = channels ?? Math.min(512, channelsOf(last(levels).shape));
  const nodes: Node[] = [];
  const outputs: string[] = [];
  let params = 0;
  let deeper: { readonly id: string; readonly shape: FeatureMap } | undefined;
  for (let i = levels.length - 1; i >= 0; i--) {
    const level = item(levels, i);
    const add = (name: string, op: Op, inputs: readonly string[]): string => {
      const id = `review-kd/level${i + 1}/${name}`;
      nodes.push({ id, op, inputs });
      return id;
    };
    nodes.push(...level.nodes);
    const reduced = add('reduce/norm', norm, [add('reduce/conv', conv(mid, 1), [level.student])]);
    const fused = deeper
      ? fuse(add, reduced, { below: deeper.id, factor: factorOf(level, deeper.shape), mid })
      : reduced;
    outputs.unshift(add('output/norm', norm, [add('output/conv', conv(level.out, 3), [fused])]));
    params += mid * (level.shape[2] + 2) + level.out * (9 * mid + 2) + (deeper ? 4 * mid + 2 : 0);
    deeper = { id: fused, shape: level.shape };
  }
  return { outputs, nodes, params };
}

type Add = (name: string, op: Op, inputs: readonly string[]) => string;
/** ABF's a x' + b y'. */
function fuse(
  add: Add,
  x: string,
  { below, factor, mid }: { readonly below: string; readonly factor: number; readonly mid: number },
): string {
  const y = factor > 1 ? add('upsample', { kind: 'upsample', factor, fn: 'nearest' }, [below]) : below;
  const both = add('concat', { kind: 'concat' }, [x, y]);
  const gates = add('gate/sigmoid', { kind: 'act', fn: 'sigmoid' }, [
    add('gate/conv', { ...conv(2, 1), bias: true }, [both]),
  ]);
  const gated = [x, y].map((value, k) => {
    const one = add(`gate/${k}/slice`, { kind: 'slice', from: k, to: k + 1 }, [gates]);
    return add(`gate/${k}/mul`, { kind: 'mul' }, [value, repeated(add, `gate/${k}`, one, mid)]);
  });
  return add('fused', { kind: 'add' }, gated);
}

/** A map of one channel as one of `count` equal channels: doubled again and again, and the doublings of the binary digits joined. */
function repeated(add: Add, name: string, one: string, count: number): string {
  const parts: string[] = [];
  let [id, size] = [one, 1];
  for (let rest = count; rest > 0; rest >>= 1) {
    if (rest & 1) parts.push(id);
    if (rest > 1) id = add(`${name}/x${2 * size}`, { kind: 'concat' }, [id, id]);
    size *= 2;
  }
  return parts.length > 1 ? add(`${name}/x${count}-joined`, { kind: 'concat' }, parts) : item(parts, 0);
}

/** How many times larger a level is than the deeper one. */
function factorOf({ student, shape: [h, w] }: Level, [below, across]: FeatureMap): number {
  const factor = h / below;
  if (Number.isInteger(factor) && w === across * factor) return factor;
  throw new MoonletError(
    `review-kd: the map of ${student}, ${h} x ${w}, is no whole multiple of the deeper level's, ${below} x ${across}; name the levels by "pairs", or leave the pooled one out ("pooled": false)`,
  );
}

const norm: Op = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true };
const conv = (out: number, size: 1 | 3) => {
  const pad = (size - 1) / 2;
  return {
    ...({ kind: 'conv', kernel: [size, size], stride: [1, 1], dilation: [1, 1], groups: 1 } as const),
    ...({ padding: [pad, pad, pad, pad], bias: false } as const),
    out,
  };
};

/** HCL of one level: maps [batch, h, w, c] of student and teacher. */
export function contextLoss(student: tf.Tensor4D, teacher: tf.Tensor4D): tf.Scalar {
  const terms = [tf.mean<tf.Scalar>(tf.squaredDifference(student, teacher))];
  let [share, total] = [1, 1];
  for (const size of [4, 2, 1]) {
    if (size >= student.shape[1]) continue;
    share /= 2;
    total += share;
    const gap = tf.squaredDifference(adaptivePool(student, size), adaptivePool(teacher, size));
    terms.push(tf.mul(tf.mean<tf.Scalar>(gap), share));
  }
  return tf.div(tf.addN<tf.Scalar>(terms), total);
}
