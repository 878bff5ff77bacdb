/** @file Each op and each pattern of exporters, against onnxruntime on the same model. */
import { expect } from 'chai';
import {
  float,
  int,
  ints,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  string,
} from '../../../src/onnx/index.ts';
import { compared, kindsOf, modelOf, op, real, whole } from '../../support/onnx-models.ts';

interface Case {
  readonly of: string;
  readonly model: OnnxModel;
  /** What it is read as. */
  readonly as?: string;
}
const map = ['n', 4, 7, 6] as const;
const one = (
  of: string,
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[] = [],
  as?: string,
  opset?: number,
): Case => ({
  of,
  model: modelOf(map, nodes, constants, opset),
  ...(as === undefined ? {} : { as }),
});
const number = (name: string, value: number): OnnxTensor => real(name, [], [value]);
const filter = real('w', [8, 4, 3, 3]);
const conv = (attributes: OnnxNode['attributes'] = {}) => [op('Conv', ['x', 'w'], 'y', attributes)];
const window = { kernel_shape: ints([3, 3]), strides: ints([2, 2]) };
const pool = (opType: string, attributes: OnnxNode['attributes'], as?: string, opset?: number): Case =>
  one(
    `${opType} ${Object.keys(attributes ?? {})
      .slice(2)
      .join(' ')} ${opset ?? ''}`,
    [op(opType, ['x'], 'y', { ...window, ...attributes })],
    [],
    as,
    opset,
  );

const windows: readonly Case[] = [
  one('Conv without padding', conv(), [filter], 'conv'),
  one(
    'Conv with padding on each side',
    conv({ pads: ints([1, 0, 2, 1]), strides: ints([2, 1]) }),
    [filter],
    'conv',
  ),
  one('Conv SAME_UPPER', conv({ auto_pad: string('SAME_UPPER'), strides: ints([2, 2]) }), [filter], 'conv'),
  one('Conv SAME_LOWER', conv({ auto_pad: string('SAME_LOWER'), strides: ints([2, 2]) }), [filter], 'conv'),
  one('Conv VALID, dilated', conv({ auto_pad: string('VALID'), dilations: ints([2, 1]) }), [filter], 'conv'),
  one(
    'Conv in groups',
    [op('Conv', ['x', 'v', 'b'], 'y', { group: int(2) })],
    [real('v', [6, 2, 3, 3]), real('b', [6])],
    'conv',
  ),
  one(
    'Conv after Pad',
    [op('Pad', ['x', 'p'], 'a'), op('Conv', ['a', 'w'], 'y', { pads: ints([1, 1, 1, 1]) })],
    [filter, whole('p', [0, 0, 0, 1, 0, 0, 1, 0])],
    'conv',
  ),
  one('Pad alone', [op('Pad', ['x', 'p'], 'y')], [whole('p', [0, 0, 0, 1, 0, 0, 1, 0])], 'conv'),
  pool('MaxPool', {}, 'pool max'),
  pool('MaxPool', { pads: ints([1, 1, 1, 1]), ceil_mode: int(1) }, 'pool max'),
  pool('MaxPool', { ceil_mode: int(1) }, 'pool max'),
  pool('MaxPool', { auto_pad: string('SAME_UPPER') }, 'pool max'),
  pool('AveragePool', { pads: ints([1, 1, 1, 1]) }, 'pool avg'),
  pool('AveragePool', { pads: ints([1, 1, 1, 1]), count_include_pad: int(1) }, 'conv, pool avg'),
  pool('AveragePool', { ceil_mode: int(1) }, 'pool avg'),
  pool('AveragePool', { ceil_mode: int(1), pads: ints([0, 1, 0, 1]) }, 'pool avg', 19),
  pool(
    'AveragePool',
    { ceil_mode: int(1), pads: ints([1, 1, 1, 1]), count_include_pad: int(1) },
    'conv, pool avg',
    19,
  ),
  one(
    'MaxPool of a padded Relu',
    [op('Relu', ['x'], 'r'), op('Pad', ['r', 'p'], 'a'), op('MaxPool', ['a'], 'y', window)],
    [whole('p', [0, 0, 1, 1, 0, 0, 1, 1])],
    'act relu, pool max',
  ),
  one(
    'AveragePool of the whole map',
    [
      op('AveragePool', ['x'], 'p', { kernel_shape: ints([7, 6]) }),
      op('Flatten', ['p'], 'f'),
      op('Gemm', ['f', 'g'], 'y'),
    ],
    [real('g', [4, 3])],
    'globalPool avg, dense',
  ),
  one(
    'Resize by 2, nearest',
    [
      op('Resize', ['x', '', 's'], 'y', {
        mode: string('nearest'),
        coordinate_transformation_mode: string('asymmetric'),
        nearest_mode: string('floor'),
      }),
    ],
    [real('s', [4], [1, 1, 2, 2])],
    'upsample nearest',
  ),
  one(
    'Resize by 3, nearest of half pixels',
    [op('Resize', ['x', '', '', 'z'], 'y', { mode: string('nearest'), axes: ints([2, 3]) })],
    [whole('z', [21, 18])],
    'upsample nearest',
  ),
  one(
    'Resize by 2, linear',
    [
      op('Resize', ['x', '', 's'], 'y', {
        mode: string('linear'),
        coordinate_transformation_mode: string('pytorch_half_pixel'),
      }),
    ],
    [real('s', [4], [1, 1, 2, 2])],
    'upsample bilinear',
  ),
];

const three = [
  number('3', 3),
  number('6', 6),
  number('0', 0),
  number('sixth', 1 / 6),
  number('half', 0.5),
  number('one', 1),
];
const roots = [
  ...three,
  number('root', Math.SQRT2),
  number('inverse', Math.SQRT1_2),
  number('c', 0.044715),
  number('k', Math.sqrt(2 / Math.PI)),
  number('cube', 3),
];
const activations: readonly Case[] = [
  one('Clip at 0 and 6', [op('Clip', ['x', '0', '6'], 'y')], three, 'act relu6'),
  one('Min of Relu', [op('Relu', ['x'], 'r'), op('Min', ['r', '6'], 'y')], three, 'act relu6'),
  one('Clip at 0', [op('Clip', ['x', '0'], 'y')], three, 'act relu'),
  one('Clip elsewhere', [op('Clip', ['x', 'half', '3'], 'y')], three),
  one('Clip above alone', [op('Clip', ['x', '', 'half'], 'y')], three),
  one(
    'Clip of operator set 7',
    [op('Clip', ['x'], 'y', { min: float(0), max: float(6) })],
    [],
    'act relu6',
    7,
  ),
  one(
    'HardSigmoid of PyTorch',
    [op('HardSigmoid', ['x'], 'y', { alpha: float(1 / 6) })],
    [],
    'act hardSigmoid',
  ),
  one(
    'HardSigmoid of Keras 2',
    [op('HardSigmoid', ['x'], 'y', { alpha: float(0.2), beta: float(0.5) })],
    [],
    'conv, act hardSigmoid',
  ),
  one(
    'relu6(x + 3) / 6',
    [op('Add', ['x', '3'], 'a'), op('Clip', ['a', '0', '6'], 'b'), op('Div', ['b', '6'], 'y')],
    three,
    'act hardSigmoid',
  ),
  one(
    'x relu6(x + 3) / 6',
    [
      op('Add', ['x', '3'], 'a'),
      op('Clip', ['a', '0', '6'], 'b'),
      op('Mul', ['x', 'b'], 'm'),
      op('Div', ['m', '6'], 'y'),
    ],
    three,
    'act hardSwish',
  ),
  one(
    'x (relu6(x + 3) (1 / 6))',
    [
      op('Add', ['3', 'x'], 'a'),
      op('Clip', ['a', '0', '6'], 'b'),
      op('Mul', ['b', 'sixth'], 'g'),
      op('Mul', ['g', 'x'], 'y'),
    ],
    three,
    'act hardSwish',
  ),
  one('HardSwish', [op('HardSwish', ['x'], 'y')], [], 'act hardSwish'),
  one('x sigmoid(x)', [op('Sigmoid', ['x'], 's'), op('Mul', ['x', 's'], 'y')], [], 'act swish'),
  one(
    'a sigmoid is no gate of another value',
    [op('Relu', ['x'], 'r'), op('Sigmoid', ['x'], 's'), op('Mul', ['r', 's'], 'y')],
    [],
    'act relu, act sigmoid, mul',
  ),
  one(
    'gelu of PyTorch',
    [
      op('Div', ['x', 'root'], 'a'),
      op('Erf', ['a'], 'e'),
      op('Add', ['e', 'one'], 'f'),
      op('Mul', ['x', 'f'], 'm'),
      op('Mul', ['m', 'half'], 'y'),
    ],
    roots,
    'act gelu',
  ),
  one(
    'gelu of Keras',
    [
      op('Mul', ['x', 'inverse'], 'a'),
      op('Erf', ['a'], 'e'),
      op('Add', ['one', 'e'], 'f'),
      op('Mul', ['half', 'x'], 'h'),
      op('Mul', ['h', 'f'], 'y'),
    ],
    roots,
    'act gelu',
  ),
  one(
    'x (0.5 (1 + erf))',
    [
      op('Mul', ['x', 'inverse'], 'a'),
      op('Erf', ['a'], 'e'),
      op('Add', ['one', 'e'], 'f'),
      op('Mul', ['half', 'f'], 'h'),
      op('Mul', ['h', 'x'], 'y'),
    ],
    roots,
    'act gelu',
  ),
  one('Gelu', [op('Gelu', ['x'], 'y')], [], 'act gelu', 20),
  one('Gelu by tanh', [op('Gelu', ['x'], 'y', { approximate: string('tanh') })], [], undefined, 20),
  one(
    'gelu by tanh in parts',
    [
      op('Pow', ['x', 'cube'], 'p'),
      op('Mul', ['p', 'c'], 'q'),
      op('Add', ['x', 'q'], 'r'),
      op('Mul', ['r', 'k'], 's'),
      op('Tanh', ['s'], 't'),
      op('Add', ['t', 'one'], 'u'),
      op('Mul', ['x', 'u'], 'v'),
      op('Mul', ['v', 'half'], 'y'),
    ],
    roots,
  ),
  one('LeakyRelu', [op('LeakyRelu', ['x'], 'y', { alpha: float(0.1) })]),
  one('PRelu', [op('PRelu', ['x', 'a'], 'y')], [real('a', [4, 1, 1])]),
  one('Abs', [op('Abs', ['x'], 'y')]),
  one('Softmax over channels', [op('Softmax', ['x'], 'y', { axis: int(1) })], [], 'act softmax'),
];

const moves: readonly Case[] = [
  one(
    'a channel shuffle',
    [
      op('Reshape', ['x', 'g'], 'a'),
      op('Transpose', ['a'], 'b', { perm: ints([0, 2, 1, 3, 4]) }),
      op('Reshape', ['b', 's'], 'y'),
    ],
    [whole('g', [0, 2, 2, 7, 6]), whole('s', [-1, 4, 7, 6])],
    'shuffle',
  ),
  one(
    'halves exchanged',
    [op('Split', ['x', 'h'], 'a b', { axis: int(1) }), op('Concat', ['b', 'a'], 'y', { axis: int(1) })],
    [whole('h', [1, 3])],
    'slice, slice, concat',
  ),
  one(
    'channels by Slice',
    [op('Slice', ['x', 'f', 't', 'a'], 'y')],
    [whole('f', [1]), whole('t', [3]), whole('a', [1])],
    'slice',
  ),
  one(
    'every second channel',
    [op('Slice', ['x', 'f', 't', 'a', 's'], 'y')],
    [whole('f', [1]), whole('t', [9]), whole('a', [1]), whole('s', [2])],
    'permute, slice',
  ),
  one(
    'channels by Gather',
    [op('Gather', ['x', 'i'], 'y', { axis: int(1) })],
    [whole('i', [2, 0, 3, 1])],
    'permute',
  ),
  one(
    'rows and columns',
    [op('Slice', ['x', 'f', 't', 'a', 's'], 'y')],
    [whole('f', [1, 0]), whole('t', [7, 100]), whole('a', [2, 3]), whole('s', [2, 2])],
    'conv, conv',
  ),
  one(
    'Transposes that cancel',
    [
      op('Transpose', ['x'], 'a', { perm: ints([0, 2, 3, 1]) }),
      op('Relu', ['a'], 'b'),
      op('Transpose', ['b'], 'c', { perm: ints([0, 3, 1, 2]) }),
      op('Conv', ['c', 'w'], 'y'),
    ],
    [filter],
    'act relu, conv',
  ),
  one(
    'a flattened map',
    [op('Flatten', ['x'], 'f'), op('Gemm', ['f', 'g', 'b'], 'y', { transB: int(1) })],
    [real('g', [5, 168]), real('b', [5])],
    'flatten, dense',
  ),
  one('a flattened map as output', [op('Flatten', ['x'], 'y')], [], 'flatten, permute'),
  one(
    'a norm of a flattened map',
    [op('Flatten', ['x'], 'f'), op('BatchNormalization', ['f', 'g', 'b', 'm', 'v'], 'y')],
    [
      ...['g', 'b', 'm'].map((name) => real(name, [168])),
      real(
        'v',
        [168],
        Array.from({ length: 168 }, (_, i) => 1 + i / 100),
      ),
    ],
  ),
  one(
    'MatMul over channels',
    [
      op('Transpose', ['x'], 'a', { perm: ints([0, 2, 3, 1]) }),
      op('MatMul', ['a', 'm'], 'b'),
      op('Add', ['b', 'o'], 'y'),
    ],
    [real('m', [4, 5]), real('o', [5])],
    'conv',
  ),
];

const gates: readonly Case[] = [
  one(
    'squeeze and excite',
    [
      op('GlobalAveragePool', ['x'], 'g'),
      op('Conv', ['g', 'a'], 'h'),
      op('Relu', ['h'], 'r'),
      op('Conv', ['r', 'b'], 's'),
      op('Sigmoid', ['s'], 't'),
      op('Mul', ['t', 'x'], 'y'),
    ],
    [real('a', [2, 4, 1, 1]), real('b', [4, 2, 1, 1])],
    'globalPool avg, dense, act relu, dense, act sigmoid, mul',
  ),
  one(
    'a gate that was resized',
    [
      op('GlobalAveragePool', ['x'], 'g'),
      op('Sigmoid', ['g'], 's'),
      op('Resize', ['s', '', '', 'z'], 'r', { mode: string('linear'), axes: ints([2, 3]) }),
      op('Mul', ['x', 'r'], 'y'),
    ],
    [whole('z', [7, 6])],
    'globalPool avg, act sigmoid, mul',
  ),
  one(
    'a gate of places',
    [op('ReduceMean', ['x', 'a'], 'm', {}), op('Sigmoid', ['m'], 's'), op('Mul', ['x', 's'], 'y')],
    [whole('a', [1])],
    'conv, act sigmoid, conv, mul',
  ),
  one('ReduceMax over channels', [op('ReduceMax', ['x', 'a'], 'y')], [whole('a', [1])], 'maxout'),
  one(
    'ReduceMean over places',
    [op('ReduceMean', ['x', 'a'], 'y', { keepdims: int(0) })],
    [whole('a', [2, 3])],
    'globalPool avg',
  ),
  one('ReduceSum over places', [op('ReduceSum', ['x', 'a'], 'y')], [whole('a', [-1, -2])]),
  one(
    'scale and offset by channel',
    [op('Mul', ['x', 's'], 'a'), op('Add', ['a', 'o'], 'y')],
    [real('s', [4, 1, 1]), real('o', [1, 4, 1, 1])],
    'conv',
  ),
  one(
    'scale and offset of a conv',
    [op('Conv', ['x', 'w'], 'c'), op('Mul', ['c', 's'], 'a'), op('Sub', ['a', 'o'], 'y')],
    [filter, real('s', [8, 1, 1]), real('o', [8, 1, 1])],
    'conv',
  ),
  one(
    'a scale of a conv that is also read elsewhere',
    [op('Conv', ['x', 'w'], 'c'), op('Mul', ['c', 's'], 'a'), op('Add', ['a', 'c'], 'y')],
    [filter, real('s', [8, 1, 1])],
    'conv, conv, add',
  ),
  one('a number minus x', [op('Sub', ['3', 'x'], 'y')], three, 'conv'),
  one(
    'x minus another value',
    [op('Relu', ['x'], 'r'), op('Sub', ['x', 'r'], 'y')],
    [],
    'act relu, act negate, add',
  ),
  one(
    'scale of a vector',
    [op('GlobalAveragePool', ['x'], 'g'), op('Mul', ['g', 's'], 'y')],
    [real('s', [4, 1, 1])],
    'globalPool avg, norm',
  ),
  one(
    'one conv twice',
    [
      op('Conv', ['x', 'u'], 'a', { pads: ints([1, 1, 1, 1]) }),
      op('Relu', ['a'], 'b'),
      op('Conv', ['b', 'u'], 'y', { pads: ints([1, 1, 1, 1]) }),
    ],
    [real('u', [4, 4, 3, 3])],
    'conv, act relu, conv',
  ),
];

describe('fromOnnx computes what onnxruntime does', () => {
  for (const [title, cases] of Object.entries({ windows, activations, moves, gates })) {
    describe(title, () => {
      for (const { of, model, as } of cases) {
        it(of.trim(), async () => {
          const { net, difference } = await compared(model);
          expect(difference).to.be.below(3e-6);
          if (as !== undefined) expect(kindsOf(net)).to.equal(as);
        });
      }
    });
  }
});
