/** @file The reader of each ONNX op on values of the net. */
import type { Call, Value } from '../call.ts';
import { concat } from './concat.ts';
import {
  abs,
  activation,
  arithmetic,
  clip,
  erf,
  extreme,
  gelu,
  hardSigmoid,
  leakyRelu,
  power,
  pRelu,
  round,
  softmax,
  sum,
} from './elementwise.ts';
import { batchNorm, conv, gemm, matMul } from './layers.ts';
import {
  expand,
  flatten,
  gather,
  reshape,
  shapeOfValue,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from './moves.ts';
import {
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  reduceL2,
  squareRoot,
} from './norms.ts';
import { globalPool, pool } from './pools.ts';
import { cast, dequantizeLinear, quantizeLinear } from './quantized.ts';
import { reduce } from './reduce.ts';
import { resize } from './resize.ts';
import { convTranspose, depthToSpace } from './transposed.ts';
import { pad } from './windows.ts';

export type OpReader = (call: Call) => readonly Value[];
const same: OpReader = (call) => [call.live(0)];
/** The identity in inference. @throws Unreadable where the node says that it drops values. */
const dropout: OpReader = (call) =>
  call.numbers(2)?.some((value) => value !== 0) ? call.fail('drops values (training_mode)') : same(call);

/** By op type of ONNX's own domain. */
export const opReaders: ReadonlyMap<string, OpReader> = new Map<string, OpReader>([
  ['Conv', conv],
  ['ConvTranspose', convTranspose],
  ['DepthToSpace', depthToSpace],
  ['LayerNormalization', layerNormalization],
  ['GroupNormalization', groupNormalization],
  ['InstanceNormalization', instanceNormalization],
  ['Sqrt', squareRoot],
  ['ReduceL2', reduceL2],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['BatchNormalization', batchNorm],
  ['MaxPool', pool],
  ['AveragePool', pool],
  ['GlobalAveragePool', globalPool],
  ['GlobalMaxPool', globalPool],
  ['ReduceMean', reduce],
  ['ReduceSum', reduce],
  ['ReduceMax', reduce],
  ['Resize', resize],
  ['Upsample', resize],
  ['Pad', pad],
  ['Relu', activation('relu')],
  ['Sigmoid', activation('sigmoid')],
  ['Tanh', activation('tanh')],
  ['HardSwish', activation('hardSwish')],
  ['Neg', activation('negate')],
  ['Softmax', softmax],
  ['HardSigmoid', hardSigmoid],
  ['LeakyRelu', leakyRelu],
  ['PRelu', pRelu],
  ['Abs', abs],
  ['Clip', clip],
  ['Min', extreme],
  ['Max', extreme],
  ['Gelu', gelu],
  ['Erf', erf],
  ['Round', round],
  ['Add', arithmetic],
  ['Sub', arithmetic],
  ['Mul', arithmetic],
  ['Div', arithmetic],
  ['Sum', sum],
  ['Pow', power],
  ['Reshape', reshape],
  ['Flatten', flatten],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Transpose', transpose],
  ['Expand', expand],
  ['Slice', slice],
  ['Split', split],
  ['Gather', gather],
  ['Concat', concat],
  ['Shape', shapeOfValue],
  ['Identity', same],
  ['Dropout', dropout],
  ['Cast', cast],
  ['QuantizeLinear', quantizeLinear],
  ['DequantizeLinear', dequantizeLinear],
]);
