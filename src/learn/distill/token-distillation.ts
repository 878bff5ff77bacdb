/**
 * @file Token distillation as timm has it (its class `TokenDistillationTask`, version 1.0.31), after DeiT: Touvron, Cord, Douze, Massa,
 * Sablayrolles and Jegou, ICML 2021, arXiv:2012.12877, section 4, equations 2 and 3. Labels train one classifier, the teacher another.
 *
 *   soft: L = T^2 KL(softmax(v / T) || softmax(d / T)),  d the logits of the distillation head, v of the teacher
 *   hard: L = -mean log softmax(d)_t,  t the class that the teacher gives its largest logit
 *
 * timm's T is 1. In DeiT the second classifier reads a token of its own; convolutional nets (RepViT, LeViT) read the same pooled vector by
 * both. Where the student has one classifier, the second is a dense layer beside it. The prediction is the mean of both classifiers'
 * logits (section 4), which is one dense layer again: kernels and biases are averaged, and the student is returned with its own graph.
 */

import * as tf from '@tensorflow/tfjs-core';
import { get } from '../../access.ts';
import { checkValue, oneOf } from '../../edit/options.ts';
import { MoonletError } from '../../errors.ts';
import { channelsOf, type Graph, type Node, nodesById } from '../../graph/index.ts';
import { classEnd, logitsAt } from '../../read/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { crossEntropyOf } from '../loss/cross-entropy.ts';
import { type Loss, type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, settingsOf } from '../loss/settings.ts';
import { tap } from '../loss/taps.ts';
import { rank2 } from '../tensors.ts';
import { softTargetsOf } from './soft-targets.ts';

export interface TokenDistillationOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** `soft`, the default: the teacher's probabilities; `hard`: the class that it chooses. */
  readonly form?: 'soft' | 'hard';
  /** The temperature of `soft`; 1 by default. */
  readonly temperature?: number | Schedule;
  /** The logits of a distillation head that the student already has; by default one is trained beside it. */
  readonly head?: string;
}

/**
 * Token distillation as in timm: the teacher trains a classifier of its own beside the student's, and the trained student predicts by the
 * mean of both (Touvron et al. 2021, arXiv:2012.12877, equations 2 and 3), or of all, where several teachers each train one (`taughtBy`). Use it together with `crossEntropy`, which trains the
 * student's own classifier.
 * @throws MoonletError when there is no teacher, the classes differ, or the student's logits are no dense layer and no `head` is named;
 * UsageError for a temperature that is not above 0.
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
 *   losses: [losses.crossEntropy(), losses.tokenDistillation({ form: 'hard' })],
 * });
 * finished; // true
 */
export const tokenDistillation =
  ({ weight = 1, form = 'soft', temperature = 1, head }: TokenDistillationOptions = {}): LossMaker =>
  (nets) => {
    checkValue('token-distillation', 'form', form, oneOf('soft', 'hard'));
    const settings = settingsOf(form === 'soft' ? { temperature: [temperature, aboveZero] } : {});
    const { logits: v, classes } = classEnd(teacherOf(nets, 'token-distillation'));
    const second = head === undefined ? headBeside(nets.student) : namedHead(nets.student, head);
    if (second.classes !== classes)
      throw new MoonletError(
        `token-distillation: the student has ${second.classes} classes, the teacher ${classes}; the numbers must be equal`,
      );
    const { id, ...parts } = second;
    return {
      ...parts,
      name: 'token-distillation',
      weight,
      constants: { form },
      ...settings,
      student: [id],
      teacher: [v],
      compute: (at) => {
        const [said, taught] = [rank2(at.student(id)), rank2(at.teacher(v))];
        if (form === 'soft') return softTargetsOf(said, taught, at.setting('temperature'));
        return crossEntropyOf(said, tf.argMax(taught, 1), classes);
      },
    };
  };

interface Head extends Pick<Loss, 'beside' | 'notes' | 'merge'> {
  /** The node of its logits. */
  readonly id: string;
  readonly classes: number;
}

function namedHead(student: Graph, head: string): Head {
  const { id, shape } = tap(student, head);
  return { id: logitsAt(student, id), classes: channelsOf(shape) };
}

/** A second dense layer on what the student's classifier reads, averaged with it when the run ends. */
function headBeside(student: Graph): Head {
  const { logits, classes } = classEnd(student);
  const node = nodesById(student).get(logits);
  if (node?.op.kind !== 'dense' || node.weightsOf !== undefined || isShared(student, logits))
    throw new MoonletError(
      `token-distillation: the logits of ${student.name}, "${logits}", are no dense layer of their own, whose mean with a second one would be one layer; name the second one by "head"`,
    );
  const id = 'distillation-head/dense';
  return {
    id,
    classes,
    beside: [{ id, op: node.op, inputs: node.inputs }],
    notes: [
      `token-distillation: a second classifier beside ${logits}; the trained net has the mean of both in its place`,
    ],
    // the net's own classifier is already the mean of `earlier` + 1
    merge: (net, beside, earlier) => averaged(net, node, (slot) => beside(id, slot), earlier + 1),
  };
}
const isShared = ({ nodes }: Graph, id: string): boolean => nodes.some((n) => n.weightsOf === id);

const slotsOf = ({ op }: Node): readonly ('kernel' | 'bias')[] =>
  op.kind === 'dense' && op.bias ? ['kernel', 'bias'] : ['kernel'];

/**
 * The net whose dense layer is the mean of another one and of the `count` ones that its own is the mean of:
 * W = (count W_own + W_other) / (count + 1), and the bias alike.
 */
export function averaged(net: Net, node: Node, other: (slot: 'kernel' | 'bias') => Weight, count = 1): Net {
  const weights = new Map(net.weights);
  for (const slot of slotsOf(node)) {
    const key: WeightKey = `${node.id}:${slot}`;
    const own = get(net.weights, key);
    const theirs = materialize(other(slot));
    const mean = materialize(own).map((value, i) => (count * value + theirs[i]!) / (count + 1));
    weights.set(key, float(own.shape, mean));
  }
  return { graph: net.graph, weights };
}
