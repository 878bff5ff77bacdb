/**
 * @file Nets whose norms do their work: running statistics are those of a batch, so that values keep their size through
 * the depth. With drawn statistics, nets that multiply branches grow without bound, and rounding with them.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { prepare } from '../../src/engine/index.ts';
import type { Graph, Node } from '../../src/graph/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { forward, type WeightTensors } from '../../src/read/tfjs/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { noise, shaken, sizeOf } from './nets.ts';

/** @param calm see `shaken`. */
export async function calibrated(graph: Graph, seed = 1, calm = false): Promise<Net> {
  const { weights } = shaken(graph, seed, calm);
  // with momentum 0 the new statistics are the batch's own; nothing is dropped
  const nodes = graph.nodes.map((n): Node => {
    if (n.op.kind === 'norm') return { ...n, op: { ...n.op, momentum: 0 } };
    return n.op.kind === 'dropout' || n.op.kind === 'dropPath' ? { ...n, op: { ...n.op, rate: 0 } } : n;
  });
  const quick: Graph = { ...graph, nodes };
  const batch = 8;
  const state = Object.fromEntries([...weights].map(([key, w]) => [key, { shape: w.shape }]));
  const ready = await prepare(
    (tensors, inputs) => {
      const run = forward(quick, tensors as WeightTensors, inputs['x'] as tf.Tensor, { training: true });
      return { state: { ...tensors, ...Object.fromEntries(run.statistics) }, outputs: {} };
    },
    { state, inputs: { x: { shape: [batch, ...inputShape(graph)] } } },
  );
  const x = noise(batch * sizeOf(inputShape(graph)), 'calibrated', seed);
  const done = await ready.run(Object.fromEntries([...weights].map(([key, w]) => [key, materialize(w)])), {
    x,
  });
  await ready.release();
  const settled = new Map<WeightKey, Weight>();
  for (const [key, w] of weights) {
    const data = (done.state[key] as Float32Array | undefined) ?? materialize(w);
    settled.set(key, float(w.shape, key.endsWith(':variance') ? floored(data) : data));
  }
  return { graph, weights: settled };
}

/** A channel that a batch never woke has no variance, and its norm would multiply rounding by hundreds. */
function floored(variance: Float32Array): Float32Array {
  const mean = variance.reduce((a, b) => a + b, 0) / variance.length;
  return variance.map((v) => v + 0.1 * mean + 1e-3);
}
