/** @file Pictures: every node is there once, boxes do not overlap, lines lead from box to box. */
import { expect } from 'chai';
import { graph, input } from '../../src/index.ts';
import { svg } from '../../src/read/svg.ts';
import { small } from '../support/nets.ts';

/** The boxes of a picture: what they hold and where they are. */
function boxes(text: string) {
  const box =
    /<g text-anchor="middle"><title>([^<]*)<\/title><rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)"/g;
  return [...text.matchAll(box)].map(([, ids = '', ...sides]) => {
    const [x, y, width, height] = sides.map(Number) as [number, number, number, number];
    return { ids: ids.split('\n'), x, y, width, height };
  });
}

describe('svg', () => {
  for (const name of ['wrn', 'shufflenet-v2', 'densenet-121', 'mobilenet-v3-small', 'snn']) {
    it(`${name}: every node once, and no box on another`, () => {
      const g = small(name);
      const text = svg(g);
      const all = boxes(text);
      expect(all.flatMap((b) => b.ids)).to.have.members(g.nodes.map((n) => n.id));
      for (const [i, a] of all.entries())
        for (const b of all.slice(i + 1)) {
          const apart =
            a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
          expect(apart, `${a.ids[0]} and ${b.ids[0]}`).to.equal(true);
        }
      const [, width, height] = (/width="(\d+)" height="(\d+)"/.exec(text) ?? []).map(Number) as [
        number,
        number,
        number,
      ];
      for (const b of all) {
        expect(b.x).to.be.at.least(0);
        expect(b.x + b.width).to.be.at.most(width);
        expect(b.y + b.height).to.be.at.most(height);
      }
      // a line for every input that is not drawn in its reader's box
      const inside = all.reduce((n, b) => n + b.ids.length - 1, 0);
      const inputs = g.nodes.reduce((n, node) => n + node.inputs.length, 0);
      expect(text.match(/<path d="M[^z]*?"\/>/g)).to.have.length(inputs - inside);
    });
  }
  it('writes what XML wants written otherwise', () => {
    expect(svg(graph('a<b & c', input(4).dense(2)))).to.include('a&lt;b &amp; c');
  });
});
