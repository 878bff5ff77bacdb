/**
 * @file Distilling from neurons. Luo, Zhu, Liu, Wang, Tang, AAAI 2016, "Face Model Compression by Distilling Knowledge from
 * Neurons" [161].
 *
 *   L = 1/2 mean over the selected neurons of (s_i - (t_i - mean_i) / deviation_i)^2
 *
 * t are neurons of the teacher's top hidden layer, s what a dense layer beside the student's top hidden layer makes of that.
 * Which neurons: `selectNeurons`. Each is brought to zero mean and unit deviation, so that none outweighs the others. Beside
 * `crossEntropy`, which trains the student's own classifier.
 */

import * as tf from '@tensorflow/tfjs-core';
import { first, get, item } from '../../access.ts';
import { checkSplit, type Split } from '../../data/in-memory.ts';
import { compile, type EngineOptions } from '../../engine/index.ts';
import { MoonletError, UsageError } from '../../errors.ts';
import { channelsOf, type Graph, isMap, type Node, nodesById, shapes } from '../../graph/index.ts';
import { logitsAt } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { type LossMaker, teacherOf } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { checkOneTeacher, checkPair, type Tap, tap } from '../loss/taps.ts';
import { passes } from '../task/batches.ts';
import { checkInput } from '../task/data-check.ts';
import type { Scale } from '../task/scale.ts';
import { rank2 } from '../tensors.ts';
import { type Columns, type Selection, type SelectOptions, selectNeurons } from './select-neurons.ts';

/** Selected neurons with what brings them to zero mean and unit deviation. */
export interface ChosenNeurons {
  readonly neurons: readonly number[];
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}
export interface NeuronSelectionOptions extends ChosenNeurons {
  readonly weight?: number | Schedule;
  /** Hidden layers of student and teacher; by default the inputs of their last dense layers. */
  readonly pair?: readonly [student: string, teacher: string];
}

/**
 * Regression on chosen neurons of the teacher, from a dense layer beside the student's top hidden layer (Luo et al. 2016).
 * @throws MoonletError when there is no teacher, a layer is no vector, or a neuron is not there.
 */
export const neuronSelection =
  ({ neurons, mean, deviation, weight = 1, pair }: NeuronSelectionOptions): LossMaker =>
  (nets) => {
    if (pair) checkPair('neuron-selection', 'pair', pair);
    checkChosen({ neurons, mean, deviation });
    const teacher = teacherOf(nets, 'neuron-selection');
    const mine = pair ? vectorAt(nets.student, pair[0]) : topHidden(nets.student);
    const theirs = pair ? vectorAt(teacher, pair[1]) : topHidden(teacher);
    const count = channelsOf(theirs.shape);
    const outside = neurons.find((i) => !Number.isInteger(i) || i < 0 || i >= count);
    if (outside !== undefined)
      throw new MoonletError(
        `neuron-selection: no neuron ${outside} in ${theirs.id}; it has ${count}, from 0`,
      );
    const regressor: Node = {
      id: 'adapter/neuron-selection/dense',
      op: { kind: 'dense', out: neurons.length, bias: true },
      inputs: [mine.id],
    };
    return {
      name: 'neuron-selection',
      weight,
      constants: { neurons, mean, deviation },
      student: [regressor.id],
      teacher: [theirs.id],
      beside: [regressor],
      notes: [`neuron-selection: ${neurons.length} of ${count} neurons of ${theirs.id}`],
      compute: (at) => {
        const all = rank2(at.teacher(theirs.id));
        const chosen = tf.gather(all, tf.tensor1d([...neurons], 'int32'), 1);
        const target = tf.div(tf.sub(chosen, tf.tensor1d([...mean])), tf.tensor1d([...deviation]));
        return tf.div(tf.mean(tf.squaredDifference(at.student(regressor.id), target)), 2);
      },
    };
  };

/** @throws UsageError for no neuron, or another number of means or deviations. */
function checkChosen({ neurons, mean, deviation }: ChosenNeurons): void {
  if (neurons.length && mean.length === neurons.length && deviation.length === neurons.length) return;
  throw new UsageError(
    `neuron-selection: neurons, mean and deviation must be arrays of one length, 1 or more, got ${neurons.length}, ${mean.length} and ${deviation.length}`,
  );
}

/** What feeds the classifier's last dense layer. @throws MoonletError when it does not end in one. */
export function topHidden(graph: Graph): Tap {
  checkOneTeacher(graph, 'neuron-selection', 'pair');
  const end = nodesById(graph).get(logitsAt(graph));
  if (end?.op.kind === 'dense') return vectorAt(graph, first(end.inputs));
  throw new MoonletError(
    `neuron-selection: ${graph.name} does not end in a dense layer; name the layers by "pair"`,
  );
}
function vectorAt(graph: Graph, path: string): Tap {
  const found: Tap = path === '' ? { id: path, shape: [0] } : tap(graph, path);
  if (isMap(found.shape)) throw new MoonletError(`neuron-selection: ${found.id} is a map; choose a vector`);
  return found;
}

export interface ChooseOptions extends SelectOptions, EngineOptions {
  /** The teacher's layer; by default the input of its last dense layer. */
  readonly layer?: string;
}

/**
 * Choose a teacher's neurons by what they say of a split's images, whose attributes are known.
 * @throws MoonletError when the split does not fit the teacher, or an attribute is not known of each image.
 */
export async function chooseNeurons(
  teacher: Net,
  split: Split,
  scale: Scale,
  attributes: Columns,
  { layer, lambda, cost, ...engine }: ChooseOptions = {},
): Promise<ChosenNeurons & Selection> {
  const { id } = layer === undefined ? topHidden(teacher.graph) : vectorAt(teacher.graph, layer);
  checkSplit(split, scale, 'data');
  checkInput(teacher.graph, scale.shape, 'the images are');
  const partial = attributes.find((column) => column.length !== split.count);
  if (partial)
    throw new MoonletError(
      `neuron-selection: an attribute has ${partial.length} values for ${split.count} images; give one an image`,
    );
  const count = channelsOf(get(shapes(teacher.graph), id));
  const columns = Array.from({ length: count }, () => new Float64Array(split.count));
  const runner = await compile(teacher, { ...engine, values: [id] });
  try {
    let done = 0;
    for (const { x, count: real } of passes(split, scale, Math.min(250, split.count))) {
      const values = get(await runner.run(x), id);
      for (let i = 0; i < real; i++)
        columns.forEach((column, k) => {
          column[done + i] = values[i * count + k]!;
        });
      done += real;
    }
  } finally {
    await runner.release();
  }
  const selection = selectNeurons(columns, attributes, {
    ...(lambda === undefined ? {} : { lambda }),
    ...(cost === undefined ? {} : { cost }),
  });
  const chosen = selection.neurons.map((k) => item(columns, k));
  const mean = chosen.map((c) => c.reduce((a, b) => a + b, 0) / c.length);
  const deviation = chosen.map((c, k) =>
    Math.sqrt(c.reduce((sum, v) => sum + (v - mean[k]!) ** 2, 0) / c.length),
  );
  return { ...selection, mean, deviation };
}
