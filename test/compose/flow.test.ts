/** @file The builder: paths, ranks, branches, sharing. Compiled by `npm run check`, which the @ts-expect-error lines test. */
import { expect } from 'chai';
import { type Block, chain, type Flow, graph, input, repeat, skip } from '../../src/compose/index.ts';
import { ShapeError, select } from '../../src/graph/index.ts';
import { messageOf } from '../support/errors.ts';

const ids = (x: Flow<'map'> | Flow<'vec'>): readonly string[] => graph('g', x).nodes.map((n) => n.id);

describe('a flow', () => {
  it('names a node by its kind, and counts namesakes from the second', () => {
    expect(ids(input(4, 4, 2).conv(3).relu().conv(3).relu().conv(3))).to.deep.equal([
      'input',
      'conv',
      'act',
      'conv_2',
      'act_2',
      'conv_3',
    ]);
  });

  it('writes under the path of its block, and counts anew there', () => {
    const x = input(4, 4, 2)
      .conv(3)
      .pipe('stem', (y) => y.conv(3).pipe('inner', (z) => z.conv(3).conv(3)))
      .conv(3);
    expect(ids(x)).to.deep.equal([
      'input',
      'conv',
      'stem/conv',
      'stem/inner/conv',
      'stem/inner/conv_2',
      'conv_2',
    ]);
  });

  it('numbers the blocks of a stack', () => {
    const x = input(4, 4, 2).stack(
      'stage1',
      repeat(3, (i) => (y: Flow<'map'>) => y.conv(i + 1)),
    );
    expect(ids(x)).to.deep.equal(['input', 'stage1/0/conv', 'stage1/1/conv', 'stage1/2/conv']);
  });

  it('leaves the path of a block that throws', () => {
    const x = input(4, 4, 2);
    const failing: Block = () => {
      throw new Error('no');
    };
    expect(() => x.pipe('bad', failing)).to.throw('no');
    expect(x.conv(1).id).to.equal('conv');
  });

  it('is immutable: two branches of one value do not see each other', () => {
    const x = input(4, 4, 2);
    const [a, b] = [x.conv(3), x.conv(3, { kernel: 3 })];
    const g = graph('g', a.add(b));
    expect(g.nodes.map((n) => n.inputs)).to.deep.equal([[], ['input'], ['input'], ['conv', 'conv_2']]);
  });

  it('says its shape and channels at every step', () => {
    const x = input(9, 8, 2).conv(6, { kernel: [3, 1], stride: [2, 1], padding: 'valid' });
    expect(x.shape).to.deep.equal([4, 8, 6]);
    expect(x.channels).to.equal(6);
    expect(x.upsample(2).maxPool({ size: 2 }).flatten().shape).to.deep.equal([192]);
    expect(input(7).dense(3).channels).to.equal(3);
  });

  it('makes every kind of op', () => {
    const x = input(4, 4, 8);
    const y = x
      .depthwise()
      .norm()
      .relu()
      .maxPool({ size: 2 })
      .avgPool({ size: [1, 2], stride: 1 });
    const z = y
      .shuffle(2)
      .permute([7, 6, 5, 4, 3, 2, 1, 0])
      .slice(0, 4)
      .maxout(2)
      .shift()
      .upsample(2, 'bilinear');
    const w = z.concat(x).mul(x.concat(z).globalPool('max').act('sigmoid')).dropPath(0.1);
    const g = graph('g', w.add(w).flatten().dropout(0.5).dense(2, { bias: false }));
    const kinds = new Set(g.nodes.map((n) => n.op.kind));
    expect([...kinds].sort()).to.deep.equal(
      'act add concat conv dense dropPath dropout flatten globalPool input maxout mul norm permute pool shift shuffle slice upsample'.split(
        ' ',
      ),
    );
  });

  it('leaves out what a rate of 0 does not do, and refuses a rate that is none', () => {
    const x = input(4, 4, 2);
    expect(x.dropout(0)).to.equal(x);
    expect(x.dropPath(0)).to.equal(x);
    expect(messageOf(() => x.dropout(-1), ShapeError)).to.contain(
      'rate must be a number from 0 up and below 1, got -1',
    );
    expect(messageOf(() => x.dropPath(Number.NaN), ShapeError)).to.contain('got NaN');
  });

  it('shares weights of a flow or of a path', () => {
    const x = input(4, 4, 2).conv(2);
    const a = x.conv(2, { kernel: 3 });
    const g = graph(
      'g',
      a.conv(2, { kernel: 3, weightsOf: a }),
      x.conv(2, { kernel: 3, weightsOf: 'conv_2' }),
    );
    expect(g.nodes.map((n) => n.weightsOf)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      'conv_2',
      'conv_2',
    ]);
  });

  it('leads to several outputs, and what none of them needs is left out', () => {
    const x = input(4, 4, 2).pipe('stem', (y) => y.conv(4));
    x.conv(5);
    const g = graph('g', x, x.globalPool().dense(3));
    expect(g.outputs).to.deep.equal(['stem/conv', 'dense']);
    expect(select(g).ids).to.deep.equal(['input', 'stem/conv', 'globalPool', 'dense']);
  });

  it('goes on after a graph was made of it, which stays as it was', () => {
    const x = input(4, 4, 2).conv(4);
    const first = graph('first', x);
    graph('second', x.relu());
    expect(first.nodes).to.have.length(2);
  });

  it('refuses to join two networks, and to end in none', () => {
    const [a, b] = [input(4, 4, 2), input(4, 4, 2)];
    const message = 'add: joins values of two networks; begin both from one input()';
    expect(messageOf(() => a.add(b))).to.equal(message);
    expect(messageOf(() => a.pipe('x', (y) => y.concat(b.relu())))).to.equal(
      message.replace('add', 'x/concat'),
    );
    expect(messageOf(() => graph('empty'))).to.equal('empty: a graph needs at least one output');
    expect(messageOf(() => graph('two', a, b))).to.equal(
      'two: joins values of two networks; begin both from one input()',
    );
  });

  it('refuses a path that no file could hold, when the graph is made', () => {
    expect(
      messageOf(() =>
        graph(
          'g',
          input(4, 4, 2).pipe('stage 1', (x) => x.relu()),
        ),
      ),
    ).to.equal(`"stage 1/act": a path is made of letters, digits, '_' and '-', joined by '/'`);
  });

  it('names the path in a shape error', () => {
    const wrong: Block = (x) => x.conv(4, { groups: 3 });
    expect(messageOf(() => input(4, 4, 2).pipe('stage1', wrong), ShapeError)).to.equal(
      'stage1/conv([4, 4, 2]): 2 -> 4 channels do not divide into 3 groups; choose a divisor of both',
    );
  });
});

describe('the ranks of a flow', () => {
  const x = input(4, 4, 2);
  const v = input(5);

  it('are in the types, and checked again when it runs', () => {
    // @ts-expect-error a dense layer does not take a map
    expect(messageOf(() => x.dense(3), ShapeError)).to.contain('add globalPool() or flatten() first');
    // @ts-expect-error a conv does not take a vector
    expect(messageOf(() => v.conv(3), ShapeError)).to.contain('expects a feature map [h, w, c]');
    // @ts-expect-error nor does a pool
    expect(messageOf(() => v.maxPool({ size: 2 }), ShapeError)).to.contain('expects a feature map');
    // @ts-expect-error nor flatten
    expect(messageOf(() => v.flatten(), ShapeError)).to.contain('expects a feature map');
    // @ts-expect-error a map and a vector do not add
    expect(messageOf(() => x.add(x.globalPool()), ShapeError)).to.contain('expects equal shapes');
    // @ts-expect-error a block of maps does not go on a vector
    expect(messageOf(() => v.pipe('b', (y: Flow<'map'>) => y.conv(3)), ShapeError)).to.contain('b/conv([5])');
    // @ts-expect-error an input is a map or a vector
    expect(messageOf(() => input(4, 4), ShapeError)).to.contain(
      'expects a map [h, w, c] or a vector [c], got [4, 4]',
    );
  });

  it('follow a block that changes them', () => {
    const head: Block<'map', 'vec'> = (y) => y.globalPool();
    expect(x.pipe('head', head).dense(3).shape).to.deep.equal([3]);
    expect(v.relu().norm().mul(v).shape).to.deep.equal([5]);
  });

  it('are kept by skip and chain', () => {
    expect(skip(v)).to.equal(v);
    expect(chain(skip<'vec'>, (y) => y.dense(2), skip)(v).shape).to.deep.equal([2]);
  });
});
