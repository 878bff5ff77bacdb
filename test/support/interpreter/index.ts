/**
 * @file A small interpreter of traced models in plain TypeScript: it runs a graph that is lowered for blocks of any size on any
 * machine, and holds it to the conditions of onnxruntime's blocked ops.
 *
 * It is written for the eye, not for speed, and shares no code with the lowering.
 */

import { decodeModel, type OnnxModel, type OnnxTensor } from '../../../src/onnx/index.ts';
import { blockedOp } from './blocked.ts';
import { averagePool, conv, convTranspose, globalAveragePool, maxPool } from './conv.ts';
import type { OnnxOp } from './elementwise.ts';
import { ops } from './ops.ts';
import { type Attributes, type Numbers, type Operands, type Tensor, tensor, zeros } from './tensor.ts';

const all: Readonly<Record<string, OnnxOp>> = {
  ...ops,
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
};

/**
 * The outputs of a traced model, by name.
 *
 * @param block channels in a block of the runtime that the graph is for; undefined for one without.
 * @throws Error naming the node whose condition does not hold, or whose op is unknown.
 */
export function interpret(
  model: Uint8Array,
  feeds: Readonly<Record<string, Float32Array | Int32Array>>,
  block?: number,
): Record<string, Float32Array | Int32Array> {
  const decoded = decodeModel(model);
  const values = new Map<string, Tensor>();
  for (const initializer of decoded.initializers) values.set(initializer.name, asTensor(initializer));
  for (const { name, shape, dtype } of decoded.inputs) {
    const data = feeds[name];
    if (!data) throw new Error(`no input ${name}`);
    values.set(name, tensor(dtype === 'int32' ? 'int32' : 'float32', shape.map(Number), data));
  }
  decoded.nodes.forEach((node, place) => {
    const operands: Operands = node.inputs.map((name) => {
      const value = values.get(name);
      if (!value && name !== '') throw new Error(`${node.opType} ${place} reads ${name} before it is there`);
      return value;
    });
    const results = runNode(node, operands, block, place);
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (result) values.set(name, result);
    });
  });
  return outputsOf(decoded, values);
}

function runNode(
  { opType, domain = '', attributes = {}, outputs }: OnnxModel['nodes'][number],
  operands: Operands,
  block: number | undefined,
  place: number,
): readonly Tensor[] {
  const shapes = operands.map((operand) => `[${operand?.shape.join(', ') ?? ''}]`).join(' ');
  try {
    if (domain === 'com.microsoft.nchwc') {
      return [blockedOp(opType, block, operands, attributes as Attributes)];
    }
    const op = all[opType];
    if (!op) throw new Error('the interpreter does not know it');
    const result = op(operands, attributes, outputs.length);
    return Array.isArray(result) ? result : [result];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`node ${place}, ${domain} ${opType}(${shapes}): ${reason}`);
  }
}

function asTensor({ dtype, shape, data }: OnnxTensor): Tensor {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'int64' && dtype !== 'bool') {
    throw new Error(`the interpreter has no ${dtype}`);
  }
  const numbers: Numbers = zeros(dtype, data.length);
  for (let i = 0; i < data.length; i++) numbers[i] = data[i] ?? Number.NaN;
  return tensor(dtype, shape, numbers);
}

function outputsOf(
  { outputs }: OnnxModel,
  values: ReadonlyMap<string, Tensor>,
): Record<string, Float32Array | Int32Array> {
  return Object.fromEntries(
    outputs.map(({ name }) => {
      const data = values.get(name)?.data;
      if (!(data instanceof Float32Array || data instanceof Int32Array)) throw new Error(`no output ${name}`);
      return [name, data];
    }),
  );
}
