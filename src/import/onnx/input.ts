/** @file The layout of a model's input: what the first layers say about its axes. */
import type { OnnxModel, OnnxValue } from '../../onnx/index.ts';

export const layouts = ['NCHW', 'NHWC'] as const;
export type Layout = (typeof layouts)[number];

/** Ops that keep the layout of their input. */
const passes = new Set([
  ...[
    'Cast',
    'Identity',
    'Sub',
    'Add',
    'Mul',
    'Div',
    'Pow',
    'QuantizeLinear',
    'DequantizeLinear',
    'Clip',
    'Relu',
  ],
  ...[
    'Neg',
    'Abs',
    'Sigmoid',
    'Tanh',
    'HardSigmoid',
    'HardSwish',
    'Erf',
    'Sum',
    'Min',
    'Max',
    'Pad',
    'Resize',
  ],
]);
const channelsFirst = new Set([
  'Conv',
  'ConvTranspose',
  'BatchNormalization',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
]);

/** NHWC where a transpose to NCHW comes before the first layer, as TensorFlow's exporters write it. */
export function layoutOf({ nodes }: OnnxModel, { name }: OnnxValue): Layout {
  const reached = new Set([name]);
  for (const node of nodes) {
    if (!node.inputs.some((input) => reached.has(input))) continue;
    if (channelsFirst.has(node.opType)) return 'NCHW';
    const perm = node.attributes?.['perm'];
    if (node.opType === 'Transpose' && perm?.kind === 'ints')
      return perm.value.join() === '0,3,1,2' ? 'NHWC' : 'NCHW';
    if (passes.has(node.opType)) for (const output of node.outputs) reached.add(output);
  }
  return 'NCHW';
}
