/** @file Attention over channels and maps of positions in the forms that exporters write, against onnxruntime. */
import { expect } from 'chai';
import { MoonletError } from '../../../src/errors.ts';
import { positionFeatures } from '../../../src/graph/index.ts';
import { fromOnnx } from '../../../src/import/index.ts';
import { encodeModel, int, ints, type OnnxNode, type OnnxTensor } from '../../../src/onnx/index.ts';
import { modelOf, op, real, whole } from '../../support/onnx-build.ts';
import { type Case, one, testCases } from '../../support/onnx-models.ts';

const last = { axes: ints([-1]), keepdims: int(1) };
/** PyTorch's F.normalize. */
const normalized = (x: string): readonly OnnxNode[] => [
  op('ReduceL2', [x], `${x}l`, last),
  op('Clip', [`${x}l`, 'low'], `${x}c`),
  op('Shape', [x], `${x}s`),
  op('Expand', [`${x}c`, `${x}s`], `${x}e`),
  op('Div', [x, `${x}e`], `${x}u`),
];
/** The same by a sum of squares, as Moonlet writes it. */
const bySquares = (x: string): readonly OnnxNode[] => [
  op('Mul', [x, x], `${x}x`),
  op('ReduceSum', [`${x}x`, 'places'], `${x}a`, { keepdims: int(1) }),
  op('Sqrt', [`${x}a`], `${x}l`),
  op('Max', [`${x}l`, 'low'], `${x}c`),
  op('Div', [x, `${x}c`], `${x}u`),
];
const low = real('low', [], [1e-12]);
/** Of the shape [batch, q and k and v, heads, channels, places]. */
const attentionBy = (normalized: (x: string) => readonly OnnxNode[]): readonly OnnxNode[] => [
  op('Conv', ['x', 'w'], 'a'),
  op('Reshape', ['a', 'apart'], 'r'),
  op('Split', ['r', 'thirds'], 'q1 k1 v1', { axis: int(1) }),
  ...['q', 'k', 'v'].map((x) => op('Squeeze', [`${x}1`, 'one'], x)),
  ...normalized('q'),
  ...normalized('k'),
  op('Transpose', ['ku'], 'kt', { perm: ints([0, 1, 3, 2]) }),
  op('MatMul', ['qu', 'kt'], 'm'),
  op('Mul', ['m', 't'], 's'),
  op('Softmax', ['s'], 'p', { axis: int(-1) }),
  op('MatMul', ['p', 'v'], 'o'),
  op('Reshape', ['o', 'back'], 'y'),
];
const attention = attentionBy(normalized);
const constants: readonly OnnxTensor[] = [
  ...[low, real('w', [12, 4, 1, 1]), real('t', [2, 1, 1], [0.5, 2])],
  ...[whole('apart', [-1, 3, 2, 2, 42]), whole('thirds', [1, 1, 1]), whole('one', [1])],
  whole('back', [-1, 4, 7, 6]),
];

/** The map [1, n, h, w]. */
const map = (name: string, n: number, [h, w]: readonly [number, number], temperature: number): OnnxTensor => {
  const values = positionFeatures({ kind: 'positions', features: n, temperature }, [h, w]);
  const first = Array.from(values, (_, i) => values[(i % (h * w)) * n + Math.floor(i / (h * w))] ?? 0);
  return real(name, [1, n, h, w], first);
};
const projected = [op('Conv', ['p', 'w', 'b'], 'c'), op('Add', ['c', 'x'], 'y')];
const weights = (n: number) => [real('w', [4, n, 1, 1]), real('b', [4])];
const cases: readonly Case[] = [
  one('attention over channels, as PyTorch writes it', attention, constants, undefined, 17),
  one(
    'attention over channels with norms by sums of squares',
    attentionBy(bySquares),
    [...constants, whole('places', [-1])],
    undefined,
    17,
  ),
  one('positions', projected, [map('p', 8, [7, 6], 10000), ...weights(8)], 'positions'),
  one('positions of four features', projected, [map('p', 4, [7, 6], 10000), ...weights(4)], 'positions'),
  one(
    'positions for any batch, places before channels',
    [
      op('Conv', ['p', 'w'], 'c'),
      op('Shape', ['x'], 's'),
      op('Expand', ['c', 's'], 'e'),
      op('Reshape', ['e', 'flat'], 'f'),
      op('Transpose', ['f'], 'g', { perm: ints([0, 2, 1]) }),
      op('Reshape', ['x', 'flat'], 'h'),
      op('Transpose', ['h'], 'i', { perm: ints([0, 2, 1]) }),
      op('Add', ['i', 'g'], 'j'),
      op('Transpose', ['j'], 'k', { perm: ints([0, 2, 1]) }),
      op('Reshape', ['k', 'back'], 'y'),
    ],
    [
      map('p', 16, [7, 6], 100),
      real('w', [4, 16, 1, 1]),
      whole('flat', [0, 4, -1]),
      whole('back', [-1, 4, 7, 6]),
    ],
    'positions',
  ),
  one(
    'sums up to each value, sines and cosines of constants',
    [
      op('CumSum', ['v', 'axis'], 'c'),
      op('Sin', ['c'], 's'),
      op('Cos', ['s'], 'o'),
      op('Mul', ['x', 'o'], 'y'),
    ],
    [real('v', [4, 1, 1]), whole('axis', [0], [])],
    undefined,
  ),
];

testCases({ 'attention over channels and positions': cases });

describe('attention over channels and positions of a file', () => {
  it('are an attention with gamma, and positions with the kernel of the conv', () => {
    const { graph, weights: found } = fromOnnx(
      encodeModel(modelOf(['n', 4, 7, 6], attention, constants, 17)),
    );
    const node = graph.nodes.find(({ op: { kind } }) => kind === 'attention');
    expect(node?.op).to.include({ form: 'covariance', heads: 2, eps: 1e-12 });
    expect([...(found.get(`${node?.id}:gamma`)?.data ?? [])]).to.deep.equal([0.5, 2]);
  });

  it('is refused for another constant, and for norms that are left', () => {
    const refused = (nodes: readonly OnnxNode[], given: readonly OnnxTensor[], message: string): void => {
      expect(() => fromOnnx(encodeModel(modelOf(['n', 4, 7, 6], nodes, given, 17)))).to.throw(
        MoonletError,
        message,
      );
    };
    refused(
      projected,
      [real('p', [1, 8, 7, 6]), ...weights(8)],
      'a conv of a constant that is no map of positions has no counterpart',
    );
    refused(
      [op('Reshape', ['x', 'flat'], 'q'), ...normalized('q'), op('Reshape', ['qu', 'back'], 'y')],
      [low, whole('flat', [0, 2, 2, 42]), whole('back', [-1, 4, 7, 6])],
      'outside of a global response norm or an attention over channels it has no counterpart',
    );
  });
});
