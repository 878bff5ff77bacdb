/** @file ONNX models survive the way to bytes and back, and onnxruntime reads what we write. */

import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MoonletError } from '../../src/errors.ts';
import {
  decodeModel,
  encodeModel,
  float,
  floats,
  int,
  ints,
  type OnnxModel,
  string,
} from '../../src/onnx/index.ts';

const model: OnnxModel = {
  name: 'all',
  nodes: [
    {
      name: 'stage1/0/conv',
      opType: 'Made',
      domain: 'moonlet.test',
      inputs: ['x', '', 'w'],
      outputs: ['y'],
      attributes: {
        axis: int(-1),
        big: int(2 ** 40),
        alpha: float(0.5),
        one: float(1),
        mode: string('reflect ü'),
        pads: ints([0, -1, 2]),
        none: ints([]),
        scales: floats([1, 0.25]),
        names: { kind: 'strings', value: ['a', 'b'] },
        value: { kind: 'tensor', value: { name: '', dtype: 'float32', shape: [], data: Float32Array.of(3) } },
      },
    },
  ],
  initializers: [
    { name: 'f', dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, -2.5, 0, 4) },
    { name: 'd', dtype: 'float64', shape: [1], data: Float64Array.of(1 / 3) },
    { name: 'i', dtype: 'int32', shape: [3], data: Int32Array.of(1, -2, 3) },
    { name: 'l', dtype: 'int64', shape: [2], data: [-1, 2 ** 40] },
    { name: 'b', dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
    { name: 'q', dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) },
    { name: 'u', dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) },
  ],
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 3, 4] }],
  outputs: [{ name: 'y', dtype: 'int64', shape: [] }],
  opset: 18,
  domains: { 'moonlet.test': 2 },
  irVersion: 8,
  producer: 'moonlet',
  doc: 'a test',
  metadata: { graph: '{"name":"all"}' },
};

describe('onnx', () => {
  it('decodes what it encoded', () => {
    expect(decodeModel(encodeModel(model))).to.deep.equal(model);
  });

  it('is read by onnxruntime', async () => {
    const bytes = encodeModel({
      name: 'affine',
      nodes: [
        {
          opType: 'Gemm',
          inputs: ['x', 'w', 'b'],
          outputs: ['y'],
          attributes: { transB: int(1), alpha: float(2) },
        },
      ],
      initializers: [
        { name: 'w', dtype: 'float32', shape: [1, 2], data: Float32Array.of(3, 4) },
        { name: 'b', dtype: 'float32', shape: [1], data: Float32Array.of(0.5) },
      ],
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 1] }],
    });
    const session = await InferenceSession.create(bytes);
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 1, 0, 2), [2, 2]) });
    expect(Array.from(y?.data as Iterable<number>)).to.deep.equal([14.5, 16.5]);
    await session.release();
  });

  it('refuses data that do not fill their shape', () => {
    const wrong = {
      ...model,
      initializers: [{ name: 'w', dtype: 'float32', shape: [2, 3], data: new Float32Array(5) } as const],
    };
    expect(() => encodeModel(wrong)).to.throw(
      MoonletError,
      'onnx tensor "w" of shape [2, 3]: got 5 values, needs 6; give one value per element',
    );
  });

  it('refuses bytes that are no model', () => {
    expect(() => decodeModel(Uint8Array.of(255, 255, 255))).to.throw(
      MoonletError,
      /^onnx model of 3 bytes: not a protobuf/,
    );
    expect(() => decodeModel(new Uint8Array())).to.throw(
      MoonletError,
      'onnx model: the bytes hold no graph; give the bytes of an .onnx file',
    );
  });
});
