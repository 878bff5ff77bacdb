/** @file Activations and gates as exporters write them, against onnxruntime on the same model. */
import { float, int, ints, string } from '../../../src/onnx/index.ts';
import { op, real, whole } from '../../support/onnx-build.ts';
import { type Case, number, one, testCases } from '../../support/onnx-models.ts';

const filter = real('w', [8, 4, 3, 3]);
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
  one('Gelu by tanh', [op('Gelu', ['x'], 'y', { approximate: string('tanh') })], [], 'act geluTanh', 20),
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
    'act geluTanh',
  ),
  one('LeakyRelu', [op('LeakyRelu', ['x'], 'y', { alpha: float(0.1) })]),
  one('PRelu', [op('PRelu', ['x', 'a'], 'y')], [real('a', [4, 1, 1])]),
  one('Abs', [op('Abs', ['x'], 'y')]),
  one('Softmax over channels', [op('Softmax', ['x'], 'y', { axis: int(1) })], [], 'act softmax'),
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

describe('fromOnnx finds what exporters take apart', () => testCases({ activations, gates }));
