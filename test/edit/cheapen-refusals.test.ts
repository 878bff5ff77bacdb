/** @file Moonshine's blocks (arXiv:1711.02613): what is refused, where and why. */
import { expect } from 'chai';
import { cheapen } from '../../src/edit/cheapen.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import { blocks, graph, input } from '../../src/index.ts';
import { compose, wrn } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';
import { byHand, conv, map, node } from '../support/hand.ts';

const teacher = wrn({ depth: 40, width: 2 });
const refusal = (call: () => unknown): string => messageOf(call, Refusal);

describe('cheapen refuses', () => {
  const impossible: readonly (readonly [block: string, message: string])[] = [
    ['BG(4,16)', 'stage1/0/second/conv: M = 8 channels do not divide into 16 groups; choose a divisor of 8'],
    [
      'BG(4,M/16)',
      'stage1/0/second/conv: M = 8 channels do not divide into groups of 16; choose a divisor of 8',
    ],
    ['G(32)', 'stage1/0/first/conv: N = 16 channels do not divide into 32 groups; choose a divisor of 16'],
    ['G(3)', 'stage1/0/first/conv: N = 16 channels do not divide into 3 groups; choose a divisor of 16'],
    ['G(N/3)', 'stage1/0/first/conv: N = 16 channels do not divide into groups of 3; choose a divisor of 16'],
    ['B(3)', 'stage1/0/second/conv: 32 channels do not divide by b = 3; choose a divisor of 32'],
  ];
  for (const [block, message] of impossible) {
    it(`${block}, with the place and the reason`, () =>
      expect(refusal(() => cheapen(teacher, block))).to.equal(message));
  }

  for (const block of [
    '',
    'X',
    'g(4)',
    'G',
    'G()',
    'G(0)',
    'G(-4)',
    'G(4',
    'G(M)',
    'G(N/0)',
    'G(1,2)',
    'B(2,2)',
    'BG(2)',
    'BG(2,N)',
    'B(1e3)',
    'S(1)',
  ]) {
    it(`"${block}" as no block`, () => {
      expect(messageOf(() => cheapen(teacher, block), UsageError)).to.equal(
        `cheapen: no block "${block}"; expected 'S', 'G(4)', 'G(N)', 'G(N/8)', 'B(2)', 'BG(2,4)', 'BG(2,M)' or 'BG(2,M/8)'`,
      );
    });
  }

  it('graphs without such blocks, by S too', () => {
    for (const block of ['G(2)', 'B(2)', 'S']) {
      expect(refusal(() => cheapen(compose('mobilenet-v2'), block))).to.equal(
        `mobilenet-v2: no residual block with a full k x k conv, so that ${block} has nothing to replace`,
      );
    }
    const plain = graph('plain', input(8, 8, 4).conv(4, { kernel: 3 }).conv(4, { kernel: 3 }));
    expect(refusal(() => cheapen(plain, 'G(2)'))).to.match(/^plain: no residual block/);
  });

  it('sums that are no residuals: branches that begin apart', () => {
    const g = byHand([
      node('x', map(4, 4, 4)),
      node('y', map(4, 4, 4)),
      node('a', conv(4, { kernel: [3, 3] }), ['x']),
      node('sum', { kind: 'add' }, ['a', 'y']),
    ]);
    expect(refusal(() => cheapen(g, 'G(2)'))).to.match(/^g: no residual block/);
  });

  const x = input(8, 8, 8);
  const pairs: readonly (readonly [title: string, make: () => Graph, message: string])[] = [
    [
      'one conv for a pair',
      () => compose('resnet-50'),
      'stage1/0/narrow/conv: B(2) replaces a pair of k x k convs, and this branch has 1; use a G block',
    ],
    [
      'a pair with something else between',
      () =>
        graph(
          'g',
          input(8, 8, 8).residual((y) => y.conv(8, { kernel: 3 }).shuffle(2).conv(8, { kernel: 3 })),
        ),
      'conv: B(2) replaces a pair of k x k convs, and "shuffle" (shuffle) is between them; use a G block',
    ],
    [
      'a pair of two kernels',
      () => graph('g', input(8, 8, 8).residual(blocks.asymmetric(8, 3))),
      'row/conv: B(2) replaces a pair of equal convs, and this branch has 1x3 and 3x1; use a G block',
    ],
    [
      'convs with shared weights',
      () => {
        const y = input(8, 8, 8);
        const a = y.conv(8, { kernel: 3 });
        return graph('g', y.add(a.relu().conv(8, { kernel: 3, weightsOf: a })));
      },
      'conv: shares its weights with "conv_2"; give each conv weights of its own first',
    ],
  ];
  for (const [title, make, message] of pairs) {
    it(title, () => expect(refusal(() => cheapen(make(), 'B(2)'))).to.equal(message));
  }
  it('nothing of a graph that it refused: the graph is as it was', () => {
    const g = graph(
      'g',
      x.residual((y) => y.conv(8, { kernel: 3 })),
    );
    const before = JSON.stringify(g);
    expect(() => cheapen(g, 'G(3)')).to.throw(Refusal);
    expect(JSON.stringify(g)).to.equal(before);
  });
});
