/**
 * @file Learning without forgetting. Li and Hoiem, PAMI 2017, arXiv:1606.09282, equations 1 to 3 and figure 3 [150]: a net
 * that learns a new task from the new task's images alone, and keeps what it said of them for the old one.
 *
 *   L_old = -sum_k y'_k log yhat'_k,  y'_k = y_k^(1/T) / sum_j y_j^(1/T),  y of the net as it was, yhat of the net as it is
 *
 * T = 2, weight 1; y^(1/T) normalized is the softmax of the logits over T. The old net stands as the teacher and is asked
 * about the new images. A new head is added by `addHead`; it alone is trained first, then all.
 */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError, Refusal } from '../../errors.ts';
import { channelsOf, check, type Node, nodeAt } from '../../graph/index.ts';
import { checkClasses, logitsAt } from '../../read/index.ts';
import { init, type Net } from '../../weights/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, settingsOf } from '../loss/settings.ts';
import { tap } from '../loss/taps.ts';
import { rank2 } from '../tensors.ts';
import { lastDense } from './embeddings.ts';

export interface LwfOptions {
  /** lambda_o; 1 by default. */
  readonly weight?: number | Schedule;
  /** The temperature; 2 by default. */
  readonly temperature?: number | Schedule;
  /** The node of the old task's logits in the student; by default the old net's output. */
  readonly old?: string;
}

/**
 * Learning without forgetting: the cross-entropy of the old head with the softened outputs of the net as it was (Li and Hoiem
 * 2017, arXiv:1606.09282, equations 1 to 3). The old net is the teacher.
 * @throws MoonletError when there is no old net, or the student has not its head any more.
 */
export const lwf =
  ({ weight = 1, temperature = 2, old }: LwfOptions = {}): LossMaker =>
  (nets) => {
    const settings = settingsOf({ temperature: [temperature, aboveZero] });
    const theirs = logitsAt(teacherOf(nets, 'lwf'));
    if (old === undefined && !nets.student.nodes.some((n) => n.id === theirs))
      throw new MoonletError(
        `lwf: ${nets.student.name} has no "${theirs}", the old net's head; name it by "old"`,
      );
    const head = tap(nets.student, old ?? theirs);
    checkClasses(nets.student, channelsOf(head.shape));
    const id = logitsAt(nets.student, head.id);
    return {
      name: 'lwf',
      weight,
      constants: {},
      ...settings,
      student: [id],
      teacher: [theirs],
      compute: (at) => lwfOf(rank2(at.student(id)), rank2(at.teacher(theirs)), at.setting('temperature')),
    };
  };

/** L_old, averaged over the batch: logits [batch, classes] of the net as it is and as it was. */
export function lwfOf(now: tf.Tensor2D, then: tf.Tensor2D, temperature: tf.Scalar): tf.Scalar {
  const target = tf.softmax(tf.div<tf.Tensor2D>(then, temperature));
  const log = tf.logSoftmax(tf.div<tf.Tensor2D>(now, temperature));
  return tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(target, log), 1)));
}

/**
 * The net with one more head, which is its output from now on: a dense layer on what the classifier reads, under
 * `heads/<name>`. `normalized` puts a norm before it, which brings each feature to unit variance and learns its scale, so that
 * units that are new (`addUnits`) and old ones weigh alike at first (Wang et al. 2017, arXiv:1907.07844). The old head stays in
 * the graph, though no output needs it; `withOutput` brings it back. `withHead` of `moonlet` replaces the old head instead.
 * @throws Refusal for a net whose outputs come from no dense layer.
 */
export function addHead(
  net: Net,
  o: {
    readonly name: string;
    readonly classes: number;
    readonly seed?: number;
    readonly normalized?: boolean;
  },
): Net {
  const { graph } = net;
  const source = lastDense(graph, graph.outputs)?.inputs[0];
  if (source === undefined)
    throw new Refusal(`${graph.name}: no dense layer gives an output, beside which a head could stand`);
  const norm: Node = {
    id: `heads/${o.name}/norm`,
    op: { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true },
    inputs: [source],
  };
  const head: Node = {
    id: `heads/${o.name}/dense`,
    op: { kind: 'dense', out: o.classes, bias: true },
    inputs: [o.normalized ? norm.id : source],
  };
  const nodes = [...graph.nodes, ...(o.normalized ? [norm] : []), head];
  const grown = check({ ...graph, nodes, outputs: [head.id] });
  return { graph: grown, weights: new Map([...init(grown, { seed: o.seed ?? 0 }).weights, ...net.weights]) };
}

/** The net with another of its nodes as its output. @throws MoonletError with the nearest path. */
export const withOutput = ({ graph, weights }: Net, path: string): Net => ({
  graph: { ...graph, outputs: [nodeAt(graph, path).id] },
  weights,
});
