/** @file Costs: sums, liveness by hand, and the end of exact numbers. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { classesOf, inputShape, onlyOutput, sizeOf } from '../../src/graph/index.ts';
import { type Cost, cost } from '../../src/read/index.ts';
import { entries } from '../../src/weights/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { byHand, map, node, relu } from '../support/hand.ts';
import { indicesIn, smallZoo } from '../support/nets.ts';
import { fc } from '../support/property.ts';

const expectSums = (c: Cost): void => {
  for (const key of ['params', 'macs', 'activationBytes'] as const) {
    expect(
      c.layers.reduce((n, l) => n + l[key], 0),
      `${c.name} ${key}`,
    ).to.equal(c[key]);
  }
  expect(c.peakBytes).to.be.at.most(c.activationBytes);
  expect(c.peakBytes).to.be.at.least(Math.max(...c.layers.map((l) => l.activationBytes)));
};

describe('cost', () => {
  it('is the sum of its layers, for every architecture', () => {
    for (const g of smallZoo()) expectSums(cost(g));
  });

  it('is the sum of its layers and counts the entries, for random graphs', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (g) => {
        const c = cost(g);
        expectSums(c);
        const count = (trained: boolean): number =>
          entries(g).reduce((n, e) => n + (e.trained === trained ? sizeOf(e.shape as [number]) : 0), 0);
        expect([c.params, c.normStats]).to.deep.equal([count(true), count(false) + indicesIn(g)]);
      }),
      { numRuns: 200 },
    );
  });

  it('counts each layer by its formula', () => {
    const g = graph(
      'g',
      input(8, 6, 4)
        .conv(10, { kernel: [3, 2], stride: 2, groups: 2, bias: true })
        .norm({ scale: false })
        .norm()
        .relu()
        .flatten()
        .dense(5)
        .dense(3, { bias: false }),
    );
    const rows = cost(g).layers.map((l) => [l.id, l.params, l.macs, l.activationBytes]);
    expect(rows).to.deep.equal([
      ['input', 0, 0, 4 * 8 * 6 * 4],
      ['conv', 3 * 2 * 2 * 10 + 10, 4 * 3 * 10 * (3 * 2 * 2), 4 * 4 * 3 * 10],
      ['norm', 10, 0, 480],
      ['norm_2', 20, 0, 480],
      ['act', 0, 0, 480],
      ['flatten', 0, 0, 480],
      ['dense', 120 * 5 + 5, 600, 20],
      ['dense_2', 15, 15, 12],
    ]);
    expect(cost(g).normStats).to.equal(40);
  });

  it('counts shared weights once, and their work at every use', () => {
    const x = input(4, 4, 2);
    const a = x.conv(2, { kernel: 3 });
    const c = cost(graph('g', a.conv(2, { kernel: 3, weightsOf: a })));
    expect(c.layers.map((l) => [l.params, l.macs])).to.deep.equal([
      [0, 0],
      [36, 576],
      [0, 576],
    ]);
  });

  it('keeps alive what is still to be read: the peak of a residual block by hand', () => {
    const x = input(4, 4, 2).conv(8); // 128 B in, then 512 B
    const g = graph('g', x.add(x.conv(8)).globalPool());
    // input 128; conv 128 + 512; second conv 512 + 512; add 512 + 512 + 512; pool 512 + 32
    expect(cost(g).layers.map((l) => l.aliveBytes)).to.deep.equal([128, 640, 1024, 1536, 544]);
    expect(cost(g).peakBytes).to.equal(1536);
    const chain = graph('g', input(4, 4, 2).conv(8).conv(8).conv(8));
    expect(cost(chain).peakBytes).to.equal(1024);
  });

  it('keeps outputs alive to the end', () => {
    const x = input(4, 4, 2).conv(8);
    // input and conv, conv and relu, then the third beside both
    expect(cost(graph('g', x, x.relu().relu())).peakBytes).to.equal(1536);
    expect(cost(graph('g', x.relu().relu())).peakBytes).to.equal(1024);
  });

  it('refuses counts past 2^53, which would not be exact', () => {
    const g = graph('huge', input(2 ** 30).dense(2 ** 30));
    expect(messageOf(() => cost(g))).to.equal('huge: params pass 2^53; choose a smaller net');
    const map = input(2 ** 18, 2 ** 18, 1).conv(2 ** 12, { kernel: 7 });
    expect(messageOf(() => cost(graph('wide', map)))).to.equal('wide: macs pass 2^53; choose a smaller net');
    const many = input(2 ** 25, 2 ** 25, 4);
    expect(messageOf(() => cost(graph('tall', many.relu())))).to.equal(
      'tall: activationBytes pass 2^53; choose a smaller net',
    );
  });
});

describe('the ends of a graph', () => {
  const classifier = graph('g', input(4, 3, 2).globalPool().dense(7));
  const two = byHand([node('x', map(4, 4, 2)), node('y', map(4, 4, 2)), node('a', relu, ['x'])], ['a', 'y']);

  it('are its input shape, its output and its classes', () => {
    expect(inputShape(classifier)).to.deep.equal([4, 3, 2]);
    expect(onlyOutput(classifier)).to.equal('dense');
    expect(classesOf(classifier)).to.equal(7);
  });

  it('are refused where there are several, or where the output is a map', () => {
    expect(messageOf(() => inputShape(two))).to.equal('g: has 2 inputs; expected one');
    expect(messageOf(() => onlyOutput(two))).to.equal('g: has 2 outputs; expected one');
    expect(messageOf(() => classesOf(byHand([node('x', map(4, 4, 2))])))).to.equal(
      'g: the output is a map 4x4x2, not a vector of classes',
    );
  });
});
