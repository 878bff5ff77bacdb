/** @file Values that one node reads twice, and outputs that are inputs or read again: tf models that compute, and come back. */
import { expect } from 'chai';
import type { Graph, Op } from '../../src/graph/index.ts';
import { fromLayers, toLayers } from '../../src/read/tfjs/index.ts';
import { byHand, conv, map, node, relu } from '../support/hand.ts';
import {
  disposeLoaded,
  expectForwardIsPredict,
  expectSame,
  numbered,
  savedAndLoaded,
} from '../support/laws.ts';
import { leakless, useCpu } from '../support/tensors.ts';

const x = node('x', map(2, 2, 2));
const a = node('a', relu, ['x']);
const reader = (op: Op, ...inputs: string[]) =>
  byHand([x, a, node('y', op, inputs), node('z', { kind: 'concat' }, ['y', 'a'])]);
const add: Op = { kind: 'add' };
const mul: Op = { kind: 'mul' };
const concat: Op = { kind: 'concat' };

const graphs: Readonly<Record<string, Graph>> = {
  'concat of a value with itself, read again': reader(concat, 'a', 'a'),
  'sum of a value with itself, read again': reader(add, 'a', 'a'),
  'product of a value with itself, read again': reader(mul, 'a', 'a'),
  'sum of three times a value, read again': reader(add, 'a', 'a', 'a'),
  'a value before and behind another, read again': reader(concat, 'a', 'x', 'a'),
  'two readers of a value twice each': byHand([
    x,
    a,
    node('y', add, ['a', 'a']),
    node('z', mul, ['a', 'a']),
    node('end', concat, ['y', 'z', 'a', 'y']),
  ]),
  'the input with itself': byHand([x, node('y', add, ['x', 'x']), node('z', concat, ['y', 'x'])]),
  'a value with itself that is an output as well': byHand([x, a, node('y', mul, ['a', 'a'])], ['y', 'a']),
  'a shared conv with itself': byHand([
    x,
    node('c', conv(2), ['x']),
    node('d', conv(2), ['c'], 'c'),
    node('y', add, ['d', 'd']),
    node('z', concat, ['y', 'd', 'c']),
  ]),
  'an output that is the input': byHand([x, a], ['a', 'x']),
  'the input alone as an output': byHand([x], ['x']),
  'outputs that are read again': byHand([x, a, node('y', add, ['a', 'x'])], ['a', 'y']),
};

describe('tf models of values that are read twice', () => {
  before(useCpu);
  for (const [name, graph] of Object.entries(graphs)) {
    it(`${name}: compute what forward computes, saved and loaded too, and go back to the graph`, async () => {
      const net = numbered(graph);
      await expectForwardIsPredict(net, 3);
      await leakless(async () => {
        const model = toLayers(net);
        const loaded = await savedAndLoaded(model);
        expectSame(fromLayers(model), net);
        expectSame(fromLayers(loaded), net);
        expect(loaded.layers).to.have.length(model.layers.length);
        model.dispose();
        disposeLoaded(loaded);
      });
    });
  }
});
