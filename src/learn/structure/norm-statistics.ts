/**
 * @file Measures the running means and variances of norms again, as needed after an edit of a net. Each becomes the
 * plain mean over some batches of what the batch has (Izmailov et al. 2018, arXiv:1803.05407, section 3.2; Li et al.
 * 2020, arXiv:2007.02491 for pruned nets). Weights stay; nothing is dropped.
 */

import type * as tf from '@tensorflow/tfjs-core';
import { get } from '../../access.ts';
import { type EngineOptions, inferenceEngine, prepare } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import type { Graph, Node } from '../../graph/index.ts';
import { inputShape } from '../../graph/index.ts';
import { forward } from '../../read/tfjs/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { isWeightKey, tensorAt } from '../tensors.ts';
import { checkNorms } from '../train/batch-check.ts';

/**
 * The net with statistics of these batches: each [batch, ...input] flat, all of one length.
 * @throws MoonletError when there is none, they are not of whole examples, or a norm would see one value a channel.
 */
export async function reestimateNorms(
  net: Net,
  batches: Iterable<Float32Array>,
  o: EngineOptions = {},
): Promise<Net> {
  const [first, ...rest] = batches;
  const shape = inputShape(net.graph);
  const batch = (first?.length ?? 0) / shape.reduce((n, d) => n * d, 1);
  if (!first || !Number.isInteger(batch) || rest.some((x) => x.length !== first.length)) {
    throw new MoonletError(
      `${net.graph.name}: norm statistics need batches of whole examples of ${shape.join(' x ')}, all of one size`,
    );
  }
  checkNorms(net.graph, batch);
  const graph = asMeasured(net.graph);
  const state = Object.fromEntries([...net.weights].map(([key, w]) => [key, { shape: w.shape }]));
  const ready = await prepare(
    (tensors, inputs) => {
      const weights: Record<WeightKey, tf.Tensor> = {};
      for (const key of net.weights.keys()) weights[key] = tensorAt(tensors, key);
      const { statistics } = forward(graph, weights, tensorAt(inputs, 'x'), { training: true });
      return { state: tensors, outputs: Object.fromEntries(statistics) };
    },
    { state, inputs: { x: { shape: [batch, ...shape] } } },
    { ...o, engine: await inferenceEngine(o) },
  );
  const sums = new Map<WeightKey, Float64Array>();
  try {
    const weights = Object.fromEntries([...net.weights].map(([key, w]) => [key, materialize(w)]));
    for (const x of [first, ...rest]) {
      for (const [key, found] of Object.entries((await ready.run(weights, { x })).outputs)) {
        if (!isWeightKey(key)) continue;
        const sum = sums.get(key) ?? new Float64Array(found.length);
        found.forEach((v, i) => {
          sum[i] = sum[i]! + v;
        });
        sums.set(key, sum);
      }
    }
  } finally {
    await ready.release();
  }
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const [key, sum] of sums) {
    const old = get(net.weights, key);
    weights.set(
      key,
      float(
        old.shape,
        Float32Array.from(sum, (s) => s / (1 + rest.length)),
      ),
    );
  }
  return { graph: net.graph, weights };
}

/** With momentum 0 a step's new statistics are the batch's own. */
const asMeasured = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map(({ op, ...node }): Node => {
    if (op.kind === 'norm') return { ...node, op: { ...op, momentum: 0 } };
    const drops = op.kind === 'dropout' || op.kind === 'dropPath';
    return { ...node, op: drops ? { ...op, rate: 0 } : op };
  }),
});
