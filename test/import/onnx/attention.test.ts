/** @file Attention as PyTorch's exporters write it, against onnxruntime on the same model. */
import { expect } from 'chai';
import { fromOnnx } from '../../../src/import/index.ts';
import { encodeModel, int, ints, type OnnxNode, type OnnxTensor } from '../../../src/onnx/index.ts';
import { messageOf } from '../../support/errors.ts';
import { op, real, whole } from '../../support/onnx-build.ts';
import { compared, number, one, testCases } from '../../support/onnx-models.ts';

const perm = (from: string, to: string, ...order: number[]): OnnxNode =>
  op('Transpose', [from], to, { perm: ints(order) });
const view = (from: string, to: string, ...dims: number[]): readonly [OnnxNode, OnnxTensor] => [
  op('Reshape', [from, `${to}.dims`], to),
  whole(`${to}.dims`, dims),
];
/** Nodes and constants, of steps in order. */
const built = (...parts: readonly (OnnxNode | OnnxTensor | readonly [OnnxNode, OnnxTensor])[]) => {
  const all = parts.flat();
  return [
    all.filter((x): x is OnnxNode => 'opType' in x),
    all.filter((x): x is OnnxTensor => 'dtype' in x),
  ] as const;
};

/** Of each pair of places in windows of 4 x 3, their distance in rows and columns as an index. */
const distances = Array.from({ length: 144 }, (_, i) => {
  const [a, b] = [Math.floor(i / 12), i % 12];
  return 3 * Math.abs(Math.floor(a / 3) - Math.floor(b / 3)) + Math.abs((a % 3) - (b % 3));
});
/** q, k and v of two heads of two channels, cut where the heads are apart already; the scale is in q and in k. */
const heads = (places: number) => [
  op('MatMul', ['tokens', 'w'], 'product'),
  real('w', [4, 12]),
  op('Add', ['b', 'product'], 'qkv'),
  real('b', [12]),
  view('qkv', 'apart', -1, places, 2, 6),
  op('Split', ['apart', 'two'], 'q k v', { axis: int(3) }),
  whole('two', [2, 2, 2]),
  perm('q', 'q1', 0, 2, 1, 3),
  perm('k', 'k1', 0, 2, 3, 1),
  perm('v', 'v1', 0, 2, 1, 3),
  number('root', 0.8),
  op('Mul', ['q1', 'root'], 'q2'),
  op('Mul', ['k1', 'root'], 'k2'),
  op('MatMul', ['q2', 'k2'], 'scores'),
];
const ending = (places: number) => [
  op('Softmax', ['biased'], 'weights', { axis: int(-1) }),
  op('MatMul', ['weights', 'v1'], 'means'),
  perm('means', 'together', 0, 2, 1, 3),
  view('together', 'mixed', -1, places, 4),
];
/** A map of 7 x 6, of which windows of 4 x 3 need a row more. */
const windows = built(
  perm('x', 'last', 0, 2, 3, 1),
  op('Pad', ['last', 'sides'], 'padded'),
  whole('sides', [0, 0, 0, 0, 0, 1, 0, 0]),
  view('padded', 'split', -1, 2, 4, 2, 3, 4),
  perm('split', 'windows', 0, 1, 3, 2, 4, 5),
  view('windows', 'tokens', -1, 12, 4),
  ...heads(12),
  op('GatherND', ['table', 'places'], 'taken'),
  real('table', [12, 2]),
  whole('places', distances, [12, 12, 1]),
  perm('taken', 'bias', 2, 0, 1),
  op('Add', ['scores', 'bias'], 'biased'),
  ...ending(12),
  view('mixed', 'parted', -1, 2, 2, 4, 3, 4),
  perm('parted', 'rows', 0, 1, 3, 2, 4, 5),
  view('rows', 'map', -1, 8, 6, 4),
  op('Slice', ['map', 'from', 'to', 'axis'], 'cut'),
  whole('from', [0]),
  whole('to', [7]),
  whole('axis', [1]),
  perm('cut', 'y', 0, 3, 1, 2),
);
const everywhere = built(
  perm('x', 'last', 0, 2, 3, 1),
  view('last', 'tokens', -1, 42, 4),
  ...heads(42),
  op('Identity', ['scores'], 'biased'),
  ...ending(42),
  view('mixed', 'map', -1, 7, 6, 4),
  perm('map', 'y', 0, 3, 1, 2),
);
const cut = Array.from({ length: 3 }, () => 'permute, slice').join(', ');

describe('fromOnnx reads attention of tokens', () => {
  testCases({
    'heads that are apart before q, k and v are cut': [
      one('over all places', ...everywhere, `conv, ${cut}, shuffle, shuffle, shuffle, attention`),
      one('within padded windows on the axis of the batch', ...windows),
    ],
  });
  it('with the windows, the scale and a bias of distances, between what is added and cut off', async () => {
    const { net } = await compared(one('', ...windows).model);
    const ops = net.graph.nodes.map((n) => n.op);
    const [attention] = ops.flatMap((o) => (o.kind === 'attention' ? [o] : []));
    expect(attention).to.deep.include({ heads: 2, within: 'windows', size: [4, 3], bias: true });
    expect(attention?.scale).to.be.closeTo(0.64, 1e-6);
    const pads = ops.flatMap((o) => (o.kind === 'pad' ? [o.pads] : []));
    expect(pads).to.deep.equal([
      [0, 0, 1, 0],
      [0, 0, -1, 0],
    ]);
  });
  it('but no bias of another kind', () => {
    const [nodes, constants] = windows;
    const places = whole('places', [5, ...distances.slice(1)], [12, 12, 1]);
    const { model } = one(
      '',
      nodes,
      constants.map((t) => (t.name === 'places' ? places : t)),
    );
    expect(messageOf(() => fromOnnx(encodeModel(model)))).to.match(
      /adds a bias to an attention that is not one of distances in rows and columns/,
    );
  });
});
