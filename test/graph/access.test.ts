/** @file Look-ups that replace casts: what they give, and the internal errors of a miss. */
import { expect } from 'chai';
import { defined, first, get, item, last, only, pairOf } from '../../src/access.ts';
import {
  firstInput,
  firstInputShape,
  inputChannels,
  inputShapes,
  shapes,
  valuesOfInputs,
} from '../../src/graph/index.ts';

import { graph, input } from '../../src/index.ts';

describe('look-ups that our own logic guarantees', () => {
  it('give the value', () => {
    expect(defined(0, 'zero')).to.equal(0);
    expect(get(new Map([['a', 1]]), 'a')).to.equal(1);
    expect([item([1, 2, 3], 1), first([1, 2, 3]), last([1, 2, 3])]).to.deep.equal([2, 1, 3]);
    expect([only([7]), ...pairOf([8, 9])]).to.deep.equal([7, 8, 9]);
  });

  it('throw internal errors that say what is missing', () => {
    expect(() => defined(undefined, 'kernel')).to.throw('internal: no kernel');
    expect(() => get(new Map<string, number>(), 'b')).to.throw('internal: no value for "b"');
    expect(() => item([1, 2], 2)).to.throw('internal: no element 2 in a list of 2');
    expect(() => first([])).to.throw('internal: no element 0 in a list of 0');
    expect(() => last([])).to.throw('internal: no element -1 in a list of 0');
    expect(() => only([1, 2])).to.throw('internal: expected a list of 1, got 2');
    expect(() => pairOf([1])).to.throw('internal: expected a list of 2, got 1');
  });
});

describe('the inputs of a node', () => {
  const net = graph(
    'two',
    input(8, 6, 3)
      .conv(4, { kernel: 3 })
      .residual((x) => x.conv(4)),
  );
  const shapeById = shapes(net);

  it('are looked up in maps over node ids', () => {
    const sum = last(net.nodes);
    expect(sum.op.kind).to.equal('add');
    expect(inputShapes(sum, shapeById)).to.deep.equal([
      [8, 6, 4],
      [8, 6, 4],
    ]);
    expect(valuesOfInputs(sum, new Map(net.nodes.map((n) => [n.id, n.op.kind])))).to.deep.equal([
      'conv',
      'conv',
    ]);
    const [, conv] = net.nodes;
    expect(firstInput(conv!)).to.equal('input');
    expect(firstInputShape(conv!, shapeById)).to.deep.equal([8, 6, 3]);
    expect(inputChannels(conv!, shapeById)).to.equal(3);
  });
});
