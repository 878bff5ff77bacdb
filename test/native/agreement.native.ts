/** @file Law 6 on tfjs-node, for every architecture: inference and one training step. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type EngineName, useBackend } from '../../src/engine/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { cost } from '../../src/read/cost.ts';
import { expectForwardAgrees, steps } from '../support/agreement.ts';
import { distance, small, smallZoo } from '../support/nets.ts';
import { needsTfjsNode } from './installed.ts';

/**
 * A step on tf's JavaScript backend takes minutes on large nets: these are held against the traced step, which other
 * suites hold against that backend.
 */
const reference = (graph: Graph): EngineName => (cost(graph).macs > 3e6 ? 'onnxruntime' : 'cpu');

/** What one step changes in the weights. */
async function change(graph: Graph, engine: EngineName, ulp?: number): Promise<Float32Array[]> {
  const { before, after } = await steps(graph, engine, { batch: 8, ...(ulp ? { ulp } : {}) });
  const last = after.at(-1) ?? {};
  return Object.keys(before)
    .filter((key) => key.startsWith('weight/'))
    .map((key) => (last[key] as Float32Array).map((now, i) => now - (before[key]?.[i] as number)));
}

/**
 * |dW - dW'| / |dW|, against ten times what the last digits of the input do, and below 5e-2 where these digits alone do
 * not come near it: SqueezeNext at this width is so chaotic that no two engines agree.
 */
async function expectStepAgrees(graph: Graph): Promise<void> {
  const other = reference(graph);
  const [mine, right] = [await change(graph, 'tfjs-node'), await change(graph, other)];
  let chaos = 0;
  // a value at the kink of a relu may stand still on one engine and turn on the other: both are asked
  for (const ulp of [1, 2, 3]) {
    chaos = Math.max(chaos, distance(await change(graph, 'tfjs-node', ulp), mine));
    chaos = Math.max(chaos, distance(await change(graph, other, ulp), right));
  }
  expect(distance(mine, right), `the last digits of the input change ${chaos}`).to.be.below(
    chaos > 1e-2 ? 10 * chaos : Math.min(5e-2, Math.max(10 * chaos, 1e-5)),
  );
}

describe('tfjs-node agrees (law 6)', () => {
  before(needsTfjsNode);
  for (const graph of smallZoo(32)) {
    it(`${graph.name}: inference as on cpu`, () => expectForwardAgrees(graph, ['cpu', 'tfjs-node']));
  }
  // at 64: at 32 the last maps of many nets are 1x1, and a norm over few values multiplies any rounding
  for (const graph of smallZoo(64)) {
    it(`${graph.name}: one training step as on ${reference(graph)}`, () => expectStepAgrees(graph));
  }

  it('a run leaves no tensor behind', async () => {
    await useBackend('tfjs-node');
    await steps(small('wrn', 16), 'tfjs-node');
    const before = tf.memory().numTensors;
    await steps(small('wrn', 16), 'tfjs-node');
    expect(tf.memory().numTensors).to.equal(before);
  });
});
