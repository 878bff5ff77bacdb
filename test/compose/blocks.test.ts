/** @file Blocks: the shapes and the parameters that their formulas say. */
import { expect } from 'chai';
import {
  around,
  asymmetric,
  type Block,
  bottleneck,
  convNorm,
  convNormAct,
  depthwise,
  depthwiseSeparable,
  dilated,
  graph,
  grouped,
  input,
  invertedResidual,
  preActivation,
  residual,
  round8,
  squeezeExcite,
} from '../../src/compose/index.ts';
import { type Conv, type Graph, ShapeError, select } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { messageOf } from '../support/errors.ts';

const made = (block: Block, c = 16, size = 8): Graph => graph('g', input(size, size, c).pipe('b', block));
const convs = (g: Graph): readonly Conv[] => g.nodes.flatMap((n) => (n.op.kind === 'conv' ? [n.op] : []));
const paths = (g: Graph): readonly string[] => g.nodes.slice(1).map((n) => n.id.replace(/^b\//, ''));
const body: Block = (x) => x.conv(16, { kernel: 3 }).norm();

describe('a block has the parameters and the shape of its formula', () => {
  const bn = (...widths: number[]): number => 2 * widths.reduce((a, b) => a + b, 0);
  // [title, block, parameters, output] on a map [8, 8, 16]
  const cases: readonly (readonly [string, Block, number, readonly number[]])[] = [
    ['convNormAct: k k c n', convNormAct(24, { kernel: 5 }), 25 * 16 * 24 + bn(24), [8, 8, 24]],
    ['convNormAct with stride', convNormAct(24, { kernel: 3, stride: 2 }), 9 * 16 * 24 + bn(24), [4, 4, 24]],
    [
      'convNormAct with bias and a norm without scale',
      convNormAct(4, { bias: true, norm: { scale: false } }),
      16 * 4 + 4 + 4,
      [8, 8, 4],
    ],
    ['depthwise: k k c', depthwise(), 9 * 16 + bn(16), [8, 8, 16]],
    [
      'depthwise with multiplier: k k c m',
      depthwise({ multiplier: 3, kernel: 5 }),
      25 * 48 + bn(48),
      [8, 8, 48],
    ],
    ['depthwiseSeparable: c (k k + n)', depthwiseSeparable(24), 16 * (9 + 24) + bn(16, 24), [8, 8, 24]],
    [
      'depthwiseSeparable with stride',
      depthwiseSeparable(24, { stride: 2, kernel: 5 }),
      16 * (25 + 24) + bn(16, 24),
      [4, 4, 24],
    ],
    ['grouped: k k c n / g', grouped(32, 4), (9 * 16 * 32) / 4 + bn(32), [8, 8, 32]],
    ['grouped in as many groups as channels: depthwise', grouped(16, 16), 9 * 16 + bn(16), [8, 8, 16]],
    ['dilated: k k c n', dilated(24, 2), 9 * 16 * 24 + bn(24), [8, 8, 24]],
    ['asymmetric: n c o + n o o', asymmetric(24, 5), 5 * 16 * 24 + 5 * 24 * 24 + bn(24, 24), [8, 8, 24]],
    [
      'asymmetric with stride',
      asymmetric(24, 3, { stride: 2 }),
      3 * 16 * 24 + 3 * 24 * 24 + bn(24, 24),
      [4, 4, 24],
    ],
    [
      'asymmetric without padding',
      asymmetric(8, 3, { padding: 'valid' }),
      3 * 16 * 8 + 3 * 8 * 8 + bn(8, 8),
      [6, 6, 8],
    ],
    [
      'asymmetric with explicit padding',
      asymmetric(8, 3, { padding: [2, 1, 2, 1] }),
      3 * 16 * 8 + 3 * 8 * 8 + bn(8, 8),
      [10, 8, 8],
    ],
    [
      'bottleneck: c m + k k m m + m n',
      bottleneck(32, { reduce: 4 }),
      16 * 8 + 9 * 64 + 8 * 32 + bn(8, 8, 32),
      [8, 8, 32],
    ],
    [
      'bottleneck in groups, with stride',
      bottleneck(32, { reduce: 2, groups: 4, stride: 2 }),
      16 * 16 + (9 * 256) / 4 + 16 * 32 + bn(16, 16, 32),
      [4, 4, 32],
    ],
    [
      'invertedResidual: c e + k k e + e n',
      invertedResidual(24, { expand: 6 }),
      16 * 96 + 9 * 96 + 96 * 24 + bn(96, 96, 24),
      [8, 8, 24],
    ],
    [
      'invertedResidual with expansion 1',
      invertedResidual(16, { expand: 1, stride: 2 }),
      9 * 16 + 256 + bn(16, 16),
      [4, 4, 16],
    ],
    ['squeezeExcite: 2 c s + s + c', squeezeExcite(4), 2 * 16 * 4 + 4 + 16, [8, 8, 16]],
    [
      'invertedResidual with attention',
      invertedResidual(16, { expand: 2, attention: squeezeExcite(8) }),
      16 * 32 + 9 * 32 + 32 * 16 + bn(32, 32, 16) + 2 * 32 * 8 + 8 + 32,
      [8, 8, 16],
    ],
    ['residual on itself: the body', residual(16, body), 9 * 256 + bn(16), [8, 8, 16]],
    [
      'residual to another width: a 1x1 conv and norm',
      residual(24, convNorm(24, { kernel: 3 })),
      9 * 16 * 24 + bn(24) + 16 * 24 + bn(24),
      [8, 8, 24],
    ],
    [
      'residual with a bare conv',
      residual(24, convNorm(24), { shortcut: 'conv' }),
      2 * 16 * 24 + bn(24),
      [8, 8, 24],
    ],
    [
      'preActivation on itself: norm and body',
      preActivation(16, (x) => x.conv(16, { kernel: 3 })),
      9 * 256 + bn(16),
      [8, 8, 16],
    ],
    [
      'preActivation to another width: a bare 1x1 conv',
      preActivation(24, (x) => x.conv(24)),
      2 * 16 * 24 + bn(16),
      [8, 8, 24],
    ],
    [
      'preActivation with a normed shortcut',
      preActivation(24, (x) => x.conv(24), { shortcut: 'convNorm' }),
      2 * 16 * 24 + bn(16, 24),
      [8, 8, 24],
    ],
    [
      'preActivation with stride',
      preActivation(16, (x) => x.conv(16, { kernel: 3, stride: 2, padding: around(3) }), { stride: 2 }),
      9 * 256 + 256 + bn(16),
      [4, 4, 16],
    ],
  ];
  for (const [title, block, params, shape] of cases) {
    it(title, () => {
      const c = cost(made(block));
      expect(c.params).to.equal(params);
      expect(c.layers.at(-1)?.shape).to.deep.equal(shape);
    });
  }
});

describe('the structure of a block', () => {
  it('asymmetric runs 1 x n, then n x 1, each with its stride', () => {
    const [row, column] = convs(made(asymmetric(8, 5, { stride: [2, 1] })));
    expect([row?.kernel, row?.stride, column?.kernel, column?.stride]).to.deep.equal([
      [1, 5],
      [1, 1],
      [5, 1],
      [2, 1],
    ]);
    expect(paths(made(asymmetric(8, 5)))).to.deep.equal(
      'row/conv row/norm row/act column/conv column/norm column/act'.split(' '),
    );
  });

  it('depthwiseSeparable pads and strides its filter only', () => {
    const [filter, mix] = convs(
      made(depthwiseSeparable(8, { stride: 2, padding: [1, 1, 1, 1], dilation: 2, kernel: 3 })),
    );
    expect([filter?.groups, filter?.stride, filter?.dilation, filter?.padding]).to.deep.equal([
      16,
      [2, 2],
      [2, 2],
      [1, 1, 1, 1],
    ]);
    expect([mix?.groups, mix?.stride, mix?.dilation, mix?.padding]).to.deep.equal([
      1,
      [1, 1],
      [1, 1],
      'same',
    ]);
  });

  it('bottleneck hands stride, groups, dilation and padding to its filter, and ends linear', () => {
    const g = made(
      bottleneck(16, { reduce: 2, dilation: 2, padding: [2, 2, 2, 2], groups: 2, act: 'relu6' }),
    );
    const [narrow, filter, widen] = convs(g);
    expect([filter?.dilation, filter?.padding, filter?.groups]).to.deep.equal([[2, 2], [2, 2, 2, 2], 2]);
    for (const op of [narrow, widen])
      expect([op?.kernel, op?.dilation, op?.groups]).to.deep.equal([[1, 1], [1, 1], 1]);
    expect(select(g).kind('act').ids).to.deep.equal(['b/narrow/act', 'b/filter/act']);
    expect(g.nodes.at(-1)?.id).to.equal('b/widen/norm');
  });

  it('strided kernels are padded alike on both sides, dilated ones too', () => {
    expect(convs(made(convNormAct(8, { kernel: 3, stride: 2 })))[0]?.padding).to.deep.equal([1, 1, 1, 1]);
    expect(convs(made(convNormAct(8, { kernel: [5, 3], stride: 2, dilation: 2 })))[0]?.padding).to.deep.equal(
      [4, 2, 4, 2],
    );
    expect(convs(made(convNormAct(8, { kernel: 3 })))[0]?.padding).to.equal('same');
    expect(convs(made(convNormAct(8, { stride: 2 })))[0]?.padding).to.equal('same');
    expect(convs(made(convNormAct(8, { kernel: 3, stride: 2, padding: 'valid' })))[0]?.padding).to.equal(
      'valid',
    );
  });

  it('residual adds shortcut and body, then acts; the shortcut is x itself where shapes agree', () => {
    const g = made(residual(16, body));
    expect(g.nodes.map((n) => [n.id, n.inputs])).to.deep.equal([
      ['input', []],
      ['b/conv', ['input']],
      ['b/norm', ['b/conv']],
      ['b/add', ['input', 'b/norm']],
      ['b/act', ['b/add']],
    ]);
    const wider = made(residual(24, convNorm(24)));
    expect(paths(wider).slice(0, 2)).to.deep.equal(['shortcut/conv', 'shortcut/norm']);
  });

  it('preActivation keeps x where shapes agree, and convolves the activated x where they do not', () => {
    const same = made(preActivation(16, (x) => x.conv(16)));
    expect(same.nodes.find((n) => n.op.kind === 'add')?.inputs).to.deep.equal(['input', 'b/conv']);
    const wider = made(preActivation(24, (x) => x.pipe('body', (y) => y.conv(24))));
    expect(wider.nodes.find((n) => n.id === 'b/shortcut/conv')?.inputs).to.deep.equal(['b/pre/act']);
    expect(wider.nodes.find((n) => n.id === 'b/body/conv')?.inputs).to.deep.equal(['b/pre/act']);
    expect(wider.nodes.at(-1)?.op.kind).to.equal('add');
  });

  it('an identity shortcut between other shapes is refused with the remedy', () => {
    const wrong = residual(24, convNorm(24), { shortcut: 'identity' });
    expect(messageOf(() => made(wrong), ShapeError)).to.equal(
      'b/add([8, 8, 16], [8, 8, 24]): expects equal shapes; match them with a 1x1 conv (and its stride)',
    );
  });

  it('invertedResidual is residual only where shapes agree, and projects linearly', () => {
    const adds = (block: Block): number => select(made(block)).kind('add').nodes.length;
    expect(adds(invertedResidual(16, { expand: 6 }))).to.equal(1);
    expect(adds(invertedResidual(24, { expand: 6 }))).to.equal(0);
    expect(adds(invertedResidual(16, { expand: 6, stride: 2 }))).to.equal(0);
    expect(made(invertedResidual(24, { expand: 6 })).nodes.at(-1)?.id).to.equal('b/project/norm');
  });

  it('squeezeExcite gates the map by its own means', () => {
    const g = made(squeezeExcite(4, { act: 'swish', gate: 'hardSigmoid' }));
    expect(paths(g)).to.deep.equal(
      'globalPool squeeze/dense squeeze/act excite/dense excite/act mul'.split(' '),
    );
    expect(g.nodes.at(-1)?.inputs).to.deep.equal(['input', 'b/excite/act']);
    expect(g.nodes.flatMap((n) => (n.op.kind === 'act' ? [n.op.fn] : []))).to.deep.equal([
      'swish',
      'hardSigmoid',
    ]);
  });

  it('norms take the options that they are given, in every block', () => {
    const norm = { eps: 1e-3, momentum: 0.99 };
    const blocks: readonly Block[] = [
      depthwiseSeparable(16, { norm }),
      bottleneck(16, { norm }),
      residual(24, convNorm(24, { norm }), { norm }),
      preActivation(24, (x) => x.conv(24), { norm, shortcut: 'convNorm' }),
      invertedResidual(16, { expand: 2, norm }),
    ];
    for (const block of blocks) {
      const norms = made(block).nodes.flatMap((n) => (n.op.kind === 'norm' ? [n.op] : []));
      expect(norms).to.not.have.length(0);
      for (const op of norms) expect([op.eps, op.momentum]).to.deep.equal([1e-3, 0.99]);
    }
  });
});

describe('round8', () => {
  it('gives multiples of 8, from the floor up, never less than nine tenths', () => {
    expect([1, 8, 11.9, 12, 16 * 0.75, 24 * 0.35, 32 * 0.35, 1280 * 1.4].map((c) => round8(c))).to.deep.equal(
      [8, 8, 16, 16, 16, 8, 16, 1792],
    );
    expect(round8(3, 16)).to.equal(16);
    for (let c = 1; c < 400; c += 0.7) {
      expect(round8(c) % 8).to.equal(0);
      expect(round8(c)).to.be.at.least(0.9 * c);
    }
  });
});
