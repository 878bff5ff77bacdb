/** @file The engine of edits: rewrite, prune, rename, and walking. */
import { expect } from 'chai';
import {
  ancestors,
  check,
  consumers,
  dropUnused,
  fold,
  type Graph,
  type Place,
  type Rule,
  rename,
  rewrite,
  ShapeError,
} from '../../src/graph/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { byHand, conv, map, node, norm, relu } from '../support/hand.ts';
import { fc } from '../support/property.ts';

const g: Graph = byHand([
  node('x', map(4, 4, 2)),
  node('a', conv(4, { kernel: [3, 3] }), ['x']),
  node('b', relu, ['a']),
  node('c', conv(4), ['b']),
  node('d', { kind: 'add' }, ['a', 'c']),
]);
const ids = (graph: Graph): readonly string[] => graph.nodes.map((n) => n.id);

describe('rewrite', () => {
  it('gives back the same object when no rule answers', () => {
    expect(rewrite(g, () => undefined)).to.equal(g);
    expect(rewrite(g)).to.equal(g);
  });

  it('puts the answer in the place of the node, whose readers find it', () => {
    const factored: Rule = (n) =>
      n.op.kind === 'conv' && n.op.kernel[0] === 3
        ? [
            { ...n, id: `${n.id}/row`, op: { ...n.op, kernel: [1, 3] } },
            { ...n, op: { ...n.op, kernel: [3, 1] }, inputs: [`${n.id}/row`] },
          ]
        : undefined;
    const made = rewrite(g, factored);
    expect(ids(made)).to.deep.equal(['x', 'a/row', 'a', 'b', 'c', 'd']);
    expect(made.outputs).to.deep.equal(['d']);
    expect(check(made)).to.equal(made);
  });

  it('asks the rules in order, and the first that answers wins', () => {
    const become =
      (fn: 'tanh' | 'gelu'): Rule =>
      (n) =>
        n.op.kind === 'act' ? [{ ...n, op: { kind: 'act', fn } }] : undefined;
    const made = rewrite(g, () => undefined, become('tanh'), become('gelu'));
    expect(made.nodes[2]?.op).to.deep.equal({ kind: 'act', fn: 'tanh' });
  });

  it('drops what nothing reads any more', () => {
    const bypass: Rule = (n) => (n.id === 'd' ? [{ id: 'd', op: relu, inputs: ['a'] }] : undefined);
    expect(ids(rewrite(g, bypass))).to.deep.equal(['x', 'a', 'd']);
  });

  it('shows a rule the shapes of the inputs and the nodes before', () => {
    const seen: [string, Place['ins'], boolean][] = [];
    rewrite(g, (n, place) => {
      seen.push([n.id, place.ins, place.at('b') !== undefined]);
      return undefined;
    });
    expect(seen[1]).to.deep.equal(['a', [[4, 4, 2]], false]);
    expect(seen[4]).to.deep.equal([
      'd',
      [
        [4, 4, 4],
        [4, 4, 4],
      ],
      true,
    ]);
  });

  it('refuses nodes that do not fit, with the path', () => {
    const narrow: Rule = (n) => (n.id === 'c' ? [{ ...n, op: conv(3) }] : undefined);
    expect(messageOf(() => rewrite(g, narrow), ShapeError)).to.equal(
      'd([4, 4, 4], [4, 4, 3]): expects equal shapes; match them with a 1x1 conv (and its stride)',
    );
  });

  it('by the rule that repeats each node changes nothing but the object', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (random) => {
        const same = rewrite(random, (n) => [n]);
        expect(same).to.deep.equal(random);
        expect(same).not.to.equal(random);
      }),
      { numRuns: 50 },
    );
  });
});

describe('dropUnused', () => {
  it('keeps the same object when every node is needed', () => expect(dropUnused(g)).to.equal(g));

  it('drops dead nodes, and keeps inputs and the owners of shared weights', () => {
    const made = dropUnused(
      byHand(
        [
          node('x', map(4, 4, 2)),
          node('y', map(2, 2, 1)),
          node('dead', conv(2), ['x']),
          node('before', relu, ['x']),
          node('owner', conv(2), ['before']),
          node('out', conv(2), ['x'], 'owner'),
        ],
        ['out'],
      ),
    );
    expect(ids(made)).to.deep.equal(['x', 'y', 'before', 'owner', 'out']);
  });
});

describe('rename', () => {
  it('keeps the same object when it renames nothing', () => expect(rename(g, new Map())).to.equal(g));

  it('says the new path wherever the old one stood', () => {
    const shared = byHand(
      [node('x', map(4, 4, 2)), node('a', norm, ['x']), node('b', norm, ['a'], 'a')],
      ['a', 'b'],
    );
    const made = rename(shared, new Map([['a', 'stage1/norm']]));
    expect(made).to.deep.equal(
      byHand(
        [
          node('x', map(4, 4, 2)),
          node('stage1/norm', norm, ['x']),
          node('b', norm, ['stage1/norm'], 'stage1/norm'),
        ],
        ['stage1/norm', 'b'],
      ),
    );
  });

  it('and back is the graph', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (random) => {
        const there = new Map(ids(random).map((id, i) => [id, `n${i}`]));
        const back = new Map([...there].map(([from, to]) => [to, from]));
        expect(rename(rename(random, there), back)).to.deep.equal(random);
      }),
      { numRuns: 50 },
    );
  });
});

describe('walking a graph', () => {
  it('fold gives each node what its inputs gave, inputs first', () => {
    const depth = fold<number>(g, (_, ins) => 1 + Math.max(0, ...ins));
    expect([...depth]).to.deep.equal([
      ['x', 1],
      ['a', 2],
      ['b', 3],
      ['c', 4],
      ['d', 5],
    ]);
  });

  it('consumers names each reader once', () => {
    const twice = byHand([node('x', map(1, 1, 1)), node('sum', { kind: 'add' }, ['x', 'x'])]);
    expect(
      consumers(twice)
        .get('x')
        ?.map((n) => n.id),
    ).to.deep.equal(['sum']);
    expect(
      consumers(g)
        .get('a')
        ?.map((n) => n.id),
    ).to.deep.equal(['b', 'd']);
    expect(consumers(g).get('d')).to.deep.equal([]);
  });

  it('ancestors are what a value needs, itself included', () => {
    expect([...ancestors(g, ['b'])].sort()).to.deep.equal(['a', 'b', 'x']);
  });
});
