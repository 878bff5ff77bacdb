/** @file Law 6 on tfjs-node, for every architecture: inference and one training step. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/engine/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { cost } from '../../src/read/cost.ts';
import { expectForwardAgrees, expectStepsAgree, steps } from '../support/agreement.ts';
import { small, smallZoo } from '../support/nets.ts';
import { needsTfjsNode } from './installed.ts';

/** A step on tf's JavaScript backend takes minutes on large nets: these are held against the traced one, which is held against it. */
const reference = (graph: Graph) => (cost(graph).macs > 1.5e7 ? 'onnxruntime' : 'cpu');

describe('tfjs-node agrees (law 6)', () => {
  before(needsTfjsNode);
  for (const graph of smallZoo(32)) {
    it(`${graph.name}: inference as on cpu`, () => expectForwardAgrees(graph, ['cpu', 'tfjs-node']));
    it(`${graph.name}: one training step as on ${reference(graph)}`, () =>
      expectStepsAgree(graph, 8, 'tfjs-node', reference(graph)));
  }

  it('a run leaves no tensor behind', async () => {
    await useBackend('tfjs-node');
    await steps(small('wrn', 16), 'tfjs-node');
    const before = tf.memory().numTensors;
    await steps(small('wrn', 16), 'tfjs-node');
    expect(tf.memory().numTensors).to.equal(before);
  });
});
