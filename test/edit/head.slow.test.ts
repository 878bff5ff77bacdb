/** @file A net for other classes: the head is replaced, all else is kept, in every architecture of the zoo. */
import { expect } from 'chai';
import { withHead } from '../../src/edit/index.ts';
import { MoonletError, Refusal, UsageError } from '../../src/errors.ts';
import { classesOf, type Graph } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { entries, float, init, type Net, splitKey } from '../../src/weights/index.ts';
import { noise, shaken, smallZoo } from '../support/nets.ts';
import { runForward } from '../support/run.ts';

const changedNodes = (before: Net, after: Net): readonly string[] => [
  ...new Set(
    [...after.weights].flatMap(([key, w]) => (before.weights.get(key) === w ? [] : [splitKey(key)[0]])),
  ),
];

/** Weights of the right shapes that take no time to draw. */
const zeros = (g: Graph): Net => ({
  graph: g,
  weights: new Map(
    entries(g).map(({ key, shape }) => [
      key,
      float(shape, new Float32Array(shape.reduce((n, d) => n * d, 1))),
    ]),
  ),
});

describe('withHead', () => {
  for (const g of smallZoo())
    it(`gives ${g.name} seven classes, and keeps every other weight`, () => {
      const net = zeros(g);
      const seven = withHead(net, 7, { seed: 2 });
      expect(classesOf(seven.graph)).to.equal(7);
      expect(seven.graph.nodes.map((n) => n.id)).to.deep.equal(g.nodes.map((n) => n.id));
      const [node, ...more] = changedNodes(net, seven);
      expect(node).to.match(/^head\//);
      expect(more).to.deep.equal([]);
      for (const { key, shape } of entries(seven.graph))
        expect(seven.weights.get(key)?.shape, key).to.deep.equal(shape);
      expect(seven.weights.size).to.equal(net.weights.size);
    });

  it('draws fresh weights by the seed, for the same number of classes too', () => {
    const net = shaken(graph('same', input(4, 4, 2).conv(3).globalPool().dense(5)));
    const of = (n: Net): string => String(n.weights.get('dense:kernel')?.data);
    const [one, again, two] = [3, 3, 4].map((seed) => of(withHead(net, 5, { seed })));
    expect(one).to.equal(again);
    expect(new Set([one, two, of(net)]).size).to.equal(3);
    expect([...(withHead(net, 5).weights.get('dense:bias')?.data ?? [])]).to.deep.equal([0, 0, 0, 0, 0]);
  });

  it('keeps dropout before the classifier and softmax after it, and runs', async () => {
    const net = shaken(
      graph('ends', input(4, 4, 2).conv(3).relu().globalPool().dropout(0.2).dense(5).act('softmax')),
    );
    const three = withHead(net, 3);
    const out = await runForward(three, noise(2 * 32, 'head'));
    expect(out).to.have.length(6);
    expect(out.slice(0, 3).reduce((a, b) => a + b, 0)).to.be.closeTo(1, 1e-5);
  });

  it('refuses what has no classifier of its own to replace', () => {
    const x = () => input(4, 4, 2);
    const refused =
      (net: Net): (() => Net) =>
      () =>
        withHead(net, 3);
    expect(refused(init(graph('bare', x().globalPool())))).to.throw(
      Refusal,
      'withHead: bare: no classifier: the output comes from "input" (input), not from a dense layer or a conv',
    );
    expect(refused(init(graph('features', x().conv(8).norm().globalPool())))).to.throw(
      Refusal,
      'withHead: features: no classifier: the output comes from "norm" (norm), not from a dense layer or a conv',
    );
    expect(refused(init(graph('flat', x().conv(2).flatten())))).to.throw(
      Refusal,
      'withHead: flat: "conv" with 3 channels gives 48 values; pool its map before it is flattened',
    );
    const two = graph('shared', x().globalPool().dense(4));
    const twin = { id: 'twin', op: { kind: 'dense', out: 4, bias: true }, inputs: ['globalPool'] } as const;
    const shared = { ...two, nodes: [...two.nodes, { ...twin, weightsOf: 'dense' }] };
    expect(refused(init(shared))).to.throw(
      Refusal,
      'withHead: shared: "dense" shares its weights with "twin"; give it weights of its own',
    );
    const read = { ...two, nodes: [...two.nodes, { ...twin, inputs: ['dense'] }] };
    expect(refused(init(read))).to.throw(
      Refusal,
      'withHead: shared: "dense" of the head is also read by "twin"; remove that reader first',
    );
    expect(refused(init(graph('map', x().conv(3))))).to.throw(MoonletError, 'map: the output is a map 4x4x3');
    expect(() => withHead(init(two), 1)).to.throw(
      UsageError,
      'withHead: the number of classes must be a whole number from 2 up, got 1',
    );
  });
});
