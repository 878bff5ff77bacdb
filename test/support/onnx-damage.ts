/** @file A small ONNX model, damaged: its bytes, or its nodes, attributes and constants with what does not belong there. */
import { fromOnnx } from '../../src/import/index.ts';
import {
  encodeModel,
  int,
  ints,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../src/onnx/index.ts';
import type { Random } from '../../src/random.ts';
import { type Bytes, type FuzzedReader, mutate } from './damage.ts';
import { modelOf, op, real, whole } from './onnx-build.ts';

const model: OnnxModel = modelOf(
  ['n', 3, 8, 8],
  [
    op('Pad', ['x', 'p'], 'a'),
    op('Conv', ['a', 'w', 'b'], 'c', { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]), group: int(1) }),
    op('BatchNormalization', ['c', 'b', 'b', 'b', 'v'], 'd'),
    op('Clip', ['d', '0', '6'], 'e'),
    op('Split', ['e', 's'], 'f g', { axis: int(1) }),
    op('Concat', ['g', 'f'], 'h', { axis: int(1) }),
    op('Reshape', ['h', 'r'], 'i'),
    op('Transpose', ['i'], 'j', { perm: ints([0, 2, 1, 3, 4]) }),
    op('Reshape', ['j', 't'], 'k'),
    op('MaxPool', ['k'], 'l', { kernel_shape: ints([2, 2]), strides: ints([2, 2]), ceil_mode: int(1) }),
    op('Sigmoid', ['l'], 'sigmoid'),
    op('Mul', ['l', 'sigmoid'], 'o'),
    op('Slice', ['o', 'z', 'y2', 'axes'], 'q'),
    op('Flatten', ['q'], 'u'),
    op('Gemm', ['u', 'm'], 'y'),
  ],
  [
    ...[
      real('w', [4, 3, 3, 3]),
      real('b', [4]),
      real('v', [4], [1, 2, 3, 4]),
      real('0', [], [0]),
      real('6', [], [6]),
    ],
    ...[
      whole('p', [0, 0, 1, 1, 0, 0, 1, 1]),
      whole('s', [1, 3]),
      whole('r', [0, 2, 2, 5, 5]),
      whole('t', [0, 4, 5, 5]),
    ],
    ...[whole('z', [0]), whole('y2', [2]), whole('axes', [2]), real('m', [24, 5])],
  ],
);
const bytes = encodeModel(model);
const odd = [-1, 0, 1, 2, 3, 5, 7, 64, 4097, 2 ** 31, 2 ** 40, -(2 ** 31)];
const ops = [
  ...[
    'Conv',
    'Gemm',
    'MatMul',
    'Relu',
    'Add',
    'Mul',
    'Div',
    'Pow',
    'Concat',
    'Split',
    'Slice',
    'Gather',
    'Reshape',
  ],
  ...[
    'Transpose',
    'Squeeze',
    'Unsqueeze',
    'Expand',
    'Resize',
    'Pad',
    'MaxPool',
    'AveragePool',
    'ReduceMean',
    'Shape',
  ],
  ...[
    'ReduceMax',
    'Softmax',
    'PRelu',
    'Erf',
    'Gelu',
    'QuantizeLinear',
    'DequantizeLinear',
    'Cast',
    'If',
    'Range',
  ],
  ...[
    'GlobalAveragePool',
    'Flatten',
    'ConstantOfShape',
    'Constant',
    'LeakyRelu',
    'Clip',
    'HardSigmoid',
    'Identity',
  ],
];

/** One to four nodes, attributes or constants changed; still a model that can be written. */
function distort(source: Random): Bytes {
  const nodes = model.nodes.map((node) => ({ ...node }));
  const tensors = model.initializers.map((tensor) => ({ ...tensor }));
  const values = ['x', '', ...nodes.flatMap((n) => n.outputs), ...tensors.map((t) => t.name)];
  const any = <T>(list: readonly T[]): T => list[source.below(list.length)] as T;
  const numbers = (n: number): number[] => Array.from({ length: n }, () => any(odd));
  for (let n = 1 + source.below(4); n > 0; n--) {
    const i = source.below(nodes.length);
    const node = nodes[i] as OnnxNode;
    const k = source.below(tensors.length);
    const tensor = tensors[k] as OnnxTensor;
    const attribute = (): OnnxAttribute => (source.below(2) ? int(any(odd)) : ints(numbers(source.below(6))));
    const names = [
      'axis',
      'axes',
      'perm',
      'pads',
      'strides',
      'dilations',
      'kernel_shape',
      'group',
      'keepdims',
      'to',
    ];
    switch (source.below(6)) {
      case 0:
        nodes[i] = { ...node, opType: any(ops) };
        break;
      case 1:
        nodes[i] = { ...node, inputs: node.inputs.map((name) => (source.below(2) ? any(values) : name)) };
        break;
      case 2:
        nodes[i] = { ...node, attributes: { ...node.attributes, [any(names)]: attribute() } };
        break;
      case 3:
        nodes.splice(i, 1);
        break;
      case 4:
        if (tensor.dtype === 'int64') tensors[k] = { ...tensor, data: numbers(tensor.data.length) };
        else
          tensors[k] = {
            ...tensor,
            shape: source.below(2) ? [...tensor.shape].reverse() : [tensor.data.length],
          };
        break;
      case 5:
        nodes.splice(source.below(nodes.length), 0, { ...node, opType: any(ops), outputs: [`more${n}`] });
        break;
    }
    if (nodes.length < 2) break;
  }
  return new Uint8Array(encodeModel({ ...model, nodes, initializers: tensors }));
}

export const onnxReader: FuzzedReader = {
  damage: (i, source) => ({ bytes: i % 2 ? distort(source) : mutate(new Uint8Array(bytes), source) }),
  read: (file) => void fromOnnx(file.bytes),
};
