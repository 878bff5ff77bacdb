/** @file What taps rely on: a part of an architecture hands on one value, the last of its nodes. */
import { expect } from 'chai';
import { nodeAt, select } from '../../src/graph/index.ts';
import { architectures, compose } from '../../zoo/index.ts';

describe('of every architecture', () => {
  for (const [name, make] of architectures) {
    it(`${name}, stem and stages end in the one value that the rest reads`, () => {
      const graph = make();
      const parts = [...new Set(graph.nodes.map((n) => n.id.split('/')[0] as string))].slice(1, -1);
      for (const part of parts) {
        const inside = new Set(select(graph).under(part).ids);
        const readOutside = graph.nodes
          .filter((n) => !inside.has(n.id))
          .flatMap((n) => n.inputs.filter((id) => inside.has(id)));
        expect([...new Set(readOutside)], part).to.deep.equal([nodeAt(graph, part).id]);
      }
    });

    it(`${name}, the head ends in the one output`, () => {
      const graph = make();
      expect(graph.outputs).to.deep.equal([nodeAt(graph, 'head').id]);
    });
  }
});

describe('compose', () => {
  it('takes words apart, or quoted as one', () => {
    const graph = compose(['wrn', 'depth=22', 'width=2']);
    expect(compose(' wrn  depth=22 width=2 ')).to.deep.equal(graph);
    expect(compose(['wrn depth=22', 'width=2'])).to.deep.equal(graph);
  });
});
