/** @file Law 6 on tfjs-node, for every architecture: inference and one training step. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type EngineName, useBackend } from '../../src/engine/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { expectForwardAgrees, expectStepsAgree, steps } from '../support/agreement.ts';
import { everyName, small, smallZoo } from '../support/nets.ts';
import { needsTfjsNode } from './installed.ts';

/**
 * A step on tf's JavaScript backend takes minutes on large nets: these are held against the traced step, which other
 * suites hold against that backend.
 */
const reference = (graph: Graph): EngineName => (cost(graph).macs > 3e6 ? 'onnxruntime' : 'cpu');

/** A value at the kink of a relu may stand still on one engine and turn on the other: chaos is tried on both. */
const expectStepAgrees = (graph: Graph): Promise<void> =>
  expectStepsAgree(graph, {
    batch: 8,
    engine: 'tfjs-node',
    reference: reference(graph),
    chaosOn: ['tfjs-node', reference(graph)],
  });

describe('tfjs-node agrees (law 6)', () => {
  before(needsTfjsNode);
  for (const graph of smallZoo(32, everyName)) {
    it(`${graph.name}: inference as on cpu`, () => expectForwardAgrees(graph, ['cpu', 'tfjs-node']));
  }
  // at 64: at 32 the last maps of many nets are 1x1, and a norm over few values multiplies any rounding
  for (const graph of smallZoo(64, everyName)) {
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
