/** @file A net as a pure function of tensors: inputs and weights in, values and new statistics out. */
import * as tf from '@tensorflow/tfjs-core';
import { defined, first, get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import {
  ancestors,
  consumers,
  type Graph,
  type Node,
  printShape,
  type Quantize,
  type Slot,
  valuesOfInputs,
} from '../../graph/index.ts';
import { mendTf } from '../../kernels/index.ts';
import { materialize, splitKey, type WeightKey, type Weights } from '../../weights/index.ts';
import { apply } from './apply.ts';
import type { CodeTensors } from './codes.ts';
import { type InCodes, inCodesOf, ofLayer } from './requantize.ts';

export type WeightTensors = Readonly<Record<WeightKey, tf.Tensor>>;

export interface ForwardOptions {
  /** Batch statistics and dropout; false by default. */
  readonly training?: boolean;
  /** Ids of the nodes whose values are returned; the graph's outputs by default. Only what they need is computed. */
  readonly values?: readonly string[];
  /** Uniform noise in [0, 1) for a node, [batch, ...]; needed in training when the graph drops anything. */
  readonly noise?: (node: string, shape: readonly number[]) => tf.Tensor;
  /** Norms that keep their running statistics even in training. */
  readonly frozen?: (node: string) => boolean;
  /** What a rounding op gives, where it is not the rounding of its own steps. */
  readonly rounding?: (node: string, op: Quantize, x: tf.Tensor) => tf.Tensor | undefined;
  /** Integer layers of the net, which are then summed by codes; without them as floats. */
  readonly codes?: CodeTensors;
}
export interface Forward {
  /** The requested values, by node id. */
  readonly values: ReadonlyMap<string, tf.Tensor>;
  /** New running statistics, in training only. */
  readonly statistics: ReadonlyMap<WeightKey, tf.Tensor>;
}

/**
 * Runs a graph on tensors. `x` is the batch for its only input, [batch, h, w, c] or [batch, c], or one batch for each
 * input by id.
 *
 * @throws MoonletError when an input is missing or has the wrong shape, or noise is needed and not given.
 * @example
 * import '@tensorflow/tfjs-backend-cpu';
 * import * as tf from '@tensorflow/tfjs-core';
 * import { init } from 'moonlet';
 * import { lenet5 } from 'moonlet/architectures';
 * import { forward, weightTensors } from 'moonlet/tfjs';
 *
 * const { graph, weights } = init(lenet5());
 * const { values } = forward(graph, weightTensors(weights), tf.zeros([2, 32, 32, 1]));
 * [...values.values()][0]?.shape; // [2, 10]
 */
export function forward(
  graph: Graph,
  weights: WeightTensors,
  x: tf.Tensor | Readonly<Record<string, tf.Tensor>>,
  {
    training = false,
    values = graph.outputs,
    noise,
    frozen = () => false,
    codes,
    rounding,
  }: ForwardOptions = {},
): Forward {
  mendTf();
  const needed = ancestors(graph, values);
  const found = new Map<string, tf.Tensor>();
  const statistics = new Map<WeightKey, tf.Tensor>();
  const inCodes = new Map<string, InCodes>();
  const folded = training && !codes ? foldedNorms(graph, needed, values, frozen) : new Map<string, Node>();
  const roundings = new Map(graph.nodes.flatMap(({ id, op }) => (op.kind === 'quantize' ? [[id, op]] : [])));
  for (const node of graph.nodes) {
    if (!needed.has(node.id)) continue;
    const owner = node.weightsOf ?? node.id;
    const ins = node.op.kind === 'input' ? [inputOf(node.id, node.op.shape, x)] : valuesOfInputs(node, found);
    const weightOf = (slot: Slot): tf.Tensor | undefined =>
      statistics.get(`${owner}:${slot}`) ?? weights[`${owner}:${slot}`];
    const norm = folded.get(node.id);
    if (node.op.kind === 'norm' && folded.get(node.inputs[0] ?? '') === node) {
      found.set(node.id, first(ins));
      continue;
    }
    const own = node.op.kind === 'quantize' ? rounding?.(node.id, node.op, first(ins)) : undefined;
    const value =
      own ??
      apply(node.op, ins, {
        training: training && !frozen(node.id),
        weight: norm ? withNorm(norm, weights, weightOf) : weightOf,
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

/**
 * Frozen norms by the layer that they read, where nothing else reads it: such a layer computes its norm too, by its kernel and bias,
 * so that no norm passes over the image.
 */
function foldedNorms(
  graph: Graph,
  needed: ReadonlySet<string>,
  values: readonly string[],
  frozen: (node: string) => boolean,
): ReadonlyMap<string, Node> {
  const readers = consumers(graph);
  return new Map(
    graph.nodes.flatMap(({ id, op }) => {
      const [norm, ...others] = (readers.get(id) ?? []).filter((n) => needed.has(n.id));
      const isLayer = (op.kind === 'conv' || op.kind === 'dense') && !values.includes(id) && needed.has(id);
      return isLayer && norm?.op.kind === 'norm' && frozen(norm.id) && !others.length
        ? [[id, norm] as const]
        : [];
    }),
  );
}

/** A layer's weights with the norm that reads it: kernel k and (bias - mean) k + beta, with k = gamma / sqrt(variance + eps). */
function withNorm(
  { id, op, weightsOf = id }: Node,
  weights: WeightTensors,
  layer: (slot: Slot) => tf.Tensor | undefined,
): (slot: Slot) => tf.Tensor | undefined {
  const at = (slot: Slot): tf.Tensor | undefined => weights[`${weightsOf}:${slot}`];
  const eps = op.kind === 'norm' ? op.eps : 0;
  const deviation = tf.sqrt(tf.add(defined(at('variance'), 'variance'), eps));
  const factor = tf.div(at('gamma') ?? 1, deviation);
  const [mean, beta] = [defined(at('mean'), 'mean'), at('beta')];
  return (slot) => {
    const weight = layer(slot);
    if (slot === 'kernel') return weight && tf.mul(weight, factor);
    if (slot !== 'bias') return weight;
    const offset = tf.mul(weight ? tf.sub(weight, mean) : tf.neg(mean), factor);
    return beta ? tf.add(offset, beta) : offset;
  };
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
