/** @file Pointing at nodes, and printing them. */
import { expect } from 'chai';
import { nodeAt, print, printOp, select } from '../../src/graph/index.ts';
import { blocks, graph, input } from '../../src/index.ts';
import { messageOf } from '../support/errors.ts';
import { conv } from '../support/hand.ts';

const net = graph(
  'small',
  input(8, 8, 3)
    .pipe('stem', (x) =>
      x
        .conv(8, { kernel: 3, stride: 2, padding: [1, 1, 1, 1] })
        .norm()
        .relu(),
    )
    .stack('stage1', [
      (x) => x.residual(blocks.grouped(8, 4)),
      (x) => x.residual(blocks.depthwiseSeparable(8)),
    ])
    .pipe('head', (x) => x.globalPool().dropout(0.2).dense(10)),
);

describe('select', () => {
  it('narrows by kind, by place and by any question', () => {
    expect(select(net).kind('conv').ids).to.deep.equal([
      'stem/conv',
      'stage1/0/conv',
      'stage1/1/filter/conv',
      'stage1/1/mix/conv',
    ]);
    expect(select(net).under('stage1/1').kind('norm', 'add').ids).to.deep.equal([
      'stage1/1/filter/norm',
      'stage1/1/mix/norm',
      'stage1/1/add',
    ]);
    expect(select(net).where((n) => n.op.kind === 'dense').ids).to.deep.equal(['head/dense']);
  });

  it('under a path holds the node itself, and not its namesakes', () => {
    expect(select(net).under('stem/conv').ids).to.deep.equal(['stem/conv']);
    expect(select(net).under('stage').ids).to.deep.equal([]);
  });

  it('by wildcards: * within a step, ** over any number of steps', () => {
    expect(select(net).glob('stage1/*/conv').ids).to.deep.equal(['stage1/0/conv']);
    expect(select(net).glob('stage1/**/conv').ids).to.deep.equal([
      'stage1/0/conv',
      'stage1/1/filter/conv',
      'stage1/1/mix/conv',
    ]);
    expect(select(net).glob('**/conv').ids).to.have.length(4);
    expect(select(net).glob('**').ids).to.have.length(net.nodes.length);
    expect(select(net).glob('st*/conv').ids).to.deep.equal(['stem/conv']);
  });

  it('by wildcards takes every other character as itself', () => {
    expect(select(net).glob('s.em/conv').ids).to.deep.equal([]);
    expect(select(net).glob('(stem|x)/conv').ids).to.deep.equal([]);
  });

  it('expects a count, or says what it found', () => {
    const convs = select(net).kind('conv');
    expect(convs.expect(4)).to.equal(convs);
    expect(messageOf(() => convs.under('stage1/1').expect(1))).to.equal(
      'small: expected 1 nodes, found 2 (stage1/1/filter/conv, stage1/1/mix/conv)',
    );
  });
});

describe('nodeAt', () => {
  it('is the node of that path, or the last one below it', () => {
    expect(nodeAt(net, 'stem/conv').id).to.equal('stem/conv');
    expect(nodeAt(net, 'stage1').id).to.equal('stage1/1/add');
    expect(nodeAt(net, 'stage1/0').id).to.equal('stage1/0/add');
  });

  it('suggests the nearest path', () => {
    expect(messageOf(() => nodeAt(net, 'stage2'))).to.equal(
      'small: no node at "stage2". Did you mean "stage1"?',
    );
    expect(messageOf(() => nodeAt(net, 'stage1/0/cnov'))).to.equal(
      'small: no node at "stage1/0/cnov". Did you mean "stage1/0/conv"?',
    );
  });
});

describe('print', () => {
  it('has a line for each node: path, op, inputs where they are not the line above, shape', () => {
    expect(print(net)).to.equal(
      [
        'small',
        'input: input [8, 8, 3] -> [8, 8, 3]',
        'stem/conv: conv 3x3 8 stride=2 padding=1,1,1,1 -> [4, 4, 8]',
        'stem/norm: norm -> [4, 4, 8]',
        'stem/act: relu -> [4, 4, 8]',
        'stage1/0/conv: conv 3x3 8 groups=4 -> [4, 4, 8]',
        'stage1/0/norm: norm -> [4, 4, 8]',
        'stage1/0/act: relu -> [4, 4, 8]',
        'stage1/0/add: add (stem/act, stage1/0/act) -> [4, 4, 8]',
        'stage1/1/filter/conv: conv 3x3 8 groups=8 -> [4, 4, 8]',
        'stage1/1/filter/norm: norm -> [4, 4, 8]',
        'stage1/1/filter/act: relu -> [4, 4, 8]',
        'stage1/1/mix/conv: conv 1x1 8 -> [4, 4, 8]',
        'stage1/1/mix/norm: norm -> [4, 4, 8]',
        'stage1/1/mix/act: relu -> [4, 4, 8]',
        'stage1/1/add: add (stage1/0/add, stage1/1/mix/act) -> [4, 4, 8]',
        'head/globalPool: globalAvgPool -> [8]',
        'head/dropout: dropout 0.2 -> [8]',
        'head/dense: dense 10 -> [10]',
        'outputs: head/dense',
      ].join('\n'),
    );
  });

  it('says shared weights, and every option that is not the usual one', () => {
    const x = input(4, 4, 2);
    const a = x.conv(2, { kernel: 3 });
    const shared = graph('g', a.conv(2, { kernel: 3, weightsOf: a }));
    expect(print(shared)).to.contain('conv_2: conv 3x3 2 weights of conv -> [4, 4, 2]');
    expect(
      printOp(conv(2, { kernel: [1, 3], stride: [1, 2], dilation: [2, 2], padding: 'valid', bias: true })),
    ).to.equal('conv 1x3 2 stride=1x2 dilation=2 padding=valid bias');
    expect(
      printOp({ kind: 'pool', fn: 'max', size: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] }),
    ).to.equal('maxPool 3x3 stride=2 padding=1,1,1,1');
    expect(printOp({ kind: 'permute', order: [4, 3, 2, 1, 0] })).to.equal('permute 4,3,2,1,...');
    expect(printOp({ kind: 'norm', eps: 1e-5, momentum: 0.9, scale: false, offset: false })).to.equal(
      'norm no scale no offset',
    );
    expect(printOp({ kind: 'dense', out: 3, bias: false })).to.equal('dense 3 no bias');
    expect(printOp({ kind: 'globalPool', fn: 'max' })).to.equal('globalMaxPool');
    expect(printOp({ kind: 'slice', from: 1, to: 3 })).to.equal('slice 1..3');
    expect(printOp({ kind: 'shift', kernel: 3 })).to.equal('shift 3x3');
    expect(printOp({ kind: 'upsample', factor: 2, fn: 'bilinear' })).to.equal('upsample 2 bilinear');
  });
});
