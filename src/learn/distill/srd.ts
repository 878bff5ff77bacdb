/**
 * @file Softmax regression representation distillation (SRD, also SRRL). Yang, Martinez, Bulat and Tzimiropoulos, ICLR 2021,
 * "Knowledge Distillation via Softmax Regression Representation Learning", section 3: the student's embedding, put into the teacher's
 * place, must give the teacher's logits.
 *
 *   f = act(norm(C e_student))            the connector, of the length of the teacher's embedding
 *   L = alpha mean (f - e_teacher)^2 + beta mean (W f + b - z_teacher)^2
 *
 * W and b are those of the teacher's classifier, and frozen: they weigh the directions of the embedding by what they do to the classes,
 * which the first term does not. Both means are over the batch and the numbers of an example; alpha = beta = 1 beside cross-entropy. With
 * `form: 'soft'` the second term is T^2 KL of the probabilities instead. The connector's activation is the one that the teacher has
 * before its embedding (ReLU in the paper), and none where the teacher has none.
 */

import * as tf from '@tensorflow/tfjs-core';
import { get } from '../../access.ts';
import { checkValue, oneOf } from '../../edit/options.ts';
import { MoonletError } from '../../errors.ts';
import { type Activation, channelsOf, type Graph, type Node, nodesById } from '../../graph/index.ts';
import { materialize, type Net } from '../../weights/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, fromZero, settingsOf } from '../loss/settings.ts';
import { checkOneTeacher } from '../loss/taps.ts';
import { rank2 } from '../tensors.ts';
import { embeddingPair, lastDense } from './embeddings.ts';
import { softTargetsOf } from './soft-targets.ts';

export interface SrdOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** The weight of the embeddings' difference; 1 by default. */
  readonly alpha?: number | Schedule;
  /** The weight of the difference behind the teacher's classifier; 1 by default. */
  readonly beta?: number | Schedule;
  /** How logits are compared: `l2`, the default, by squared differences; `soft` by probabilities. */
  readonly form?: 'l2' | 'soft';
  /** The temperature of `soft`; 4 by default. */
  readonly temperature?: number | Schedule;
}

/**
 * Softmax regression representation distillation: the student's embedding follows the teacher's, both directly and through the teacher's
 * frozen classifier (Yang et al., ICLR 2021, section 3). A connector beside the student is trained along and removed when the run ends.
 * Use it together with `crossEntropy`. The teacher's classes may differ from the student's.
 * @throws MoonletError when there is no teacher, or the output of a net comes from no dense layer; UsageError for a
 * temperature that is not above 0.
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
 *   losses: [losses.crossEntropy(), losses.srd({ alpha: 1, beta: 1 })],
 * });
 * finished; // true
 */
export const srd =
  ({ weight = 1, alpha = 1, beta = 1, form = 'l2', temperature = 4 }: SrdOptions = {}): LossMaker =>
  (nets) => {
    checkValue('srd', 'form', form, oneOf('l2', 'soft'));
    const settings = settingsOf({
      alpha: [alpha, fromZero],
      beta: [beta, fromZero],
      ...(form === 'soft' ? { temperature: [temperature, aboveZero] as const } : {}),
    });
    const teacher = teacherOf(nets, 'srd');
    const { teacherNet } = nets;
    if (!teacherNet)
      throw new MoonletError('srd: needs the teacher with its weights; pass it as "teacherNet"');
    checkOneTeacher(teacher, 'srd');
    for (const graph of [nets.student, teacher]) denseOf(graph);
    const pair = embeddingPair(nets.student, teacher, 'srd');
    const embedding = pair.teacher.id;
    const length = channelsOf(pair.teacher.shape);
    const connector = connectorNodes(pair.student.id, length, activationBefore(teacher, embedding));
    const connected = connector.at(-1)?.id ?? pair.student.id;
    const classifier = classifierOf(teacherNet);
    return {
      name: 'srd',
      weight,
      constants: { form },
      ...settings,
      student: [connected],
      teacher: [embedding, classifier.id],
      beside: connector,
      notes: [
        `srd: ${pair.student.id} [${channelsOf(pair.student.shape)}] -> ${embedding} [${length}] by a connector (${length * (channelsOf(pair.student.shape) + 2)} parameters, gone after training)`,
      ],
      compute: (at) => {
        const f = rank2(at.student(connected));
        const matching = tf.mean(tf.squaredDifference(f, at.teacher(embedding)));
        const [said, target] = [classifier.read(f), rank2(at.teacher(classifier.id))];
        const regression =
          form === 'l2'
            ? tf.mean(tf.squaredDifference(said, target))
            : softTargetsOf(said, target, at.setting('temperature'));
        return tf.add<tf.Scalar>(
          tf.mul(matching, at.setting('alpha')),
          tf.mul(regression, at.setting('beta')),
        );
      },
    };
  };

/** A dense layer, a norm, and the activation where there is one. */
function connectorNodes(from: string, out: number, fn: Activation | undefined): readonly Node[] {
  const norm = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true } as const;
  const path = 'connector/srd';
  return [
    { id: `${path}/dense`, op: { kind: 'dense', out, bias: false }, inputs: [from] },
    { id: `${path}/norm`, op: norm, inputs: [`${path}/dense`] },
    ...(fn ? [{ id: `${path}/act`, op: { kind: 'act', fn }, inputs: [`${path}/norm`] } as const] : []),
  ];
}

/** The activation that gives a value, seen through pools, dropout and flattening; undefined where another layer gives it. */
export function activationBefore(graph: Graph, id: string): Activation | undefined {
  const byId = nodesById(graph);
  let node = byId.get(id);
  while (node && passing.has(node.op.kind)) node = byId.get(node.inputs[0] ?? '');
  return node?.op.kind === 'act' ? node.op.fn : undefined;
}
const passing: ReadonlySet<Node['op']['kind']> = new Set([
  'globalPool',
  'pool',
  'flatten',
  'dropout',
  'dropPath',
]);

/** The dense layer of a classifier. @throws MoonletError when the output comes from another layer. */
function denseOf(graph: Graph): Node {
  const node = lastDense(graph);
  if (node) return node;
  throw new MoonletError(
    `srd: the output of ${graph.name} comes from no dense layer, which would read an embedding; choose another loss`,
  );
}

/** The node of the teacher's last dense layer, and what the layer makes of other embeddings, [batch, length] -> [batch, classes]. */
function classifierOf({ graph, weights }: Net) {
  const node = denseOf(graph);
  const owner = node.weightsOf ?? node.id;
  const kernel = get(weights, `${owner}:kernel`);
  const bias = weights.get(`${owner}:bias`);
  return {
    id: node.id,
    read: (x: tf.Tensor2D): tf.Tensor2D => {
      const product = tf.matMul(x, rank2(tf.tensor(materialize(kernel), [...kernel.shape])));
      return rank2(bias ? tf.add(product, tf.tensor1d(materialize(bias))) : product);
    },
  };
}
