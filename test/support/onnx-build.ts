/** @file Builds small ONNX models by hand. */
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from '../../src/onnx/index.ts';
import { noise } from './nets.ts';

/** One op: its type, inputs, output and attributes. */
export const op = (
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): OnnxNode => ({ name: `the ${opType} ${output}`, opType, inputs, outputs: output.split(' '), attributes });

export const real = (name: string, shape: readonly number[], values?: readonly number[]): OnnxTensor => ({
  name,
  dtype: 'float32',
  shape,
  data: values
    ? Float32Array.from(values)
    : noise(
        shape.reduce((n, dim) => n * dim, 1),
        name,
      ),
});
export const whole = (name: string, data: readonly number[], shape = [data.length]): OnnxTensor => ({
  name,
  dtype: 'int64',
  shape,
  data,
});

/** A model of one input `x` and one output `y`. */
export const modelOf = (
  shape: readonly (number | string)[],
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxTensor[] = [],
  opset = 18,
): OnnxModel => ({
  name: 'made',
  nodes,
  initializers,
  inputs: [{ name: 'x', dtype: 'float32', shape }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [] }],
  opset,
});
