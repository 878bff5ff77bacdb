/** @file What is no graph, and how it is said. */
import { expect } from 'chai';
import { check, type Graph, type Node, type Op, ShapeError } from '../../src/graph/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { byHand, conv, map, node, norm, relu } from '../support/hand.ts';
import { fc } from '../support/property.ts';

const x = node('x', map(4, 4, 2));
const dense: Op = { kind: 'dense', out: 2, bias: true };

describe('check', () => {
  it('gives back a sound graph, the same object', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (g) => {
        expect(check(g)).to.equal(g);
      }),
      { numRuns: 100 },
    );
  });

  for (const id of ['', '/', 'a/', '/a', 'a//b', 'a b', 'a.b', 'a:b', 'ä', '..', 'a\n']) {
    it(`refuses the path ${JSON.stringify(id)}`, () => {
      const message = `${JSON.stringify(id)}: a path is made of letters, digits, '_' and '-', joined by '/'`;
      expect(messageOf(() => check(byHand([x, node(id, relu, ['x'])])))).to.equal(message);
    });
  }

  it('takes paths of letters, digits, _ and -', () => {
    const g = byHand([x, node('stage1/0/a-b_C/9', relu, ['x'])]);
    expect(check(g)).to.equal(g);
  });

  const cases: readonly (readonly [title: string, nodes: readonly Node[], message: string])[] = [
    [
      'a path used twice',
      [x, node('a', relu, ['x']), node('a', relu, ['x'])],
      'a: two nodes have this path; name one of them differently',
    ],
    ['an input that reads', [x, node('y', map(4, 4, 2), ['x'])], 'y: an input reads nothing'],
    [
      'a reader before what it reads',
      [x, node('a', relu, ['b']), node('b', relu, ['x'])],
      'a: reads "b", which does not come before it',
    ],
    ['a node that reads itself', [x, node('a', relu, ['a'])], 'a: reads "a", which does not come before it'],
    ['a graph without input', [], 'g: the graph has no input'],
    [
      'sharing with a later node',
      [x, node('a', conv(2), ['x'], 'b'), node('b', conv(2), ['a'])],
      'a: shares the weights of "b", which does not come before it',
    ],
    [
      'sharing with itself',
      [x, node('a', conv(2), ['x'], 'a')],
      'a: shares the weights of "a", which does not come before it',
    ],
    [
      'sharing with one that shares',
      [x, node('a', conv(2), ['x']), node('b', conv(2), ['a'], 'a'), node('c', conv(2), ['b'], 'b')],
      'c: shares the weights of "b", which itself shares; name the owner "a"',
    ],
    [
      'sharing of what has no weights',
      [x, node('a', relu, ['x']), node('b', relu, ['a'], 'a')],
      'b: act has no weights to share',
    ],
    [
      'sharing between kinds',
      [x, node('a', conv(2), ['x']), node('b', norm, ['a'], 'a')],
      'b: a norm cannot share the weights of "a", a conv',
    ],
    [
      'sharing of another shape',
      [x, node('a', conv(3), ['x']), node('b', conv(3), ['a'], 'a')],
      'b: needs kernel [1, 1, 3, 3] and cannot share the weights of "a", kernel [1, 1, 2, 3]; ' +
        "match its options and its input's channels",
    ],
    [
      'sharing where one has a bias and the owner has none',
      [x, node('a', conv(2), ['x']), node('b', conv(2, { bias: true }), ['a'], 'a')],
      'b: needs kernel [1, 1, 2, 2], bias [2] and cannot share the weights of "a", kernel [1, 1, 2, 2]; ' +
        "match its options and its input's channels",
    ],
    [
      'sharing between other counts of groups',
      [
        x,
        node('wide', conv(4), ['x']),
        node('a', conv(4, { groups: 2 }), ['wide']),
        node('b', conv(4), ['x'], 'a'),
      ],
      'b: needs kernel [1, 1, 2, 4] and cannot share the weights of "a", kernel [1, 1, 2, 4], 2 groups; ' +
        "match its options and its input's channels",
    ],
  ];
  for (const [title, nodes, message] of cases) {
    it(`refuses ${title}`, () => expect(messageOf(() => check(byHand(nodes, ['x'])))).to.equal(message));
  }

  it('refuses a graph without output, with one that is not there, or with one twice', () => {
    expect(messageOf(() => check(byHand([x], [])))).to.equal('g: the graph has no output');
    expect(messageOf(() => check(byHand([x], ['x', 'y'])))).to.equal('g: the output "y" is not a node');
    expect(messageOf(() => check(byHand([x], ['x', 'x'])))).to.equal(
      'g: the output "x" is named twice; give it once',
    );
  });

  it('refuses shapes that do not fit, with the path', () => {
    const message = 'a(): expects one input, got 0';
    expect(messageOf(() => check(byHand([x, node('a', dense)])), ShapeError)).to.equal(message);
  });

  it('takes several inputs, several outputs and shared weights', () => {
    const g: Graph = byHand(
      [
        x,
        node('y', map(4, 4, 2)),
        node('a', conv(2, { kernel: [3, 3] }), ['x']),
        node('b', conv(2, { kernel: [3, 3], stride: [2, 2] }), ['y'], 'a'),
      ],
      ['a', 'b'],
    );
    expect(check(g)).to.equal(g);
  });
});
