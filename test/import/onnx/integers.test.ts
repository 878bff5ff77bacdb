/** @file Integers, codes, second outputs and split axes: fromOnnx reads what floats compute alike, and refuses the rest by name. */
import { expect } from 'chai';
import { MoonletError } from '../../../src/errors.ts';
import { fromOnnx } from '../../../src/import/index.ts';
import {
  int,
  ints,
  type OnnxDtype,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../../src/onnx/index.ts';
import { modelOf, op, real, whole } from '../../support/onnx-build.ts';
import { compared, kindsOf } from '../../support/onnx-models.ts';

const map = ['n', 4, 6, 5] as const;
const typed = (
  dtype: OnnxDtype,
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[],
): OnnxModel => ({
  ...modelOf(map, nodes, constants),
  inputs: [{ name: 'x', dtype, shape: map }],
});
const refused = (model: OnnxModel, message: string | RegExp): void => {
  expect(() => fromOnnx(model)).to.throw(MoonletError, message);
};
const maps = (nodes: readonly OnnxNode[], constants: readonly OnnxTensor[] = []): OnnxModel =>
  modelOf(map, nodes, constants);

describe('fromOnnx of integers', () => {
  const two: OnnxTensor = { name: 'two', dtype: 'int32', shape: [], data: Int32Array.of(2) };

  it('refuses arithmetic that floats do otherwise', () => {
    for (const opType of ['Div', 'Add', 'Sub', 'Mul'])
      refused(
        typed('int32', [op(opType, ['x', 'two'], 'y')], [two]),
        `onnx node "the ${opType} y" (${opType}): computes with integers (int32), and nets compute with floats; cast them first`,
      );
    const moved = [op('Transpose', ['x'], 't'), op('Neg', ['t'], 'y')];
    refused(typed('uint8', moved, []), '(Neg): computes with integers (uint8)');
  });

  it('reads them where they are moved, chosen, or cast first', () => {
    const nodes = [
      op('Relu', ['x'], 'r'),
      op('Cast', ['r'], 'f', { to: int(1) }),
      op('Div', ['f', 'half'], 'y'),
    ];
    expect(kindsOf(fromOnnx(typed('uint8', nodes, [real('half', [], [2])])))).to.equal('act relu, conv');
    expect(kindsOf(fromOnnx(typed('int32', [op('Relu', ['x'], 'y')], [])))).to.equal('act relu');
  });

  const codes: readonly OnnxTensor[] = [
    real('s', [], [0.05]),
    { name: 'z', dtype: 'uint8', shape: [], data: Uint8Array.of(128) },
  ];
  const quantize = op('QuantizeLinear', ['x', 's', 'z'], 'q');

  it('refuses codes as an output, since the net has the values that they stand for', () => {
    const message =
      /^onnx output "y": the integer codes of onnx node "the QuantizeLinear q" \(QuantizeLinear\), and outputs are real values; add a DequantizeLinear/;
    refused(maps([quantize, op('Identity', ['q'], 'y')], codes), message);
    refused(maps([quantize, op('Transpose', ['q'], 'y')], codes), message);
  });

  it('refuses to compute with codes', () => {
    for (const node of [op('Relu', ['q'], 'y'), op('Cast', ['q'], 'y', { to: int(1) })])
      refused(maps([quantize, node], codes), 'computes with the codes of QuantizeLinear');
  });

  it('reads codes that are moved and then dequantized', async () => {
    const nodes = [
      quantize,
      op('Reshape', ['q', 'flat'], 'r'),
      op('DequantizeLinear', ['r', 's', 'z'], 'd'),
      op('Gemm', ['d', 'w'], 'y'),
    ];
    const { net, difference } = await compared(
      maps(nodes, [...codes, whole('flat', [0, 120]), real('w', [120, 3])]),
    );
    expect(kindsOf(net)).to.equal('quantize, flatten, dense');
    expect(difference).to.be.below(1e-5);
  });
});

describe('fromOnnx of outputs', () => {
  it('names a second output that has no counterpart', () => {
    const dropout = op('Dropout', ['x'], 'd y');
    refused(
      maps([dropout]),
      'onnx node "the Dropout d y" (Dropout): its output 1 (the mask), "y", has no counterpart; to take',
    );
    refused(
      maps([op('Dropout', ['x'], 'd m'), op('Relu', ['m'], 'y')]),
      '(Dropout): its output 1 (the mask), "m", has no counterpart',
    );
    // nothing reads the mask
    expect(kindsOf(fromOnnx(maps([op('Dropout', ['x'], 'd m'), op('Relu', ['d'], 'y')])))).to.equal(
      'act relu',
    );
  });

  it('refuses Dropout in training mode, and reads it otherwise', () => {
    const flag = (value: number): OnnxTensor => ({
      name: 't',
      dtype: 'bool',
      shape: [],
      data: Uint8Array.of(value),
    });
    const nodes = [op('Relu', ['x'], 'r'), op('Dropout', ['r', 'share', 't'], 'y')];
    refused(maps(nodes, [real('share', [], [0.5]), flag(1)]), '(Dropout): drops values (training_mode)');
    expect(kindsOf(fromOnnx(maps(nodes, [real('share', [], [0.5]), flag(0)])))).to.equal('act relu');
  });

  it('refuses axes that are split, joined or repeated, and names their layout', () => {
    const reshaped = (to: readonly number[]): OnnxModel =>
      maps([op('Reshape', ['x', 'to'], 'y')], [whole('to', to)]);
    const message = (layout: string): string =>
      `onnx output "y": its axes have the layout ${layout}, which is neither a map nor a vector`;
    refused(reshaped([-1, 4, 3, 2, 5]), message('[n, c4, h3, h2, w5]'));
    refused(reshaped([-1, 4, 30]), message('[n, c4, h6.w5]'));
    const repeated = [op('GlobalAveragePool', ['x'], 'p'), op('Expand', ['p', 'to'], 'y')];
    refused(maps(repeated, [whole('to', [1, 4, 3, 3])]), message('[n, c4, *3, *3]'));
    const all = { axis: int(0) };
    refused(
      {
        ...maps([op('Flatten', ['x'], 'y', all)]),
        inputs: [{ name: 'x', dtype: 'float32', shape: [2, 4, 6, 5] }],
      },
      message('[1, n2.c4.h6.w5]'),
    );
  });

  it('says over which axes a map cannot be reduced', () => {
    for (const [axes, words] of [
      [[2], 'height'],
      [[1, 2, 3], 'channels and height and width'],
    ] as const)
      refused(
        maps([op('ReduceMean', ['x'], 'y', { axes: ints(axes) })]),
        `(ReduceMean): reduces ${words} of a map; only all its places, or all its channels, have a counterpart`,
      );
  });

  it('reports the axes that a vector has in the file', () => {
    const axesOf = (shape: readonly (number | string)[], to: readonly number[]): unknown =>
      fromOnnx(modelOf(shape, [op('Reshape', ['x', 'to'], 'y')], [whole('to', to)])).report.outputs[0]?.axes;
    expect(axesOf(['n', 4, 6, 5], [-1, 120])).to.equal('nc');
    expect(axesOf([1, 4, 6, 5], [120])).to.equal('c');
    expect(axesOf([1, 4, 6, 5], [1, 120])).to.equal('1c');
  });
});

describe('fromOnnx of an empty list of axes', () => {
  const vector = (noop: number): OnnxModel =>
    modelOf(
      [1, 4, 1, 1],
      [op('ReduceSum', ['x', 'none'], 'y', { noop_with_empty_axes: int(noop) })],
      [whole('none', [])],
    );
  it('reduces all axes, unless the node says that it stands for none', async () => {
    const all = await compared(vector(0));
    const none = await compared(vector(1));
    expect(all.difference).to.be.below(1e-6);
    expect(none.difference).to.equal(0);
    expect([kindsOf(all.net), kindsOf(none.net)]).to.deep.equal(['conv', '']);
  });
});
