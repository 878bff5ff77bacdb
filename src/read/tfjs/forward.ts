/** @file A net as a pure function of tensors: inputs and weights in, values and new statistics out. */
import * as tf from '@tensorflow/tfjs-core';
import { get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { ancestors, type Graph, printShape, valuesOfInputs } from '../../graph/index.ts';
import { mendTf } from '../../kernels/index.ts';
import { materialize, splitKey, type WeightKey, type Weights } from '../../weights/index.ts';
import { apply } from './apply.ts';
import type { CodeTensors } from './codes.ts';
import { type InCodes, inCodesOf, ofLayer } from './requantize.ts';

export type WeightTensors = Readonly<Record<WeightKey, tf.Tensor>>;

export interface ForwardOptions {
  /** Batch statistics and dropout; false by default. */
  readonly training?: boolean;
  /** Ids whose values are wanted; the graph's outputs by default. Nothing that they do not need is computed. */
  readonly values?: readonly string[];
  /** Uniform noise in [0, 1) for a node, [batch, ...]; needed in training when the graph drops anything. */
  readonly noise?: (node: string, shape: readonly number[]) => tf.Tensor;
  /** Norms that keep their running statistics even in training. */
  readonly frozen?: (node: string) => boolean;
  /** Integer layers of the net, which are then summed by codes; without them as floats. */
  readonly codes?: CodeTensors;
}
export interface Forward {
  /** The wanted values, by node id. */
  readonly values: ReadonlyMap<string, tf.Tensor>;
  /** New running statistics, in training only. */
  readonly statistics: ReadonlyMap<WeightKey, tf.Tensor>;
}

/**
 * Run a graph. `x` is the batch for its one input, [batch, h, w, c] or [batch, c], or one batch for each input by id.
 * @throws MoonletError when an input is missing or misshapen, or noise is needed and not given.
 */
export function forward(
  graph: Graph,
  weights: WeightTensors,
  x: tf.Tensor | Readonly<Record<string, tf.Tensor>>,
  { training = false, values = graph.outputs, noise, frozen = () => false, codes }: ForwardOptions = {},
): Forward {
  mendTf();
  const needed = ancestors(graph, values);
  const found = new Map<string, tf.Tensor>();
  const statistics = new Map<WeightKey, tf.Tensor>();
  const inCodes = new Map<string, InCodes>();
  const roundings = new Map(graph.nodes.flatMap(({ id, op }) => (op.kind === 'quantize' ? [[id, op]] : [])));
  for (const node of graph.nodes) {
    if (!needed.has(node.id)) continue;
    const owner = node.weightsOf ?? node.id;
    const ins = node.op.kind === 'input' ? [inputOf(node.id, node.op.shape, x)] : valuesOfInputs(node, found);
    const value = apply(node.op, ins, {
      training: training && !frozen(node.id),
      weight: (slot) => statistics.get(`${owner}:${slot}`) ?? weights[`${owner}:${slot}`],
      noise: (shape) => {
        if (!noise)
          throw new MoonletError(
            `${node.id}: a ${node.op.kind} in training needs noise; pass the option "noise"`,
          );
        return noise(node.id, shape);
      },
      keep: (slot, tensor) => statistics.set(`${owner}:${slot}`, tensor),
      codes: codes?.get(node.id),
      summed: (sum, steps) => inCodes.set(node.id, ofLayer(sum, steps)),
      inCodes: node.op.kind === 'quantize' ? inCodes.get(node.inputs[0] ?? '')?.(node.op) : undefined,
    });
    const before =
      codes && inCodesOf(node, ins, (id) => roundings.get(id), inCodes.get(node.inputs[0] ?? ''));
    if (before) inCodes.set(node.id, before);
    found.set(node.id, value);
  }
  return { values: new Map(values.map((id) => [id, get(found, id)])), statistics };
}

function inputOf(
  id: string,
  shape: readonly number[],
  x: tf.Tensor | Readonly<Record<string, tf.Tensor>>,
): tf.Tensor {
  const value = x instanceof tf.Tensor ? x : x[id];
  if (!value) throw new MoonletError(`${id}: no batch was given for this input`);
  if (printShape(value.shape.slice(1)) !== printShape(shape)) {
    throw new MoonletError(`${id}: expects a batch of ${printShape(shape)}, got ${printShape(value.shape)}`);
  }
  return value;
}

/** The weights as tensors on the current backend. The caller disposes of them. */
export function weightTensors(weights: Weights): Record<WeightKey, tf.Tensor> {
  const all: Record<WeightKey, tf.Tensor> = {};
  for (const [key, weight] of weights) {
    const [node, slot] = splitKey(key);
    all[`${node}:${slot}`] = tf.tensor(materialize(weight), [...weight.shape]);
  }
  return all;
}
