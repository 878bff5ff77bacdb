/** @file Windows and moves of ONNX, against onnxruntime on the same model. */
import { int, ints, type OnnxNode, string } from '../../../src/onnx/index.ts';
import { op, real, whole } from '../../support/onnx-build.ts';
import { type Case, one, testCases } from '../../support/onnx-models.ts';

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
  one('Pad alone', [op('Pad', ['x', 'p'], 'y')], [whole('p', [0, 0, 0, 1, 0, 0, 1, 0])], 'pad'),
  one('Pad that cuts', [op('Pad', ['x', 'p'], 'y')], [whole('p', [0, 0, -1, 1, 0, 0, 0, -2])], 'pad'),
  pool('MaxPool', {}, 'pool max'),
  pool('MaxPool', { pads: ints([1, 1, 1, 1]), ceil_mode: int(1) }, 'pool max'),
  pool('MaxPool', { ceil_mode: int(1) }, 'pool max'),
  pool('MaxPool', { auto_pad: string('SAME_UPPER') }, 'pool max'),
  pool('AveragePool', { pads: ints([1, 1, 1, 1]) }, 'pool avg'),
  pool('AveragePool', { pads: ints([1, 1, 1, 1]), count_include_pad: int(1) }, 'pad, pool avg'),
  pool('AveragePool', { ceil_mode: int(1) }, 'pool avg'),
  pool('AveragePool', { ceil_mode: int(1), pads: ints([0, 1, 0, 1]) }, 'pool avg', 19),
  pool(
    'AveragePool',
    { ceil_mode: int(1), pads: ints([1, 1, 1, 1]), count_include_pad: int(1) },
    'pad, pool avg',
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
    'the halves of a channel shuffle',
    [
      op('Reshape', ['x', 'g'], 'a'),
      op('Transpose', ['a'], 'b', { perm: ints([0, 2, 1, 3, 4]) }),
      op('Reshape', ['b', 's'], 'c'),
      op('Split', ['c', 'h'], 'd e', { axis: int(1) }),
      op('Concat', ['e', 'd'], 'y', { axis: int(1) }),
    ],
    [whole('g', [0, 2, 2, 7, 6]), whole('s', [-1, 4, 7, 6]), whole('h', [2, 2])],
    'shuffle, slice, slice, concat',
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

describe('fromOnnx computes what onnxruntime does', () => testCases({ windows, moves }));
